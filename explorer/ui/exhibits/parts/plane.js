// The plane of the posterior: its heat map, and the ellipse of q with handles.

import { fitted } from './canvas.js';
import { valueAt } from './field.js';
import { nats } from './numbers.js';

const CELLS = 150; // of the heat map, along each side
const HANDLE_PX = 18;
const RANGE = 6; // of the whole plane
const LOW_SHARE = 1e-3; // of the highest density, shown as empty

// The view that holds q and the posterior, whose mean and standard deviations are given as q's are.
export function viewAround(posterior, q) {
  const edges = (d) => [posterior[d] - 5 * posterior[2 + d], posterior[d] + 5 * posterior[2 + d]];
  const both = (d) => [...edges(d), q[d] - 4 * q[2 + d], q[d] + 4 * q[2 + d]];
  const [left, right, low, high] = [0, 1].flatMap((d) => [Math.min(...both(d)), Math.max(...both(d))]);
  return { x: (left + right) / 2, y: (low + high) / 2, half: Math.max(right - left, high - low) / 2 };
}

export const wholeView = () => ({ x: 0, y: 0, half: RANGE });

// Converters between plane and pixels for a view on a canvas of this size.
export function scaleOf({ x, y, half }, width, height) {
  const px = Math.min(width, height) / (2 * half);
  return {
    px,
    at: (zx, zy) => [width / 2 + (zx - x) * px, height / 2 - (zy - y) * px],
    z: (left, top) => [x + (left - width / 2) / px, y - (top - height / 2) / px],
  };
}

// The heat map of the exact posterior: its density relative to the highest one in the view, on a root scale.
export function drawHeat(canvas, grids, view, colour) {
  const { context, width, height } = fitted(canvas);
  if (!width || !height) return; // the page is just being replaced
  const { z } = scaleOf(view, width, height);
  const rows = Math.max(1, Math.round((CELLS * height) / width));
  const values = new Float64Array(CELLS * rows);
  for (let j = 0; j < rows; j++)
    for (let i = 0; i < CELLS; i++) {
      const [x, y] = z(((i + 0.5) * width) / CELLS, ((j + 0.5) * height) / rows);
      values[j * CELLS + i] = valueAt(grids, x, y);
    }
  const top = values.reduce((a, b) => Math.max(a, b), -Infinity);
  const pixels = new Uint8ClampedArray(4 * CELLS * rows);
  for (let i = 0; i < values.length; i++) {
    const share = Math.exp(values[i] - top);
    pixels.set([...colour, share < LOW_SHARE ? 0 : Math.round(235 * Math.sqrt(share))], 4 * i);
  }
  const small = new OffscreenCanvas(CELLS, rows);
  small.getContext('2d').putImageData(new ImageData(pixels, CELLS), 0, 0);
  context.imageSmoothingQuality = 'high';
  context.drawImage(small, 0, 0, width, height);
}

// q as ellipses of one and two sigma with handles; axes of the plane behind it.
export function drawQ(canvas, q, view, { accent, ink }) {
  const { context, width, height } = fitted(canvas);
  const { px, at } = scaleOf(view, width, height);
  drawAxes(context, view, at, width, height, ink);
  const [x, y] = at(q[0], q[1]);
  context.strokeStyle = context.fillStyle = accent;
  for (const [n, line] of [
    [1, 3],
    [2, 1.5],
  ]) {
    context.lineWidth = line;
    context.beginPath();
    context.ellipse(x, y, Math.max(1, n * q[2] * px), Math.max(1, n * q[3] * px), 0, 0, 2 * Math.PI);
    context.stroke();
  }
  for (const [hx, hy] of [[x, y], ...handles(q, x, y, px)]) {
    context.beginPath();
    context.arc(hx, hy, 6, 0, 2 * Math.PI);
    context.fill();
  }
}

const handles = (q, x, y, px) => [
  [x + Math.max(14, q[2] * px), y],
  [x, y - Math.max(14, q[3] * px)],
];

