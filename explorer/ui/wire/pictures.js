// Draws the pictures of a packet: many frames on one sheet, a frame on a canvas, a film as a strip.

// The index of the value nearest to `value`.
export function nearestIndex(values, value) {
  let best = 0;
  for (let i = 1; i < values.length; i++)
    if (Math.abs(values[i] - value) < Math.abs(values[best] - value)) best = i;
  return best;
}

// Lays frames (channels first, as in the model) out on a sheet: {width, height, rgba}, one uint32 per pixel.
export function layOut(pixels, [channels, height, width], columns) {
  const size = channels * height * width;
  const area = height * width;
  const n = Math.floor(pixels.length / size);
  const sheet = { width: columns * width, height: Math.ceil(n / columns) * height };
  sheet.rgba = new Uint32Array(sheet.width * sheet.height);
  for (let frame = 0; frame < n; frame++) {
    const left = (frame % columns) * width;
    const top = Math.floor(frame / columns) * height;
    for (let y = 0, i = frame * size; y < height; y++) {
      let o = (top + y) * sheet.width + left;
      for (let x = 0; x < width; x++, i++, o++)
        sheet.rgba[o] =
          channels === 1
            ? 0xff000000 | (pixels[i] * 0x010101)
            : 0xff000000 | (pixels[i + 2 * area] << 16) | (pixels[i + area] << 8) | pixels[i];
    }
  }
  return sheet;
}

export function drawSheet(pixels, shape, columns) {
  const { width, height, rgba } = layOut(pixels, shape, columns);
  const canvas = document.createElement('canvas');
  canvas.width = width;
  canvas.height = height;
  if (rgba.length)
    canvas.getContext('2d').putImageData(new ImageData(new Uint8ClampedArray(rgba.buffer), width), 0, 0);
  return canvas;
}

// Calls `then` with the sheet of a packet's pictures: at once for raw pixels, after decoding for a compressed
// sheet.
export function loadSheet(packet, name, columns, then) {
  const encoding = packet.encodings?.[name];
  if (encoding) createImageBitmap(new Blob([packet[name]], { type: encoding })).then(then);
  else then(drawSheet(packet[name], packet.shape, columns));
}

// Width of the border: 1 for images of at most 16 px, which are smoothed when enlarged, else 0.
export const padding = (shape) => (Math.max(shape[1], shape[2]) <= 16 ? 1 : 0);

export function fitCanvas(canvas, shape) {
  const pad = padding(shape);
  const width = shape[2] + 2 * pad;
  const height = shape[1] + 2 * pad;
  if (canvas.width !== width || canvas.height !== height) {
    canvas.width = width;
    canvas.height = height;
  }
  canvas.style.imageRendering = pad ? 'auto' : 'pixelated';
  canvas.style.aspectRatio = `${width} / ${height}`;
}

// Draws frame `index` of a sheet on a canvas of the frame's size, unscaled, so pixels stay exact.
export function blit(canvas, picture, index, columns, shape) {
  const [, height, width] = shape;
  const pad = padding(shape);
  const context = canvas.getContext('2d');
  if (pad) {
    context.fillStyle = '#000';
    context.fillRect(0, 0, canvas.width, canvas.height);
  }
  const x = (index % columns) * width;
  const y = Math.floor(index / columns) * height;
  context.drawImage(picture, x, y, width, height, pad, pad, width, height);
}

// Selects as many of `n` frames as fit side by side, evenly spaced from first to last: {width, frames:
// [{index, left}]}.
export function stripLayout(n, canvasWidth, canvasHeight, [, height, width]) {
  const frameWidth = (canvasHeight * width) / height;
  const shown = Math.max(1, Math.min(n, Math.floor(canvasWidth / frameWidth)));
  const slot = canvasWidth / shown;
  const frames = [];
  for (let i = 0; i < shown; i++) {
    const share = shown === 1 ? 0.5 : i / (shown - 1);
    frames.push({ index: Math.round(share * (n - 1)), left: i * slot + (slot - frameWidth) / 2 });
  }
  return { width: frameWidth, frames };
}

// Draws as a strip the film of `n` frames that starts at frame `first` of a sheet. Sets the canvas size from
// its size on the page.
export function drawStrip(canvas, picture, first, n, columns, shape) {
  const ratio = Math.min(2, window.devicePixelRatio || 1);
  const context = canvas.getContext('2d');
  const { clientWidth, clientHeight } = canvas;
  canvas.width = Math.max(1, Math.round(clientWidth * ratio));
  canvas.height = Math.max(1, Math.round(clientHeight * ratio));
  context.fillStyle = '#000';
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.imageSmoothingEnabled = true;
  context.imageSmoothingQuality = 'high';
  const { width, frames } = stripLayout(n, canvas.width, canvas.height, shape);
  for (const { index, left } of frames) {
    const x = ((first + index) % columns) * shape[2];
    const y = Math.floor((first + index) / columns) * shape[1];
    context.drawImage(picture, x, y, shape[2], shape[1], left, 0, width, canvas.height);
  }
}
