// The stage: a slider per dimension over that dimension's film; the decoded image follows the hand without a message.
const PAGE = 4;  // frames that Page Up and Page Down move

export default mounting('stage', build, accept);

function build(root) {
  const $ = (selector) => root.querySelector(selector);
  const mail = mailbox();
  const s = { root, $, mail, ask: mail.ask, stamp: null, z: null, packet: null, rows: new Map(), stage: $('[data-testid=stage]'), dragging: false, awaited: 0 };
  s.stage.dataset.paints = 0;
  s.commit = debounce(150, () => s.ask({ kind: 'move', z: [...s.z] }));
  for (const button of root.querySelectorAll('[data-do]')) button.addEventListener('click', () => act(s, button.dataset.do));
  $('.go').addEventListener('change', (e) => { const row = Math.trunc(+e.target.value); if (e.target.value !== '' && row >= 0) s.ask({ kind: 'go', row }); });
  const heeded = { keydown: (e) => shortcut(s, e), 'latent:preview': (e) => preview(s, e.detail), 'latent:heard': (e) => heard(s, e.detail.ack) };
  for (const name in heeded) window.addEventListener(name, heeded[name]);
  const observer = new ResizeObserver(() => drawStrips(s));
  observer.observe($('.rows'));
  s.stop = () => { observer.disconnect(); for (const name in heeded) window.removeEventListener(name, heeded[name]); };
  return s;
}

// A packet from the server: adopt its z unless this hand has moved on meanwhile, and its films wherever they are true.
function accept(s, packet) {
  if (packet.stamp === s.stamp) return;  // the same bytes again: another part of the page was run
  s.next = packet;
  received(packet);
  s.mail.heard(packet.ack);
  sheet(packet, 'frames', packet.n_frames, (picture) => {
    if (s.next !== packet) return;  // a newer one came while this was decoded
    const first = !s.packet || s.packet.model !== packet.model || s.packet.dims.join() !== packet.dims.join();
    s.stamp = packet.stamp; s.packet = packet; s.picture = picture;
    s.exact = sheetOf(packet.rest, packet.shape, 1);
    const behind = packet.ack < s.mail.seq || s.dragging || s.commit.pending() || s.awaited;
    if (!behind || first) { s.z = Float32Array.from(packet.z); s.awaited = 0; }
    fitCanvas(s.stage, packet.shape);
    if (first) buildRows(s);
    settle(s);
    drawStrips(s);
    showPicked(s);
    showFacts(s);
    if (differing(s).length === 0) rest(s);
  });
}

// The exact image at z, now that z is where the films were made.
function rest(s) {
  const { packet } = s;
  blit(s.stage, s.exact, 0, 1, packet.shape);
  if (s.stage.dataset.seq !== `${packet.order}`) s.stage.dataset.seq = packet.order;
  fresh(s, true);
  moveCursor([packet.at_xy[0], packet.at_xy[1]], packet.at_support, packet.plane);
}

// The hand let go. A slider that ends where it began says no `change`, and neither does one whose touch was taken away.
function letGo(s) {
  s.dragging = false;
  if (!s.packet || s.mail.seq > s.packet.ack || s.awaited) return;
  if (differing(s).length) return s.commit.flush();
  settle(s);
  rest(s);
}

// A frame scrubbed by another component: shown as a slider's would be, and its z held until that component's request `seq`,
// which carries it, has been heard.
function preview(s, { picture, index, columns, shape, z, xy, support, plane, seq, event }) {
  if (!s.packet || z.length !== s.z.length) return;
  if (s.commit.pending()) s.commit.flush();
  s.z = Float32Array.from(z); s.awaited = seq;
  if (differing(s).length) blit(s.stage, picture, index, columns, shape);
  else blit(s.stage, s.exact, 0, 1, s.packet.shape);
  fresh(s, true);
  settle(s);
  moveCursor(xy, support, plane);
  showFacts(s, support);
  s.stage.dataset.paints = +s.stage.dataset.paints + 1;
  painted(event);
}

function heard(s, ack) {
  if (!s.awaited || ack < s.awaited) return;
  s.awaited = 0;
  if (s.next !== s.packet || s.packet.ack < s.mail.seq || differing(s).length === 0) return;
  s.z = Float32Array.from(s.packet.z);  // something else has moved z meanwhile
  settle(s);
  rest(s);
  showFacts(s);
}

// The dimensions in which this hand's z is not where the films were made. A film is true where that is itself alone.
const differing = (s) => { const off = []; for (let d = 0; d < s.z.length; d++) if (s.z[d] !== s.packet.z[d]) off.push(d); return off; };
const isTrue = (s, dim) => { const off = differing(s); return off.length === 0 || (off.length === 1 && off[0] === dim); };

