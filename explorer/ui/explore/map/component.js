// The map's overlay: draws everything that moves over a chart that never changes: cursor, A, B, their path,
// the picked image, the hover card.

import { explorer } from '../../wire/cursor.js';
import { mailbox, mounting } from '../../wire/mailbox.js';
import { hasModifier, isTyping } from '../../wire/page.js';
import { CLICK_PX, grabBadge, onBadgeKey } from './badges.js';
import { showCard } from './card.js';
import {
  dataArea,
  findChart,
  hasResetButton,
  isDataArea,
  isDrawn,
  nearestPoint,
  planeOf,
  positionOf,
  setRanges,
  showAll,
  toPixels,
  viewOf,
} from './chart.js';
import { placeHint } from './hint.js';
import { drawManifold } from './manifold.js';
import { placeNames } from './names.js';
import { drawThumbnails } from './thumbnails.js';
import { listenToTools } from './tools.js';

const PALEST = 0.75; // opacity of the cursor without support: still visible from afar
const NEAR_PX = 8; // a click within this distance of a visible point selects it
const REDRAW_EVENTS = ['plotly_relayout', 'plotly_relayouting', 'plotly_afterplot', 'plotly_restyle'];
const THEME = ['--st-primary-color', '--st-background-color', '--st-text-color', '--st-font'];
const LAYER = `
  <canvas class="le-pictures" aria-hidden="true"></canvas>
  <svg aria-hidden="true">
    <ellipse class="ellipse" visibility="hidden"></ellipse>
    <polyline class="slerp"></polyline><polyline class="halo"></polyline><polyline class="path"></polyline>
  </svg>
  <div class="le-names" aria-hidden="true"></div>
  <div class="le-pin le-picked" hidden><b></b></div>
  <div class="le-pin le-anchor" data-testid="anchor-a" hidden><b>A</b></div>
  <div class="le-pin le-anchor" data-testid="anchor-b" hidden><b>B</b></div>
  <div class="le-pin le-anchor" data-testid="anchor-c" hidden><b>C</b></div>
  <div class="le-pin le-own" data-testid="own-place" hidden><b>you</b></div>
  <div class="le-pin le-cursor" hidden><b></b></div>
  <div class="le-card" role="tooltip" hidden><canvas width="28" height="28"></canvas><div></div></div>
  <p class="le-hint" hidden>Click two points for your own path.<br>Drag any strip.</p>`;

export default mounting('maps', build, accept);

function build(root) {
  const layer = document.createElement('div');
  layer.className = 'le-overlay';
  layer.dataset.testid = 'map-overlay';
  layer.innerHTML = LAYER;
  const $ = (selector) => layer.querySelector(selector);
  const s = { root, layer, $, mail: mailbox(), packet: null, chart: null, pressedAt: null, views: new Map() };
  s.cursor = $('.le-cursor');
  s.canvas = $('.le-pictures');
  s.underlay = document.createElement('canvas');
  s.underlay.className = 'le-pictures';
  s.pointer = null; // the last pointer event over the chart
  listenToTools(s, place);
  s.card = $('.le-card');
  const observer = new MutationObserver(() => attach(s));
  const listeners = {
    pointerup: (e) => onPointerUp(s, e),
    'latent:cursor': (e) => showCursor(s, e.detail),
    'latent:sprites': () => place(s),
    'latent:manifold': () => place(s),
    keydown: (e) => {
      if (e.key === 'h' && !hasModifier(e) && !isTyping(e)) showAll(s.chart);
      else onBadgeKey(s, e);
    },
  };
  observer.observe(document.body, { subtree: true, childList: true });
  for (const name in listeners) window.addEventListener(name, listeners[name], name === 'pointerup');
  s.stop = () => {
    observer.disconnect();
    for (const name in listeners) window.removeEventListener(name, listeners[name], name === 'pointerup');
    layer.remove();
    s.underlay.remove();
    if (s.chart) s.chart.__overlay = null;
  };
  attach(s);
  return s;
}

// Attaches the layer to the chart; called again when Streamlit has replaced the chart.
function attach(s) {
  const chart = findChart();
  if (!chart) return;
  if (chart !== s.chart || s.layer.parentElement !== chart) {
    chart.style.position = 'relative';
    chart.prepend(s.underlay);
    chart.append(s.layer);
  }
  if (chart === s.chart && chart.__overlay === s) return;
  s.chart = chart;
  chart.__overlay = s;
  for (const name of REDRAW_EVENTS) chart.on(name, () => place(s));
  chart.on('plotly_relayout', () => keepView(s));
  chart.on('plotly_afterplot', () => restoreView(s));
  setTimeout(() => restoreView(s));
  chart.on('plotly_hover', (e) => showCard(s, e));
  chart.on('plotly_unhover', () => hideCard(s));
  const onPointerDown = (e) => {
    s.pressedAt = e.button === 0 && isDataArea(e.target) ? [e.clientX, e.clientY] : null;
    s.isGrabbing = Boolean(s.pressedAt) && grabBadge(s, e);
  };
  chart.addEventListener('pointerdown', onPointerDown, true);
  const dontPan = (e) => {
    if (s.isGrabbing) e.stopPropagation();
  };
  for (const name of ['mousedown', 'touchstart']) chart.addEventListener(name, dontPan, true);
  chart.addEventListener('pointermove', (e) => {
    s.pointer = e;
  });
  chart.addEventListener('pointerleave', () => {
    s.pointer = null;
  });
  chart.addEventListener('wheel', () => hideCard(s), { passive: true });
  place(s);
}

