// The image chooser of the exhibits.

import {
  clearDrawing,
  drawingRequest,
  listenToDrawing,
  onDrawingKey,
  redraw,
  undoStroke,
} from '../../explore/own_image/drawing.js';
import { debounce, mailbox, mounting } from '../../wire/mailbox.js';
import { blit, drawSheet, fitCanvas } from '../../wire/pictures.js';

const DRAWING_MS = 250; // after the last stroke

export default mounting('images', build, accept);

function build(root) {
  const $ = (selector) => root.querySelector(selector);
  const s = {
    $,
    mail: mailbox(),
    stamp: null,
    packet: null,
    canvas: $('[data-testid=exhibit-canvas]'),
    strokes: [],
    stroke: null,
    pointer: null,
    file: null,
    cross: [0.5, 0.5],
    erasing: false,
    markStale() {},
    stop() {},
  };
  s.later = debounce(DRAWING_MS, () => {
    if (s.pointer === null && s.strokes.length) s.mail.ask(drawingRequest(s));
  });
  const pick = (row) => s.mail.ask({ kind: 'pick', row: +row });
  $('input[type=number]').addEventListener('change', (e) => pick(e.target.value));
  $('.le-examples').addEventListener('click', (e) => {
    const button = e.target.closest('button');
    if (button) pick(button.dataset.row);
  });
  listenToPad(s);
  return s;
}

function listenToPad(s) {
  const { $ } = s;
  const panel = $('.le-draw');
  const toggle = $('[data-do=draw]');
  toggle.addEventListener('click', () => {
    panel.hidden = !panel.hidden;
    toggle.setAttribute('aria-expanded', !panel.hidden);
    if (!panel.hidden) {
      redraw(s);
      s.canvas.focus();
    }
  });
  panel.addEventListener('keydown', (e) => {
    if (e.key === 'Escape') toggle.click();
    else onDrawingKey(s, e);
  });
  $('[data-do=undo]').addEventListener('click', () => undoStroke(s));
  $('[data-do=clear]').addEventListener('click', () => {
    clearDrawing(s);
    s.mail.ask({ kind: 'clear' });
  });
  listenToDrawing(s);
}

function accept(s, packet) {
  if (packet.stamp === s.stamp) return;
  s.mail.acknowledge(packet.ack);
  s.stamp = packet.stamp;
  s.packet = packet;
  const { rows, names, shape, image, examples, chosen, n_images } = packet;
  const canvas = s.$('.le-chosen');
  fitCanvas(canvas, shape);
  blit(canvas, drawSheet(chosen, shape, 1), 0, 1, shape);
  const sheet = drawSheet(examples, shape, rows.length);
  const buttons = rows.map((row, i) => exampleButton(row, names[i], sheet, i, packet, row === image));
  s.$('.le-examples').replaceChildren(...buttons);
  const field = s.$('input[type=number]');
  field.max = n_images - 1;
  field.value = image < 0 ? '' : image;
  s.$('.le-note').textContent = packet.note;
}

function exampleButton(row, name, sheet, i, { rows, shape }, isChosen) {
  const button = document.createElement('button');
  button.dataset.row = row;
  button.setAttribute('aria-label', `image ${row} (${name})`);
  button.setAttribute('aria-pressed', isChosen);
  const canvas = document.createElement('canvas');
  fitCanvas(canvas, shape);
  blit(canvas, sheet, i, rows.length, shape);
  button.append(canvas);
  return button;
}
