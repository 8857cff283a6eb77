// The terms of the loss: three twins side by side, moved through their epochs by one scrubber.

import { countPaint } from '../../wire/cursor.js';
import { drawSheet } from '../../wire/pictures.js';
import { onResize } from '../parts/canvas.js';
import { mountExhibit } from '../parts/exhibit.js';
import { showNumber } from '../parts/numbers.js';
import { drawPictureRows } from '../parts/picture_rows.js';
import { acceptTraining, buildTraining } from '../parts/training.js';
import { drawBubbles, nearestBubble } from './bubbles.js';
import { drawMeanHalf, drawVarianceHalf } from './halves.js';

const SHOWN = { recon: 2, kl: 2, radius: 2, home: 2, overlap: 0 }; // decimals of the numbers
const FRAME_MS = 160; // of the film

export default mountExhibit('lossTermsExhibits', build, accept);

function build(s) {
  Object.assign(s, { at: 0, hot: -1, film: 0, twins: [...s.root.querySelectorAll('.le-twin')] });
  buildTraining(s);
  s.scrub = s.$('[data-testid=epoch-scrub]');
  s.scrub.addEventListener('input', (e) => {
    clearTimeout(s.film);
    show(s, +s.scrub.value);
    countPaint(e);
    s.set({ epoch: s.packet.epochs[s.at] });
  });
  s.$('[data-do=play]').addEventListener('click', () => play(s));
  s.ends.push(() => clearTimeout(s.film));
  for (const [t, twin] of s.twins.entries()) {
    const canvas = twin.querySelector('.le-bubbles');
    canvas.addEventListener('pointermove', (e) => {
      if (!s.packet.epochs.length) return;
      s.hot = nearestBubble(canvas, bubblesOf(s, t), s.packet.reach[t], e.offsetX, e.offsetY);
      paint(s);
      countPaint(e);
    });
    canvas.addEventListener('pointerleave', () => {
      s.hot = -1;
      paint(s);
    });
  }
  onResize(s, s.root.querySelectorAll('canvas'), () => paint(s));
}

function accept(s, packet) {
  const { epochs, epoch, shape } = packet;
  acceptTraining(s, packet);
  if (s.at + 1 >= epochs.length) clearTimeout(s.film); // another run, with fewer epochs
  s.$('[data-setting=data]').closest('label').hidden = !packet.has_mnist;
  s.sheets = {
    originals: drawSheet(packet.originals, shape, 64),
    frames: drawSheet(packet.frames, shape, 64),
  };
  s.scrub.max = Math.max(0, epochs.length - 1);
  s.scrub.disabled = epochs.length < 2;
  s.root.querySelector('.le-twins').classList.toggle('le-empty', !epochs.length);
  if (s.isSettled() || s.at >= epochs.length) s.at = Math.max(0, epochs.indexOf(epoch));
  show(s, s.at);
}

// Shows an epoch by its place in the film.
function show(s, at) {
  const { epochs, numbers, twins } = s.packet;
  s.at = at;
  s.scrub.value = at;
  s.$('[data-text=epoch]').textContent = epochs.length ? `epoch ${epochs[at]}` : '';
  for (const [t, name] of twins.entries())
    for (const number in SHOWN)
      showNumber(s, `${number}-${name}`, numbers[number][t]?.[at] ?? Number.NaN, SHOWN[number]);
  paint(s);
}

function play(s) {
  clearTimeout(s.film);
  const step = (at) => {
    show(s, at);
    if (at + 1 < s.packet.epochs.length) s.film = setTimeout(step, FRAME_MS, at + 1);
    else s.set({ epoch: s.packet.epochs[at] });
  };
  if (s.packet.epochs.length) step(0);
}

function bubblesOf(s, t) {
  const { bubbles, epochs, n } = s.packet;
  const first = (t * epochs.length + s.at) * 4 * n;
  return bubbles.subarray(first, first + 4 * n);
}

function paint(s) {
  const { epochs, reach, labels, colours, axes, numbers, shape, k } = s.packet;
  const style = getComputedStyle(s.$('.le-exhibit'));
  const ink = style.getPropertyValue('--st-text-color');
  const tones = s.twins.map((twin) => getComputedStyle(twin).getPropertyValue('border-top-color'));
  for (const [t, twin] of s.twins.entries()) {
    const options = { reach: reach[t], labels, colours, axes, ink, hot: s.hot };
    drawBubbles(twin.querySelector('.le-bubbles'), bubblesOf(s, t), options);
    const first = (t * epochs.length + s.at) * 2 * k;
    const rows = [
      { name: 'x', sheet: s.sheets.originals, first: 0 },
      { name: 'x\u0302', sheet: s.sheets.frames, first },
      { name: 'p(z)', sheet: s.sheets.frames, first: first + k },
    ];
    drawPictureRows(twin.querySelector('.le-strips'), epochs.length ? rows : [], k, shape, ink);
  }
  const dots = (name) =>
    tones.map((colour, t) => ({ colour, value: numbers[name][t]?.[s.at] ?? Number.NaN }));
  const known = (name) => dots(name).filter(({ value }) => Number.isFinite(value));
  drawVarianceHalf(s.$('[data-half=v]'), known('v'), ink, ink);
  drawMeanHalf(s.$('[data-half=m]'), known('m'), ink, ink);
}
