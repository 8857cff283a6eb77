// The stage: the decoded image and a slider per dimension. A slider scrubs the film of its dimension in the
// browser; dragging sends nothing.

import { countPacket, countPaint, moveCursor } from '../../wire/cursor.js';
import { debounce, mailbox, mounting } from '../../wire/mailbox.js';
import { hasModifier } from '../../wire/page.js';
import { blit, drawSheet, fitCanvas, loadSheet, nearestIndex } from '../../wire/pictures.js';
import { markStage, showFacts, showPicked, showTools } from './facts.js';
import { differingDims, filmValues, isFilmValid, parseRow } from './films.js';
import { buildRows, drawStrips, markRows, settleRows } from './rows.js';

const PAGE_FRAMES = 4; // moved by Page Up and Page Down
const SLIDER_KEYS = {
  ArrowRight: 1,
  ArrowUp: 1,
  ArrowLeft: -1,
  ArrowDown: -1,
  PageUp: PAGE_FRAMES,
  PageDown: -PAGE_FRAMES,
  Home: -1e6,
  End: 1e6,
};
const TEXT_FIELDS = 'input[type=text], textarea, [contenteditable]';
const FIELDS = 'input[type=number], input[type=text], textarea, select';
const COMMIT_MS = 150;

export default mounting('stage', build, accept);

function build(root) {
  const $ = (selector) => root.querySelector(selector);
  const mail = mailbox();
  const s = {
    root,
    $,
    mail,
    ask: mail.ask,
    stamp: null,
    z: null,
    packet: null, // the packet shown
    next: null, // the newest packet, whose pictures may still be decoding
    rows: new Map(),
    stage: $('[data-testid=stage]'),
    dragging: false,
    awaited: 0, // number of the request of another component that will carry the z shown
  };
  s.stage.dataset.paints = 0;
  s.commit = debounce(COMMIT_MS, () => s.ask({ kind: 'move', z: [...s.z] }));
  for (const button of root.querySelectorAll('[data-do]'))
    button.addEventListener('click', () => act(s, button.dataset.do));
  $('.go').addEventListener('change', (e) => {
    const row = parseRow(e.target.value);
    if (row !== null) s.ask({ kind: 'go', row });
  });
  const listeners = {
    keydown: (e) => onShortcut(s, e),
    'latent:preview': (e) => showPreview(s, e.detail),
    'latent:heard': (e) => endPreview(s, e.detail.ack),
  };
  for (const name in listeners) window.addEventListener(name, listeners[name]);
  const observer = new ResizeObserver(() => drawStrips(s));
  observer.observe($('.rows'));
  s.stop = () => {
    observer.disconnect();
    for (const name in listeners) window.removeEventListener(name, listeners[name]);
  };
  return s;
}

// Takes over the films of a packet, and its z unless the user has moved z since.
function accept(s, packet) {
  if (packet.stamp === s.stamp) return; // unchanged: another part of the page was rerun
  s.next = packet;
  countPacket(packet);
  s.mail.acknowledge(packet.ack);
  loadSheet(packet, 'frames', packet.n_frames, (picture) => {
    if (s.next !== packet) return; // a newer packet arrived while this one was decoding
    const isFirst =
      !s.packet || s.packet.model !== packet.model || s.packet.dims.join() !== packet.dims.join();
    s.stamp = packet.stamp;
    s.packet = packet;
    s.picture = picture;
    s.exact = drawSheet(packet.rest, packet.shape, 1);
    const isBehind = packet.ack < s.mail.seq || s.dragging || s.commit.pending() || s.awaited;
    if (!isBehind || isFirst) {
      s.z = Float32Array.from(packet.z);
      s.awaited = 0;
    }
    fitCanvas(s.stage, packet.shape);
    if (isFirst) buildRows(s, handlers(s));
    settle(s);
    drawStrips(s);
    showPicked(s);
    showFacts(s);
    if (isAtFilms(s)) showExact(s);
  });
}

const handlers = (s) => ({
  slide: (dim, event) => slide(s, dim, event),
  nudge: (dim, frames) => nudge(s, dim, frames),
  setValue: (dim, value) => setValue(s, dim, value),
  key: (dim, event) => onSliderKey(s, dim, event),
  release: () => endDrag(s),
  settle: () => settle(s),
});

const isAtFilms = (s) => differingDims(s.z, s.packet.z).length === 0;

// Updates the buttons and sliders to z.
function settle(s) {
  showTools(s);
  settleRows(s);
}

// Shows the exact image; z must be at the films' centre.
function showExact(s) {
  const { packet } = s;
  blit(s.stage, s.exact, 0, 1, packet.shape);
  if (s.stage.dataset.seq !== `${packet.order}`) s.stage.dataset.seq = packet.order;
  markStage(s, true);
  moveCursor([packet.at_xy[0], packet.at_xy[1]], packet.at_support, packet.plane);
}

