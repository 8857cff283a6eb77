// Plots the posterior of an image as SVG. Needs no DOM.

const MIDDLE = 32; // y of zero
const UNIT = 8; // per standard deviation of the prior
const MAX = 4;
const MIN_BARS = 8;
const MAX_LONG_LABELS = 12; // with more dimensions only their numbers fit

const yOf = (v) => MIDDLE - UNIT * Math.min(MAX, Math.max(-MAX, v));

// Plots mu and sigma of each dimension, clipped to [-4, 4], over a band of one standard deviation of the
// prior. `values`: mu and sigma of each of `dims`. The plot is 74 px high and as wide as its element.
export function posteriorPlot(dims, values) {
  if (!dims.length) return '';
  const step = 100 / Math.max(MIN_BARS, dims.length);
  const bars = dims.map((dim, i) => {
    const [mu, sigma] = [values[2 * i], values[2 * i + 1]];
    const label = dims.length > MAX_LONG_LABELS ? dim : `z${dim}`;
    const x = `${(i + 0.5) * step}%`;
    return [
      `<svg x="${x}" overflow="visible">`,
      `<line class="sigma" y1="${yOf(mu - sigma)}" y2="${yOf(mu + sigma)}"/>`,
      `<line x1="-4" x2="4" y1="${yOf(mu)}" y2="${yOf(mu)}"/></svg>`,
      `<text x="${x}" y="73">${label}</text>`,
    ].join('');
  });
  const band = `<rect x="0" width="100%" y="${yOf(1)}" height="${2 * UNIT}"/>`;
  const zero = `<line class="zero" x1="0" x2="100%" y1="${MIDDLE}" y2="${MIDDLE}"/>`;
  return band + zero + bars.join('');
}