function fresh(s, now) {
  s.$('.wait').hidden = now;
  s.$('.screen').classList.toggle('stale', !now);
}

function buildRows(s) {
  const rows = s.$('.rows');
  rows.replaceChildren(); s.rows.clear();
  [...s.packet.dims].forEach((dim, k) => {
    const row = document.createElement('div');
    row.className = 'row';
    row.innerHTML = `<label for="z-${dim}">z<sub>${dim}</sub></label><div class="track"><canvas aria-hidden="true"></canvas><span class="band" hidden></span>
      <input type="range" id="z-${dim}" data-testid="z-${dim}" step="any" aria-label="Latent dimension ${dim}"></div>
      <input type="number" step="any" aria-label="Value of z ${dim}"><span class="kl"></span>`;
    const range = row.querySelector('[type=range]'), number = row.querySelector('[type=number]');
    range.addEventListener('input', (e) => slide(s, dim, e));
    range.addEventListener('change', () => { if (s.dragging) { s.dragging = false; s.commit.flush(); } });
    range.addEventListener('pointerdown', () => { s.dragging = true; });
    for (const end of ['pointerup', 'pointercancel']) range.addEventListener(end, () => setTimeout(() => letGo(s)));  // after `change`
    range.addEventListener('keydown', (e) => step(s, dim, e));
    range.addEventListener('dblclick', () => put(s, dim, 0));
    row.querySelector('.track').addEventListener('wheel', (e) => { e.preventDefault(); nudge(s, dim, e.deltaY < 0 || e.deltaX > 0 ? 1 : -1); }, { passive: false });
    number.addEventListener('change', () => { const v = parseFloat(number.value); Number.isFinite(v) ? put(s, dim, v) : settle(s); });
    rows.append(row);
    s.rows.set(dim, { k, row, range, number, canvas: row.querySelector('canvas'), band: row.querySelector('.band'), kl: row.querySelector('.kl') });
  });
}

const valuesOf = (s, k) => s.packet.values.subarray(k * s.packet.n_frames, (k + 1) * s.packet.n_frames);
function nearest(values, v) {
  let best = 0;
  for (let i = 1; i < values.length; i++) if (Math.abs(values[i] - v) < Math.abs(values[best] - v)) best = i;
  return best;
}

// One input event: find the frame, paint it, move the cursor. Nothing is sent.
function slide(s, dim, event) {
  const { k, range, number } = s.rows.get(dim), values = valuesOf(s, k), i = nearest(values, +range.value);
  s.z[dim] = values[i];
  if (document.activeElement !== number) number.value = values[i].toFixed(2);
  range.setAttribute('aria-valuetext', values[i].toFixed(2));
  if (isTrue(s, dim)) {
    const f = k * s.packet.n_frames + i, { xy, support } = s.packet;
    if (values[i] === s.packet.z[dim]) blit(s.stage, s.exact, 0, 1, s.packet.shape);
    else blit(s.stage, s.picture, f, s.packet.n_frames, s.packet.shape);
    fresh(s, true);
    moveCursor([xy[2 * f], xy[2 * f + 1]], support[f], s.packet.plane);
    showFacts(s, support[f]);
  } else { fresh(s, false); markRows(s); }
  s.stage.dataset.paints = +s.stage.dataset.paints + 1;
  painted(event);
  if (!s.dragging) s.commit();
}

function nudge(s, dim, by) {
  const { k, range } = s.rows.get(dim), values = valuesOf(s, k);
  const i = Math.min(values.length - 1, Math.max(0, nearest(values, s.z[dim]) + by));
  range.value = values[i];
  range.dispatchEvent(new Event('input', { bubbles: true }));
}

function step(s, dim, event) {
  const moves = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1, PageUp: PAGE, PageDown: -PAGE, Home: -1e6, End: 1e6 };
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key in moves && !event.shiftKey) { event.preventDefault(); nudge(s, dim, moves[event.key]); }
  else if (event.key === '0') { event.preventDefault(); event.stopPropagation(); put(s, dim, 0); }
}

// A value that may lie between frames: it is asked for, and until its image is here the old one is marked.
function put(s, dim, value) {
  s.z[dim] = value;
  settle(s);
  fresh(s, differing(s).length === 0);
  s.commit.flush();
}

function act(s, what) {
  if (!s.packet) return;
  if (what === 'reset') { s.z.fill(0); settle(s); fresh(s, differing(s).length === 0); s.commit.flush(); }
  else s.ask({ kind: what });
}