function hideCard(s) {
  s.card.hidden = true;
}

function accept(s, packet) {
  // Streamlit sets the theme's colours inside the component, but the layer is in the chart.
  const style = getComputedStyle(s.root);
  for (const name of THEME) s.layer.style.setProperty(name, style.getPropertyValue(name));
  document.documentElement.style.setProperty('--le-text', style.getPropertyValue('--st-text-color'));
  if (packet.stamp === s.packet?.stamp) return;
  s.packet = packet;
  s.mail.acknowledge(packet.ack);
  place(s);
}

function pin(s, element, xy) {
  element.hidden = !xy;
  if (!xy) return;
  const [x, y] = toPixels(s.chart, xy[0], xy[1]);
  element.style.transform = `translate(${x}px,${y}px)`;
}

function place(s) {
  if (!isDrawn(s.chart) || !s.packet) return;
  const { packet, $ } = s;
  const { top, right, bottom, left } = dataArea(s.chart);
  s.layer.style.clipPath = `inset(${top}px ${right}px ${bottom}px ${left}px)`;
  const anchors = { a: packet.a, b: packet.b, c: packet.c };
  for (const name in anchors) {
    const anchor = anchors[name];
    const element = $(`[data-testid=anchor-${name}]`);
    pin(s, element, anchor?.xy);
    if (anchor) element.dataset.index = anchor.row;
    else delete element.dataset.index;
  }
  pin(s, $('.le-picked'), packet.picked_xy);
  pin(s, $('.le-own'), packet.own_xy);
  const { lerp, slerp } = packet;
  placePath(s, lerp, ['.path', '.halo']);
  placePath(s, slerp, ['.slerp']);
  placeEllipse(s);
  placeNames(s);
  drawThumbnails(s);
  drawManifold(s);
  placeHint(s);
  if (explorer.cursor) showCursor(s, explorer.cursor);
}

function placePath({ chart, $ }, path, lines) {
  const points = [];
  for (let i = 0; i < path.length; i += 2) {
    const [x, y] = toPixels(chart, path[i], path[i + 1]);
    points.push(`${x.toFixed(1)},${y.toFixed(1)}`);
  }
  for (const line of lines) $(line).setAttribute('points', points.join(' '));
}

function placeEllipse({ packet, chart, $ }) {
  const ellipse = $('.ellipse');
  ellipse.setAttribute('visibility', packet.ellipse ? 'visible' : 'hidden');
  if (!packet.ellipse) return;
  const [x, y, rx, ry] = packet.ellipse;
  const [cx, cy] = toPixels(chart, x, y);
  const [ex, ey] = toPixels(chart, x + rx, y + ry);
  const shape = { cx, cy, rx: Math.abs(ex - cx), ry: Math.abs(ey - cy) };
  for (const name in shape) ellipse.setAttribute(name, shape[name]);
}

// Shows the position of z or of the frame being scrubbed. The cursor gets paler as support decreases.
function showCursor(s, { xy, support, plane }) {
  const isVisible = isDrawn(s.chart) && s.packet && plane === s.packet.plane && Number.isFinite(xy[0]);
  if (!isVisible) {
    s.cursor.hidden = true;
    return;
  }
  pin(s, s.cursor, xy);
  s.cursor.style.opacity = PALEST + (1 - PALEST) * Math.min(1, Math.max(0, support));
  s.layer.dataset.cursor = `${xy[0]},${xy[1]}`;
}

function onPointerUp(s, event) {
  const from = s.pressedAt;
  s.pressedAt = null;
  if (from && Math.hypot(event.clientX - from[0], event.clientY - from[1]) <= CLICK_PX) click(s, event);
}

function click(s, event) {
  const position = positionOf(s.chart, event);
  const { width, height } = dataArea(s.chart);
  const { px, py, x, y } = position;
  if (px < 0 || py < 0 || px > width || py > height) return;
  hideCard(s);
  const { row, distance } = nearestPoint(s.chart, position);
  if (distance <= NEAR_PX && event.shiftKey) s.mail.ask({ kind: 'set', name: 'c', row: +row });
  else if (distance <= NEAR_PX) s.mail.ask({ kind: 'anchor', row: +row });
  else s.mail.ask({ kind: 'place', xy: [x, y] });
}

// A new colouring or plane makes a new chart; these two restore the view of each plane on it.
function keepView(s) {
  const { plane, ranges } = viewOf(s.chart);
  if (s.chart.__restored) s.views.set(plane, ranges);
}

function restoreView(s) {
  if (s.chart.__restored || !hasResetButton(s.chart)) return;
  s.chart.__restored = true;
  setRanges(s.chart, s.views.get(planeOf(s.chart)));
}
