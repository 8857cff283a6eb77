// What the stage says around the sliders: norm and support of z, the picked image, the state of the buttons.

import { blit, drawSheet, fitCanvas } from '../../wire/pictures.js';
import { isApproximate, normText, supportText } from './films.js';

export function showFacts(s, support) {
  s.$('[data-fact=norm]').textContent = normText(s.z);
  s.$('[data-fact=support]').textContent = supportText(support ?? s.packet.at_support);
  s.$('[data-fact=approximate]').hidden = !isApproximate(s.z, s.packet);
}

// The picked image, its reconstruction and the error, those of them that the packet holds.
export function showPicked(s) {
  const { packet } = s;
  s.$('.told').textContent = packet.told ?? 'click a point of the map to pick an image';
  s.$('.told').title = packet.told ?? '';
  const picture = packet.trio.length ? drawSheet(packet.trio, packet.shape, 1) : null;
  for (const name of ['picked', 'recon', 'error']) {
    const canvas = s.$(`[data-part=${name}]`);
    const index = packet.trio_parts.indexOf(name);
    fitCanvas(canvas, packet.shape);
    canvas.parentElement.style.visibility = index < 0 ? 'hidden' : 'visible';
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
  if (s.root.activeElement !== $('.go')) $('.go').value = packet.picked ?? '';
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

// Whether the image shown is the one of z; else it is marked as updating.
export function markStage(s, isFresh) {
  s.$('.wait').hidden = isFresh;
  s.$('.screen').classList.toggle('stale', !isFresh);
}
