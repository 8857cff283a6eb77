// The tabs with a row of pictures to click: prior, neighbours, classes, arithmetic.

import { blit, fitCanvas } from '../../wire/pictures.js';
import { frameDetail, previewFrame } from './preview.js';

const SIGNS = ['\u2212', '+', '='];
const MISSING = 'ABC'; // labels of anchors that are not chosen yet

// Reuses the elements, so that the focused one keeps the focus.
export function showItems(s, row) {
  const { packet } = s;
  const isSum = packet.tab === 'arithmetic';
  const key = `${packet.tab}-${packet.items.map((item) => !!item)}`;
  if (s.itemsKey !== key) {
    s.itemsKey = key;
    row.replaceChildren(...packet.items.flatMap((item, i) => itemElements(s, item, i, isSum)));
    const first = row.querySelector('button');
    if (first) first.tabIndex = 0;
  }
  row.style.setProperty('--columns', Math.min(16, Math.max(8, packet.items.length)));
  row.classList.toggle('sum', isSum);
  row.classList.toggle(
    'captioned',
    packet.items.some((item) => item?.[0]),
  );
  row.style.setProperty('--ratio', packet.shape[2] / packet.shape[1]);
  row.setAttribute('aria-label', packet.tabs.find(([name]) => name === packet.tab)[1]);
  drawItems(s, row.querySelectorAll('.item'));
}

function itemElements(s, item, i, isSum) {
  const element = document.createElement(item ? 'button' : 'span');
  element.className = item ? 'item' : 'item missing';
  element.innerHTML = '<canvas width="28" height="28"></canvas><span></span>';
  element.dataset.testid = 'moves-item';
  if (item) element.tabIndex = i === 0 ? 0 : -1;
  else element.lastChild.textContent = MISSING[i];
  element.addEventListener('click', (e) => choose(s, +element.dataset.frame, e));
  element.addEventListener('pointerenter', (e) => {
    if (e.pointerType === 'mouse') peekAt(s, element, e);
  });
  element.addEventListener('pointerleave', () => window.dispatchEvent(new CustomEvent('latent:peek-end')));
  if (!isSum || i === s.packet.items.length - 1) return [element];
  const sign = document.createElement('span');
  return [element, Object.assign(sign, { className: 'sign', textContent: SIGNS[i] })];
}

function drawItems({ packet, picture }, elements) {
  let frame = 0;
  packet.items.forEach((item, i) => {
    const element = elements[i];
    const canvas = element.firstChild;
    fitCanvas(canvas, packet.shape);
    canvas.style.imageRendering = 'auto'; // shown at about its original size or smaller
    if (!item) return;
    const [caption, title] = item;
    blit(canvas, picture, frame, packet.columns, packet.shape);
    element.lastChild.textContent = caption;
    element.title = title;
    element.setAttribute('aria-label', title);
    element.dataset.frame = frame;
    if (packet.rows) element.dataset.row = packet.rows[frame];
    frame++;
  });
}

// Shows the picture under the pointer on the stage; z does not move. Gallery images have no decoded frame
// here.
function peekAt(s, element, event) {
  const { packet, scrubbedZ } = s;
  const frame = +element.dataset.frame;
  if (!(frame >= 0) || packet.rows || scrubbedZ) return;
  const detail = { ...frameDetail(s, frame, event), caption: element.title };
  window.dispatchEvent(new CustomEvent('latent:peek', { detail }));
}

// Previews a decoded frame at once; for a gallery image, requests its z from the server.
function choose(s, frame, event) {
  if (!(frame >= 0)) return;
  if (s.packet.rows) return s.ask({ kind: 'pick', row: s.packet.rows[frame] });
  previewFrame(s, frame, event);
  s.commit.flush();
}
