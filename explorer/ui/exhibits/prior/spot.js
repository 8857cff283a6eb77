// The point z on the plane that the viewer moves, and the image decoded there.

import { blit, drawSheet, fitCanvas } from '../../wire/pictures.js';
import { clamp } from '../parts/axes.js';
import { showNumber } from '../parts/numbers.js';
import { showSettings } from '../parts/settings.js';

const STEPS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowDown: [0, -1], ArrowUp: [0, 1] };
const KEY_STEP = 0.1;

// Lets the pointer and the arrow keys move z on the canvases, whose plane is [-span, span]^2.
export function buildSpot(s, canvases) {
  s.film = null;
  for (const canvas of canvases) {
    const move = (event) => moveSpot(s, ...planePoint(s, canvas, event), event);
    canvas.addEventListener('pointerdown', (event) => {
      canvas.setPointerCapture(event.pointerId);
      if (!s.chooseHole?.(canvas, event)) move(event);
    });
    canvas.addEventListener('pointermove', (event) => {
      if (event.buttons) move(event);
    });
    canvas.addEventListener('keydown', (event) => {
      const step = STEPS[event.key];
      if (!step || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      event.stopPropagation();
      const [x, y] = spotNow(s);
      moveSpot(s, x + KEY_STEP * step[0], y + KEY_STEP * step[1], event);
    });
  }
}

function planePoint(s, canvas, event) {
  const { span } = s.packet;
  const box = canvas.getBoundingClientRect();
  const share = [(event.clientX - box.left) / box.width, 1 - (event.clientY - box.top) / box.height];
  return share.map((value) => (2 * value - 1) * span);
}

function moveSpot(s, x, y, event) {
  const { span } = s.packet;
  const values = { z1: clamp(x, -span, span), z2: clamp(y, -span, span), hole: 0 };
  Object.assign(s.values, values);
  showSettings(s);
  s.onChange('z1', event);
  s.set(values);
}

// Where z is: at the chosen hole, or where the viewer has put it.
export function spotNow(s) {
  const hole = s.packet.holes[s.values.hole - 1];
  return hole ? hole.slice(0, 2) : [s.values.z1, s.values.z2];
}

export function acceptSpot(s, packet, repaint) {
  const { sheet, n_side } = packet;
  if (!n_side || s.film?.bytes === sheet.length) return;
  createImageBitmap(new Blob([sheet], { type: 'image/jpeg' })).then((picture) => {
    s.film = { picture, bytes: sheet.length };
    repaint();
  });
}

// Shows the image at z: that of the packet at rest, else that of the nearest decoded point.
export function paintSpot(s) {
  const { values, n_side, shape, spot, spot_support, support, span } = s.packet;
  const [x, y] = spotNow(s);
  showNumber(s, 'spot-1', x, 3);
  showNumber(s, 'spot-2', y, 3);
  if (!n_side) return;
  const canvas = s.$('[data-part=spot]');
  fitCanvas(canvas, shape);
  if (['z1', 'z2', 'hole'].every((name) => values[name] === s.values[name])) {
    blit(canvas, drawSheet(spot, shape, 1), 0, 1, shape);
    showNumber(s, 'support', spot_support, 3);
    return;
  }
  const [column, row] = [x, -y].map((value) => Math.round(((value + span) / (2 * span)) * (n_side - 1)));
  const index = row * n_side + column;
  if (s.film) blit(canvas, s.film.picture, index, n_side, shape);
  showNumber(s, 'support', support[index], 3);
}

// Draws z on a canvas of the plane.
export function drawSpot(s, { context, width, height, ink, paper }) {
  const { span } = s.packet;
  const [x, y] = spotNow(s);
  const [left, top] = [(0.5 + x / (2 * span)) * width, (0.5 - y / (2 * span)) * height];
  context.lineWidth = 5;
  for (const colour of [paper, ink]) {
    context.strokeStyle = colour;
    context.beginPath();
    context.arc(left, top, 11, 0, 2 * Math.PI);
    context.stroke();
    context.lineWidth = 2.5;
  }
}

// Draws circles of the prior, at 1, 2 and 3 sigma.
export function drawRings(s, { context, width, ink }) {
  const { span } = s.packet;
  context.strokeStyle = ink;
  context.lineWidth = 1;
  context.globalAlpha = 0.5;
  for (const radius of [1, 2, 3]) {
    context.beginPath();
    context.arc(width / 2, width / 2, (radius * width) / (2 * span), 0, 2 * Math.PI);
    context.stroke();
  }
  context.globalAlpha = 1;
}
