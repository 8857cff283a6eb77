// The lower bound: q dragged over the exact posterior, with the ELBO and the gap computed at every movement
// from the posterior's field.

import { countPaint } from '../../wire/cursor.js';
import { onResize } from '../parts/canvas.js';
import { mountExhibit } from '../parts/exhibit.js';
import { entropy, expectation, gaussHermite } from '../parts/field.js';
import { nats, showNumber } from '../parts/numbers.js';
import { drawEstimates } from './estimates.js';
import { drawHeat, drawQ, listenToPlane, viewAround, wholeView } from '../parts/plane.js';

const RULE = gaussHermite(24);
const STEP_MS = 60; // of the optimisation's film
const LIMITS = { mean: 8, low: 0.002, high: 4 };

export default mountExhibit('lowerBounds', build, accept);

function build(s) {
  const { $ } = s;
  Object.assign(s, { q: null, view: null, image: null, film: 0 });
  s.ends.push(() => clearTimeout(s.film));
  s.canvas = $('.le-drag');
  listenToPlane(
    s.canvas,
    () => s,
    (q, event) => moveQ(s, q, event),
    (view) => look(s, view),
  );
  const actions = {
    encoder: () => moveQ(s, s.packet.encoder),
    optimise: () => optimise(s),
  };
  for (const button of s.root.querySelectorAll('.le-actions [data-do]'))
    button.addEventListener('click', () => {
      clearTimeout(s.film);
      actions[button.dataset.do]();
    });
  for (const button of s.root.querySelectorAll('[data-view]'))
    button.addEventListener('click', () =>
      look(s, button.dataset.view === 'whole' ? wholeView() : viewAround(s.packet.posterior, s.q)),
    );
  onResize(s, [s.canvas, $('[data-part=chart]')], () => {
    paint(s);
    drawEstimates($('[data-part=chart]'), s.packet);
  });
}

function accept(s, packet) {
  const { grids, fields, log_px } = packet;
  s.grids = grids.map(({ offset, nx, ny, low, high }) => ({
    ...{ nx, ny, low, high },
    values: fields.subarray(offset, offset + nx * ny),
  }));
  showNumber(s, 'log-px', log_px, 4);
  showNumber(s, 'best-elbo', packet.best_elbo ?? Number.NaN);
  showNumber(s, 'amortisation-gap', packet.best_elbo === null ? Number.NaN : packet.best_elbo - packet.encoder_elbo);
  s.$('[data-do=optimise]').disabled = packet.best_elbo === null;
  if (s.isSettled() || !s.q) {
    s.q = packet.q;
    showTerms(s, packet.elbo, packet.gap);
  }
  if (packet.picture !== s.picture) {
    s.picture = packet.picture;
    s.view = viewAround(packet.posterior, s.q);
  }
  const [m1, m2, s1, s2] = packet.encoder.map((value) => nats(value, 3));
  s.$('[data-text=encoder-mean]').textContent = `(${m1}, ${m2})`;
  s.$('[data-text=encoder-sigma]').textContent = `(${s1}, ${s2})`;
  paint(s);
  drawEstimates(s.$('[data-part=chart]'), packet);
  s.$('.le-status').textContent = packet.status;
  s.$('.le-listed').textContent = packet.listed;
}

function paint(s) {
  const style = getComputedStyle(s.root);
  const colours = {
    accent: style.getPropertyValue('--st-primary-color'),
    ink: style.getPropertyValue('--st-text-color'),
  };
  drawHeat(s.$('.le-heat'), s.grids, s.view, s.packet.log_px, [0, 121, 107]);
  drawQ(s.canvas, s.q, s.view, colours);
  s.colours = colours;
}

function look(s, view) {
  s.view = view;
  paint(s);
}

// Moves q: paints at once, and sends it when it rests.
function moveQ(s, q, event) {
  const clamp = (value, low, high) => Math.min(high, Math.max(low, value));
  s.q = q.map((value, i) =>
    i < 2 ? clamp(value, -LIMITS.mean, LIMITS.mean) : clamp(value, LIMITS.low, LIMITS.high),
  );
  drawQ(s.canvas, s.q, s.view, s.colours);
  const [mean, sigma] = [s.q.slice(0, 2), s.q.slice(2)];
  const energy = expectation(s.grids, mean, sigma, RULE); // E_q[log p(x, z)]
  const negativeEntropy = -entropy(sigma); // E_q[log q(z)]
  showTerms(s, energy - negativeEntropy, negativeEntropy - (energy - s.packet.log_px));
  countPaint(event);
  s.set({ m1: s.q[0], m2: s.q[1], s1: s.q[2], s2: s.q[3] });
}

function showTerms(s, elbo, gap) {
  showNumber(s, 'elbo', elbo, 4);
  showNumber(s, 'gap', gap, 4);
  showNumber(s, 'sum', elbo + gap, 4);
  const share = Math.min(0.9, Math.sqrt(Math.max(0, gap) / 40));
  s.$('.le-bar').style.setProperty('--gap', `${100 * share}%`);
}

// Plays the film of the optimisation from the encoder's q to the best one.
function optimise(s) {
  const { path, n_steps } = s.packet;
  const step = (i) => {
    moveQ(s, [...path.subarray(4 * i, 4 * i + 4)]);
    if (i + 1 < n_steps) s.film = setTimeout(step, STEP_MS, i + 1);
  };
  step(0);
}
