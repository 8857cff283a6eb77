// A map z = g(eps) with the densities of eps and z on its axes, and a strip of equal probability on both.

import { countPaint } from '../../wire/cursor.js';
import { axis, chart, clamp, dot, line, scale, text } from '../parts/axes.js';
import { showNumber } from '../parts/numbers.js';
import { changeSetting } from '../parts/settings.js';

const MAX_EPS = 3;
const STRIP = 0.1; // of eps, drawn as its probability

export function buildMap(s) {
  const canvas = s.$('[data-part=map]');
  const move = (event) => {
    const box = canvas.getBoundingClientRect();
    const { left, right } = frameOf(canvas.clientWidth, canvas.clientHeight);
    const eps = -MAX_EPS + (2 * MAX_EPS * (event.clientX - box.left - left)) / (right - left);
    changeSetting(s, 'eps', clamp(Math.round(100 * eps) / 100, -MAX_EPS, MAX_EPS), event);
  };
  canvas.addEventListener('pointerdown', (event) => {
    canvas.setPointerCapture(event.pointerId);
    move(event);
  });
  canvas.addEventListener('pointermove', (event) => {
    if (event.buttons) move(event);
  });
}

const frameOf = (width, height) => ({
  left: 0.24 * width,
  right: width - 12,
  top: 8,
  bottom: 0.72 * height,
});

const normalDensity = (eps) => Math.exp(-0.5 * eps * eps) / Math.sqrt(2 * Math.PI);

export function paintMap(s, event) {
  const { map_z, map_slope, map_density } = s.packet;
  const last = map_z.length - 1;
  const i = Math.round(((s.values.eps + MAX_EPS) / (2 * MAX_EPS)) * last);
  const numbers = { eps: s.values.eps, z: map_z[i], slope: map_slope[i], 'density-z': map_density[i] };
  for (const name in numbers) showNumber(s, `map-${name}`, numbers[name], 4);
  showNumber(s, 'map-density-eps', normalDensity(s.values.eps), 4);
  showNumber(s, 'map-product', map_density[i] * map_slope[i], 4);
  drawMap(s, i, last);
  countPaint(event);
}

function drawMap(s, i, last) {
  const { map_z, map_density } = s.packet;
  const drawn = chart(s.$('[data-part=map]'));
  const { context, width, height, ink, accent, teal, orange, font } = drawn;
  const { left, right, top, bottom } = frameOf(width, height);
  const x = scale([-MAX_EPS, MAX_EPS], [left, right]);
  const y = scale([map_z[0], map_z[last]], [bottom, top]);
  const below = scale([0, normalDensity(0)], [height - font - 12, bottom + 12]);
  const beside = scale([0, Math.max(...map_density)], [left - 12, 12]);
  const epsAt = (k) => -MAX_EPS + (2 * MAX_EPS * k) / last;
  const half = Math.round((STRIP / (2 * MAX_EPS)) * last);
  const [from, to] = [Math.max(0, i - half), Math.min(last, i + half)];
  const base = height - font - 12;
  const ks = Array.from({ length: to - from + 1 }, (_, k) => from + k);
  context.globalAlpha = 0.4;
  fillBetween(
    context,
    ks.map((k) => [x(epsAt(k)), base]),
    ks.map((k) => [x(epsAt(k)), below(normalDensity(epsAt(k)))]),
    orange,
  );
  fillBetween(
    context,
    ks.map((k) => [beside(0), y(map_z[k])]),
    ks.map((k) => [beside(map_density[k]), y(map_z[k])]),
    orange,
  );
  context.globalAlpha = 1;
  const points = [...map_z];
  line(
    context,
    points.map((z, k) => [x(epsAt(k)), y(z)]),
    ink,
    3,
  );
  line(
    context,
    points.map((_, k) => [x(epsAt(k)), below(normalDensity(epsAt(k)))]),
    teal,
    3,
  );
  line(
    context,
    points.map((z, k) => [beside(map_density[k]), y(z)]),
    accent,
    3,
  );
  const [px, py] = [x(epsAt(i)), y(map_z[i])];
  for (const end of [
    [px, base],
    [left - 12, py],
  ])
    line(context, [[px, py], end], orange, 1.5);
  dot(context, px, py, 8, orange);
  axis(drawn, [-MAX_EPS, MAX_EPS], x, base);
  text(context, 'z = g(eps)', left + 8, top + font, ink);
  text(context, 'p(eps)', right - 4 * font, bottom + font + 8, teal);
  text(context, 'p(z)', 8, top + font, accent);
}

// Fills the area between two lines of points [x, y].
function fillBetween(context, one, other, colour) {
  context.fillStyle = colour;
  context.beginPath();
  for (const [x, y] of [...one, ...other.reverse()]) context.lineTo(x, y);
  context.fill();
}
