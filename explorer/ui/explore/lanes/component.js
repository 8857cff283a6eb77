// Three ways from A to B in lock-step: along a line, along an arc, and by cross-fading pixels. Scrubbed here, no message.
const KINDS = ['lerp', 'slerp', 'pixel'];

export default mounting('lanes', build, accept);

function build(root) {
  const $ = (selector) => root.querySelector(selector);
  const mail = mailbox();
  const s = { root, $, mail, ask: mail.ask, stamp: null, packet: null, scrub: $('[data-testid=lane-scrub]'), playing: 0, lanes: KINDS.map((kind) => {
    const canvas = $(`[data-testid=lane-${kind}]`);
    return { kind, canvas, now: canvas.closest('.lane').querySelector('.now') };
  }) };
  s.scrub.addEventListener('input', (e) => { stop(s); show(s, frameAt(s, +s.scrub.value)); painted(e); });
  s.scrub.addEventListener('keydown', (e) => {
    const by = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1, PageUp: 8, PageDown: -8, Home: -1e6, End: 1e6 }[e.key];
    if (by === undefined || !s.packet?.n_frames) return;
    e.preventDefault();
    s.scrub.value = s.packet.times[Math.min(s.packet.n_frames - 1, Math.max(0, s.frame + by))];
    s.scrub.dispatchEvent(new Event('input', { bubbles: true }));
  });
  $('.play').addEventListener('click', () => (s.playing ? stop(s) : play(s)));
  for (const button of root.querySelectorAll('button[data-do]')) button.addEventListener('click', () => s.ask({ kind: button.dataset.do }));
  $('[data-do=overshoot]').addEventListener('change', (e) => s.ask({ kind: 'overshoot', on: e.target.checked }));
  for (const { canvas } of s.lanes) canvas.addEventListener('pointerdown', (e) => grab(s, e, canvas));
  const onKey = (e) => {
    if (e.ctrlKey || e.metaKey || e.altKey || e.composedPath()[0].matches?.('input:not([type=range]), textarea, select, button, [contenteditable], [role=button]')) return;
    if (e.key === ' ' && s.packet?.n_frames) { e.preventDefault(); s.playing ? stop(s) : play(s); }
    else if (e.key === 'x' && s.packet?.n_frames) s.ask({ kind: 'swap' });
    else if (e.key === 'Backspace' && s.packet?.has_anchor) { e.preventDefault(); s.ask({ kind: 'clear' }); }
  };
  window.addEventListener('keydown', onKey);
  const observer = new ResizeObserver(() => draw(s));
  observer.observe($('.strips'));
  s.stop = () => { stop(s); observer.disconnect(); window.removeEventListener('keydown', onKey); };
  return s;
}

// The strip itself is a handle too.
function grab(s, event, canvas) {
  if (!s.packet?.n_frames) return;
  const go = (e) => {
    const box = canvas.getBoundingClientRect(), share = Math.min(1, Math.max(0, (e.clientX - box.left - 7) / (box.width - 14)));
    s.scrub.value = +s.scrub.min + share * (s.scrub.max - s.scrub.min);
    stop(s); show(s, frameAt(s, +s.scrub.value)); painted(e);
  };
  const end = () => { canvas.removeEventListener('pointermove', go); };
  canvas.setPointerCapture(event.pointerId);
  canvas.addEventListener('pointermove', go);
  canvas.addEventListener('pointerup', end, { once: true });
  canvas.addEventListener('pointercancel', end, { once: true });
  go(event);
}

function accept(s, packet) {
  if (packet.stamp === s.stamp) return;
  s.mail.heard(packet.ack);
  const { $ } = s, on = packet.n_frames > 0;
  s.stamp = packet.stamp;
  $('.lanes').classList.toggle('empty', !on);
  $('.lanes').style.setProperty('--on', on ? 1 : 0);
  for (const name of ['a', 'b', 'near']) fitCanvas($(`[data-part=${name}]`), packet.shape);
  for (const name of ['a', 'b']) {
    const index = packet.ends_parts.indexOf(name), canvas = $(`[data-part=${name}]`);
    canvas.parentElement.classList.toggle('none', index < 0);
    canvas.getContext('2d').clearRect(0, 0, canvas.width, canvas.height);
    if (index >= 0) blit(canvas, sheetOf(packet.ends, packet.shape, 1), index, 1, packet.shape);
  }
  for (const button of s.root.querySelectorAll('.play, [data-do=swap]')) button.disabled = !on;
  $('[data-do=clear]').disabled = !packet.has_anchor;
  $('[data-do=overshoot]').checked = packet.overshoot > 0;
  $('.hint').textContent = packet.hint;
  s.scrub.disabled = !on;
  if (!on) {
    stop(s); s.packet = packet; s.pictures = null;
    for (const { canvas } of s.lanes) { canvas.width = canvas.width; canvas.dataset.frames = 0; canvas.dataset.seq = packet.order; }
    $('.read svg').replaceChildren(); $('.t').textContent = '';
    for (const fact of s.root.querySelectorAll('[data-fact]')) fact.textContent = '';
    return;
  }
  received(packet);
  sheet(packet, 'frames', packet.n_frames, (picture) => {
    if (s.stamp !== packet.stamp) return;
    const t = s.packet?.n_frames ? +s.scrub.value : packet.times[0];
    s.packet = packet; s.picture = picture;
    s.nearest = packet.near.length ? sheetOf(packet.near, packet.shape, packet.n_near) : null;
    s.scrub.min = packet.times[0]; s.scrub.max = packet.times[packet.n_frames - 1];
    s.scrub.value = packet.pair === s.pair ? t : 0; s.pair = packet.pair;
    draw(s);
    plot(s);
    show(s, frameAt(s, +s.scrub.value), true);
    for (const { canvas } of s.lanes) { canvas.dataset.frames = packet.n_frames; canvas.dataset.seq = packet.order; }
  });
}

