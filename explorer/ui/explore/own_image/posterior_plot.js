// Plots the posterior of an image as SVG. Needs no DOM.

const WIDTH = 368;
const MIDDLE = 32; // y of zero
const UNIT = 8; // per standard deviation of the prior
const MAX = 4;
const MIN_BARS = 8;

const yOf = (v) => MIDDLE - UNIT * Math.min(MAX, Math.max(-MAX, v));

// Plots mu and sigma of each dimension, clipped to [-4, 4], over a band of one standard deviation of the
// prior. `values`: mu and sigma of each of `dims`.
export function posteriorPlot(dims, values) {
  if (!dims.length) return '';
  const step = WIDTH / Math.max(MIN_BARS, dims.length);
  const bars = dims.map((dim, i) => {
    const x = (i + 0.5) * step;
    const [mu, sigma] = [values[2 * i], values[2 * i + 1]];
    return [
      `<line class="sigma" x1="${x}" x2="${x}" y1="${yOf(mu - sigma)}" y2="${yOf(mu + sigma)}"/>`,
      `<line x1="${x - 4}" x2="${x + 4}" y1="${yOf(mu)}" y2="${yOf(mu)}"/>`,
      `<text x="${x}" y="73">z${dim}</text>`,
    ].join('');
  });
  const band = `<rect x="0" width="${WIDTH}" y="${yOf(1)}" height="${2 * UNIT}"/>`;
  const zero = `<line class="zero" x1="0" x2="${WIDTH}" y1="${MIDDLE}" y2="${MIDDLE}"/>`;
  return band + zero + bars.join('');
}
