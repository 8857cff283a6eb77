// The ring map f(z) = z / a + b z / |z| on a cloud of draws from the prior.

import { countPaint } from '../../wire/cursor.js';
import { chart, dot } from '../parts/axes.js';
import { showNumber } from '../parts/numbers.js';

const EDGE = 3.5; // of both pictures

export function buildRing(s) {
  s.probe = [1.2, 0.8];
  const canvas = s.$('[data-part=cloud]');
  canvas.addEventListener('pointermove', (event) => {
    const box = canvas.getBoundingClientRect();
    s.probe = [
      ((event.clientX - box.left) / box.width - 0.5) * 2 * EDGE,
      (0.5 - (event.clientY - box.top) / box.height) * 2 * EDGE,
    ];
    if (s.packet) paintRing(s, event);
  });
}

// f at (x, y), as `prior.ring_map` has it.
export function ringMap(x, y, shrink, radius) {
  const norm = Math.hypot(x, y) || 1;
  return [x / shrink + (radius * x) / norm, y / shrink + (radius * y) / norm];
}

export function paintRing(s, event) {
  const { cloud, values, ring } = s.packet;
  const { shrink, radius } = s.values;
  const [left, right] = ['cloud', 'ring'].map((part) => chart(s.$(`[data-part=${part}]`)));
  const at = ({ width, height }, x, y) => [(0.5 + x / (2 * EDGE)) * width, (0.5 - y / (2 * EDGE)) * height];
  let [sum, squares] = [0, 0];
  const n = cloud.length / 2;
  for (let i = 0; i < n; i++) {
    const [x, y] = [cloud[2 * i], cloud[2 * i + 1]];
    const [u, v] = ringMap(x, y, shrink, radius);
    const norm = Math.hypot(u, v);
    sum += norm;
    squares += norm * norm;
    const colour = `hsl(${Math.round((Math.atan2(y, x) * 18) / Math.PI) * 10} 70% 50%)`;
    for (const [drawn, px, py] of [
      [left, x, y],
      [right, u, v],
    ]) {
      const [cx, cy] = at(drawn, px, py);
      drawn.context.fillStyle = colour;
      drawn.context.fillRect(cx - 1.5, cy - 1.5, 3, 3);
    }
  }
  dot(left.context, ...at(left, ...s.probe), 8, left.ink);
  dot(right.context, ...at(right, ...ringMap(...s.probe, shrink, radius)), 8, right.ink);
  const isAtRest = values.shrink === shrink && values.radius === radius;
  const mean = sum / n;
  showNumber(s, 'ring-mean', isAtRest ? ring[0] : mean, 4);
  showNumber(s, 'ring-spread', isAtRest ? ring[1] : Math.sqrt(Math.max(0, squares / n - mean * mean)), 4);
  countPaint(event);
}
