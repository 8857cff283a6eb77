// Your own image: strokes or a file go up, one at a time; what the model makes of them is shown beside the canvas.
const mounts = (explorer._draws ??= new WeakMap());
const SIDE_PX = 280;  // of the drawing, its longer side
const STEPS = 28;     // arrow presses from one side to the other
const MAX_BYTES = 5e6, REST_MS = 250, RETRY_MS = 5000, MAX_TRIES = 4;

export default function ({ data, parentElement, setTriggerValue }) {
  let s = mounts.get(parentElement);
  if (!s) { s = build(parentElement); mounts.set(parentElement, s); }
  s.emit = (request) => setTriggerValue('request', request);
  if (data?.length) accept(s, unpack(data));
  return () => { s.stop(); mounts.delete(parentElement); };
}

function build(root) {
  const $ = (selector) => root.querySelector(selector);
  const s = { root, $, seq: 0, stamp: null, packet: null, queue: [], flight: null, canvas: $('[data-testid=own-canvas]'), card: $('.card'),
    strokes: [], stroke: null, pointer: null, file: null, at: [0.5, 0.5], erasing: false };
  s.later = debounce(REST_MS, () => { if (s.pointer === null) sendDrawing(s); });
  const act = {
    close: () => open(s, false), undo: () => undo(s), clear: () => { wipe(s); ask(s, { kind: 'clear' }); },
    eraser: () => { s.erasing = !s.erasing; $('[data-do=eraser]').setAttribute('aria-pressed', s.erasing); },
    explore: () => ask(s, { kind: 'explore' }),
  };
  for (const button of root.querySelectorAll('button[data-do]')) button.addEventListener('click', () => act[button.dataset.do]());
  const see = () => ask(s, { kind: 'see', centre: $('[data-do=centre]').checked, invert: $('[data-do=invert]').value });
  for (const name of ['centre', 'invert']) $(`[data-do=${name}]`).addEventListener('change', see);
  $('.open').addEventListener('click', () => open(s, s.card.hidden));
  const file = $('[type=file]');
  file.addEventListener('change', () => { load(s, file.files[0]); file.value = ''; });
  s.card.addEventListener('dragover', (e) => { e.preventDefault(); $('.pad').classList.add('over'); });
  s.card.addEventListener('dragleave', () => $('.pad').classList.remove('over'));
  s.card.addEventListener('drop', (e) => { e.preventDefault(); $('.pad').classList.remove('over'); load(s, e.dataTransfer.files[0]); });
  s.canvas.addEventListener('pointerdown', (e) => down(s, e));
  s.canvas.addEventListener('pointermove', (e) => move(s, e));
  for (const name of ['pointerup', 'pointercancel']) s.canvas.addEventListener(name, (e) => lift(s, e));
  s.canvas.addEventListener('blur', () => { pen(s, false); $('.cross').hidden = true; });
  s.card.addEventListener('keydown', (e) => key(s, e));
  const onKey = (e) => {
    const typing = e.composedPath()[0].matches?.('input:not([type=range]), textarea, select, [contenteditable]');
    if (e.key === 'Escape' && !s.card.hidden) { e.preventDefault(); e.stopImmediatePropagation(); open(s, false); }
    else if (e.key.toLowerCase() === 'i' && !typing && !e.ctrlKey && !e.metaKey && !e.altKey) { e.preventDefault(); open(s, s.card.hidden); }
  };
  const onPaste = (e) => { if (!s.card.hidden && e.clipboardData?.files[0]) load(s, e.clipboardData.files[0]); };
  window.addEventListener('keydown', onKey, true);
  window.addEventListener('paste', onPaste);
  s.stop = () => { clearTimeout(s.timer); window.removeEventListener('keydown', onKey, true); window.removeEventListener('paste', onPaste); };
  return s;
}

function open(s, on) {
  s.card.hidden = !on;
  s.$('.open').setAttribute('aria-expanded', on);
  (on ? s.canvas : s.$('.open')).focus({ preventScroll: true });
}

// One request at a time: a newer one of its kind replaces what waits, and the next leaves when the last was heard.
const slot = (request) => (request.kind === 'clear' ? 'image' : request.kind);
function ask(s, request) {
  s.queue = [...s.queue.filter((r) => slot(r) !== slot(request)), request];
  pump(s);
}

function pump(s) {
  if (!s.flight && s.queue.length) { s.flight = { ...s.queue.shift(), seq: ++s.seq }; s.tries = 0; post(s); }
  stale(s);
}

