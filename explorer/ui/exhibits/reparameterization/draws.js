// Samples z = mu + sigma eps of q on the plane, with eps held.

import { countPaint } from '../../wire/cursor.js';
import { blit, drawSheet, fitCanvas } from '../../wire/pictures.js';
import { arrow, chart, clamp, dot } from '../parts/axes.js';
import { showNumber } from '../parts/numbers.js';
import { drawQ, listenToPlane, scaleOf, wholeView } from '../parts/plane.js';
import { changeSetting } from '../parts/settings.js';

const NAMES = ['m1', 'm2', 's1', 's2'];
const LOSSES = ['loss-mean', 'loss-sample', 'loss-expected'];

const viewOf = (q) => ({ x: q[0], y: q[1], half: 5 * Math.max(q[2], q[3]) });

export function buildDraws(s) {
  Object.assign(s, { q: null, view: null, drag: s.$('.le-drag') });
  const look = (view) => {
    s.view = view;
    paintDraws(s);
  };
  listenToPlane(
    s.drag,
    () => s,
    (q, event) => moveBubble(s, q, event),
    look,
  );
  for (const button of s.root.querySelectorAll('[data-view]'))
    button.addEventListener('click', () => look(button.dataset.view === 'whole' ? wholeView() : viewOf(s.q)));
  const actions = {
    eps: () => changeSetting(s, 'seed', (s.values.seed + 1) % 1000),
    next: () => changeSetting(s, 'draw', (s.values.draw + 1) % 100),
    encoder: () => s.set(Object.fromEntries(NAMES.map((name) => [name, null]))),
  };
  for (const name in actions) s.$(`[data-do=${name}]`).addEventListener('click', actions[name]);
}

export function acceptDraws(s, packet) {
  const { q, dims, draw, losses, pictures, shape } = packet;
  if (s.isSettled() || !s.q) {
    const isSame = s.q && q.every((value, i) => Math.abs(value - s.q[i]) < 1e-3 * q[2 + (i % 2)]);
    s.q = q;
    if (!isSame) s.view = viewOf(q);
  }
  dims.forEach((dim, i) => {
    s.$(`[data-text=dim-${i + 1}]`).textContent = dim;
    showNumber(s, `dz-dmu-${i + 1}`, draw.dz_dmu[i], 0);
    showNumber(s, `dz-dsigma-${i + 1}`, draw.dz_dsigma[i], 4);
    showNumber(s, `eps-${i + 1}`, draw.eps[i], 4);
  });
  LOSSES.forEach((name, i) => {
    showNumber(s, name, losses[i] ?? Number.NaN);
  });
  showNumber(s, 'loss-difference', losses[0] === null ? Number.NaN : losses[2] - losses[0]);
  const sheet = drawSheet(pictures, shape, 3);
  for (const canvas of s.root.querySelectorAll('[data-picture]')) {
    fitCanvas(canvas, shape);
    blit(canvas, sheet, +canvas.dataset.picture, 3, shape);
  }
  paintDraws(s);
}

// Moves q: its samples follow at once, and it is sent when it rests.
function moveBubble(s, q, event) {
  s.q = q.map((value, i) => (i < 2 ? clamp(value, -8, 8) : clamp(value, 0.002, 2)));
  s.root.classList.add('le-updating');
  paintDraws(s, event);
  s.set(Object.fromEntries(NAMES.map((name, i) => [name, s.q[i]])));
}

export function paintDraws(s, event) {
  const { eps } = s.packet;
  const { context, width, height, teal, orange, accent, ink } = chart(s.$('.le-heat'));
  const { at } = scaleOf(s.view, width, height);
  const place = (i) => [0, 1].map((d) => s.q[d] + s.q[2 + d] * eps[2 * i + d]);
  const chosen = place(s.values.draw);
  for (let i = 0; 2 * i < eps.length; i++) dot(context, ...at(...place(i)), 4, teal);
  arrow(context, at(s.q[0], s.q[1]), at(...chosen), orange);
  dot(context, ...at(...chosen), 8, orange);
  drawQ(s.drag, s.q, s.view, { accent, ink });
  s.q.forEach((value, i) => {
    showNumber(s, `${i < 2 ? 'mu' : 'sigma'}-${1 + (i % 2)}`, value, 4);
  });
  chosen.forEach((value, i) => {
    showNumber(s, `z-${i + 1}`, value, 4);
  });
  countPaint(event);
}
