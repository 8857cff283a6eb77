// The visitor's own image: sends drawings and files to the server, one at a time, and shows the result.

import { debounce, mounting } from '../../wire/mailbox.js';
import { hasModifier, isTyping } from '../../wire/page.js';
import { clearDrawing, drawingRequest, listenToDrawing, onDrawingKey, undoStroke } from './drawing.js';
import { listenToFiles, loadFile } from './file.js';
import { requestQueue } from './requests.js';
import { showMessage, showResult } from './result.js';

const DRAWING_DELAY_MS = 250; // after the last stroke
const NO_ANSWER = 'The server does not answer. Load the page again.';

export default mounting('draws', build, accept);

function build(root) {
  const $ = (selector) => root.querySelector(selector);
  const s = {
    root,
    $,
    stamp: null,
    packet: null,
    canvas: $('[data-testid=own-canvas]'),
    card: $('.own'),
    strokes: [],
    stroke: null, // the stroke being drawn
    pointer: null, // id of the pointer that draws it; null for the keyboard
    file: null,
    cross: [0.5, 0.5],
    erasing: false,
  };
  s.requests = requestQueue({
    send: (request) => s.trigger('request', request),
    onChange: () => s.markStale(),
    onLost: () => showMessage(s, NO_ANSWER),
  });
  s.later = debounce(DRAWING_DELAY_MS, () => {
    if (s.pointer === null && !s.file) s.requests.ask(drawingRequest(s));
  });
  s.markStale = () => {
    const isStale = Boolean(s.requests.isBusy() || s.stroke || s.later.pending());
    s.card.classList.toggle('stale', isStale);
  };
  listenToButtons(s);
  listenToFiles(s);
  listenToDrawing(s);
  s.card.addEventListener('keydown', (e) => onDrawingKey(s, e));
  const onKey = (e) => onPageKey(s, e);
  const onPaste = (e) => {
    if (isVisible(s) && e.clipboardData?.files[0]) loadFile(s, e.clipboardData.files[0]);
  };
  window.addEventListener('keydown', onKey, true);
  window.addEventListener('paste', onPaste);
  s.stop = () => {
    s.requests.stop();
    window.removeEventListener('keydown', onKey, true);
    window.removeEventListener('paste', onPaste);
  };
  return s;
}

function listenToButtons(s) {
  const { $, requests } = s;
  const actions = {
    undo: () => undoStroke(s),
    clear: () => {
      clearDrawing(s);
      requests.ask({ kind: 'clear' });
    },
    eraser: () => {
      s.erasing = !s.erasing;
      $('[data-do=eraser]').setAttribute('aria-pressed', s.erasing);
    },
    use: ({ role }) => requests.ask({ kind: 'use', role }),
  };
  for (const button of s.root.querySelectorAll('button[data-do]'))
    button.addEventListener('click', () => actions[button.dataset.do](button.dataset));
  const onSetting = () => {
    const [fit, invert] = ['fit', 'invert'].map((name) => $(`[data-do=${name}]`).value);
    requests.ask({ kind: 'see', fit, invert });
  };
  for (const name of ['fit', 'invert']) $(`[data-do=${name}]`).addEventListener('change', onSetting);
}

const isVisible = (s) => s.canvas.checkVisibility({ visibilityProperty: true });

function onPageKey(s, e) {
  if (e.key.toLowerCase() !== 'i' || isTyping(e) || hasModifier(e)) return;
  e.preventDefault();
  setTimeout(() => s.canvas.focus()); // after the tray has opened the tab
}

function accept(s, packet) {
  s.requests.acknowledge(packet.ack);
  if (packet.stamp !== s.stamp) showResult(s, packet);
  s.requests.sendNext();
}
