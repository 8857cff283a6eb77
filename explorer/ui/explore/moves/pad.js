// The tab "pad": a film over a plane, scrubbed in two dimensions.

import { explorer } from '../../wire/cursor.js';
import { hasModifier } from '../../wire/page.js';
import { padding } from '../../wire/pictures.js';
import { ARROWS, frameAfterArrow, frameAtCell, shareOnPad } from './grid.js';
import { previewFrame, setOptions, showNote } from './preview.js';

export function hidePad(s, isHidden) {
  s.isPadHidden = isHidden;
  s.$('.pad').hidden = isHidden;
  s.$('[data-do=hide]').textContent = isHidden ? 'show' : 'hide';
  s.$('[data-do=hide]').setAttribute('aria-expanded', !isHidden);
  drawPad(s);
}

export function showPad(s) {
  const { packet, $ } = s;
  const [x, y] = packet.axes;
  const dims = packet.dims.map((d) => [d, `z${d}`]);
  setOptions($('[data-choose=x]'), dims, x);
  setOptions($('[data-choose=y]'), dims, y);
  $('.across').textContent = `z${x} \u2192`;
  $('.up').textContent = `z${y} \u2192`;
  const label = `Decoded images over z${x} and z${y}: drag, or move with the arrows`;
  $('.pad canvas').setAttribute('aria-label', label);
  hidePad(s, s.isPadHidden);
  placeRing(s);
  if (packet.latent_dim === 2) publishManifold(s);
}

// With two dimensions, the pad shows the whole manifold, which the map draws under its points.
function publishManifold({ packet, picture }) {
  const { plane, side, span, axes, shape } = packet;
  explorer.manifold = { plane, picture, side, span, axes, shape };
  window.dispatchEvent(new CustomEvent('latent:manifold'));
}

export function drawPad(s) {
  const { packet, picture } = s;
  if (!packet?.side || s.isPadHidden) return;
  const canvas = s.$('.pad canvas');
  const [, height, width] = packet.shape;
  const pad = padding(packet.shape);
  const cellWidth = width + 2 * pad;
  const cellHeight = height + 2 * pad;
  const { side } = packet;
  canvas.width = side * cellWidth;
  canvas.height = side * cellHeight;
  canvas.style.setProperty('--ratio', cellWidth / cellHeight);
  const context = canvas.getContext('2d');
  for (let frame = 0; frame < side * side; frame++) {
    const column = frame % side;
    const row = Math.floor(frame / side);
    const [left, top] = [column * cellWidth + pad, row * cellHeight + pad];
    context.drawImage(picture, column * width, row * height, width, height, left, top, width, height);
  }
  placeRing(s);
}

// The coordinates of z, or of the frame being scrubbed, on the two axes of the pad.
const pointOnAxes = (s) => (s.scrubbedZ ? s.packet.axes.map((d) => s.scrubbedZ[d]) : s.here);

export function placeRing(s) {
  const { packet, $ } = s;
  if (!packet?.side || s.here.length < 2) return;
  const point = pointOnAxes(s);
  const { offsetLeft, offsetTop, offsetWidth, offsetHeight } = $('.pad canvas');
  const px = {
    left: offsetLeft + shareOnPad(point[0], packet) * offsetWidth,
    top: offsetTop + (1 - shareOnPad(point[1], packet)) * offsetHeight,
    width: offsetWidth / packet.side,
    height: offsetHeight / packet.side,
  };
  for (const name in px) $('.ring').style[name] = `${px[name]}px`;
  showNote(s, packet.axes.map((d, i) => `z${d} ${point[i].toFixed(2)}`).join(', '));
}

export function listenToPad(s, canvas) {
  const preview = (frame, e) => {
    previewFrame(s, frame, e);
    placeRing(s);
  };
  const scrub = (e) => {
    const box = canvas.getBoundingClientRect();
    const { side } = s.packet;
    const column = ((e.clientX - box.left) / box.width) * side;
    const row = ((e.clientY - box.top) / box.height) * side;
    preview(frameAtCell(column, row, side), e);
  };
  const end = () => {
    canvas.removeEventListener('pointermove', scrub);
    s.commit.flush();
  };
  canvas.addEventListener('pointerdown', (e) => {
    if (e.button !== 0) return;
    canvas.setPointerCapture(e.pointerId);
    canvas.addEventListener('pointermove', scrub);
    scrub(e);
  });
  canvas.addEventListener('pointerup', end);
  canvas.addEventListener('pointercancel', end);
  canvas.addEventListener('keydown', (e) => {
    if (e.key === 'Escape') {
      e.stopPropagation();
      hidePad(s, true);
      s.$('[data-do=hide]').focus();
      return;
    }
    if (!(e.key in ARROWS) || hasModifier(e)) return;
    e.preventDefault();
    preview(frameAfterArrow(pointOnAxes(s), ARROWS[e.key], s.packet), e);
    s.commit();
  });
}
