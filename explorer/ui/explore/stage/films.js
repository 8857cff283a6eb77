// Logic of the stage without DOM: which film is valid at z, parsing and formatting of numbers.

// The dimensions in which z differs from the centre of the films.
export function differingDims(z, filmZ) {
  const dims = [];
  for (let d = 0; d < z.length; d++) if (z[d] !== filmZ[d]) dims.push(d);
  return dims;
}

// The film of a dimension is valid where z differs from the films' centre in that dimension alone.
export const isFilmValid = (z, filmZ, dim) => differingDims(z, filmZ).every((d) => d === dim);

// Whether z is the point that the server read off the map, after a click between two points.
export const isApproximate = (z, packet) => packet.approximate && differingDims(z, packet.z).length === 0;

// The values of z along the film of slider `k`.
export const filmValues = (packet, k) =>
  packet.values.subarray(k * packet.n_frames, (k + 1) * packet.n_frames);

// Parses a gallery row; null if invalid.
export function parseRow(text) {
  const row = Math.trunc(+text);
  return text !== '' && row >= 0 ? row : null;
}

// Parses a value of z; null if invalid.
export function parseValue(text) {
  const value = Number.parseFloat(text);
  return Number.isFinite(value) ? value : null;
}

export const klText = (kl) => (kl >= 0.995 ? kl.toFixed(1) : kl.toFixed(2).replace(/^0/, ''));

// What the slider of a dimension follows, such as "slant .88"; '' for nothing.
export const followedText = (followed) =>
  followed ? `${followed[0]} ${followed[1].toFixed(2).replace(/^0/, '')}` : '';

// Names a dimension with what it follows, such as "z4 (slant)".
export const dimensionText = (dim, followed) => (followed ? `z${dim} (${followed[0]})` : `z${dim}`);

export function supportText(support) {
  if (support === null || Number.isNaN(support)) return '';
  return support < 0.005 ? 'support < .01, far from the data' : `support ${support.toFixed(2)}`;
}

export function normText(z) {
  const norm = Math.hypot(...z);
  return `|z| ${norm.toFixed(2)} (prior ${Math.sqrt(z.length).toFixed(1)})`;
}

// The interval mu +- sigma on a slider from `low` to `high`: [left, width] as fractions of the slider.
export function posteriorBand([mu, sigma], low, high) {
  const share = (v) => Math.min(1, Math.max(0, (v - low) / (high - low)));
  return [share(mu - sigma), share(mu + sigma) - share(mu - sigma)];
}
