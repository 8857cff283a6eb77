// The view of a run. Keeps the images of each epoch; scrubbing and playing send nothing.

import { countPacket, countPaint } from '../../wire/cursor.js';
import { mounting, whenIdle } from '../../wire/mailbox.js';
import { unpack } from '../../wire/packet.js';
import { replaceQuery } from '../../wire/page.js';
import { loadSheet } from '../../wire/pictures.js';
import { buildColumns, showNumbers } from './columns.js';
import { chosenIndex, epochText, isCollapsed, markAt, unionOf, wantedAt } from './epochs.js';
import { drawFrame, SHEET_COLUMNS } from './frame.js';
import { drawHeatMap } from './heat_map.js';
import { drawLoss, stackedText } from './loss.js';

const PLAY_MS = 160; // per epoch
const RECHECK_HAVE_MS = 30;
const NEW_RUN = { keys: [], wanted: null };

export default mounting('runs', build, accept);

function build(root) {
  const $ = (selector) => root.querySelector(selector);
  const s = {
    root,
    $,
    ...NEW_RUN,
    run: null,
    models: [],
    playing: 0,
    packet: null,
    plane: 'umap',
    scrub: $('input'),
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
      showPlanes(s);
      s.models.forEach(drawFrame);
    });
  const observer = new ResizeObserver(() => draw(s));
  observer.observe($('.run'));
  s.stop = () => {
    observer.disconnect();
    s.cancelHave?.();
    clearInterval(s.playing);
  };
  return s;
}

function accept(s, packet) {
  const contents = unpackContents(packet);
  const isOther = packet.run !== s.run || contents.length !== s.models.length;
  if (isOther) {
    pause(s);
    Object.assign(s, NEW_RUN, { run: packet.run, models: buildColumns(s, contents.length) });
  }
  s.packet = packet;
  if (packet.link && `?${packet.link}` !== location.search) replaceQuery(packet.link);
  showTexts(s, packet);
  contents.forEach((content, i) => {
    acceptModel(s.models[i], content);
  });
  updateKeys(s);
  show(s);
  const isIncomplete = s.models.some((model) => isMissingFrames(model));
  if (isIncomplete) sendHave(s); // the server has an outdated report
}

function unpackContents(packet) {
  const { content, sizes } = packet;
  let at = 0;
  return sizes.map((size) => {
    at += size;
    return unpack(content.subarray(at - size, at));
  });
}

function isMissingFrames({ packet, frames, pending }) {
  return packet.names.some((key) => !frames.has(key)) && !packet.fresh.length && !pending;
}

function acceptModel(model, packet) {
  if (packet.key !== model.key)
    Object.assign(model, { key: packet.key, frames: new Map(), originals: null, pending: 0, shown: null });
  model.packet = packet;
  if (packet.fresh.length) {
    countPacket(packet);
    keepPictures(model, packet);
  }
  for (const key of model.frames.keys()) if (!packet.names.includes(key)) model.frames.delete(key);
}

// Stores the images of new epochs: raw ones at once, a JPEG after the browser has decoded it.
function keepPictures(model, packet) {
  const { s } = model;
  const { key, half, labels } = packet;
  const size = 2 * labels.length; // coordinates per epoch
  Object.assign(model, { half, labels });
  model.pending += 1;
  loadSheet(packet, 'frames', SHEET_COLUMNS, (picture) => {
    model.pending -= 1;
    if (model.key !== key) return;
    packet.fresh.forEach((name, i) => {
      const [xy, umap] = [packet.xy, packet.umap].map((all) => all.subarray(size * i, size * (i + 1)));
      model.frames.set(name, { picture, first: 2 * half * i, xy, umap: umap.length ? umap : null });
    });
    updateKeys(s);
    show(s);
    sendHave(s);
  });
  if (packet.originals?.length)
    loadSheet(packet, 'originals', SHEET_COLUMNS, (picture) => {
      model.originals = picture;
      drawFrame(model);
    });
}

// Reports which epochs the view has, so that the server sends the others.
function sendHave(s) {
  const known = s.models.filter((model) => model.packet);
  const keys = Object.fromEntries(known.map((model) => [model.key, [...model.frames.keys()]]));
  const request = { run: s.run, keys };
  s.cancelHave?.();
  s.cancelHave = whenIdle(0, RECHECK_HAVE_MS, () => s.setState('have', request));
}

