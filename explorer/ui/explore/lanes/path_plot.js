// Logic of the lanes without DOM: the plots of a path, and the timing of its playback.

export const PLAY_ONE_WAY_MS = 2000;
const MARGIN = { left: 34, right: 40, top: 8, bottom: 6 }; // for the labels of the axis and of the curves

const along = (times, t) => (t - times[0]) / (times[times.length - 1] - times[0]);

// Position of frame `i` along the path, from 0 to 1.
export const shareOf = (times, i) => along(times, times[i]);

// Position along the path, from 0 to 1, at `elapsedMs` of playback back and forth.
export function playbackShare(elapsedMs) {
  const phase = (elapsedMs / PLAY_ONE_WAY_MS) % 2;
  return Math.max(0, phase < 1 ? phase : 2 - phase);
}

// The norms of the points of a lane, from z (n * D).
export function norms(z, latentDim) {
  const n = z.length / latentDim;
  return Float32Array.from({ length: n }, (_, i) =>
    Math.hypot(...z.subarray(i * latentDim, (i + 1) * latentDim)),
  );
}

// Position in the plot of a share of the path.
export const plotX = (share, width) => MARGIN.left + share * (width - MARGIN.left - MARGIN.right);

// Moves labels at the ends of two curves apart, so that they do not overlap.
export function apart([first, second], labelPx) {
  if (Math.abs(first - second) >= labelPx) return [first, second];
  const middle = (first + second) / 2;
  const half = labelPx / 2;
  return first <= second ? [middle - half, middle + half] : [middle + half, middle - half];
}

// SVG of curves over a path, in pixels: [{name, values}] with the axis from `low` to `high`, and a dashed
// line at `mark` ({value, name}), if given.
export function plot(curves, times, { low, high, mark, width, height, labelPx }) {
  const span = high - low || 1;
  const y = (value) => MARGIN.top + (1 - (value - low) / span) * (height - MARGIN.top - MARGIN.bottom);
  const [left, right] = [plotX(0, width), plotX(1, width)];
  const text = (x, at, anchor, words, name) =>
    `<text x="${x}" y="${(at + 4).toFixed(1)}" text-anchor="${anchor}" class="${name}">${words}</text>`;
  const number = (value) => (high < 2 ? value.toFixed(1) : value.toFixed(0));
  const parts = [`<path class="axis" d="M${left} ${y(high)}V${y(low)}H${right}"/>`];
  for (const value of [low, high]) parts.push(text(left - 5, y(value), 'end', number(value), ''));
  if (mark) {
    parts.push(`<line class="mark" x1="${left}" x2="${right}" y1="${y(mark.value)}" y2="${y(mark.value)}"/>`);
  }
  const ends = apart(
    curves.map(({ values }) => y(values[values.length - 1])),
    labelPx,
  );
  curves.forEach(({ name, values }, k) => {
    const points = Array.from(
      values,
      (value, i) => `${plotX(along(times, times[i]), width).toFixed(1)} ${y(value).toFixed(1)}`,
    );
    parts.push(`<path class="c-${name}" d="M${points.join('L')}"/>`);
    parts.push(text(right + 4, ends[k], 'start', name, `t-${name}`));
  });
  parts.push(`<line class="c-now" y1="${MARGIN.top}" y2="${height - MARGIN.bottom}"/>`);
  if (mark) parts.push(text(left + 4, y(mark.value) - 9, 'start', mark.name, 'on-top'));
  return parts.join('');
}