// Handles releases without a `change` event: a slider back at its start, or a cancelled touch.
function endDrag(s) {
  s.dragging = false;
  if (!s.packet || s.mail.seq > s.packet.ack || s.awaited) return;
  if (!isAtFilms(s)) return s.commit.flush();
  settle(s);
  showExact(s);
}

function countStagePaint(s, event) {
  s.stage.dataset.paints = +s.stage.dataset.paints + 1;
  countPaint(event);
}

// Shows a frame that another component scrubs, and keeps its z until that component's request `seq`, which
// carries z, is acknowledged.
function showPreview(s, { picture, index, columns, shape, z, xy, support, plane, seq, event }) {
  if (!s.packet || z.length !== s.z.length) return;
  if (s.commit.pending()) s.commit.flush();
  s.z = Float32Array.from(z);
  s.awaited = seq;
  if (isAtFilms(s)) blit(s.stage, s.exact, 0, 1, s.packet.shape);
  else blit(s.stage, picture, index, columns, shape);
  markStage(s, true);
  settle(s);
  moveCursor(xy, support, plane);
  showFacts(s, support);
  countStagePaint(s, event);
}

function endPreview(s, ack) {
  if (!s.awaited || ack < s.awaited) return;
  s.awaited = 0;
  if (s.next !== s.packet || s.packet.ack < s.mail.seq || isAtFilms(s)) return;
  s.z = Float32Array.from(s.packet.z); // z was changed by something else meanwhile
  settle(s);
  showExact(s);
  showFacts(s);
}

// Handles an input event: paints the nearest frame and moves the map's cursor. Sends nothing during a drag.
function slide(s, dim, event) {
  const { packet } = s;
  const { k, range, number } = s.rows.get(dim);
  const values = filmValues(packet, k);
  const i = nearestIndex(values, +range.value);
  s.z[dim] = values[i];
  if (document.activeElement !== number) number.value = values[i].toFixed(2);
  range.setAttribute('aria-valuetext', values[i].toFixed(2));
  if (isFilmValid(s.z, packet.z, dim)) {
    const frame = k * packet.n_frames + i;
    if (values[i] === packet.z[dim]) blit(s.stage, s.exact, 0, 1, packet.shape);
    else blit(s.stage, s.picture, frame, packet.n_frames, packet.shape);
    markStage(s, true);
    const support = packet.support[frame];
    moveCursor([packet.xy[2 * frame], packet.xy[2 * frame + 1]], support, packet.plane);
    showFacts(s, support);
  } else {
    markStage(s, false);
    markRows(s);
  }
  countStagePaint(s, event);
  if (!s.dragging) s.commit();
}

function nudge(s, dim, frames) {
  const { k, range } = s.rows.get(dim);
  const values = filmValues(s.packet, k);
  range.value = values[Math.min(values.length - 1, Math.max(0, nearestIndex(values, s.z[dim]) + frames))];
  range.dispatchEvent(new Event('input', { bubbles: true }));
}

function onSliderKey(s, dim, event) {
  if (hasModifier(event)) return;
  if (event.key in SLIDER_KEYS && !event.shiftKey) {
    event.preventDefault();
    nudge(s, dim, SLIDER_KEYS[event.key]);
  } else if (event.key === '0') {
    event.preventDefault();
    event.stopPropagation();
    setValue(s, dim, 0);
  }
}

// Sets a value that may lie between frames. It is sent immediately; until its image arrives, the old one is
// marked as updating.
function setValue(s, dim, value) {
  s.z[dim] = value;
  sendZ(s);
}

function sendZ(s) {
  settle(s);
  markStage(s, isAtFilms(s));
  s.commit.flush();
}

function act(s, what) {
  if (!s.packet) return;
  if (what === 'reset') {
    s.z.fill(0);
    sendZ(s);
  } else s.ask({ kind: what });
}

function onShortcut(s, e) {
  if (e.target.closest?.(TEXT_FIELDS) || e.composedPath()[0].matches?.(FIELDS)) return;
  const key = e.key.toLowerCase();
  if ((e.ctrlKey || e.metaKey) && (key === 'z' || key === 'y')) {
    e.preventDefault();
    act(s, key === 'y' || e.shiftKey ? 'redo' : 'undo');
  } else if (hasModifier(e)) return;
  else if (e.code === 'Digit0' && e.shiftKey) {
    e.preventDefault();
    act(s, 'reset');
  } else if (key === 'r' && !e.shiftKey) act(s, 'prior');
  else if (key === 'm' && !e.shiftKey) act(s, 'picked');
}