function drawAxes(context, { x, y, half }, at, width, height, ink) {
  const step = tickStep(half);
  context.strokeStyle = context.fillStyle = ink;
  context.font = `${Math.max(13, Math.round(height / 40))}px system-ui, sans-serif`;
  for (let value = Math.ceil((x - half) / step) * step; value <= x + half; value += step) {
    const [left] = at(value, 0);
    context.globalAlpha = 0.12;
    context.fillRect(left, 0, 1, height);
    context.globalAlpha = 0.8;
    context.fillText(tickText(value, step), left + 4, height - 6);
  }
  for (let value = Math.ceil((y - half) / step) * step; value <= y + half; value += step) {
    const [, top] = at(0, value);
    context.globalAlpha = 0.12;
    context.fillRect(0, top, width, 1);
    context.globalAlpha = 0.8;
    if (top > 48 && top < height - 24) context.fillText(tickText(value, step), 4, top - 4);
  }
  context.globalAlpha = 1;
}

const tickText = (value, step) => nats(value, Math.max(0, -Math.floor(Math.log10(step))));

function tickStep(half) {
  const rough = half / 2.5;
  const power = 10 ** Math.floor(Math.log10(rough));
  return power * [1, 2, 5, 10].find((n) => n * power >= rough);
}

// Lets the pointer drag q and the view, and the wheel zoom. `get()` is {q, view}; `onQ(q, event)` and
// `onView(view)` are called with changes.
export function listenToPlane(canvas, get, onQ, onView) {
  const scale = () => scaleOf(get().view, canvas.clientWidth, canvas.clientHeight);
  const point = (e) => {
    const box = canvas.getBoundingClientRect();
    return [e.clientX - box.left, e.clientY - box.top];
  };
  canvas.addEventListener('pointerdown', (e) => {
    const { q, view } = get();
    const from = point(e);
    const part = partAt(q, scale(), from);
    canvas.setPointerCapture(e.pointerId);
    const go = (move) => {
      const { z } = scale();
      const [x, y] = z(...point(move));
      const [x0, y0] = z(...from);
      if (part === 'mean') onQ([q[0] + x - x0, q[1] + y - y0, q[2], q[3]], move);
      else if (part === 'x') onQ([q[0], q[1], Math.abs(x - q[0]), q[3]], move);
      else if (part === 'y') onQ([q[0], q[1], q[2], Math.abs(y - q[1])], move);
      else onView({ ...view, x: view.x - (x - x0), y: view.y - (y - y0) });
    };
    const end = () => canvas.removeEventListener('pointermove', go);
    canvas.addEventListener('pointermove', go);
    canvas.addEventListener('pointerup', end, { once: true });
    canvas.addEventListener('pointercancel', end, { once: true });
  });
  canvas.addEventListener('wheel', (e) => {
    e.preventDefault();
    const { view } = get();
    const [x, y] = scale().z(...point(e));
    const half = Math.min(RANGE, Math.max(0.01, view.half * 1.2 ** Math.sign(e.deltaY)));
    const share = half / view.half;
    onView({ x: x + (view.x - x) * share, y: y + (view.y - y) * share, half });
  });
  canvas.addEventListener('keydown', (e) => onPlaneKey(e, get().q, onQ));
}

// What lies under the pointer: the mean of q, one of its handles, or ''.
function partAt(q, { at, px }, [left, top]) {
  const [x, y] = at(q[0], q[1]);
  const [right, upper] = handles(q, x, y, px);
  const isNear = ([hx, hy], reach) => Math.hypot(left - hx, top - hy) <= reach;
  if (isNear(right, HANDLE_PX)) return 'x';
  if (isNear(upper, HANDLE_PX)) return 'y';
  const isInside = Math.hypot((left - x) / (2 * q[2] * px), (top - y) / (2 * q[3] * px)) <= 1;
  return isInside || isNear([x, y], HANDLE_PX) ? 'mean' : '';
}

const DIRECTIONS = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowDown: [1, -1], ArrowUp: [1, 1] };

function onPlaneKey(event, q, onQ) {
  if (!DIRECTIONS[event.key] || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  event.stopPropagation();
  const [d, sign] = DIRECTIONS[event.key];
  const next = [...q];
  if (event.shiftKey) next[2 + d] = q[2 + d] * 1.1 ** sign;
  else next[d] = q[d] + 0.1 * sign * q[2 + d];
  onQ(next, event);
}