function post(s) {
  clearTimeout(s.timer);
  if (!s.flight) return;
  if (s.tries++ === MAX_TRIES) { s.flight = null; s.$('.rank').textContent = 'The server does not answer. Load the page again.'; return pump(s); }
  s.emit(s.flight);
  s.timer = setTimeout(() => post(s), RETRY_MS);
}

const stale = (s) => s.card.classList.toggle('stale', !!(s.flight || s.queue.length || s.stroke || s.later.pending()));

// The drawing

const inkOf = (s) => (s.packet?.shape[0] === 3 ? s.$('[type=color]').value : s.packet?.light === false ? '#000' : '#fff');
const groundOf = (s) => (s.packet?.light === false ? '#fff' : '#000');

function begin(s, point) {
  if (s.file) wipe(s);
  s.stroke = { points: [point], width: +s.$('[type=range]').value, colour: s.erasing ? groundOf(s) : inkOf(s) };
  s.strokes.push(s.stroke);
  s.$('.hint').hidden = true;
  line(s, s.stroke, 0);
  stale(s);
}

function extend(s, point) {
  s.stroke.points.push(point);
  line(s, s.stroke, s.stroke.points.length - 2);
}

// The stroke from point `first` on; a single point is a dot.
function line(s, { points, width, colour }, first) {
  const context = s.canvas.getContext('2d'), at = ([x, y]) => [x * s.canvas.width, y * s.canvas.height];
  Object.assign(context, { strokeStyle: colour, lineWidth: width, lineCap: 'round', lineJoin: 'round' });
  context.beginPath();
  context.moveTo(...at(points[first]));
  for (const point of points.slice(first)) context.lineTo(...at(point));
  context.stroke();
}

function repaint(s) {
  const context = s.canvas.getContext('2d');
  context.fillStyle = groundOf(s);
  context.fillRect(0, 0, s.canvas.width, s.canvas.height);
  for (const stroke of s.strokes) line(s, stroke, 0);
  s.$('.hint').hidden = s.strokes.length > 0 || !!s.file;
}

function wipe(s) {
  s.strokes = []; s.file = null; pen(s, false);
  s.$('.file span').textContent = 'choose a picture';
  repaint(s);
}

function undo(s) {
  if (s.file || !s.strokes.length) return;
  pen(s, false);
  s.strokes.pop();
  repaint(s);
  s.later();
  stale(s);
}

function sendDrawing(s) {
  if (s.file) return;
  ask(s, s.strokes.length ? { kind: 'image', data: s.canvas.toDataURL('image/png').split(',')[1] } : { kind: 'clear' });
}

// Mouse, touch and pen

function where(s, event) {
  const box = s.canvas.getBoundingClientRect();
  return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
}

function down(s, event) {
  if (event.button !== 0 || s.pointer !== null) return;
  pen(s, false);
  s.$('.cross').hidden = true;
  s.canvas.setPointerCapture(event.pointerId);
  s.pointer = event.pointerId;
  begin(s, where(s, event));
}

function move(s, event) {
  if (event.pointerId !== s.pointer) return;
  for (const part of event.getCoalescedEvents?.() ?? []) extend(s, where(s, part));
  extend(s, where(s, event));
}

function lift(s, event) {
  if (event.pointerId !== s.pointer) return;
  s.pointer = s.stroke = null;
  s.later();
}

// The keyboard: arrows move a crosshair, Space puts the pen down and lifts it.

function key(s, event) {
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === 'z') { event.preventDefault(); event.stopPropagation(); return undo(s); }
  const by = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
  if (event.target !== s.canvas || event.ctrlKey || event.metaKey || event.altKey || !(by || event.key === ' ')) return;
  event.preventDefault(); event.stopPropagation();
  if (by) s.at = s.at.map((v, i) => Math.min(1, Math.max(0, v + by[i] * (event.shiftKey ? 4 : 1) / STEPS)));
  else pen(s, !s.stroke);
  if (s.stroke) { if (by) extend(s, [...s.at]); s.later(); }
  Object.assign(s.$('.cross').style, { left: `${100 * s.at[0]}%`, top: `${100 * s.at[1]}%` });
  s.$('.cross').hidden = false;
}

function pen(s, isDown) {
  if (s.pointer !== null || isDown === !!s.stroke) return;
  if (isDown) begin(s, [...s.at]);
  else { s.stroke = null; s.later(); }
  s.$('.cross').classList.toggle('down', isDown);
  s.$('.pen').textContent = isDown ? 'pen down' : 'pen up';
}

