// Logic of the lanes without DOM: the plot of a path, and the timing of its playback.

const WIDTH = 200;
const BASE = 96; // y of the lowest value
const HEIGHT = 92;
export const PLAY_ONE_WAY_MS = 2000;

const along = (times, t) => (t - times[0]) / (times[times.length - 1] - times[0]);

// Position of frame `i` along the path, from 0 to 1.
export const shareOf = (times, i) => along(times, times[i]);

// Position along the path, from 0 to 1, at `elapsedMs` of playback back and forth.
export function playbackShare(elapsedMs) {
  const phase = (elapsedMs / PLAY_ONE_WAY_MS) % 2;
  return Math.max(0, phase < 1 ? phase : 2 - phase);
}

// Converts a position along the path to x in the plot.
export const plotX = (share) => WIDTH * share;

function curve(name, times, values, low, high) {
  const points = Array.from(values, (value, i) => {
    const y = BASE - (HEIGHT * (value - low)) / (high - low || 1);
    return `${plotX(along(times, times[i])).toFixed(1)} ${y.toFixed(1)}`;
  });
  return `<path class="c-${name}" d="M${points.join('L')}"/>`;
}

// SVG of ||z|| (with sqrt(D) as a line), log p(z) and support along the path, each with its own scale.
export function pathPlot(packet) {
  const { times, norm, log_prior, log_prior_max, support, latent_dim } = packet;
  const root = Math.sqrt(latent_dim);
  const top = Math.max(root, ...norm) * 1.1;
  const level = BASE - (HEIGHT * root) / top;
  return [
    `<line x1="0" x2="${WIDTH}" y1="${level}" y2="${level}"/>`,
    curve('norm', times, norm, 0, top),
    curve('prior', times, log_prior, Math.min(...log_prior), log_prior_max),
    curve('support', times, support, 0, 1),
    '<line class="c-now" y1="0" y2="100" x1="0" x2="0"/>',
  ].join('');
}