function frameAt(s, t) {
  let best = 0;
  for (let i = 1; i < s.packet.n_frames; i++) if (Math.abs(s.packet.times[i] - t) < Math.abs(s.packet.times[best] - t)) best = i;
  return best;
}

function draw(s) {
  if (!s.packet?.n_frames || !s.picture) return;
  s.lanes.forEach(({ canvas, now }, k) => {
    strip(canvas, s.picture, k * s.packet.n_frames, s.packet.n_frames, s.packet.n_frames, s.packet.shape, canvas.clientWidth, canvas.clientHeight);
    fitCanvas(now, s.packet.shape);
  });
  if (s.frame !== undefined && s.frame < s.packet.n_frames) show(s, s.frame, true);
}

// Frame i of all three lanes, its numbers, the nearest real image, and the cursor on the map.
function show(s, i, quiet) {
  const { packet, $ } = s, n = packet.n_frames, share = (packet.times[i] - packet.times[0]) / (packet.times[n - 1] - packet.times[0]);
  s.frame = i;
  s.lanes.forEach(({ now }, k) => blit(now, s.picture, k * n + i, n, packet.shape));
  $('.lanes').style.setProperty('--at', share);
  $('.t').textContent = `t ${packet.times[i].toFixed(2)}`;
  s.scrub.setAttribute('aria-valuetext', `t ${packet.times[i].toFixed(2)}`);
  $('[data-fact=norm]').textContent = packet.norm[i].toFixed(2);
  $('[data-fact=prior]').textContent = packet.log_prior[i].toFixed(1);
  $('[data-fact=support]').textContent = packet.support[i].toFixed(2);
  if (s.nearest) {
    blit($('[data-part=near]'), s.nearest, packet.near_of[i], packet.n_near, packet.shape);
    $('.near span').textContent = packet.near_told[packet.near_of[i]];
  }
  const x = 200 * share, now = $('.c-now');
  now?.setAttribute('x1', x); now?.setAttribute('x2', x);
  if (!quiet) moveCursor([packet.xy[2 * i], packet.xy[2 * i + 1]], packet.support[i], packet.plane);
}

// ||z|| (against sqrt(D), dashed), log p(z) and support along the path, each on a scale of its own.
function plot(s) {
  const { packet } = s, n = packet.n_frames, root = Math.sqrt(packet.latent_dim), svg = s.$('.read svg');
  const x = (i) => (200 * (packet.times[i] - packet.times[0])) / (packet.times[n - 1] - packet.times[0]);
  const line = (values, low, high, name) => `<path class="c-${name}" d="M${Array.from(values, (v, i) => `${x(i).toFixed(1)} ${(96 - (92 * (v - low)) / (high - low || 1)).toFixed(1)}`).join('L')}"/>`;
  const top = Math.max(root, ...packet.norm) * 1.1, low = Math.min(...packet.log_prior), high = packet.log_prior_max;
  const level = 96 - (92 * root) / top;
  svg.innerHTML = `<line x1="0" x2="200" y1="${level}" y2="${level}"/>${line(packet.norm, 0, top, 'norm')}${line(packet.log_prior, low, high, 'prior')}${line(packet.support, 0, 1, 'support')}<line class="c-now" y1="0" y2="100" x1="0" x2="0"/>`;
}

// There and back again, two seconds each way.
function play(s) {
  if (!s.packet?.n_frames) return;
  const low = s.packet.times[0], high = s.packet.times[s.packet.n_frames - 1], began = performance.now() - 2000 * ((s.scrub.value - low) / (high - low));
  s.$('.play').textContent = '\u23F8'; s.$('.play').setAttribute('aria-label', 'Pause');
  const tick = (now) => {
    const phase = ((now - began) / 2000) % 2, share = phase < 1 ? phase : 2 - phase;
    s.scrub.value = low + Math.max(0, share) * (high - low);
    show(s, frameAt(s, +s.scrub.value));
    s.playing = requestAnimationFrame(tick);
  };
  s.playing = requestAnimationFrame(tick);
}

function stop(s) {
  cancelAnimationFrame(s.playing);
  s.playing = 0;
  s.$('.play').textContent = '\u25B6'; s.$('.play').setAttribute('aria-label', 'Play');
}
