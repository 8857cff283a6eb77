// Which film of the stage is true at z, and how its numbers are read and written. Needs no DOM.

// The dimensions in which z is not where the films were made.
export function differingDims(z, filmZ) {
  const dims = [];
  for (let d = 0; d < z.length; d++) if (z[d] !== filmZ[d]) dims.push(d);
  return dims;
}

// The film of a dimension is true where z differs from the films' centre in that dimension alone.
export const isFilmTrue = (z, filmZ, dim) => differingDims(z, filmZ).every((d) => d === dim);

// Whether z is where the server has read it off the map, as it does after a click between two points.
export const isApproximate = (z, packet) => packet.approximate && differingDims(z, packet.z).length === 0;

// The values along the film in row `k`.
export const filmValues = ({ values, n_frames }, k) => values.subarray(k * n_frames, (k + 1) * n_frames);

// A gallery row as typed, or null.
export function parseRow(text) {
  const row = Math.trunc(+text);
  return text !== '' && row >= 0 ? row : null;
}

// A value of z as typed, or null.
export function parseValue(text) {
  const value = Number.parseFloat(text);
  return Number.isFinite(value) ? value : null;
}

export const klText = (kl) => (kl >= 0.995 ? kl.toFixed(1) : kl.toFixed(2).replace(/^0/, ''));

export function supportText(support) {
  if (support === null || Number.isNaN(support)) return '';
  return `support ${support < 0.005 ? '< .01' : support.toFixed(2)}`;
}

export function normText(z) {
  const norm = Math.hypot(...z);
  return `|z| ${norm.toFixed(2)} (prior ${Math.sqrt(z.length).toFixed(1)})`;
}

// Where the mean and a standard deviation on both sides lie on a slider from `low` to `high`: [left, width]
// as shares of it.
export function posteriorBand([mu, sigma], low, high) {
  const share = (v) => Math.min(1, Math.max(0, (v - low) / (high - low)));
  return [share(mu - sigma), share(mu + sigma) - share(mu - sigma)];
}
