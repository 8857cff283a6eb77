// The stage: the decoded image and a slider per dimension. A slider scrubs the film of its dimension in the
// browser; dragging sends nothing.

import { countPacket } from '../../wire/cursor.js';
import { debounce, mailbox, mounting } from '../../wire/mailbox.js';
import { mirrorView } from '../../wire/page.js';
import { drawSheet, fitCanvas, loadSheet } from '../../wire/pictures.js';
import { lightFlow, showCaption, showFacts, showPicked } from './facts.js';
import { differingDims, parseRow } from './films.js';
import { countStagePaint, isAtFilms, settle, showExact } from './image.js';
import { onShortcut } from './keys.js';
import { endPeek, endPreview, keepPeek, leavePeek, showPeek, showPreview } from './peek.js';
import { buildRows, drawStrips } from './rows.js';
import { activate, countHiddenRows, focusRow, handlers, scrollRows, sendZ } from './sliders.js';

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
  $('.rows').addEventListener('scroll', () => countHiddenRows(s), { passive: true });
  const observer = new ResizeObserver(() => {
    drawStrips(s);
    countHiddenRows(s);
  });
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
      countHiddenRows(s);
    }
    settle(s);
    drawStrips(s);
    showPicked(s);
    if (hasMoved) endPeek(s);
    if (s.peek) showFacts(s, s.peek.support);
    else if (isAtFilms(s)) {
      showExact(s);
      showFacts(s);
    }
  });
}

function act(s, what) {
  if (!s.packet) return;
  const [command, n] = what.split('-');
  if (command === 'row') focusRow(s, +n);
  else if (what === 'keep') keepPeek(s);
  else if (what === 'leave') leavePeek(s);
  else if (what === 'rest') scrollRows(s);
  else if (what === 'reset') {
    s.z.fill(0);
    sendZ(s);
  } else s.ask({ kind: what });
}
