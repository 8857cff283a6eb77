// The likelihood: the mean of p(x|z), draws from it and its standard deviation, under four likelihoods.

import { countPaint } from '../../wire/cursor.js';
import { mountExhibit } from '../parts/exhibit.js';
import { nats, showNumber } from '../parts/numbers.js';
import { drawMatrices } from './matrices.js';
import { buildPixels, markPixel, paintDraw, paintPixels } from './pixels.js';

export default mountExhibit('likelihoods', build, accept);

function build(s) {
  Object.assign(s, { seed: 0, pixel: 0 });
  buildPixels(s);
  s.$('[data-testid=seed]').addEventListener('input', (e) => showDraw(s, +e.target.value, e));
  s.$('[data-testid=sigma]').addEventListener('input', (e) => moveSigma(s, Math.exp(+e.target.value), e));
  const actions = {
    dice: (e) => showDraw(s, anotherOf(s.seed, s.packet.n_samples), e),
    one: (e) => moveSigma(s, 1, e),
    fitted: (e) => moveSigma(s, s.packet.fitted_sigma, e),
  };
  for (const button of s.root.querySelectorAll('[data-part=draws] [data-do], .le-sigma [data-do]'))
    button.addEventListener('click', (e) => s.packet && actions[button.dataset.do](e));
  for (const button of s.root.querySelectorAll('[data-source]'))
    button.addEventListener('click', () => s.set({ source: button.dataset.source }));
}

const anotherOf = (seed, n) => (seed + 1 + Math.floor(Math.random() * (n - 1))) % n;

function accept(s, packet) {
  const { source, has_trained, note, log_prob, kl, data } = packet;
  for (const button of s.root.querySelectorAll('[data-source]'))
    button.setAttribute('aria-pressed', button.dataset.source === source);
  s.$('[data-source=trained]').hidden = !has_trained;
  s.$('[data-text=note]').textContent = note;
  s.$('[data-text=data]').textContent = data;
  s.$('[data-testid=seed]').max = packet.n_samples - 1;
  if (s.isSettled()) Object.assign(s, { seed: packet.seed, pixel: packet.pixel });
  paintPixels(s, packet);
  showDraw(s, s.seed);
  markPixel(s, s.pixel);
  s.columns.forEach((name, i) => {
    showNumber(s, `log-prob-${name}`, log_prob[i], 1);
    showNumber(s, `kl-${name}`, kl[i], 1);
  });
  if (s.isSettled()) showSquared(s, packet.squared);
  showCrossEntropy(s, packet);
  showNumber(s, 'correlation', packet.correlation);
  drawMatrices(s, packet);
}

function showDraw(s, seed, event) {
  s.seed = seed;
  s.$('[data-testid=seed]').value = seed;
  s.$('[data-text=seed]').textContent = seed;
  paintDraw(s, seed);
  if (!event) return;
  countPaint(event);
  s.set({ seed });
}

// Shows log N(x; mean, sigma^2 I) at once, as `observation.squared_error` computes it; the server's follows.
function moveSigma(s, sigma, event) {
  const { squared_error, n_pixels } = s.packet.squared;
  const scaled = squared_error / (2 * sigma * sigma);
  const constant = -n_pixels * (Math.log(sigma) + Math.log(2 * Math.PI) / 2);
  showSquared(s, { ...s.packet.squared, sigma, scaled, constant, log_prob: constant - scaled });
  countPaint(event);
  s.set({ sigma });
}

function showSquared(s, { squared_error, n_pixels, sigma, scaled, constant, log_prob }) {
  showNumber(s, 'squared-error', squared_error, 3);
  showNumber(s, 'scaled', -scaled);
  showNumber(s, 'constant', constant);
  showNumber(s, 'log-normal', log_prob);
  showNumber(s, 'sigma', sigma, 3);
  s.$('[data-text=n]').textContent = n_pixels;
  s.$('[data-testid=sigma]').value = Math.log(sigma);
}

function showCrossEntropy(s, packet) {
  const { cross_entropy, target_entropy, log_integral, sharpest, data_entropy } = packet;
  showNumber(s, 'cross-entropy', cross_entropy, 1);
  showNumber(s, 'target-entropy', target_entropy, 1);
  showNumber(s, 'rest', cross_entropy - target_entropy, 1);
  showNumber(s, 'data-entropy', data_entropy ?? Number.NaN, 1);
  showNumber(s, 'log-integral', log_integral, 1);
  showNumber(s, 'continuous', -cross_entropy - log_integral, 1);
  showNumber(s, 'sharpest', sharpest, 1);
  s.$('.le-target').style.flexGrow = target_entropy;
  s.$('.le-rest').style.flexGrow = cross_entropy - target_entropy;
  s.$('.le-share').title = `${nats(cross_entropy, 4)} nats`;
}
