// A run: what the server says is kept per epoch and drawn here; scrubbing and playing send nothing.
const mounts = (explorer._runs ??= new WeakMap());
const PLAY_MS = 160, COLUMNS = 8, REST_MS = 30;

export default function ({ data, parentElement, setStateValue }) {
  let s = mounts.get(parentElement);
  if (!s) { s = build(parentElement); mounts.set(parentElement, s); }
  s.send = (name, value) => { s.unsent?.(); s.unsent = unasked(0, REST_MS, () => setStateValue(name, value)); };
  if (data?.length) hear(s, unpack(data));
  return () => { s.stop(); mounts.delete(parentElement); };
}

function build(root) {
  const $ = (selector) => root.querySelector(selector);
  const s = { root, $, run: null, frames: new Map(), keys: [], shown: null, wanted: null, playing: 0, pending: 0, packet: null, plane: 'umap', drawn: {},
              scrub: $('input'), charts: [...root.querySelectorAll('.curves canvas')] };
  s.scrub.addEventListener('input', (e) => { pause(s); choose(s, +s.scrub.value); painted(e); });
  $('[data-do=play]').addEventListener('click', () => (s.playing ? pause(s) : play(s)));
  s.planes = [...root.querySelectorAll('[data-plane]')];
  for (const button of s.planes) button.addEventListener('click', () => { s.plane = button.dataset.plane; films(s); });
  const along = (e) => { if (e.detail.from !== s && s.packet && e.detail.link === s.packet.link) { pause(s); s.wanted = e.detail.wanted; show(s); } };
  window.addEventListener('latent-epoch', along);
  const observer = new ResizeObserver(() => { if (s.packet) { charts(s); films(s); heat(s); } });
  observer.observe($('.run'));
  s.stop = () => { observer.disconnect(); s.unsent?.(); clearInterval(s.playing); window.removeEventListener('latent-epoch', along); };
  return s;
}

function hear(s, packet) {
  if (packet.run !== s.run) { pause(s); Object.assign(s, { run: packet.run, frames: new Map(), keys: [], shown: null, wanted: null, originals: null }); }
  s.packet = packet;
  if (packet.link && `?${packet.link}` !== location.search) history.replaceState(history.state, '', `${location.pathname}?${packet.link}`);
  words(s, packet);
  if (packet.fresh.length) { received(packet); keep(s, packet); }
  for (const key of s.frames.keys()) if (!packet.names.includes(key)) s.frames.delete(key);
  s.keys = packet.names.filter((key) => s.frames.has(key));
  s.scrub.max = Math.max(0, s.keys.length - 1);
  s.scrub.disabled = s.keys.length < 2;
  s.$('[data-do=play]').disabled = s.keys.length < 2;
  charts(s);
  show(s);
  const lacks = !packet.fresh.length && !s.pending && packet.names.some((key) => !s.frames.has(key));
  if (lacks) s.send('have', { run: s.run, keys: [...s.frames.keys()] });  // this view is new, and the server knew an older one
}

function words(s, packet) {
  const set = (name, text) => { const e = s.$(`[data-f=${name}]`); if (e.textContent !== text) e.textContent = text; return e; };
  set('status', packet.status).classList.toggle('live', packet.live);
  set('name', packet.title); set('of', packet.n_epochs ? `of ${packet.n_epochs}` : ''); set('facts', packet.facts); set('plane', packet.plane); set('dead', packet.dead);
  set('word', packet.word).classList.toggle('bad', packet.bad);
  s.$('[data-testid=run-epoch]').textContent = packet.epoch;
  s.$('[data-testid=run-elbo]').textContent = packet.elbo === null ? '–' : packet.elbo.toFixed(2);
  s.$('progress').value = packet.n_steps ? packet.step / packet.n_steps : 0;
  Object.assign(s.$('.run').dataset, { status: packet.status, dials: packet.dials.length });
}

