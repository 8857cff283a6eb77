// What the charts on canvases share: colours and text of the page, and scales.

import { fitted } from './canvas.js';

// Fits and clears a canvas: {context, width, height, font}, and the colours ink, paper, accent, teal, orange
// and violet. `font` is the height of the text in px.
export function chart(canvas) {
  const found = fitted(canvas);
  const style = getComputedStyle(canvas);
  const names = ['--st-text-color', '--st-background-color', '--st-primary-color'];
  const [ink, paper, accent] = names.map((name) => style.getPropertyValue(name));
  const isDark = style.colorScheme.includes('dark');
  const [teal, orange, violet] = isDark
    ? ['#4fc3b0', '#f2a65a', '#b89bff']
    : ['#00796b', '#b45309', '#6d28d9'];
  const font = Number.parseFloat(style.fontSize);
  Object.assign(found.context, { font: `${font}px system-ui, sans-serif`, fillStyle: ink, strokeStyle: ink });
  return { ...found, ink, paper, accent, teal, orange, violet, font };
}

// A linear scale from [low, high] to pixels [from, to].
export const scale = ([low, high], [from, to]) => {
  const slope = (to - from) / (high - low || 1);
  return (value) => from + (value - low) * slope;
};

export const clamp = (value, low, high) => Math.min(high, Math.max(low, value));

// A polyline through points [x, y].
export function line(context, points, colour, width = 2) {
  context.strokeStyle = colour;
  context.lineWidth = width;
  context.beginPath();
  for (const [x, y] of points) context.lineTo(x, y);
  context.stroke();
}

export function dot(context, x, y, radius, colour) {
  context.fillStyle = colour;
  context.beginPath();
  context.arc(x, y, radius, 0, 2 * Math.PI);
  context.fill();
}

export function arrow(context, [x0, y0], [x1, y1], colour, width = 3) {
  line(
    context,
    [
      [x0, y0],
      [x1, y1],
    ],
    colour,
    width,
  );
  const angle = Math.atan2(y1 - y0, x1 - x0);
  const length = Math.min(12, Math.hypot(x1 - x0, y1 - y0));
  for (const turn of [-0.5, 0.5])
    line(
      context,
      [
        [x1, y1],
        [x1 - length * Math.cos(angle + turn), y1 - length * Math.sin(angle + turn)],
      ],
      colour,
      width,
    );
}

export function text(context, words, x, y, colour, align = 'left') {
  context.fillStyle = colour;
  context.textAlign = align;
  context.fillText(words, x, y);
}

const tickLabel = (value) => String(+value.toPrecision(6)).replace('-', '\u2212');

// A horizontal axis with `n` round ticks at height y.
export function axis({ context, ink, font }, [low, high], at, y, n = 6) {
  const rough = (high - low) / n;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 5, 10].find((factor) => factor * power >= rough);
  line(
    context,
    [
      [at(low), y],
      [at(high), y],
    ],
    ink,
    1,
  );
  for (let i = Math.ceil(low / step); i * step <= high * (1 + 1e-9); i++) {
    context.fillStyle = ink;
    context.fillRect(at(i * step), y, 1, 5);
    text(context, tickLabel(i * step), at(i * step), y + font + 6, ink, 'center');
  }
}
