// The lanes: three synchronised films from A to B (linear, spherical, pixels cross-faded). Scrubbing sends
// nothing; the stage shows the frame of the chosen lane.

import { countPacket } from '../../wire/cursor.js';
import { mailbox, mounting } from '../../wire/mailbox.js';
import { hasModifier, mirrorView, setView } from '../../wire/page.js';
import { blit, drawSheet, drawStrip, fitCanvas, loadSheet, nearestIndex } from '../../wire/pictures.js';
import { shareOf } from './path_plot.js';
import { playExample, stopPlay, togglePlay } from './playback.js';
import { drawPlots, markPlots } from './plots.js';

const KINDS = ['lerp', 'slerp', 'pixel'];
const SCRUB_KEYS = {
  ArrowRight: 1,
  ArrowUp: 1,
  ArrowLeft: -1,
  ArrowDown: -1,
  PageUp: 8,
  PageDown: -8,
  Home: -1e6,
  End: 1e6,
};
const FIELDS = 'input:not([type=range], [type=checkbox]), textarea, select, [contenteditable]';
const BUTTONS = 'button, a, [role=button], [role=tab], [type=checkbox]'; // Space presses them
const INSET_PX = 7; // between the ends of strip and canvas: half the width of the scrubber's handle

export default mounting('lanes', build, accept);

function build(root) {
  const $ = (selector) => root.querySelector(selector);
  const mail = mailbox();
  const lanes = KINDS.map((kind) => {
    const canvas = $(`[data-testid=lane-${kind}]`);
    return { kind, canvas, now: canvas.closest('.lane').querySelector('.now') };
  });
  const scrub = $('[data-testid=lane-scrub]');
  const s = { root, $, mail, ask: mail.ask, stamp: null, packet: null, scrub, playing: 0, lanes };
  s.kind = 'lerp'; // the lane that the stage shows
  s.isOnStage = false;
  scrub.addEventListener('input', (e) => scrubTo(s, +scrub.value, e));
  scrub.addEventListener('keydown', (e) => onScrubKey(s, e));
  $('.play').addEventListener('click', () => togglePlay(s, show));
  for (const button of root.querySelectorAll('button[data-do]'))
    button.addEventListener('click', () => s.ask({ kind: button.dataset.do }));
  $('[data-do=overshoot]').addEventListener('change', (e) =>
    s.ask({ kind: 'overshoot', on: e.target.checked }),
  );
  for (const { canvas, kind } of lanes)
    canvas.addEventListener('pointerdown', (e) => {
      choose(s, kind);
      grab(s, e, canvas);
    });
  for (const button of root.querySelectorAll('[data-kind]'))
    button.addEventListener('click', () => {
      choose(s, button.dataset.kind);
      if (s.packet?.n_frames) show(s, s.frame);
    });
  choose(s, s.kind);
  const onKey = (e) => onShortcut(s, e);
  const onStop = () => {
    s.isOnStage = false;
    stopPlay(s);
  };
  window.addEventListener('keydown', onKey);
  window.addEventListener('latent:stop', onStop);
  const observer = new ResizeObserver(() => draw(s));
  observer.observe($('.strips'));
  const stopMirror = mirrorView($('.lanes'));
  s.stop = () => {
    stopMirror();
    stopPlay(s);
    observer.disconnect();
    window.removeEventListener('keydown', onKey);
    window.removeEventListener('latent:stop', onStop);
  };
  return s;
}

// Chooses the lane that the stage shows.
function choose(s, kind) {
  s.kind = kind;
  for (const button of s.root.querySelectorAll('[data-kind]')) {
    const isChosen = button.dataset.kind === kind;
    button.setAttribute('aria-pressed', isChosen);
    button.parentElement.classList.toggle('chosen', isChosen);
  }
}

function scrubTo(s, t, event) {
  s.scrub.value = t;
  stopPlay(s);
  show(s, nearestIndex(s.packet.times, +s.scrub.value), false, event);
}

function onScrubKey(s, e) {
  const step = SCRUB_KEYS[e.key];
  if (step === undefined || !s.packet?.n_frames) return;
  e.preventDefault();
  s.scrub.value = s.packet.times[Math.min(s.packet.n_frames - 1, Math.max(0, s.frame + step))];
  s.scrub.dispatchEvent(new Event('input', { bubbles: true }));
}

function onShortcut(s, e) {
  const [target] = e.composedPath();
  if (hasModifier(e) || target.matches?.(FIELDS)) return;
  if (e.key === ' ' && s.packet?.n_frames && !target.matches?.(BUTTONS)) {
    e.preventDefault();
    togglePlay(s, show);
  } else if (e.key === 'x' && s.packet?.n_frames) s.ask({ kind: 'swap' });
  else if (e.key === 'Backspace' && s.packet?.has_anchor) {
    e.preventDefault();
    s.ask({ kind: 'clear' });
  }
}

// Makes a strip draggable like the scrubber.
function grab(s, event, canvas) {
  if (!s.packet?.n_frames) return;
  const go = (e) => {
    const box = canvas.getBoundingClientRect();
    const share = (e.clientX - box.left - INSET_PX) / (box.width - 2 * INSET_PX);
    const { min, max } = s.scrub;
    scrubTo(s, +min + Math.min(1, Math.max(0, share)) * (max - min), e);
  };
  const end = () => canvas.removeEventListener('pointermove', go);
  canvas.setPointerCapture(event.pointerId);
  canvas.addEventListener('pointermove', go);
  canvas.addEventListener('pointerup', end, { once: true });
  canvas.addEventListener('pointercancel', end, { once: true });
  go(event);
}

