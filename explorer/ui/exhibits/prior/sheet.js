// A disc of the prior, and the sheet of images that the decoder makes of it.

import { countPaint } from '../../wire/cursor.js';
import { chart } from '../parts/axes.js';
import { drawRings, drawSpot } from './spot.js';

const EVERY = 2; // of the decoded points, along both sides, is drawn as an image

export function paintDisc(s, event) {
  const { span, cloud } = s.packet;
  const disc = chart(s.$('[data-part=disc]'));
  const { context, width, teal } = disc;
  const scaled = (value) => (value / (2 * span)) * width;
  context.fillStyle = teal;
  for (let i = 0; i < cloud.length; i += 2)
    if (Math.hypot(cloud[i], cloud[i + 1]) <= s.values.disc)
      context.fillRect(width / 2 + scaled(cloud[i]) - 1, width / 2 - scaled(cloud[i + 1]) - 1, 2, 2);
  drawRings(s, disc);
  drawSpot(s, disc);
  paintSheet(s);
  countPaint(event);
}

function paintSheet(s) {
  const { n_side, shape, span } = s.packet;
  const drawn = chart(s.$('[data-part=sheet]'));
  const { context, width } = drawn;
  if (!s.film) return;
  context.imageSmoothingQuality = 'high';
  const size = (EVERY * width) / (n_side - 1) - 1;
  for (let row = 0; row < n_side; row += EVERY)
    for (let column = 0; column < n_side; column += EVERY) {
      const [x, y] = [column, row].map((i) => (2 * span * i) / (n_side - 1) - span);
      if (Math.hypot(x, y) > s.values.disc) continue;
      const [left, top] = [x, y].map((value) => (0.5 + value / (2 * span)) * width - size / 2);
      const from = [column * shape[2], row * shape[1], shape[2], shape[1]];
      context.drawImage(s.film.picture, ...from, left, top, size, size);
    }
  drawRings(s, drawn);
  drawSpot(s, drawn);
}
