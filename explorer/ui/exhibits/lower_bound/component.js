// The lower bound: q over the exact posterior, with the ELBO and the gap at every position.

import { onResize } from '../parts/canvas.js';
import { mountExhibit } from '../parts/exhibit.js';
import { nats, showNumber } from '../parts/numbers.js';
import { acceptPosterior, buildPosterior, moveQ } from '../parts/posterior.js';
import { drawEstimates } from './estimates.js';

const STEP_MS = 60; // of the film of the optimisation
const GAP_SCALE_NATS = 40; // the bar shows the root of the gap's share of it

export default mountExhibit('lowerBounds', build, accept);

function build(s) {
  const { $ } = s;
  buildPosterior(s, ({ elbo, gap }) => showTerms(s, elbo, gap));
  s.film = 0;
  s.ends.push(() => clearTimeout(s.film));
  $('.le-actions').addEventListener('click', () => clearTimeout(s.film), true);
  $('[data-do=optimise]').addEventListener('click', () => optimise(s, 0));
  s.drag.addEventListener('pointerdown', () => clearTimeout(s.film));
  onResize(s, [$('[data-part=chart]')], () => drawEstimates($('[data-part=chart]'), s.packet));
}

function accept(s, packet) {
  const { log_px, best_elbo, encoder_elbo, status, series } = packet;
  if (packet.picture !== s.picture) clearTimeout(s.film); // it is that of another image or model
  const gain = best_elbo === null ? Number.NaN : best_elbo - encoder_elbo;
  showNumber(s, 'log-px', log_px ?? Number.NaN, 4);
  showNumber(s, 'best-elbo', best_elbo ?? Number.NaN, 4);
  showNumber(s, 'amortisation-gap', gain, 4);
  s.$('[data-do=optimise]').disabled = best_elbo === null;
  s.$('.le-status').textContent = status;
  s.root.querySelector('.le-exhibit').classList.toggle('le-estimates-only', log_px === null);
  if (log_px === null) showNumber(s, 'elbo', encoder_elbo ?? Number.NaN);
  else showPosterior(s, packet);
  drawEstimates(s.$('[data-part=chart]'), packet);
  for (const { name, k, mean } of series)
    k.forEach((n, i) => {
      showNumber(s, `${name}-${n}`, mean[i]);
    });
}

function showPosterior(s, packet) {
  acceptPosterior(s, packet);
  const [m1, m2, s1, s2] = packet.encoder.map((value) => nats(value, 3));
  s.$('[data-text=encoder-mean]').textContent = `(${m1}, ${m2})`;
  s.$('[data-text=encoder-sigma]').textContent = `(${s1}, ${s2})`;
}

function showTerms(s, elbo, gap) {
  showNumber(s, 'elbo', elbo, 4);
  showNumber(s, 'gap', gap, 4);
  showNumber(s, 'sum', elbo + gap, 4);
  const share = Math.min(0.9, Math.sqrt(Math.max(0, gap) / GAP_SCALE_NATS));
  s.$('.le-bar').style.setProperty('--gap', `${100 * share}%`);
}

// Plays the film of the optimisation, from the encoder's q to the best one.
function optimise(s, step) {
  const { path, n_steps } = s.packet;
  moveQ(s, [...path.subarray(4 * step, 4 * step + 4)]);
  if (step + 1 < n_steps) s.film = setTimeout(optimise, STEP_MS, s, step + 1);
}
