// The decoded plane under the points of a map of two dimensions.

import { explorer } from '../../wire/cursor.js';
import { padding } from '../../wire/pictures.js';
import { toPixels } from './chart.js';
import { sizedContext } from './thumbnails.js';

export function drawManifold({ chart, packet, underlay }) {
  const context = sizedContext(underlay, chart);
  const { manifold } = explorer;
  if (!manifold || manifold.plane !== packet.plane || packet.plane !== `(${manifold.axes.join(', ')})`)
    return;
  const { picture, side, span, shape } = manifold;
  const [, height, width] = shape;
  const step = (2 * span) / (side - 1);
  const low = -span - step / 2; // a frame is centred on its point
  const [left, bottom] = toPixels(chart, low, low);
  const [right, top] = toPixels(chart, low + step, low + step);
  const [w, h] = [right - left, bottom - top];
  const pad = padding(shape);
  const [gapX, gapY] = [(pad * w) / (width + 2 * pad), (pad * h) / (height + 2 * pad)];
  context.globalAlpha = 0.55;
  context.fillRect(left, bottom - side * h, side * w, side * h);
  for (let frame = 0; frame < side * side; frame++) {
    const column = frame % side;
    const row = Math.floor(frame / side);
    const [x, y] = [left + column * w + gapX, bottom - (side - row) * h + gapY];
    const at = [x, y, w - 2 * gapX, h - 2 * gapY];
    context.clearRect(...at);
    context.drawImage(picture, column * width, row * height, width, height, ...at);
  }
}
