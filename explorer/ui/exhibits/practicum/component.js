// The practicum: a walk over a recorded run, by keys alone.

import { countPaint } from '../../wire/cursor.js';
import { hasModifier, isTyping } from '../../wire/page.js';
import { onResize } from '../parts/canvas.js';
import { mountExhibit } from '../parts/exhibit.js';
import { showNumber } from '../parts/numbers.js';
import { buildPaths, drawPaths, showFrame } from './paths.js';
import { drawBubbles, drawLosses, drawMeans, showPictures } from './recording.js';
import { showSamples } from './samples.js';

const TITLES = [
  'Untrained: epoch 0',
  'The loss of each epoch',
  'Reconstructions, epoch by epoch',
  'Sixteen samples of the prior',
  'Interpolation: leaving the data, or not',
  'The means at epochs 0, 5 and 10',
  'The variances, drawn',
];
const WITH_EPOCH = new Set([1, 2, 6]); // steps with the slider
const KEEPS_ARROWS = 'input, select, textarea, [role=combobox], [role=application]';

export default mountExhibit('practica', build, accept);

function build(s) {
  Object.assign(s, { step: 0, epoch: 0, frame: 0, recorded: null, caption: null });
  TITLES.forEach((title, i) => {
    const button = document.createElement('button');
    button.textContent = title;
    button.addEventListener('click', () => goTo(s, i));
    const item = document.createElement('li');
    item.append(button);
    s.$('[data-part=steps]').append(item);
  });
  for (const button of s.root.querySelectorAll('[data-walk]'))
    button.addEventListener('click', () => goTo(s, s.step + +button.dataset.walk));
  s.$('[data-testid=epoch]').addEventListener('input', (event) => {
    showEpoch(s, +event.target.value);
    countPaint(event);
    s.set({ epoch: s.epoch });
  });
  s.$('[data-do=draw]').addEventListener('click', () => s.set({ seed: s.packet.seed + 1 }));
  buildPaths(s);
  const onKey = (event) => onWalkKey(s, event);
  window.addEventListener('keydown', onKey);
  s.ends.push(() => window.removeEventListener('keydown', onKey));
  onResize(s, [s.$('.le-picture')], () => draw(s));
}

function onWalkKey(s, event) {
  if (!s.packet || hasModifier(event) || event.shiftKey || event.defaultPrevented) return;
  let way = { PageDown: 1, PageUp: -1 }[event.key];
  if (way && isTyping(event)) return;
  if (!event.composedPath()[0].closest?.(KEEPS_ARROWS)) way ??= { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  if (!way) return;
  event.preventDefault();
  goTo(s, s.step + way);
}

function goTo(s, step) {
  if (!s.packet || step < 0 || step >= TITLES.length) return;
  s.step = step;
  draw(s);
  s.set({ step });
}

function accept(s, packet) {
  const { step, epoch, frame, losses, model, film } = packet;
  if (s.isSettled()) Object.assign(s, { step, epoch, frame });
  s.$('[data-testid=epoch]').max = losses.length - 1;
  for (const text of s.root.querySelectorAll('[data-text=model]')) text.textContent = model;
  showFacts(s, packet);
  showSamples(s, packet);
  draw(s);
  if (s.caption === packet.originals_caption) return; // the film differs in the originals alone
  s.caption = packet.originals_caption;
  createImageBitmap(new Blob([film], { type: 'image/jpeg' })).then((sheet) => {
    s.recorded = sheet;
    showPictures(s);
  });
}

function showFacts(s, packet) {
  const { same_digit, map_epochs, same_digit_pixels, negative_elbo, loss_at_mean, n_tested } = packet;
  map_epochs.forEach((epoch, i) => {
    showNumber(s, `same-digit-${epoch}`, same_digit[i]);
  });
  showNumber(s, 'same-digit-pixels', same_digit_pixels ?? Number.NaN);
  showNumber(s, 'negative-elbo', negative_elbo ?? Number.NaN);
  showNumber(s, 'loss-at-mean', loss_at_mean ?? Number.NaN);
  s.$('[data-text=n-tested]').textContent = n_tested;
  for (const text of s.root.querySelectorAll('[data-text=dims]')) text.textContent = packet.latent_dim;
  s.$('[data-text=pairs]').textContent = ((packet.n_bubbles * (packet.n_bubbles - 1)) / 2).toLocaleString(
    'en',
  );
}

// Shows the current step.
function draw(s) {
  for (const section of s.root.querySelectorAll('[data-steps]'))
    section.hidden = !section.dataset.steps.split(' ').includes(`${s.step}`);
  s.$('[data-text=place]').textContent = `${s.step + 1} of ${TITLES.length}`;
  s.$('[data-text=title]').textContent = TITLES[s.step];
  [...s.$('[data-part=steps]').children].forEach((item, i) => {
    if (i === s.step) item.firstChild.setAttribute('aria-current', 'step');
    else item.firstChild.removeAttribute('aria-current');
  });
  s.$('.le-epoch').hidden = !WITH_EPOCH.has(s.step);
  s.$('[data-walk="-1"]').disabled = s.step === 0;
  s.$('[data-walk="1"]').disabled = s.step === TITLES.length - 1;
  showEpoch(s, s.epoch);
  if (s.step === 4) drawPaths(s);
  if (s.step === 5) drawMeans(s);
  showFrame(s, s.frame);
}

// Shows an epoch; the first step always shows the untrained network.
function showEpoch(s, chosen) {
  s.epoch = chosen;
  const epoch = s.step === 0 ? 0 : chosen;
  s.$('[data-testid=epoch]').value = epoch;
  for (const text of s.root.querySelectorAll('[data-text=epoch]')) text.textContent = epoch;
  const { losses, overlaps } = s.packet;
  const { elbo, recon_loss, kl } = losses[epoch];
  showNumber(s, 'loss', -elbo);
  showNumber(s, 'recon-loss', recon_loss);
  showNumber(s, 'kl', kl);
  showNumber(s, 'overlaps', overlaps[epoch], 0);
  if (s.step === 0 || s.step === 2) showPictures(s, epoch);
  if (s.step === 1) drawLosses(s, epoch);
  if (s.step === 6) drawBubbles(s, epoch);
}
