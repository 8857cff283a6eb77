// The map's companion: listens to a chart that never changes and draws all that moves over it: cursor, A, B, path, pictures.
const mounts = (explorer._maps ??= new WeakMap());
const NEAR_PX = 8;  // a click within this of a visible point is a click on it
const CLICK_PX = 5; // a press that moved further than this was a pan

export default function ({ data, parentElement, setStateValue }) {
  let s = mounts.get(parentElement);
  if (!s) { s = build(); mounts.set(parentElement, s); }
  const style = getComputedStyle(parentElement);  // the chart lies outside the component, where the theme's colours are not set
  for (const name of ['--st-primary-color', '--st-background-color', '--st-text-color', '--st-font']) s.layer.style.setProperty(name, style.getPropertyValue(name));
  document.documentElement.style.setProperty('--le-text', style.getPropertyValue('--st-text-color'));
  s.mail.send = setStateValue;
  if (data?.length) {
    const packet = unpack(data);
    if (packet.stamp !== s.packet?.stamp) { s.packet = packet; s.mail.heard(packet.ack); place(s); }
  }
  return () => { s.stop(); s.mail.stop(); mounts.delete(parentElement); };
}

function build() {
  const layer = document.createElement('div');
  layer.className = 'le-overlay';
  layer.dataset.testid = 'map-overlay';
  layer.innerHTML = `<svg aria-hidden="true"><ellipse class="ellipse" visibility="hidden"></ellipse><polyline class="halo"></polyline><polyline class="path"></polyline></svg>
    <div class="le-pin le-picked" hidden><b></b></div>
    <div class="le-pin le-anchor" data-testid="anchor-a" hidden><b>A</b></div><div class="le-pin le-anchor" data-testid="anchor-b" hidden><b>B</b></div>
    <div class="le-pin le-own" data-testid="own-place" hidden><b>you</b></div>
    <div class="le-pin le-cursor" hidden><b></b></div><div class="le-card" role="tooltip" hidden><canvas width="28" height="28"></canvas><div></div></div>`;
  const $ = (selector) => layer.querySelector(selector);
  const mail = mailbox(), s = { layer, $, mail, ask: mail.ask, packet: null, gd: null, cursor: $('.le-cursor'), card: $('.le-card'), down: null, views: new Map() };
  const attach = () => {
    const gd = document.querySelector('.st-key-latent_map .js-plotly-plot');
    if (!gd?.on || !gd._fullLayout?.xaxis) return;
    if (gd !== s.gd || layer.parentElement !== gd) { gd.style.position = 'relative'; gd.append(layer); }
    if (gd === s.gd && gd.__companion === s) return;
    s.gd = gd; gd.__companion = s;
    const still = () => place(s);
    for (const name of ['plotly_relayout', 'plotly_relayouting', 'plotly_afterplot', 'plotly_restyle']) gd.on(name, still);
    gd.on('plotly_relayout', () => keepView(s));
    gd.on('plotly_afterplot', () => restoreView(s));
    setTimeout(() => restoreView(s));
    gd.on('plotly_hover', (e) => hover(s, e));
    gd.on('plotly_unhover', () => { s.card.hidden = true; s.hovered = null; });
    gd.addEventListener('pointerdown', (e) => { s.down = e.button === 0 && e.target.closest?.('.nsewdrag') ? [e.clientX, e.clientY] : null; }, true);
    gd.addEventListener('wheel', () => { s.card.hidden = true; }, { passive: true });
    place(s);
  };
  const up = (e) => {
    const down = s.down; s.down = null;
    if (down && Math.hypot(e.clientX - down[0], e.clientY - down[1]) <= CLICK_PX) click(s, e);
  };
  const onCursor = (e) => glide(s, e.detail);
  const observer = new MutationObserver(attach);
  observer.observe(document.body, { subtree: true, childList: true });
  window.addEventListener('pointerup', up, true);
  window.addEventListener('latent:cursor', onCursor);
  const onKey = (e) => { if (e.key === 'h' && !e.ctrlKey && !e.metaKey && !typing(e)) home(s); };
  window.addEventListener('keydown', onKey);
  s.stop = () => { observer.disconnect(); window.removeEventListener('pointerup', up, true); window.removeEventListener('latent:cursor', onCursor); window.removeEventListener('keydown', onKey); layer.remove(); if (s.gd) s.gd.__companion = null; };
  attach();
  return s;
}

const typing = (e) => e.composedPath()[0].matches?.('input:not([type=range]), textarea, select, [contenteditable]');

// Map units -> pixels of the chart.
function toPixels(s, x, y) {
  const { xaxis, yaxis } = s.gd._fullLayout;
  return [xaxis._offset + xaxis.l2p(x), yaxis._offset + yaxis.l2p(y)];
}

function pin(s, element, xy) {
  element.hidden = !xy;
  if (!xy) return;
  const [x, y] = toPixels(s, xy[0], xy[1]);
  element.style.transform = `translate(${x}px,${y}px)`;
}

