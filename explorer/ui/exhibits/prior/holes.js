// The aggregate posterior over the prior, with the largest holes.

import { countPaint } from '../../wire/cursor.js';
import { blit, drawSheet, fitCanvas } from '../../wire/pictures.js';
import { chart, dot, text } from '../parts/axes.js';
import { changeSetting } from '../parts/settings.js';
import { drawRings, drawSpot } from './spot.js';

const FULL_NATS = 4; // log ratio with the full colour
const FADE_FROM = 2.5; // sigma of the prior: further out neither has mass
const HOLE_PX = 14;
const MORE_RGB = [0, 121, 107];
const FEWER_RGB = [217, 119, 6];

export function buildHoles(s) {
  s.$('.le-hole-list').addEventListener('click', (event) => {
    const button = event.target.closest('button');
    if (button) changeSetting(s, 'hole', +button.dataset.hole, event);
  });
  // Chooses the hole under the pointer; false if there is none.
  s.chooseHole = (canvas, event) => {
    if (canvas.dataset.part !== 'holes') return false;
    const box = canvas.getBoundingClientRect();
    const at = [event.clientX - box.left, event.clientY - box.top];
    const i = s.packet.holes.findIndex((hole) => {
      const [x, y] = pixelOf(s, hole, box.width);
      return Math.hypot(x - at[0], y - at[1]) <= HOLE_PX;
    });
    if (i >= 0) changeSetting(s, 'hole', i + 1, event);
    return i >= 0;
  };
}

const pixelOf = (s, [x, y], width) => [
  (0.5 + x / (2 * s.packet.span)) * width,
  (0.5 - y / (2 * s.packet.span)) * width,
];

export function acceptHoles(s, packet) {
  const { holes, hole_pictures, shape } = packet;
  const sheet = drawSheet(hole_pictures, shape, Math.max(1, holes.length));
  const list = s.$('.le-hole-list');
  if (list.children.length !== holes.length) list.replaceChildren(...holes.map((_, i) => holeButton(i)));
  holes.forEach(([, , support, mass], i) => {
    const canvas = list.children[i].querySelector('canvas');
    list.children[i].title = `support ${support.toFixed(3)}, ${(100 * mass).toFixed(1)} % of the prior`;
    fitCanvas(canvas, shape);
    blit(canvas, sheet, i, holes.length, shape);
  });
}

function holeButton(i) {
  const button = document.createElement('button');
  button.dataset.hole = i + 1;
  button.setAttribute('aria-label', `hole ${i + 1}`);
  button.append(document.createElement('canvas'), `${i + 1}`);
  return button;
}

export function paintHoles(s, event) {
  const { holes, n_side } = s.packet;
  const drawn = chart(s.$('[data-part=holes]'));
  if (n_side) {
    const { context, width, ink, paper, font } = drawn;
    context.drawImage(heatOf(s), 0, 0, width, width);
    drawRings(s, drawn);
    holes.forEach((hole, i) => {
      const [x, y] = pixelOf(s, hole, width);
      dot(context, x, y, HOLE_PX, ink);
      text(context, `${i + 1}`, x, y + font / 3, paper, 'center');
    });
    drawSpot(s, drawn);
  }
  for (const button of s.root.querySelectorAll('[data-hole]'))
    button.setAttribute('aria-pressed', +button.dataset.hole === s.values.hole);
  countPaint(event);
}

// The log ratio as a picture, made once for a packet.
function heatOf(s) {
  const { log_ratio, span } = s.packet;
  if (s.heat?.of === log_ratio) return s.heat.picture;
  const n = Math.sqrt(log_ratio.length);
  const pixels = new Uint8ClampedArray(4 * n * n);
  for (let row = 0; row < n; row++)
    for (let column = 0; column < n; column++) {
      const ratio = log_ratio[(n - 1 - row) * n + column];
      const [x, y] = [column, row].map((i) => ((2 * i + 1) / n - 1) * span);
      const fade = Math.exp(-(Math.max(0, Math.hypot(x, y) - FADE_FROM) ** 2));
      const share = Math.min(1, Math.abs(ratio) / FULL_NATS);
      pixels.set([...(ratio > 0 ? MORE_RGB : FEWER_RGB), 210 * share * fade], 4 * (row * n + column));
    }
  const picture = new OffscreenCanvas(n, n);
  picture.getContext('2d').putImageData(new ImageData(pixels, n), 0, 0);
  s.heat = { of: log_ratio, picture };
  return picture;
}
