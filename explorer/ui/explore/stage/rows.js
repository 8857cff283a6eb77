// The rows of the stage, one per dimension: a slider over its film, its value, its KL, and the posterior of
// the picked image.

import { drawStrip } from '../../wire/pictures.js';
import { filmValues, followedText, isFilmValid, klText, parseValue, posteriorBand } from './films.js';

const FEW = 4; // rows of full height, which leave space for the pad below them
const ROW = (dim) => `
  <label for="z-${dim}">z<sub>${dim}</sub><span class="followed"></span></label>
  <div class="track">
    <canvas aria-hidden="true"></canvas><span class="band" hidden></span>
    <input type="range" id="z-${dim}" data-testid="z-${dim}" step="any" aria-label="Latent dimension ${dim}">
  </div>
  <input type="number" step="any" aria-label="Value of z ${dim}"><span class="kl"></span>`;

// Creates a row for each dimension of the packet. `on`: the event handlers.
export function buildRows(s, on) {
  const rows = s.$('.rows');
  const n = s.packet.dims.length;
  rows.replaceChildren();
  s.rows.clear();
  s.$('.stage').style.setProperty('--n', n);
  s.$('.stage').classList.toggle('few', n <= FEW);
  document.documentElement.style.setProperty('--le-rows', n);
  [...s.packet.dims].forEach((dim, k) => {
    const row = document.createElement('div');
    row.className = 'row';
    row.innerHTML = ROW(dim);
    const range = row.querySelector('[type=range]');
    const number = row.querySelector('[type=number]');
    listenToSlider(s, range, dim, on);
    const onWheel = (e) => {
      e.preventDefault();
      on.nudge(dim, e.deltaY < 0 || e.deltaX > 0 ? 1 : -1);
    };
    row.querySelector('.track').addEventListener('wheel', onWheel, { passive: false });
    number.addEventListener('change', () => {
      const value = parseValue(number.value);
      if (value === null) on.settle();
      else on.setValue(dim, value);
    });
    rows.append(row);
    const find = (selector) => row.querySelector(selector);
    const [canvas, band, kl, followed] = ['canvas', '.band', '.kl', '.followed'].map(find);
    s.rows.set(dim, { k, row, range, number, canvas, band, kl, followed });
  });
}

function listenToSlider(s, range, dim, on) {
  range.addEventListener('input', (e) => on.slide(dim, e));
  range.addEventListener('change', () => {
    if (!s.dragging) return;
    s.dragging = false;
    s.commit.flush();
  });
  range.addEventListener('pointerdown', () => {
    s.dragging = true;
  });
  const onUp = () => setTimeout(on.release); // after `change`
  for (const name of ['pointerup', 'pointercancel']) range.addEventListener(name, onUp);
  range.addEventListener('keydown', (e) => on.key(dim, e));
  range.addEventListener('dblclick', () => on.setValue(dim, 0));
}

// Names what each dimension follows.
function nameRows(s) {
  const { follows } = s.packet;
  s.$('.stage').classList.toggle('named', follows.some(Boolean));
  for (const [dim, { k, range, followed }] of s.rows) {
    const text = followedText(follows[k]);
    followed.textContent = text;
    followed.title = text && `|rank correlation| of z${dim} with this attribute, over the images of the map`;
    range.setAttribute('aria-label', `Latent dimension ${dim}${text && `, follows ${text}`}`);
  }
}

// Updates sliders, numbers and posterior bands to z.
export function settleRows(s) {
  nameRows(s);
  for (const [dim, r] of s.rows) {
    const values = filmValues(s.packet, r.k);
    const low = Math.min(values[0], s.z[dim]);
    const high = Math.max(values[values.length - 1], s.z[dim]);
    if (+r.range.min !== low) r.range.min = low;
    if (+r.range.max !== high) r.range.max = high;
    if (!(s.dragging && r.range.matches(':active'))) r.range.value = s.z[dim];
    if (s.root.activeElement !== r.number) r.number.value = s.z[dim].toFixed(2);
    r.range.setAttribute('aria-valuetext', s.z[dim].toFixed(2));
    r.kl.textContent = klText(s.packet.kl[r.k]);
    const posterior = s.packet.posterior?.[r.k];
    r.band.hidden = !posterior;
    if (posterior) {
      const [left, width] = posteriorBand(posterior, low, high);
      r.band.style.left = `calc(7px + (100% - 14px) * ${left})`;
      r.band.style.width = `max(3px, calc((100% - 14px) * ${width}))`;
    }
  }
  markRows(s);
}

export function markRows(s) {
  for (const [dim, r] of s.rows) r.row.classList.toggle('stale', !isFilmValid(s.z, s.packet.z, dim));
}

export function drawStrips(s) {
  if (!s.picture) return;
  const { n_frames, shape } = s.packet;
  for (const { canvas, k } of s.rows.values())
    if (canvas.getBoundingClientRect().width)
      drawStrip(canvas, s.picture, k * n_frames, n_frames, n_frames, shape);
}
