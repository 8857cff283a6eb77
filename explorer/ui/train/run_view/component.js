// The view of a run. Keeps the images of each epoch; scrubbing and playing send nothing.

import { countPacket, countPaint } from '../../wire/cursor.js';
import { mounting, whenIdle } from '../../wire/mailbox.js';
import { replaceQuery } from '../../wire/page.js';
import { loadSheet } from '../../wire/pictures.js';
import { drawCurves } from './curves.js';
import { chosenIndex, epochText, wantedAt } from './epochs.js';
import { drawFrame, SHEET_COLUMNS } from './frame.js';
import { drawHeatMap } from './heat_map.js';

const PLAY_MS = 160; // per epoch
const RECHECK_HAVE_MS = 30;
const NEW_RUN = { keys: [], shown: null, wanted: null, originals: null };

export default mounting('runs', build, accept);

function build(root) {
  const $ = (selector) => root.querySelector(selector);
  const s = {
    root,
    $,
    ...NEW_RUN,
    run: null,
    frames: new Map(),
    playing: 0,
    pending: 0, // number of sheets being decoded
    packet: null,
    plane: 'umap',
    drawn: {},
    scrub: $('input'),
    charts: [...root.querySelectorAll('.curves canvas')],
    planes: [...root.querySelectorAll('[data-plane]')],
  };
  s.scrub.addEventListener('input', (e) => {
    pause(s);
    choose(s, +s.scrub.value);
    countPaint(e);
  });
  $('[data-do=play]').addEventListener('click', () => (s.playing ? pause(s) : play(s)));
  for (const button of s.planes)
    button.addEventListener('click', () => {
      s.plane = button.dataset.plane;
      drawFrame(s);
    });
  const onEpoch = (e) => followTwin(s, e.detail);
  window.addEventListener('latent-epoch', onEpoch);
  const observer = new ResizeObserver(() => {
    if (!s.packet) return;
    drawCurves(s);
    drawFrame(s);
    drawHeatMap(s);
  });
  observer.observe($('.run'));
  s.stop = () => {
    observer.disconnect();
    s.cancelHave?.();
    clearInterval(s.playing);
    window.removeEventListener('latent-epoch', onEpoch);
  };
  return s;
}

function followTwin(s, { from, link, wanted }) {
  if (from === s || !s.packet || link !== s.packet.link) return;
  pause(s);
  s.wanted = wanted;
  show(s);
}

// Reports which epochs the view has, so that the server sends the others.
function sendHave(s) {
  const request = { run: s.run, keys: [...s.frames.keys()] };
  s.cancelHave?.();
  s.cancelHave = whenIdle(0, RECHECK_HAVE_MS, () => s.setState('have', request));
}

function accept(s, packet) {
  if (packet.run !== s.run) {
    pause(s);
    Object.assign(s, NEW_RUN, { run: packet.run, frames: new Map() });
  }
  s.packet = packet;
  if (packet.link && `?${packet.link}` !== location.search) replaceQuery(packet.link);
  showTexts(s, packet);
  if (packet.fresh.length) {
    countPacket(packet);
    keepPictures(s, packet);
  }
  for (const key of s.frames.keys()) if (!packet.names.includes(key)) s.frames.delete(key);
  updateKeys(s);
  s.scrub.disabled = s.keys.length < 2;
  s.$('[data-do=play]').disabled = s.keys.length < 2;
  drawCurves(s);
  show(s);
  const isIncomplete = packet.names.some((key) => !s.frames.has(key));
  if (isIncomplete && !packet.fresh.length && !s.pending) sendHave(s); // the server has an outdated report
}

function updateKeys(s) {
  s.keys = s.packet.names.filter((key) => s.frames.has(key));
  s.scrub.max = Math.max(0, s.keys.length - 1);
}

function showTexts(s, packet) {
  const set = (name, text) => {
    const element = s.$(`[data-f=${name}]`);
    if (element.textContent !== text) element.textContent = text;
    return element;
  };
  set('status', packet.status).classList.toggle('live', packet.live);
  set('name', packet.title);
  set('of', packet.n_epochs ? `of ${packet.n_epochs}` : '');
  set('facts', packet.facts);
  set('plane', packet.plane);
  set('dead', packet.dead);
  set('word', packet.word).classList.toggle('bad', packet.bad);
  s.$('[data-testid=run-epoch]').textContent = packet.epoch;
  s.$('[data-testid=run-elbo]').textContent = packet.elbo === null ? '–' : packet.elbo.toFixed(2);
  s.$('progress').value = packet.n_steps ? packet.step / packet.n_steps : 0;
  Object.assign(s.$('.run').dataset, { status: packet.status, dials: packet.dials.length });
}

// Stores the images of new epochs: raw ones at once, a JPEG after the browser has decoded it.
function keepPictures(s, packet) {
  const { run, half, labels } = packet;
  const size = 2 * labels.length; // coordinates per epoch
  Object.assign(s, { half, labels });
  s.pending += 1;
  loadSheet(packet, 'frames', SHEET_COLUMNS, (picture) => {
    s.pending -= 1;
    if (s.run !== run) return;
    packet.fresh.forEach((key, i) => {
      const [xy, umap] = [packet.xy, packet.umap].map((all) => all.subarray(size * i, size * (i + 1)));
      s.frames.set(key, { picture, first: 2 * half * i, xy, umap: umap.length ? umap : null });
    });
    updateKeys(s);
    show(s);
    sendHave(s);
  });
  if (packet.originals?.length)
    loadSheet(packet, 'originals', SHEET_COLUMNS, (picture) => {
      s.originals = picture;
      drawFrame(s);
    });
}

function show(s) {
  const index = chosenIndex(s.keys, s.wanted);
  s.shown = s.keys[index] ?? null;
  s.scrub.value = Math.max(0, index);
  const text = epochText(s.shown, s.wanted === null && s.packet.live);
  s.$('output').textContent = text;
  s.scrub.setAttribute('aria-valuetext', text);
  drawFrame(s);
  drawHeatMap(s);
}

// Selects an epoch in this view and in those of the twins.
function choose(s, index) {
  if (!s.keys.length) return;
  s.wanted = wantedAt(s.keys, index);
  show(s);
  const detail = { from: s, link: s.packet.link, wanted: s.wanted };
  window.dispatchEvent(new CustomEvent('latent-epoch', { detail }));
}

function play(s) {
  if (s.keys.indexOf(s.shown) >= s.keys.length - 1) choose(s, 0);
  s.$('[data-do=play]').textContent = '❚❚';
  s.playing = setInterval(() => {
    const next = s.keys.indexOf(s.shown) + 1;
    if (next >= s.keys.length) return pause(s);
    choose(s, next);
  }, PLAY_MS);
}

function pause(s) {
  clearInterval(s.playing);
  s.playing = 0;
  s.$('[data-do=play]').textContent = '▶';
}
