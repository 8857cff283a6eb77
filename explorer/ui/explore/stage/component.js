// The stage: the decoded image and a slider per dimension. A slider scrubs the film of its dimension in the
// browser; dragging sends nothing.

import { countPacket, countPaint, moveCursor } from '../../wire/cursor.js';
import { debounce, mailbox, mounting } from '../../wire/mailbox.js';
import { hasModifier, mirrorView, setView } from '../../wire/page.js';
import { blit, drawSheet, fitCanvas, loadSheet, nearestIndex } from '../../wire/pictures.js';
import { lightFlow, markStage, showCaption, showFacts, showPicked, showTools } from './facts.js';
import { differingDims, filmValues, isFilmValid, parseRow } from './films.js';
import { onShortcut } from './keys.js';
import { endPeek, showPeek } from './peek.js';
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
    peek: null, // the frame of another component on the stage, which is not at z
    awaited: null, // {source, seq} of the request of another component that will carry the z shown
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
    keydown: (e) => onShortcut(e, Boolean(s.peek), (what) => act(s, what)),
    'latent:peek': (e) => {
      if (showPeek(s, e.detail)) countStagePaint(s, e.detail.event);
    },
    'latent:peek-end': () => leavePeek(s),
    'latent:preview': (e) => showPreview(s, e.detail),
    'latent:heard': (e) => endPreview(s, e.detail),
  };
  for (const name in listeners) window.addEventListener(name, listeners[name]);
  const observer = new ResizeObserver(() => drawStrips(s));
  observer.observe($('.rows'));
  const stopMirror = mirrorView($('.stage'));
  s.stop = () => {
    stopMirror();
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
    const hasMoved = isFirst || differingDims(packet.z, s.packet.z).length > 0;
    if (s.packet && packet.picked !== s.packet.picked) lightFlow(s, 'x');
    s.stamp = packet.stamp;
    s.packet = packet;
    s.picture = picture;
    s.exact = drawSheet(packet.rest, packet.shape, 1);
    const isBehind = packet.ack < s.mail.seq || s.dragging || s.commit.pending() || s.awaited;
    if (!isBehind || isFirst) {
      if (!isFirst && differingDims(s.z, packet.z).length) showCaption(s, '');
      s.z = Float32Array.from(packet.z);
      s.awaited = null;
    }
    fitCanvas(s.stage, packet.shape);
    if (isFirst) {
      buildRows(s, handlers(s));
      activate(s, packet.dims[0]);
    }
    settle(s);
    drawStrips(s);
    showPicked(s);
    if (hasMoved) endPeek(s);
    showFacts(s, s.peek?.support);
    if (!s.peek && isAtFilms(s)) showExact(s);
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

// Shows z again after the frame of another component.
function leavePeek(s) {
  if (!s.peek) return;
  endPeek(s);
  if (isAtFilms(s)) showExact(s);
  else markStage(s, false);
  showFacts(s);
}

function keepPeek(s) {
  if (!s.peek?.canKeep) return;
  const { z, support } = s.peek;
  s.z = Float32Array.from(z);
  endPeek(s);
  settle(s);
  showFacts(s, support);
  s.commit.flush();
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
function showPreview(s, detail) {
  const { picture, index, columns, shape, z, xy, support, plane, event } = detail;
  if (!s.packet || z.length !== s.z.length) return;
  endPeek(s);
  if (s.commit.pending()) s.commit.flush();
  s.z = Float32Array.from(z);
  s.awaited = detail;
  if (isAtFilms(s)) blit(s.stage, s.exact, 0, 1, s.packet.shape);
  else blit(s.stage, picture, index, columns, shape);
  markStage(s, true);
  settle(s);
  moveCursor(xy, support, plane);
  showFacts(s, support);
  showCaption(s, detail.caption);
  lightFlow(s, 'z');
  countStagePaint(s, event);
}

function endPreview(s, { source, ack }) {
  if (s.awaited?.source !== source || ack < s.awaited.seq) return;
  s.awaited = null;
  if (s.next !== s.packet || s.packet.ack < s.mail.seq || isAtFilms(s)) return;
  showCaption(s, '');
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
  endPeek(s);
  s.z[dim] = values[i];
  showCaption(s, `z${dim} = ${values[i].toFixed(2)}`);
  lightFlow(s, 'z');
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

// Makes a slider the one that is shown while presenting.
function activate(s, dim) {
  setView({ moving: 'strip' });
  if (s.active === dim) return;
  s.active = dim;
  for (const [other, { row }] of s.rows) row.classList.toggle('active', other === dim);
  drawStrips(s);
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
  endPeek(s);
  showCaption(s, '');
  settle(s);
  markStage(s, isAtFilms(s));
  s.commit.flush();
}

function focusRow(s, k) {
  for (const [dim, row] of s.rows)
    if (row.k === k) {
      activate(s, dim);
      row.range.focus();
    }
}

function act(s, what) {
  if (!s.packet) return;
  const [command, n] = what.split('-');
  if (command === 'row') focusRow(s, +n);
  else if (what === 'keep') keepPeek(s);
  else if (what === 'leave') leavePeek(s);
  else if (what === 'reset') {
    s.z.fill(0);
    sendZ(s);
  } else s.ask({ kind: what });
}