function shortcut(s, e) {
  if (e.target.closest?.('input[type=text], textarea, [contenteditable]') || e.composedPath()[0].matches?.('input[type=number], input[type=text], textarea, select')) return;
  const key = e.key.toLowerCase();
  if ((e.ctrlKey || e.metaKey) && (key === 'z' || key === 'y')) { e.preventDefault(); act(s, key === 'y' || e.shiftKey ? 'redo' : 'undo'); }
  else if (e.ctrlKey || e.metaKey || e.altKey) return;
  else if (e.code === 'Digit0' && e.shiftKey) { e.preventDefault(); act(s, 'reset'); }
  else if (key === 'r' && !e.shiftKey) act(s, 'prior');
  else if (key === 'm' && !e.shiftKey) act(s, 'picked');
}

// Handles, numbers and marks to where z is.
function settle(s) {
  const { packet } = s;
  for (const [dim, r] of s.rows) {
    const values = valuesOf(s, r.k), low = Math.min(values[0], s.z[dim]), high = Math.max(values[values.length - 1], s.z[dim]);
    if (+r.range.min !== low) r.range.min = low;
    if (+r.range.max !== high) r.range.max = high;
    if (!(s.dragging && r.range.matches(':active'))) r.range.value = s.z[dim];
    if (s.root.activeElement !== r.number) r.number.value = s.z[dim].toFixed(2);
    r.range.setAttribute('aria-valuetext', s.z[dim].toFixed(2));
    r.kl.textContent = packet.kl[r.k] >= 0.995 ? packet.kl[r.k].toFixed(1) : packet.kl[r.k].toFixed(2).replace(/^0/, '');
    const posterior = packet.posterior?.[r.k];
    r.band.hidden = !posterior;
    if (posterior) {
      const at = (v) => Math.min(1, Math.max(0, (v - low) / (high - low))), [mu, sigma] = posterior;
      r.band.style.left = `calc(7px + (100% - 14px) * ${at(mu - sigma)})`;
      r.band.style.width = `max(3px, calc((100% - 14px) * ${at(mu + sigma) - at(mu - sigma)}))`;
    }
  }
  for (const [what, on] of [['undo', packet.can_undo], ['redo', packet.can_redo], ['picked', packet.picked !== null]])
    s.$(`[data-do=${what}]`).disabled = !on;
  s.$('.go').placeholder = `0-${packet.n_images - 1}`;
  s.$('.go').max = packet.n_images - 1;
  if (s.root.activeElement !== s.$('.go')) s.$('.go').value = packet.picked ?? '';
  s.$('.dead').hidden = !packet.dead;
  s.$('.dead').textContent = packet.dead ?? '';
  s.$('.pager').hidden = !packet.pages;
  if (packet.pages) {
    s.$('.pager .range').textContent = ` ${packet.pages[0] + 1}-${packet.pages[1]} of ${packet.pages[2]} `;
    s.$('[data-do=back]').disabled = packet.pages[0] === 0;
    s.$('[data-do=more]').disabled = packet.pages[1] >= packet.pages[2];
  }
  markRows(s);
}

function markRows(s) { for (const [dim, r] of s.rows) r.row.classList.toggle('stale', !isTrue(s, dim)); }

function drawStrips(s) {
  if (!s.picture) return;
  for (const r of s.rows.values()) {
    const box = r.canvas.getBoundingClientRect();
    if (box.width) strip(r.canvas, s.picture, r.k * s.packet.n_frames, s.packet.n_frames, s.packet.n_frames, s.packet.shape, r.canvas.clientWidth, r.canvas.clientHeight);
  }
}

function showFacts(s, support) {
  let norm = 0;
  for (const v of s.z) norm += v * v;
  s.$('[data-fact=norm]').textContent = `|z| ${Math.sqrt(norm).toFixed(2)} (prior ${Math.sqrt(s.z.length).toFixed(1)})`;
  support ??= s.packet.at_support;
  s.$('[data-fact=support]').textContent = support === null || Number.isNaN(support) ? '' : `support ${support < 0.005 ? '< .01' : support.toFixed(2)}`;
}

function showPicked(s) {
  const { packet } = s, parts = ['picked', 'recon', 'error'];
  s.$('.told').textContent = packet.told ?? 'click a point of the map to pick an image';
  s.$('.told').title = packet.told ?? '';
  const picture = packet.trio.length ? sheetOf(packet.trio, packet.shape, 1) : null;
  parts.forEach((name, i) => {
    const canvas = s.$(`[data-part=${name}]`), index = packet.trio_parts.indexOf(name);
    fitCanvas(canvas, packet.shape);
    canvas.parentElement.style.visibility = index < 0 ? 'hidden' : 'visible';
    if (index >= 0) blit(canvas, picture, index, 1, packet.shape);
  });
}