function updateKeys(s) {
  for (const model of s.models)
    model.keys = model.packet ? model.packet.names.filter((key) => model.frames.has(key)) : [];
  s.keys = unionOf(s.models.map((model) => model.keys));
  s.scrub.max = Math.max(0, s.keys.length - 1);
  s.scrub.disabled = s.keys.length < 2;
  s.$('[data-do=play]').disabled = s.keys.length < 2;
}

function setText(s, name, text) {
  const element = s.$(`[data-f=${name}]`);
  if (element.textContent !== text) element.textContent = text;
  return element;
}

function showTexts(s, packet) {
  setText(s, 'status', packet.status).classList.toggle('live', packet.live);
  setText(s, 'name', packet.run);
  setText(s, 'of', packet.n_epochs ? `of ${packet.n_epochs}` : '');
  setText(s, 'facts', packet.facts);
  setText(s, 'word', packet.word).classList.toggle('bad', packet.bad);
  s.$('progress').value = packet.progress;
}

// Shows the wanted epoch everywhere: numbers, curves, images, map, heat map.
function show(s) {
  const index = chosenIndex(s.keys, s.wanted);
  const key = s.keys[index] ?? null;
  s.scrub.value = Math.max(0, index);
  const text = epochText(key, s.wanted === null && s.packet.status === 'training');
  setOutput(s, text);
  for (const model of s.models) {
    const { packet } = model;
    if (!packet) continue;
    const { marks, names } = packet;
    model.shown = model.keys[chosenIndex(model.keys, s.wanted)] ?? null;
    model.mark = markAt(marks, names.indexOf(model.shown)); // without images, the newest
    showNumbers(model);
  }
  const [{ mark, packet } = {}] = s.models; // twins keep the same epoch
  s.$('[data-testid=run-epoch]').textContent = mark?.epoch >= 0 ? mark.epoch : '–';
  Object.assign(s.$('.run').dataset, {
    status: s.packet.status,
    dials: Math.max(0, ...s.models.map((model) => model.packet?.dials.length ?? 0)),
  });
  setText(s, 'stacked', packet ? `· ${stackedText(packet)}` : '');
  const n = packet?.dims.length ?? 0;
  const dead = mark?.epoch > 0 && s.models.length === 1 ? n - mark.active : 0;
  setText(s, 'dead', dead ? `· ${dead} of ${n} dead` : '').hidden = !dead;
  showPlanes(s);
  draw(s);
}

function setOutput(s, text) {
  const output = s.$('output');
  if (output.textContent !== text) output.textContent = text;
  s.scrub.setAttribute('aria-valuetext', text);
}

function showPlanes(s) {
  const shown = s.models.filter((model) => model.frames.get(model.shown) && !isCollapsed(model.mark));
  const hasUmap = shown.some((model) => model.frames.get(model.shown).umap);
  for (const button of s.planes) {
    button.hidden = !hasUmap;
    button.setAttribute('aria-pressed', button.dataset.plane === s.plane);
  }
  const isPca = !hasUmap || s.plane === 'pca';
  const scale = s.models.length > 1 ? '; each at its own scale' : '';
  const text = isPca ? shown[0]?.packet.plane : 'UMAP, aligned across epochs';
  setText(s, 'plane', text ? `· ${text}${scale}` : '');
}

function draw(s) {
  for (const model of s.models) {
    if (!model.packet) continue;
    drawLoss(model);
    drawFrame(model);
    drawHeatMap(model);
  }
}

function choose(s, index) {
  if (!s.keys.length) return;
  s.wanted = wantedAt(s.keys, index);
  show(s);
}

function play(s) {
  const indexOf = () => chosenIndex(s.keys, s.wanted);
  if (indexOf() >= s.keys.length - 1) choose(s, 0);
  s.$('[data-do=play]').setAttribute('aria-pressed', 'true');
  s.playing = setInterval(() => {
    if (indexOf() + 1 >= s.keys.length) return pause(s);
    choose(s, indexOf() + 1);
  }, PLAY_MS);
}

function pause(s) {
  clearInterval(s.playing);
  s.playing = 0;
  s.$('[data-do=play]').setAttribute('aria-pressed', 'false');
}
