// The interpolation between two images that the viewer chooses on the map of the loaded model.

import { countPaint } from '../../wire/cursor.js';
import { blit, drawSheet, fitCanvas } from '../../wire/pictures.js';
import { fitted } from '../parts/canvas.js';
import { showNumber } from '../parts/numbers.js';
import { drawLabels } from './recording.js';

const MARGIN_PX = 14;
const AXIS_PX = 64; // left of the chart; the slider has the same margin
const DECADES = 4; // of the support that the chart shows, from 1 down
const NAMES = ['lerp', 'pixel'];

export function buildPaths(s) {
  s.nextEnd = 'a';
  s.$('[data-testid=frame]').addEventListener('input', (event) => {
    showFrame(s, +event.target.value);
    countPaint(event);
    s.set({ frame: s.frame });
  });
  for (const field of s.root.querySelectorAll('[data-end]'))
    field.addEventListener('change', () => s.set({ [field.dataset.end]: field.value }));
  for (const button of s.root.querySelectorAll('[data-example]'))
    button.addEventListener('click', () => {
      const [a, b] = s.packet.examples[+button.dataset.example];
      s.set({ a, b });
    });
  s.$('[data-part=map]').addEventListener('click', (event) => {
    const row = nearestRow(s, event);
    s.set({ [s.nextEnd]: row });
    s.nextEnd = s.nextEnd === 'a' ? 'b' : 'a';
  });
}

// Converts a position on the map to pixels of its canvas.
function mapScale(s) {
  const canvas = s.$('[data-part=map]');
  const [left, right, low, high] = s.packet.map_reach;
  const [width, height] = [canvas.clientWidth - 2 * MARGIN_PX, canvas.clientHeight - 2 * MARGIN_PX];
  const scale = Math.min(width / (right - left || 1), height / (high - low || 1));
  return (x, y) => [
    MARGIN_PX + width / 2 + (x - (left + right) / 2) * scale,
    MARGIN_PX + height / 2 - (y - (low + high) / 2) * scale,
  ];
}

function nearestRow(s, event) {
  const { map_rows, map_xy } = s.packet;
  const box = s.$('[data-part=map]').getBoundingClientRect();
  const [x, y] = [event.clientX - box.left, event.clientY - box.top];
  const at = mapScale(s);
  let [best, least] = [0, Infinity];
  map_rows.forEach((_, i) => {
    const [left, top] = at(map_xy[2 * i], map_xy[2 * i + 1]);
    const distance = Math.hypot(left - x, top - y);
    if (distance < least) [best, least] = [i, distance];
  });
  return map_rows[best];
}

export function drawPaths(s) {
  const { map_rows, map_xy, map_labels, colours, ends, names, frames, shape, n_frames, classes } = s.packet;
  const { context } = fitted(s.$('[data-part=map]'));
  const at = mapScale(s);
  context.globalAlpha = 0.6;
  map_rows.forEach((_, i) => {
    context.fillStyle = colours[Math.max(0, map_labels[i]) % colours.length];
    context.fillRect(...at(map_xy[2 * i], map_xy[2 * i + 1]), 3, 3);
  });
  context.globalAlpha = 1;
  drawLabels(
    s,
    context,
    map_labels,
    (i) => at(map_xy[2 * i], map_xy[2 * i + 1]),
    (label) => classes[label] ?? '',
  );
  s.sheet = drawSheet(frames, shape, n_frames); // a row for each kind of path
  ['a', 'b'].forEach((end, i) => {
    const field = s.$(`[data-end=${end}]`);
    if (document.activeElement !== field) field.value = ends[i];
  });
  s.$('[data-text=from]').textContent = names[0];
  s.$('[data-text=to]').textContent = names[1];
  s.map = copyOf(s.$('[data-part=map]'));
}

function copyOf(canvas) {
  const copy = document.createElement('canvas');
  Object.assign(copy, { width: canvas.width, height: canvas.height });
  copy.getContext('2d').drawImage(canvas, 0, 0);
  return copy;
}

// Shows a position on both paths: its images, its place on the map and its support.
export function showFrame(s, frame) {
  const { path_support, n_frames, shape } = s.packet;
  s.frame = frame;
  const slider = s.$('[data-testid=frame]');
  slider.max = n_frames - 1;
  slider.value = frame;
  const [latent, pixel] = [path_support.subarray(0, n_frames), path_support.subarray(n_frames)];
  showNumber(s, 'support', latent[frame], 4);
  showNumber(s, 'support-lowest', Math.min(...latent), 4);
  showNumber(s, 'support-pixel', pixel[frame], 4);
  showNumber(s, 'support-pixel-lowest', Math.min(...pixel), 4);
  if (s.step !== 4 || !s.sheet) return;
  NAMES.forEach((name, i) => {
    const canvas = s.$(`[data-part=${name}]`);
    fitCanvas(canvas, shape);
    blit(canvas, s.sheet, i * n_frames + frame, n_frames, shape);
  });
  drawPosition(s);
  drawSupport(s, latent, pixel);
}

function drawPosition(s) {
  const { path_xy, n_frames } = s.packet;
  const { context, width, height } = fitted(s.$('[data-part=map]'));
  if (!width) return;
  context.drawImage(s.map, 0, 0, width, height);
  const at = mapScale(s);
  const style = getComputedStyle(s.root.querySelector('.le-exhibit'));
  context.strokeStyle = context.fillStyle = style.getPropertyValue('--st-text-color');
  context.lineWidth = 2.5;
  context.beginPath();
  for (let i = 0; i < n_frames; i++) context.lineTo(...at(path_xy[2 * i], path_xy[2 * i + 1]));
  context.stroke();
  context.font = '650 20px system-ui, sans-serif';
  [0, n_frames - 1].forEach((i, end) => {
    const [x, y] = at(path_xy[2 * i], path_xy[2 * i + 1]);
    context.fillText('AB'[end], x + 8, y - 8);
  });
  context.fillStyle = style.getPropertyValue('--st-primary-color');
  context.beginPath();
  context.arc(...at(path_xy[2 * s.frame], path_xy[2 * s.frame + 1]), 7, 0, 2 * Math.PI);
  context.fill();
}

// The support along both paths, on a log scale.
function drawSupport(s, latent, pixel) {
  const { context, width, height } = fitted(s.$('[data-part=support]'));
  const style = getComputedStyle(s.root.querySelector('.le-exhibit'));
  const n = latent.length;
  const x = (i) => AXIS_PX + 8 + (i / (n - 1)) * (width - AXIS_PX - 16);
  const y = (value) => 8 + (Math.min(DECADES, -Math.log10(Math.max(value, 1e-9))) / DECADES) * (height - 16);
  context.fillStyle = style.getPropertyValue('--st-text-color');
  context.font = '15px system-ui, sans-serif';
  for (let d = 0; d <= DECADES; d += 2) {
    context.globalAlpha = 0.15;
    context.fillRect(AXIS_PX, y(10 ** -d), width, 1);
    context.globalAlpha = 1;
    context.fillText(10 ** -d, 4, y(10 ** -d) + (d === DECADES ? 4 : 8));
  }
  [
    [latent, '.le-is-q'],
    [pixel, '.le-is-violet'],
  ].forEach(([values, legend]) => {
    context.strokeStyle = context.fillStyle = getComputedStyle(s.$(legend)).color;
    context.lineWidth = 3;
    context.beginPath();
    values.forEach((value, i) => {
      context.lineTo(x(i), y(value));
    });
    context.stroke();
    context.beginPath();
    context.arc(x(s.frame), y(values[s.frame]), 6, 0, 2 * Math.PI);
    context.fill();
  });
}
