// Autoencoder, VAE and beta-VAE side by side: one interpolation, the same draws, the KL of each dimension.

import { countPaint } from '../../wire/cursor.js';
import { drawSheet } from '../../wire/pictures.js';
import { fitted, onResize } from '../parts/canvas.js';
import { mountExhibit } from '../parts/exhibit.js';
import { showNumber } from '../parts/numbers.js';
import { acceptTraining, buildTraining } from '../parts/training.js';
import { drawBars } from './bars.js';

const DIGITS = { recon: 2, kl: 2, active: 0, holes: 1, 'point-dims': 0, 'prior-dims': 0 }; // decimals
const STRIP = 9; // frames of the path that are shown at once
const SAMPLE_COLUMNS = 4;

export default mountExhibit('autoencodersExhibits', build, accept);

function build(s) {
  Object.assign(s, { t: 0, twins: [...s.root.querySelectorAll('.le-twin')] });
  buildTraining(s);
  s.scrub = s.$('[data-testid=between-scrub]');
  s.scrub.addEventListener('input', (e) => {
    s.t = +s.scrub.value;
    paintNow(s);
    countPaint(e);
    s.set({ t: s.t });
  });
  onResize(s, s.root.querySelectorAll('canvas'), () => paint(s));
}

function accept(s, packet) {
  const { twins, numbers, n_frames, t, settings, shape } = packet;
  acceptTraining(s, packet);
  s.scrub.max = Math.max(0, n_frames - 1);
  s.scrub.disabled = !n_frames;
  if (s.isSettled()) s.t = s.scrub.value = t;
  const sheet = (pixels) => drawSheet(pixels, shape, 1);
  s.sheets = { ends: sheet(packet.ends), films: sheet(packet.films), samples: sheet(packet.samples) };
  s.$('[data-text="beta-beta-vae"]').textContent = `beta = ${settings.beta}`;
  for (const [i, name] of twins.entries())
    for (const number in DIGITS)
      showNumber(s, `${number}-${name}`, numbers[number][i] ?? Number.NaN, DIGITS[number]);
  paint(s);
}

// Draws the picture with this number of a sheet with one column.
function drawOne(s, context, sheet, index, left, top, width, height) {
  const [, h, w] = s.packet.shape;
  context.imageSmoothingQuality = 'high';
  if (sheet.height >= (index + 1) * h) context.drawImage(sheet, 0, index * h, w, h, left, top, width, height);
}

function paintNow(s) {
  const { n_frames } = s.packet;
  s.$('[data-text=t]').textContent = n_frames ? `${Math.round((100 * s.t) / (n_frames - 1))} %` : '';
  for (const [i, twin] of s.twins.entries()) {
    const { context, width, height } = fitted(twin.querySelector('.le-now'));
    if (n_frames) drawOne(s, context, s.sheets.films, i * n_frames + s.t, 0, 0, width, height);
    paintPath(s, twin.querySelector('.le-line-film'), i);
  }
}

function paintPath(s, canvas, i) {
  const { n_frames } = s.packet;
  const { context, width, height } = fitted(canvas);
  const slot = width / STRIP;
  const side = Math.min(slot - 2, height - 4);
  if (!n_frames) return;
  for (let j = 0; j < STRIP; j++) {
    const frame = Math.round((j * (n_frames - 1)) / (STRIP - 1));
    drawOne(s, context, s.sheets.films, i * n_frames + frame, j * slot, 0, side, side);
  }
  context.fillStyle = getComputedStyle(s.twins[i]).borderTopColor;
  context.fillRect((s.t / (n_frames - 1)) * (width - slot) + side / 2 - 8, height - 4, 16, 4);
}

function paint(s) {
  const { n_samples, kl, n_frames } = s.packet;
  paintNow(s);
  for (const end of s.root.querySelectorAll('[data-end]')) {
    const { context, width, height } = fitted(end);
    if (n_frames) drawOne(s, context, s.sheets.ends, +end.dataset.end, 0, 0, width, height);
  }
  const ink = getComputedStyle(s.$('.le-exhibit')).getPropertyValue('--st-text-color');
  for (const [i, twin] of s.twins.entries()) {
    const { context, width, height } = fitted(twin.querySelector('.le-draws'));
    const side = width / SAMPLE_COLUMNS;
    for (let j = 0; j < n_samples && n_frames; j++) {
      const [left, top] = [
        (j % SAMPLE_COLUMNS) * side,
        Math.floor(j / SAMPLE_COLUMNS) * (height / SAMPLE_COLUMNS),
      ];
      drawOne(
        s,
        context,
        s.sheets.samples,
        i * n_samples + j,
        left,
        top,
        side - 1,
        height / SAMPLE_COLUMNS - 1,
      );
    }
    drawBars(twin.querySelector('.le-kl-bars'), kl[i] ?? [], getComputedStyle(twin).borderTopColor, ink);
  }
}
