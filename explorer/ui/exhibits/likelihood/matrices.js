// Covariances of pixels as pictures.

const TEAL = [0, 150, 130];
const ORANGE = [220, 100, 20];

export function drawMatrices(s, packet) {
  const { given_z, over_z, side } = packet;
  for (const text of s.root.querySelectorAll('[data-text=side]')) text.textContent = side;
  const largest = over_z.reduce((most, value) => Math.max(most, Math.abs(value)), 1e-12);
  drawMatrix(s.$('[data-part=given]'), given_z, side * side, largest);
  drawMatrix(s.$('[data-part=over]'), over_z, side * side, largest);
}

function drawMatrix(canvas, values, size, largest) {
  Object.assign(canvas, { width: size, height: size });
  const pixels = new Uint8ClampedArray(4 * size * size);
  values.forEach((value, i) => {
    const share = Math.min(1, Math.sqrt(Math.abs(value) / largest));
    pixels.set([...(value < 0 ? ORANGE : TEAL), Math.round(255 * share)], 4 * i);
  });
  canvas.getContext('2d').putImageData(new ImageData(pixels, size), 0, 0);
}
