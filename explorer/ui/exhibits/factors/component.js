// Factors: the graphical model run forwards (draw) and backwards (infer), and films along each trait.

import { countPaint } from '../../wire/cursor.js';
import { blit, drawSheet, drawStrip, fitCanvas } from '../../wire/pictures.js';
import { onResize } from '../parts/canvas.js';
import { mountExhibit } from '../parts/exhibit.js';
import { nats, showNumber } from '../parts/numbers.js';
import { drawBars } from './bars.js';

const ARROW_MS = 350; // between z and x
const SHOWN_SIGMA = 3.5; // the bars' range

export default mountExhibit('factors', build, accept);

function build(s) {
  const { $ } = s;
  Object.assign(s, { timer: 0, key: '', sliders: [], shown: null });
  s.ends.push(() => clearTimeout(s.timer));
  $('[data-do=draw]').addEventListener('click', () => {
    const n = s.packet.draws_traits.length / s.packet.names.length;
    s.draw = (s.draw + 1) % n;
    runForwards(s);
    s.set({ draw: s.draw, show: 'draw' });
  });
  $('[data-do=infer]').addEventListener('click', () => {
    runBackwards(s);
    s.set({ show: 'infer' });
  });
  onResize(s, [$('[data-part=traits]'), $('[data-part=z]')], () => redraw(s));
}

function accept(s, packet) {
  const { shape, names, draws, films, n_frames, x, show, draw } = packet;
  const key = names.join();
  if (s.key !== key) buildTraits(s, packet);
  s.key = key;
  s.sheets = {
    draws: drawSheet(draws, shape, draws.length / (shape[0] * shape[1] * shape[2])),
    films: drawSheet(films, shape, n_frames),
    x: drawSheet(x, shape, 1),
  };
  fitCanvas(s.$('[data-part=x]'), shape);
  showMatrix(s, packet);
  names.forEach((name, i) => {
    showNumber(s, `r2-${name}`, packet.r2[i]);
  });
  if (!s.isSettled()) return;
  const isShown = s.shown === 'draw' && s.draw === draw && s.model === packet.model;
  Object.assign(s, { draw, model: packet.model });
  if (show === 'infer') runBackwards(s);
  else if (!isShown) runForwards(s);
  redraw(s);
}

function redraw(s) {
  const { shape, n_frames } = s.packet;
  s.sliders.forEach(({ canvas }, i) => {
    drawStrip(canvas, s.sheets.films, i * n_frames, n_frames, n_frames, shape);
  });
  if (s.bars) drawBars(s.$('[data-part=z]'), ...s.bars, SHOWN_SIGMA);
}

const row = (array, i, length) => array.subarray(i * length, (i + 1) * length);

// Shows z; `sigma` is null where z is a point.
function showZ(s, z, sigma, caption) {
  s.bars = [z, sigma];
  drawBars(s.$('[data-part=z]'), z, sigma, SHOWN_SIGMA);
  s.$('[data-part=z-caption]').textContent = caption;
}

function showX(s, sheet, index, columns, caption) {
  blit(s.$('[data-part=x]'), sheet, index, columns, s.packet.shape);
  s.$('[data-part=x-caption]').textContent = caption;
}

function runForwards(s) {
  const { draws_z, draws_traits, names, mean } = s.packet;
  const n = draws_traits.length / names.length;
  s.shown = 'draw';
  clearTimeout(s.timer);
  setArrow(s, 'decode', true);
  showZ(s, row(draws_z, s.draw, mean.length), null, `drawn from p(z), number ${s.draw + 1}`);
  s.timer = setTimeout(() => {
    setArrow(s, 'decode', false);
    showX(s, s.sheets.draws, s.draw, n, 'the mean of p(x|z)');
    readOff(s, row(draws_traits, s.draw, names.length));
  }, ARROW_MS);
}

function runBackwards(s) {
  const { mean, sigma } = s.packet;
  s.shown = 'infer';
  clearTimeout(s.timer);
  setArrow(s, 'encode', true);
  showX(s, s.sheets.x, 0, 1, 'the chosen image');
  readOff(s, null);
  s.timer = setTimeout(() => {
    setArrow(s, 'encode', false);
    showZ(s, mean, sigma, 'q(z|x): mean and one sigma');
  }, ARROW_MS);
}

function setArrow(s, way, isRunning) {
  const graph = s.$('[data-part=graph]');
  graph.dataset.way = way;
  graph.classList.toggle('running', isRunning);
  s.$('[data-part=arrow]').textContent = way === 'decode' ? 'p(x|z)' : 'q(z|x)';
}

function readOff(s, values) {
  s.packet.names.forEach((name, i) => {
    showNumber(s, `drawn-${name}`, values ? values[i] : Number.NaN, 1);
  });
}

function showMatrix(s, packet) {
  const { rows, names, correlations } = packet;
  const cells = (tag, texts) =>
    texts.map((text) => {
      const cell = document.createElement(tag);
      cell.textContent = text;
      return cell;
    });
  const lines = rows.map((dim, i) => {
    const [name] = cells('th', ['z']);
    const [index] = cells('sub', [dim]);
    name.append(index);
    const values = [...row(correlations, i, names.length)];
    const found = cells(
      'td',
      values.map((value) => nats(value, 2)),
    );
    found.forEach((cell, k) => {
      cell.style.setProperty('--share', `${Math.round(100 * values[k])}%`);
      cell.classList.toggle('strong', values[k] >= 0.5);
    });
    return [name, ...found];
  });
  const table = [cells('th', ['', ...names]), ...lines].map((line) => {
    const element = document.createElement('tr');
    element.append(...line);
    return element;
  });
  s.$('.le-matrix').replaceChildren(...table);
}

function buildTraits(s, packet) {
  const { names, units, n_frames } = packet;
  s.sliders = names.map((name, i) => traitSlider(s, name, units[i], i, n_frames));
  s.$('[data-part=traits]').replaceChildren(...s.sliders.map(({ line }) => line));
  const read = names.map((name, i) => {
    const pair = document.createElement('div');
    const [label, value] = ['dt', 'dd'].map((tag) => document.createElement(tag));
    label.textContent = units[i] ? `${name}, ${units[i]}` : name;
    value.dataset.num = `drawn-${name}`;
    pair.append(label, value);
    return pair;
  });
  s.$('.le-read').replaceChildren(...read);
}

function traitSlider(s, name, unit, i, n) {
  const line = document.createElement('label');
  const [text, canvas, input, r2] = ['span', 'canvas', 'input', 'b'].map((tag) =>
    document.createElement(tag),
  );
  text.textContent = name;
  const quality = document.createElement('small');
  quality.append('R\u00b2 ', r2);
  r2.dataset.num = `r2-${name}`;
  text.append(quality);
  Object.assign(input, { type: 'range', min: 0, max: n - 1, value: (n - 1) / 2, ariaLabel: name });
  input.dataset.testid = `trait-${name}`;
  input.addEventListener('input', (event) => {
    const { names, films_z, films_traits, mean } = s.packet;
    const at = i * n + +input.value;
    clearTimeout(s.timer);
    s.shown = 'move';
    setArrow(s, 'decode', false);
    showZ(s, row(films_z, at, mean.length), null, `moved along ${name}`);
    showX(s, s.sheets.films, at, n, 'the mean of p(x|z)');
    readOff(
      s,
      names.map((_, j) => (j === i ? films_traits[at] : Number.NaN)),
    );
    input.setAttribute('aria-valuetext', `${name} ${nats(films_traits[at], 1)} ${unit}`);
    countPaint(event);
  });
  line.append(text, canvas, input);
  return { line, canvas };
}
