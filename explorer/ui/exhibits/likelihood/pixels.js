// The image, and under each likelihood the mean, a draw and the standard deviation, with one pixel marked.

import { hasModifier } from '../../wire/page.js';
import { drawSheet } from '../../wire/pictures.js';
import { nats, showNumber } from '../parts/numbers.js';

const TITLES = {
  bernoulli: 'Bernoulli',
  gaussian: 'Gaussian, variance 1',
  'gaussian-learned': 'Gaussian, learned variance',
  'continuous-bernoulli': 'continuous Bernoulli',
};
const PICTURES = ['mean', 'sample', 'sd'];
const VALUES = { mean: 'mean', variance: 'variance', 'log-prob': 'log p' };
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

function element(tag, { data = {}, ...properties }, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  Object.assign(made.dataset, data);
  made.append(...children);
  return made;
}

const picture = (name, row) =>
  element(
    'div',
    { className: 'le-picture-cell', data: row === 'sample' ? { cover: 'sample' } : {} },
    element('canvas', { data: { column: name, row }, role: 'img', ariaLabel: `${row} of ${name}` }),
    element('i', { className: 'le-mark' }),
  );

export function buildPixels(s) {
  s.columns = Object.keys(TITLES);
  const grid = s.$('[data-part=observed]');
  grid.append(
    element('span', { className: 'le-row-name', textContent: 'the image x, and the mean of p(x|z)' }),
  );
  for (const name of s.columns) {
    const button = element('button', {
      className: 'le-column-name',
      data: { of: name },
      textContent: TITLES[name],
    });
    button.addEventListener('click', () => s.set({ of: name }));
    const kind = name === 'bernoulli' ? '\u2212 cross-entropy' : 'log p(x|z)';
    const value = element('b', { data: { num: `log-prob-${name}` } });
    const kl = element('small', {}, 'KL of q ', element('b', { data: { num: `kl-${name}` } }));
    const text = element('span', { textContent: kind });
    grid.append(element('div', { className: 'le-column' }, button, text, value, kl));
  }
  const labels = {
    mean: picture('x', 'image'),
    sample: s.$('[data-part=draws]'),
    sd: element('span', {
      className: 'le-row-name',
      textContent: 'standard deviation of x: black 0, white 1',
    }),
  };
  for (const row of PICTURES) grid.append(labels[row], ...s.columns.map((name) => picture(name, row)));
  grid.append(element('span', { className: 'le-row-name', data: { text: 'pixel' } }));
  for (const name of s.columns) {
    const lines = Object.entries(VALUES).map(([value, text]) =>
      element(
        'div',
        {},
        element('dt', { textContent: text }),
        element('dd', { data: { num: `pixel-${value}-${name}` } }),
      ),
    );
    grid.append(element('dl', { className: 'le-pixel-values' }, ...lines));
  }
  listenToPixels(s, grid);
}

function listenToPixels(s, grid) {
  const at = (event) => {
    const canvas = event.target.closest?.('.le-picture-cell')?.firstChild;
    if (!canvas || !s.packet) return null;
    const [, height, width] = s.packet.shape;
    const box = canvas.getBoundingClientRect();
    const index = (size, position) => Math.min(size - 1, Math.max(0, Math.floor(size * position)));
    const row = index(height, (event.clientY - box.top) / box.height);
    return row * width + index(width, (event.clientX - box.left) / box.width);
  };
  const go = (event, isKept) => {
    const pixel = at(event);
    if (pixel === null) return;
    markPixel(s, pixel);
    if (isKept) s.set({ pixel });
  };
  grid.addEventListener('pointermove', (event) => go(event, false));
  grid.addEventListener('click', (event) => go(event, true));
  grid.addEventListener('keydown', (event) => {
    if (event.target !== grid || !ARROWS[event.key] || hasModifier(event) || !s.packet) return;
    event.preventDefault();
    event.stopPropagation();
    const [, height, width] = s.packet.shape;
    const [dx, dy] = ARROWS[event.key];
    const x = Math.min(width - 1, Math.max(0, (s.pixel % width) + dx));
    const y = Math.min(height - 1, Math.max(0, Math.floor(s.pixel / width) + dy));
    markPixel(s, y * width + x);
    s.set({ pixel: s.pixel });
  });
}

export function paintPixels(s, packet) {
  const { shape, image, means, variances, samples, n_samples, of } = packet;
  s.drawn = drawSheet(samples, shape, n_samples); // a row for each likelihood
  const mean = drawSheet(
    toGrey(means, (value) => value),
    shape,
    1,
  );
  const sd = drawSheet(toGrey(variances, Math.sqrt), shape, 1);
  paintCell(s, 'x', 'image', drawSheet(image, shape, 1), 0, 0);
  s.columns.forEach((name, i) => {
    paintCell(s, name, 'mean', mean, 0, i);
    paintCell(s, name, 'sd', sd, 0, i);
    s.$(`[data-of="${name}"]`).setAttribute('aria-pressed', name === of);
  });
  s.$('[data-text=of]').textContent = TITLES[of];
}

const toGrey = (values, scale) => Uint8ClampedArray.from(values, (value) => Math.round(255 * scale(value)));

export function paintDraw(s, seed) {
  s.columns.forEach((name, i) => {
    paintCell(s, name, 'sample', s.drawn, seed, i);
  });
}

function paintCell(s, name, row, sheet, column, line) {
  const [, height, width] = s.packet.shape;
  const canvas = s.$(`canvas[data-column="${name}"][data-row="${row}"]`);
  Object.assign(canvas, { width, height });
  canvas.getContext('2d').drawImage(sheet, column * width, line * height, width, height, 0, 0, width, height);
}

// Marks a pixel in every picture, and shows its mean, variance and log probability under each likelihood.
export function markPixel(s, pixel) {
  const { shape, image, means, variances, pixel_log_probs } = s.packet;
  const [channels, height, width] = shape;
  s.pixel = pixel;
  const [x, y] = [pixel % width, Math.floor(pixel / width)];
  const place = { left: x / width, top: y / height, width: 1 / width, height: 1 / height };
  for (const mark of s.root.querySelectorAll('.le-mark'))
    for (const side in place) mark.style[side] = `${100 * place[side]}%`;
  const sum = (values, i) => {
    let total = 0;
    for (let c = 0; c < channels; c++) total += values[(i * channels + c) * height * width + pixel];
    return total;
  };
  const level = sum(image, 0) / channels / 255;
  s.$('[data-text=pixel]').textContent = `pixel ${x}, ${y}: x = ${nats(level)}`;
  s.columns.forEach((name, i) => {
    showNumber(s, `pixel-mean-${name}`, sum(means, i) / channels, 3);
    showNumber(s, `pixel-variance-${name}`, sum(variances, i) / channels, 3);
    showNumber(s, `pixel-log-prob-${name}`, sum(pixel_log_probs, i), 3);
  });
}
