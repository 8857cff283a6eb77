// The decoded plane under the points of a map of two dimensions.

import { explorer } from '../../wire/cursor.js';
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
  context.globalAlpha = 0.55;
  for (let frame = 0; frame < side * side; frame++) {
    const column = frame % side;
    const row = Math.floor(frame / side);
    const at = [left + column * w, bottom - (side - row) * h, w, h];
    context.drawImage(picture, column * width, row * height, width, height, ...at);
  }
}
