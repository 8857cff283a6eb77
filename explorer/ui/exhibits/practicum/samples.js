// Draws of the prior with their support.

import { blit, drawSheet, fitCanvas } from '../../wire/pictures.js';
import { nats, showNumber } from '../parts/numbers.js';

export function showSamples(s, packet) {
  const { samples, support, shape } = packet;
  const sheet = drawSheet(samples, shape, support.length);
  const items = support.map((value, i) => {
    const item = document.createElement('li');
    const canvas = document.createElement('canvas');
    fitCanvas(canvas, shape);
    blit(canvas, sheet, i, support.length, shape);
    const caption = document.createElement('span');
    caption.textContent = nats(value, 3);
    item.append(canvas, caption);
    return item;
  });
  s.$('[data-part=samples]').replaceChildren(...items);
  showNumber(s, 'support-best', support[0], 4);
  showNumber(s, 'support-worst', support[support.length - 1], 4);
}