// Pictures that have just come: raw at once, a JPEG as soon as it is decoded; each epoch's are then here for good.
function keep(s, packet) {
  const run = s.run, half = packet.half, m = packet.labels.length;
  s.half = half; s.labels = packet.labels; s.pending += 1;
  sheet(packet, 'frames', COLUMNS, (picture) => {
    s.pending -= 1;
    if (s.run !== run) return;
    packet.fresh.forEach((key, i) => {
      const [xy, umap] = [packet.xy, packet.umap].map((all) => all.subarray(2 * m * i, 2 * m * (i + 1)));
      s.frames.set(key, { picture, first: 2 * half * i, xy, umap: umap.length ? umap : null });
    });
    s.keys = s.packet.names.filter((key) => s.frames.has(key));
    s.scrub.max = Math.max(0, s.keys.length - 1);
    show(s);
    s.send('have', { run, keys: [...s.frames.keys()] });
  });
  if (packet.originals?.length) sheet({ ...packet, encodings: {} }, 'originals', COLUMNS, (picture) => { s.originals = picture; films(s); });
}

const epochOf = (key) => +key.split(':')[0];

// The epoch that is wanted, or the last before it that is here; null: the newest, as it lands.
function show(s) {
  const last = s.keys.length - 1, index = s.wanted === null ? last : Math.max(0, s.keys.findLastIndex((key) => epochOf(key) <= s.wanted));
  s.shown = s.keys[index] ?? null;
  s.scrub.value = Math.max(0, index);
  const epoch = s.shown === null ? null : epochOf(s.shown);
  s.$('output').textContent = epoch === null ? '' : epoch === 0 ? 'epoch 0, untrained' : `epoch ${epoch}${s.wanted === null && s.packet.live ? ', live' : ''}`;
  s.scrub.setAttribute('aria-valuetext', s.$('output').textContent);
  films(s); heat(s);
}

// By the hand, or in playing: twins go along.
function choose(s, index) {
  if (!s.keys.length) return;
  s.wanted = index >= s.keys.length - 1 ? null : epochOf(s.keys[index]);
  show(s);
  window.dispatchEvent(new CustomEvent('latent-epoch', { detail: { from: s, link: s.packet.link, wanted: s.wanted } }));
}

function play(s) {
  if (s.keys.indexOf(s.shown) >= s.keys.length - 1) choose(s, 0);
  s.$('[data-do=play]').textContent = '❚❚';
  s.playing = setInterval(() => {
    const next = s.keys.indexOf(s.shown) + 1;
    if (next >= s.keys.length) return pause(s);
    choose(s, next);
  }, PLAY_MS);
}

function pause(s) { clearInterval(s.playing); s.playing = 0; s.$('[data-do=play]').textContent = '▶'; }

// ---- drawing

function surface(canvas) {
  const ratio = Math.min(2, window.devicePixelRatio || 1), width = Math.max(1, canvas.clientWidth), height = Math.max(1, canvas.clientHeight);
  if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) { canvas.width = Math.round(width * ratio); canvas.height = Math.round(height * ratio); }
  const context = canvas.getContext('2d');
  context.setTransform(ratio, 0, 0, ratio, 0, 0); context.clearRect(0, 0, width, height);
  return { context, width, height };
}

const colour = (s, name, fallback) => getComputedStyle(s.$('.run')).getPropertyValue(name).trim() || fallback;
const tidy = (v) => (Math.abs(v) >= 100 ? v.toFixed(0) : Math.abs(v) >= 10 ? v.toFixed(1) : v.toFixed(2));

// Whether a part is to be drawn again: two packets come a second, and a canvas drawn for nothing costs the machine a frame.
function changed(s, part, canvas, ...what) {
  const now = [s.run, canvas.clientWidth, canvas.clientHeight, window.devicePixelRatio, colour(s, '--st-text-color', '#333'), colour(s, '--st-primary-color', '#b5124f'), ...what].join(' ');
  const before = s.drawn[part];
  s.drawn[part] = now;
  return before !== now;
}

// Whether there is a place to draw on: none while the page is being taken apart or put together; it is drawn when there is.
const isSeen = (s) => s.charts[0].clientHeight > 0;