// A picture file, as it is: the server reads it. Here it is only shown, where the browser can.
function load(s, file) {
  if (!file) return;
  wipe(s);
  if (file.size > MAX_BYTES) return say(s, `The file has ${(file.size / 1e6).toFixed(1)} MB; 5 MB are the most. Make the picture smaller and try again.`);
  s.file = file;
  s.$('.hint').hidden = true;
  s.$('.file span').textContent = file.name;
  const reader = new FileReader();
  reader.onload = () => { if (s.file === file) ask(s, { kind: 'image', data: reader.result.split(',')[1] ?? '' }); };
  reader.onerror = () => say(s, 'The file cannot be read. Choose another one.');
  reader.readAsDataURL(file);
  createImageBitmap(file).then((bitmap) => {
    if (s.file !== file) return;
    const { width, height } = s.canvas, scale = Math.min(width / bitmap.width, height / bitmap.height), w = bitmap.width * scale, h = bitmap.height * scale;
    s.canvas.getContext('2d').drawImage(bitmap, (width - w) / 2, (height - h) / 2, w, h);
  }, () => {});
}

// What the model makes of it

function say(s, text) {
  s.$('.rank').textContent = text;
  s.card.classList.add('none');
}

function accept(s, packet) {
  if (packet.ack > s.seq) s.seq = packet.ack;
  if (s.flight && (packet.ack >= s.flight.seq)) s.flight = null;
  if (packet.stamp !== s.stamp) show(s, packet);
  pump(s);
}

function show(s, packet) {
  const { $ } = s, fresh = s.packet?.shape.join() !== packet.shape.join() || s.packet.light !== packet.light, on = packet.dims.length > 0;
  received(packet);
  s.stamp = packet.stamp; s.packet = packet;
  if (fresh) {
    const [channels, height, width] = packet.shape, scale = SIDE_PX / Math.max(height, width);
    s.canvas.width = Math.round(scale * width); s.canvas.height = Math.round(scale * height);
    $('[type=color]').hidden = channels !== 3;
    if (!s.file) repaint(s);
  }
  s.card.classList.toggle('none', !on);
  $('.rank').textContent = packet.said || packet.rank;
  $('.rank').dataset.seq = packet.ack;
  $('.title').textContent = $('.title').title = packet.title;
  $('[data-do=explore]').disabled = !on;
  $('[data-do=centre]').checked = packet.centre && packet.can_centre; $('[data-do=centre]').disabled = !packet.can_centre;
  $('[data-do=invert]').value = packet.invert;
  $('[data-do=invert]').options[0].text = on && packet.invert === 'auto' ? `where needed (${packet.inverted ? 'yes' : 'no'})` : 'where needed';
  $('dl').replaceChildren(...packet.facts.map(([name, value]) => {
    const pair = document.createElement('div');
    pair.innerHTML = '<dt></dt><dd></dd>';
    pair.firstChild.textContent = name; pair.lastChild.textContent = value; pair.title = value;
    return pair;
  }));
  for (const [name, channels] of [['seen', packet.shape[0]], ['recon', packet.shape[0]], ['error', 3]]) {
    const canvas = $(`[data-part=${name}]`), shape = [channels, packet.shape[1], packet.shape[2]];
    fitCanvas(canvas, shape);
    if (on) blit(canvas, sheetOf(packet[name], shape, 1), 0, 1, shape);
    else canvas.getContext('2d').clearRect(0, 0, canvas.width, canvas.height);
  }
  posterior(s, packet);
}

// mu and sigma of each dimension, from -4 to 4; the band is one standard deviation of the prior.
function posterior(s, { dims, posterior: values }) {
  const y = (v) => 32 - 8 * Math.min(4, Math.max(-4, v)), step = 288 / Math.max(8, dims.length);
  const bars = dims.map((dim, i) => {
    const x = (i + 0.5) * step, mu = values[2 * i], sigma = values[2 * i + 1];
    return `<line class="sigma" x1="${x}" x2="${x}" y1="${y(mu - sigma)}" y2="${y(mu + sigma)}"/><line x1="${x - 4}" x2="${x + 4}" y1="${y(mu)}" y2="${y(mu)}"/><text x="${x}" y="73">z${dim}</text>`;
  });
  s.$('svg').innerHTML = dims.length ? `<rect x="0" width="288" y="${y(1)}" height="16"/><line class="zero" x1="0" x2="288" y1="32" y2="32"/>${bars.join('')}` : '';
}