function place(s) {
  if (!s.gd?._fullLayout?.xaxis || !s.packet) return;
  const { packet, $ } = s, l = s.gd._fullLayout;
  const clip = `inset(${l.yaxis._offset}px ${Math.max(0, l.width - l.xaxis._offset - l.xaxis._length)}px ${Math.max(0, l.height - l.yaxis._offset - l.yaxis._length)}px ${l.xaxis._offset}px)`;
  s.layer.style.clipPath = clip;
  for (const [name, testid] of [['a', 'anchor-a'], ['b', 'anchor-b']]) {
    const anchor = packet[name], element = $(`[data-testid=${testid}]`);
    pin(s, element, anchor && anchor.xy);
    if (anchor) element.dataset.index = anchor.row; else delete element.dataset.index;
  }
  pin(s, $('.le-picked'), packet.picked_xy);
  pin(s, $('.le-own'), packet.own_xy);
  const points = [];
  for (let i = 0; i < packet.path.length; i += 2) points.push(toPixels(s, packet.path[i], packet.path[i + 1]).map((v) => v.toFixed(1)).join(','));
  for (const line of [$('.path'), $('.halo')]) line.setAttribute('points', points.join(' '));
  const ellipse = $('.ellipse');
  ellipse.setAttribute('visibility', packet.ellipse ? 'visible' : 'hidden');
  if (packet.ellipse) {
    const [x, y, rx, ry] = packet.ellipse, [cx, cy] = toPixels(s, x, y), [ex, ey] = toPixels(s, x + rx, y + ry);
    for (const [k, v] of Object.entries({ cx, cy, rx: Math.abs(ex - cx), ry: Math.abs(ey - cy) })) ellipse.setAttribute(k, v);
  }
  if (explorer.cursor) glide(s, explorer.cursor);
}

// The cursor at z, or wherever a frame that is scrubbed lies; it fades as support falls.
function glide(s, { xy, support, plane }) {
  if (!s.gd?._fullLayout?.xaxis || !s.packet || plane !== s.packet.plane || !Number.isFinite(xy[0])) { s.cursor.hidden = true; return; }
  pin(s, s.cursor, xy);
  s.cursor.style.opacity = 0.3 + 0.7 * Math.min(1, Math.max(0, support));
  s.layer.dataset.cursor = `${xy[0]},${xy[1]}`;
}

// The visible point nearest to a place on the chart, in pixels: {row, px}.
function pointAt(s, clientX, clientY) {
  const box = s.gd.getBoundingClientRect(), { xaxis, yaxis } = s.gd._fullLayout;
  const px = clientX - box.left - xaxis._offset, py = clientY - box.top - yaxis._offset;
  const best = { row: null, px: Infinity, x: xaxis.p2l(px), y: yaxis.p2l(py) };
  for (const trace of s.gd._fullData) {
    if (trace.visible !== true || !trace.customdata) continue;
    const { x, y, customdata } = trace;
    for (let i = 0; i < x.length; i++) {
      const dx = xaxis.l2p(x[i]) - px, dy = yaxis.l2p(y[i]) - py, far = dx * dx + dy * dy;
      if (far < best.px) { best.px = far; best.row = customdata[i]; }
    }
  }
  best.px = Math.sqrt(best.px);
  return best;
}

function click(s, event) {
  const box = s.gd.getBoundingClientRect(), { xaxis, yaxis } = s.gd._fullLayout;
  const px = event.clientX - box.left - xaxis._offset, py = event.clientY - box.top - yaxis._offset;
  if (px < 0 || py < 0 || px > xaxis._length || py > yaxis._length) return;
  const at = pointAt(s, event.clientX, event.clientY);
  s.card.hidden = true;
  if (at.px <= NEAR_PX) s.ask({ kind: event.shiftKey ? 'move' : 'anchor', row: +at.row });
  else s.ask({ kind: 'place', xy: [at.x, at.y] });
}

// The picture of the point under the pointer, from the sheet of sprites that is already here.
function hover(s, event) {
  const point = event.points[0];
  if (point?.customdata === undefined) return;
  const row = +point.customdata, sprites = explorer.sprites, [x, y] = toPixels(s, point.x, point.y), canvas = s.card.firstElementChild;
  s.hovered = row;
  if (sprites?.model === s.packet?.model) {
    fitCanvas(canvas, sprites.shape); canvas.style.aspectRatio = '';
    blit(canvas, sprites.picture, row, sprites.columns, sprites.shape);
    s.card.lastElementChild.innerHTML = sprites.tell(row);
  } else s.card.lastElementChild.textContent = `image ${row}`;
  canvas.style.display = sprites?.model === s.packet?.model ? '' : 'none';
  s.card.hidden = false;
  s.card.dataset.row = row;
  const box = s.card.getBoundingClientRect(), width = s.gd.clientWidth, left = x + 16 + box.width > width ? x - 16 - box.width : x + 16;
  s.card.style.transform = `translate(${left}px,${Math.max(4, Math.min(s.gd.clientHeight - box.height - 4, y - box.height / 2))}px)`;
}

// A new colouring or plane is a new chart; the part of the plane that was shown (`uirevision` names the plane) is shown again.
function keepView(s) {
  const { xaxis, yaxis, uirevision } = s.gd._fullLayout;
  if (s.gd.__restored) s.views.set(uirevision, xaxis.autorange && yaxis.autorange ? null : { 'xaxis.range': [...xaxis.range], 'yaxis.range': [...yaxis.range] });
}

function restoreView(s) {
  const { gd } = s, reset = resetter(gd);
  if (gd.__restored || !reset) return;
  gd.__restored = true;
  const view = s.views.get(gd._fullLayout.uirevision);
  for (const name in view) reset.click(gd, { currentTarget: { getAttribute: (what) => (what === 'data-attr' ? name : view[name]) } });
}

// The chart's own button, hidden, is the only way in: Plotly itself is out of reach. It sets whatever its attributes name.
const resetter = (gd) => gd?._fullLayout?._modeBar?.buttons.flat().find((button) => button.name === 'resetScale2d');

function home(s) {
  const attributes = { 'data-attr': 'zoom', 'data-val': 'reset' };
  resetter(s.gd)?.click(s.gd, { currentTarget: { getAttribute: (what) => attributes[what] } });
}