// Three curves: the batches as a line, the test split as dots. The first steep fall is cut off at the top.
function charts(s) {
  const { packet } = s;
  if (!isSeen(s) || !changed(s, 'charts', s.charts[0], packet.step, packet.n_steps, packet.train.length, packet.test.length, packet.dials.length, packet.axes.curves)) return;
  const ink = colour(s, '--st-text-color', '#333'), accent = colour(s, '--st-primary-color', '#b5124f');
  const n = packet.train.length / 4, m = packet.test.length / 4;
  s.charts.slice(0, 3).forEach((canvas, which) => {
    const { context, width, height } = surface(canvas), left = 36, right = width - 4, top = 8, bottom = height - 18;
    const train = packet.train.subarray((which + 1) * n, (which + 2) * n), test = packet.test.subarray((which + 1) * m, (which + 2) * m);
    context.font = '12px system-ui, sans-serif'; context.fillStyle = ink; context.strokeStyle = ink;
    if (!n && !m) return;
    const [low, high] = packet.axes.curves[which];
    const x = (step) => left + (right - left) * (packet.n_steps ? Math.min(1, step / packet.n_steps) : 0), y = (v) => bottom - (bottom - top) * (v - low) / (high - low);
    context.globalAlpha = 0.8; context.textAlign = 'right';
    for (const v of [low + 0.06 * (high - low), high - 0.06 * (high - low)]) context.fillText(tidy(v), left - 5, y(v) + 4);
    context.globalAlpha = 0.25; context.beginPath(); context.moveTo(left, top); context.lineTo(left, bottom); context.lineTo(right, bottom); context.stroke();
    context.globalAlpha = 1; context.setLineDash([3, 3]); context.textAlign = 'left'; context.strokeStyle = accent; context.fillStyle = accent;
    packet.dials.forEach((dial, i) => { const at = x(dial.step); context.beginPath(); context.moveTo(at, top); context.lineTo(at, bottom); context.stroke(); if (which === 0) context.fillText(dial.text, Math.min(at + 3, right - 40), top + 10 + 13 * (i % 3)); });
    context.setLineDash([]); context.save(); context.beginPath(); context.rect(left, top - 4, right - left + 6, bottom - top + 6); context.clip();
    context.strokeStyle = ink; context.globalAlpha = 0.6; context.lineWidth = 1.3; context.beginPath();
    for (let i = 0; i < n; i++) { const px = x(packet.train[i]), py = y(train[i]); i ? context.lineTo(px, py) : context.moveTo(px, py); }
    context.stroke(); context.globalAlpha = 1; context.fillStyle = accent;
    for (let i = 0; i < m; i++) { context.beginPath(); context.arc(x(packet.test[i]), y(test[i]), m > 60 ? 2 : 3.2, 0, 7); context.fill(); }
    context.restore();
    context.fillStyle = ink; context.globalAlpha = 0.75; context.font = '12px system-ui, sans-serif';
    if (which === 0) { context.textAlign = 'right'; context.fillText('line: train, dots: test', right, height - 4); }
  });
}

// A row per dimension, a column per epoch: from the background to the accent with the KL; a row that stays empty is dead.
function heat(s) {
  const { packet } = s, canvas = s.charts[3];
  if (!packet || !isSeen(s) || !changed(s, 'heat', canvas, packet.kl.length, packet.kl_epochs.at(-1), packet.axes.peak, s.shown)) return;
  const { context, width, height } = surface(canvas), epochs = packet.kl_epochs, n = epochs.length, d = n ? packet.kl.length / n : 0;
  if (!n) return;
  const left = 26, wide = (width - left) / n, bottom = height - 18, tall = bottom / d, peak = packet.axes.peak;
  const accent = colour(s, '--st-primary-color', '#b5124f'), ink = colour(s, '--st-text-color', '#333');
  context.fillStyle = ink; context.globalAlpha = 0.06; context.fillRect(left, 0, width - left, bottom);
  context.fillStyle = accent;
  for (let i = 0; i < n; i++) for (let j = 0; j < d; j++) {
    const from = Math.round(left + i * wide), to = Math.round(left + (i + 1) * wide);
    context.globalAlpha = Math.min(1, Math.sqrt(Math.max(0, packet.kl[i * d + j]) / peak));  // above 1 it would be passed over
    context.fillRect(from, j * tall, Math.max(1, to - from), Math.max(1, tall - (tall > 4 ? 1 : 0)));
  }
  context.globalAlpha = 0.8; context.fillStyle = ink; context.font = '12px system-ui, sans-serif'; context.textAlign = 'right';
  const every = Math.max(1, Math.ceil(13 / tall));
  for (let j = 0; j < d; j += every) context.fillText(`z${j}`, left - 4, Math.max(10, j * tall + Math.min(tall, 13) * 0.8));
  context.fillText(`at most ${tidy(peak)} nats`, width, height - 4);
  const epoch = s.shown === null ? null : epochOf(s.shown), at = epoch === null ? -1 : epochs.findIndex((e) => e >= epoch);
  if (at >= 0) { context.globalAlpha = 1; context.strokeStyle = ink; context.lineWidth = 1.5; context.strokeRect(left + at * wide, 0.5, Math.max(3, wide), bottom); }
}

