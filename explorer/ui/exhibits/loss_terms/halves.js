// The two halves of the KL as functions, with a dot at the current value of each model.

import { fitted } from '../parts/canvas.js';

const MARGIN = { right: 12, top: 8 };
const LOG_V = [-9.5, 2.3]; // the natural logarithm of v, from 0.00007 to 10
const MIN_M = 4; // half the width of the other plot, at least

export const varianceHalf = (v) => (v - Math.log(v) - 1) / 2;
export const meanHalf = (m) => (m * m) / 2;

// `dots`: [{value, colour}]; `colour`: that of the curve.
export function drawVarianceHalf(canvas, dots, colour, ink) {
  const ticks = [0.0001, 0.01, 1, 10].map((v) => ({
    at: Math.log(v),
    text: v < 0.01 ? '10\u207b\u2074' : `${v}`,
  }));
  const points = dots.map((dot) => ({ ...dot, at: Math.log(dot.value) }));
  plot(canvas, (x) => varianceHalf(Math.exp(x)), LOG_V, ticks, points, colour, ink);
}

export function drawMeanHalf(canvas, dots, colour, ink) {
  const reach = Math.max(MIN_M, ...dots.map(({ value }) => 1.2 * value));
  const step =
    10 ** Math.floor(Math.log10(reach)) * (reach / 10 ** Math.floor(Math.log10(reach)) < 4 ? 1 : 2);
  const ticks = [];
  for (let m = -Math.floor(reach / step) * step; m <= reach; m += step)
    ticks.push({ at: m, text: `${m}`.replace('-', '\u2212') });
  plot(
    canvas,
    meanHalf,
    [-reach, reach],
    ticks,
    dots.map((dot) => ({ ...dot, at: dot.value })),
    colour,
    ink,
  );
}

function plot(canvas, f, [low, high], ticks, dots, colour, ink) {
  const { context, width, height } = fitted(canvas);
  const size = Math.max(15, Math.round(height / 9));
  const top = Math.max(f(low), f(high));
  const [start, bottom] = [2.6 * size, 1.7 * size];
  const left = (x) => start + ((x - low) / (high - low)) * (width - start - MARGIN.right);
  const y = (value) => height - bottom - (value / top) * (height - MARGIN.top - bottom);
  context.font = `${size}px system-ui, sans-serif`;
  context.fillStyle = ink;
  context.textAlign = 'center';
  for (const { at, text } of ticks) context.fillText(text, left(at), height - 6);
  context.textAlign = 'right';
  for (const value of [0, top]) context.fillText(value.toFixed(0), start - 8, Math.max(size, y(value) + 5));
  context.globalAlpha = 0.3;
  context.fillRect(start, y(0), width - start - MARGIN.right, 1);
  context.globalAlpha = 1;
  context.strokeStyle = colour;
  context.lineWidth = 3;
  context.beginPath();
  for (let i = 0; i <= 120; i++) {
    const x = low + ((high - low) * i) / 120;
    context.lineTo(left(x), y(f(x)));
  }
  context.stroke();
  for (const { at, colour: fill } of dots) {
    const x = Math.min(high, Math.max(low, at));
    context.beginPath();
    context.arc(left(x), y(f(x)), 7, 0, 2 * Math.PI);
    context.fillStyle = fill;
    context.fill();
    context.strokeStyle = ink;
    context.lineWidth = 1.5;
    context.stroke();
  }
}
