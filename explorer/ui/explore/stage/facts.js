// Fills in everything on the stage but image and sliders: norm and support of z, picked image, buttons.

import { blit, drawSheet, fitCanvas } from '../../wire/pictures.js';
import { isApproximate, normText, supportText } from './films.js';

// The numbers belong to the image on the stage: that of z, or a frame that another component lets it show.
export function showFacts(s, support) {
  s.$('[data-fact=norm]').textContent = normText(s.peek?.z ?? s.z);
  s.$('[data-fact=support]').textContent = supportText(support ?? s.packet.at_support);
  s.$('[data-fact=approximate]').hidden = Boolean(s.peek) || !isApproximate(s.z, s.packet);
}

// Names what moves on the stage, such as "slerp, t = 0.49"; '' for nothing.
export function showCaption(s, text) {
  const caption = s.$('.caption');
  caption.hidden = !text;
  caption.querySelector('span').textContent = text;
  for (const button of caption.querySelectorAll('button')) button.hidden = !s.peek?.canKeep;
}

// Lights the part of the line x, q(z|x), z, decoded image that is being changed.
export function lightFlow(s, part) {
  for (const element of s.root.querySelectorAll('[data-flow]'))
    element.classList.toggle('lit', element.dataset.flow === part);
}

// Shows the picked image, its reconstruction and the error, as far as the packet has them.
export function showPicked(s) {
  const { packet } = s;
  s.$('.description').textContent = packet.told ?? 'Click a point of the map to pick an image.';
  const picture = packet.trio.length ? drawSheet(packet.trio, packet.shape, 1) : null;
  for (const name of ['picked', 'recon', 'error']) {
    const canvas = s.$(`[data-part=${name}]`);
    const index = packet.trio_parts.indexOf(name);
    fitCanvas(canvas, packet.shape);
    canvas.parentElement.classList.toggle('empty', index < 0);
    if (index >= 0) blit(canvas, picture, index, 1, packet.shape);
  }
}

export function showTools(s) {
  const { packet, $ } = s;
  $('[data-do=undo]').disabled = !packet.can_undo;
  $('[data-do=redo]').disabled = !packet.can_redo;
  $('[data-do=picked]').disabled = packet.picked === null;
  $('.go').placeholder = `0-${packet.n_images - 1}`;
  $('.go').max = packet.n_images - 1;
  if (s.root.activeElement !== $('.go')) $('.go').value = packet.picked >= 0 ? (packet.picked ?? '') : '';
  $('.dead').hidden = !packet.dead;
  $('.dead').textContent = packet.dead ?? '';
  $('.pager').hidden = !packet.pages;
  if (packet.pages) {
    const [first, end, n] = packet.pages;
    $('.pager .range').textContent = ` ${first + 1}-${end} of ${n} `;
    $('[data-do=back]').disabled = first === 0;
    $('[data-do=more]').disabled = end >= n;
  }
}

// Marks the image as updating unless it is the one at z.
export function markStage(s, isFresh) {
  s.$('.wait').hidden = isFresh;
  s.$('.screen').classList.toggle('stale', !isFresh);
}