function films(s) {
  const { packet } = s, frame = s.frames.get(s.shown);
  if (!packet || !isSeen(s) || !changed(s, 'films', s.$('[data-c=map]'), s.$('[data-c=recon]').clientHeight, s.shown, Boolean(frame), Boolean(s.originals), s.plane, packet.axes.reach, packet.axes.umap_reach)) return;
  const [recon, samples, map] = ['recon', 'samples', 'map'].map((name) => surface(s.$(`[data-c=${name}]`)));
  if (!frame) return;
  const { half, labels } = s, [, h, w] = packet.shape, smooth = padding(packet.shape) > 0;
  const tile = (area, picture, index, slot, columns, rows) => {
    const size = Math.min(area.width / columns, area.height / rows), gap = Math.max(1, size * 0.04), scale = (size - gap) / Math.max(h, w);
    const left = (slot % columns) * size, top = Math.floor(slot / columns) * size;
    area.context.imageSmoothingEnabled = smooth || scale < 1;
    area.context.drawImage(picture, (index % COLUMNS) * w, Math.floor(index / COLUMNS) * h, w, h, left, top, w * scale, h * scale);
  };
  const fit = (area, n) => { let columns = 1; while (Math.ceil(n / columns) * (area.width / columns) > area.height) columns++; return [columns, Math.ceil(n / columns)]; };
  const pairs = s.originals ? 2 : 1, [c1, r1] = fit(recon, half * pairs), even = pairs === 2 && c1 % 2 ? c1 + 1 : c1, rows = Math.ceil((half * pairs) / even);
  for (let i = 0; i < (rows > 1 ? half - (half % (even / pairs)) : half); i++) {
    if (pairs === 2) tile(recon, s.originals, i, 2 * i, even, rows);
    tile(recon, frame.picture, frame.first + i, pairs * i + pairs - 1, even, rows);
  }
  const [c2, r2] = fit(samples, half);
  const whole = r2 > 1 ? half - (half % c2) : half;  // no ragged last row
  for (let i = 0; i < whole; i++) tile(samples, frame.picture, frame.first + half + i, i, c2, Math.ceil(whole / c2));
  const is_umap = Boolean(frame.umap) && s.plane === 'umap', xy = is_umap ? frame.umap : frame.xy;
  for (const button of s.planes) { button.hidden = !frame.umap; button.setAttribute('aria-pressed', (button.dataset.plane === 'umap') === is_umap); }
  s.$('[data-f=plane]').hidden = Boolean(frame.umap);
  const reach = is_umap ? packet.axes.umap_reach : packet.axes.reach;
  const { context, width, height } = map, scale = (Math.min(width, height) / 2 - 4) / (reach || 1), x0 = width / 2, y0 = height / 2;
  context.globalAlpha = 0.75;
  for (let i = 0; i < labels.length; i++) {
    context.fillStyle = packet.colours[Math.max(0, labels[i]) % packet.colours.length];
    context.fillRect(x0 + scale * xy[2 * i] - 1.5, y0 - scale * xy[2 * i + 1] - 1.5, 3, 3);
  }
}