function accept(s, packet) {
  if (packet.stamp === s.stamp) return;
  s.mail.acknowledge(packet.ack);
  const { $ } = s;
  const hasPath = packet.n_frames > 0;
  s.stamp = packet.stamp;
  $('.lanes').classList.toggle('empty', !hasPath);
  $('.lanes').style.setProperty('--on', hasPath ? 1 : 0);
  showEnds(s, packet);
  for (const button of s.root.querySelectorAll('.play, [data-do=swap]')) button.disabled = !hasPath;
  $('[data-do=clear]').disabled = !packet.has_anchor;
  $('[data-do=overshoot]').checked = packet.overshoot > 0;
  $('.hint').textContent = packet.hint;
  s.scrub.disabled = !hasPath;
  if (!hasPath) return empty(s, packet);
  countPacket(packet);
  loadSheet(packet, 'frames', packet.n_frames, (picture) => {
    if (s.stamp !== packet.stamp) return;
    const t = s.packet?.n_frames ? +s.scrub.value : packet.times[0];
    s.packet = packet;
    s.picture = picture;
    s.nearest = packet.near.length ? drawSheet(packet.near, packet.shape, packet.n_near) : null;
    s.scrub.min = packet.times[0];
    s.scrub.max = packet.times[packet.n_frames - 1];
    s.scrub.value = packet.pair === s.pair ? t : 0;
    s.pair = packet.pair;
    draw(s);
    show(s, nearestIndex(packet.times, +s.scrub.value), !s.isOnStage);
    for (const { canvas } of s.lanes)
      Object.assign(canvas.dataset, { frames: packet.n_frames, seq: packet.order });
    if (packet.is_example) playExample(s, show);
  });
}

function showEnds(s, packet) {
  const { ends, ends_parts, shape } = packet;
  for (const name of ['a', 'b', 'near']) fitCanvas(s.$(`[data-part=${name}]`), shape);
  for (const name of ['a', 'b']) {
    const index = ends_parts.indexOf(name);
    const canvas = s.$(`[data-part=${name}]`);
    canvas.parentElement.classList.toggle('none', index < 0);
    canvas.getContext('2d').clearRect(0, 0, canvas.width, canvas.height);
    if (index >= 0) blit(canvas, drawSheet(ends, shape, 1), index, 1, shape);
  }
}

function empty(s, packet) {
  stopPlay(s);
  s.packet = packet;
  for (const { canvas } of s.lanes) {
    canvas.getContext('2d').clearRect(0, 0, canvas.width, canvas.height);
    Object.assign(canvas.dataset, { frames: 0, seq: packet.order });
  }
  for (const svg of s.root.querySelectorAll('[data-plot]')) svg.replaceChildren();
  s.$('.t').textContent = '';
}

function draw(s) {
  if (!s.packet?.n_frames || !s.picture) return;
  const { n_frames, shape } = s.packet;
  s.lanes.forEach(({ canvas, now }, k) => {
    drawStrip(canvas, s.picture, k * n_frames, n_frames, n_frames, shape);
    fitCanvas(now, shape);
  });
  drawPlots(s);
  if (s.frame !== undefined && s.frame < n_frames) show(s, s.frame, true);
}

// Shows frame `i` of all three lanes and, unless `isQuiet`, that of the chosen lane on the stage.
function show(s, i, isQuiet, event) {
  const { packet, $ } = s;
  const n = packet.n_frames;
  const share = shareOf(packet.times, i);
  const t = `t = ${packet.times[i].toFixed(2)}`;
  s.frame = i;
  s.lanes.forEach(({ now }, k) => {
    blit(now, s.picture, k * n + i, n, packet.shape);
  });
  $('.lanes').style.setProperty('--at', share);
  $('.t').textContent = t;
  s.scrub.setAttribute('aria-valuetext', t);
  const at = KINDS.indexOf(s.kind) * n + i;
  if (s.nearest) {
    blit($('[data-part=near]'), s.nearest, packet.near_of[at], packet.n_near, packet.shape);
    $('.near span').textContent = packet.near_told[packet.near_of[at]];
  }
  markPlots(s, share);
  if (!isQuiet) showOnStage(s, at, t, event);
}

function showOnStage(s, at, t, event) {
  const { packet, picture, kind } = s;
  const { n_frames, shape, plane, latent_dim } = packet;
  const isBlend = kind === 'pixel';
  const detail = {
    picture,
    index: at,
    columns: n_frames,
    shape,
    z: packet.z.subarray(at * latent_dim, (at + 1) * latent_dim),
    xy: [packet.xy[2 * at], packet.xy[2 * at + 1]],
    support: packet.support[at],
    plane,
    caption: `${kind}, ${t}${isBlend ? ', not decoded' : ''}`,
    canKeep: !isBlend && !s.playing,
    event,
  };
  if (!s.isOnStage) setView({ moving: 'lane' });
  s.isOnStage = true;
  window.dispatchEvent(new CustomEvent('latent:peek', { detail }));
}
