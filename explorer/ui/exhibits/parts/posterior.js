// The exact posterior of an image with a q that the viewer moves, and the terms of the bound at every
// position, computed from the posterior's field.

import { countPaint } from '../../wire/cursor.js';
import { onResize } from './canvas.js';
import { entropy, expectation, expectedLogPrior, normalLattice } from './field.js';
import { drawHeat, drawQ, listenToPlane, viewAround, wholeView } from './plane.js';

const NODES = normalLattice();
const POSTERIOR_RGB = [0, 121, 107];
const LIMITS = { mean: 8, low: 0.002, high: 1 };

// Prepares the elements of the plane. `onTerms(terms, q)` is called whenever q moves.
export function buildPosterior(s, onTerms) {
  const { $ } = s;
  Object.assign(s, { q: null, view: null, picture: null, onTerms, drag: $('.le-drag') });
  listenToPlane(
    s.drag,
    () => s,
    (q, event) => moveQ(s, q, event),
    (view) => look(s, view),
  );
  for (const button of s.root.querySelectorAll('[data-view]'))
    button.addEventListener('click', () =>
      look(s, button.dataset.view === 'whole' ? wholeView() : viewAround(s.packet.posterior, s.q)),
    );
  $('[data-do=encoder]').addEventListener('click', () => moveQ(s, s.packet.encoder));
  const scheme = matchMedia('(prefers-color-scheme: dark)');
  const repaint = () => s.q && paintPlane(s);
  scheme.addEventListener('change', repaint);
  s.ends.push(() => scheme.removeEventListener('change', repaint));
  onResize(s, [s.drag], repaint);
}

// Takes the field of a packet; q too, unless the viewer is moving it.
export function acceptPosterior(s, packet) {
  const { grids, fields, q, picture, posterior, terms } = packet;
  s.grids = grids.map(({ offset, nx, ny, low, high }) => ({
    ...{ nx, ny, low, high },
    values: fields.subarray(offset, offset + nx * ny),
  }));
  if (s.isSettled() || !s.q || picture !== s.picture) {
    s.q = q;
    s.onTerms(terms, q);
  }
  if (picture !== s.picture) s.view = viewAround(posterior, q);
  s.picture = picture;
  paintPlane(s);
}

function paintPlane(s) {
  const style = getComputedStyle(s.root);
  s.colours = {
    accent: style.getPropertyValue('--st-primary-color'),
    ink: style.getPropertyValue('--st-text-color'),
  };
  drawHeat(s.$('.le-heat'), s.grids, s.view, POSTERIOR_RGB);
  drawQ(s.drag, s.q, s.view, s.colours);
}

function look(s, view) {
  s.view = view;
  paintPlane(s);
}

// Moves q: paints at once, and sends it when it rests.
export function moveQ(s, q, event) {
  const within = (value, low, high) => Math.min(high, Math.max(low, value));
  s.q = q.map((value, i) =>
    i < 2 ? within(value, -LIMITS.mean, LIMITS.mean) : within(value, LIMITS.low, LIMITS.high),
  );
  drawQ(s.drag, s.q, s.view, s.colours);
  s.onTerms(termsOf(s), s.q);
  countPaint(event);
  s.set({ m1: s.q[0], m2: s.q[1], s1: s.q[2], s2: s.q[3] });
}

// The expectations under q, in nats.
function termsOf({ q, grids, packet }) {
  const [mean, sigma] = [q.slice(0, 2), q.slice(2)];
  const log_joint = expectation(grids, mean, sigma, NODES);
  const log_prior = expectedLogPrior(mean, sigma);
  const log_q = -entropy(sigma);
  return {
    log_likelihood: log_joint - log_prior,
    log_prior,
    log_q,
    log_posterior: log_joint - packet.log_px,
    elbo: log_joint - log_q,
    gap: log_q - (log_joint - packet.log_px),
  };
}
