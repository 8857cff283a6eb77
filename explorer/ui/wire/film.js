// The one browser primitive: unpack a packet, hold its pictures, blit a frame, count what was painted, move the cursor.
// Each component's script is prepended with this file. Nothing here talks to the server.

// A packet: uint32 length of the header, the header as JSON (padded to 4 bytes), then the arrays it describes, in order.
function unpack(data) {
  const bytes = data.byteOffset % 4 ? data.slice() : data;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const length = view.getUint32(0, true);
  const packet = JSON.parse(new TextDecoder().decode(bytes.subarray(4, 4 + length)));
  const kinds = { f4: Float32Array, i4: Int32Array, u1: Uint8Array };
  let at = 4 + length;
  for (const [name, kind, shape] of packet.arrays) {
    const n = shape.reduce((a, b) => a * b, 1), Kind = kinds[kind];
    packet[name] = new Kind(bytes.buffer, bytes.byteOffset + at, n);
    at += Math.ceil((n * Kind.BYTES_PER_ELEMENT) / 4) * 4;
  }
  packet.n_bytes = bytes.byteLength;
  return packet;
}

// Pixels of many frames, channels first as the model has them, laid out in columns on one canvas.
function sheetOf(pixels, [channels, height, width], columns) {
  const size = channels * height * width, n = Math.floor(pixels.length / size), area = height * width;
  const canvas = document.createElement('canvas');
  canvas.width = columns * width; canvas.height = Math.ceil(n / columns) * height;
  const image = new ImageData(Math.max(1, canvas.width), Math.max(1, canvas.height)), out = new Uint32Array(image.data.buffer);
  for (let f = 0; f < n; f++) {
    const left = (f % columns) * width, top = Math.floor(f / columns) * height;
    for (let y = 0, i = f * size; y < height; y++) {
      let o = (top + y) * canvas.width + left;
      for (let x = 0; x < width; x++, i++, o++)
        out[o] = channels === 1 ? 0xff000000 | (pixels[i] * 0x010101)
          : 0xff000000 | (pixels[i + 2 * area] << 16) | (pixels[i + area] << 8) | pixels[i];
    }
  }
  canvas.getContext('2d').putImageData(image, 0, 0);
  return canvas;
}

// The pictures of a packet: raw pixels at once, a compressed sheet as soon as the browser has decoded it.
function sheet(packet, name, columns, then) {
  const encoding = packet.encodings?.[name];
  if (!encoding) return then(sheetOf(packet[name], packet.shape, columns));
  createImageBitmap(new Blob([packet[name]], { type: encoding })).then(then);
}

// Images of 16 px and less get a border of a pixel and are smoothed when enlarged; larger ones are shown crisp.
const padding = (shape) => (Math.max(shape[1], shape[2]) <= 16 ? 1 : 0);

function fitCanvas(canvas, shape) {
  const pad = padding(shape), width = shape[2] + 2 * pad, height = shape[1] + 2 * pad;
  if (canvas.width !== width || canvas.height !== height) { canvas.width = width; canvas.height = height; }
  canvas.style.imageRendering = pad ? 'auto' : 'pixelated';
  canvas.style.aspectRatio = `${width} / ${height}`;
}

// Frame `index` of a sheet onto a canvas of the frame's own size: no scaling here, so no pixel is changed.
function blit(canvas, picture, index, columns, shape) {
  const [, height, width] = shape, pad = padding(shape), context = canvas.getContext('2d');
  if (pad) { context.fillStyle = '#000'; context.fillRect(0, 0, canvas.width, canvas.height); }
  context.drawImage(picture, (index % columns) * width, Math.floor(index / columns) * height, width, height, pad, pad, width, height);
}

// As many frames as fit side by side, spread evenly from the first to the last.
function strip(canvas, picture, first, n, columns, shape, cssWidth, cssHeight) {
  const ratio = Math.min(2, window.devicePixelRatio || 1), context = canvas.getContext('2d');
  canvas.width = Math.max(1, Math.round(cssWidth * ratio)); canvas.height = Math.max(1, Math.round(cssHeight * ratio));
  const each = (canvas.height * shape[2]) / shape[1], shown = Math.max(1, Math.min(n, Math.floor(canvas.width / each)));
  context.imageSmoothingEnabled = true; context.imageSmoothingQuality = 'high';
  for (let i = 0; i < shown; i++) {
    const f = first + Math.round((shown === 1 ? 0.5 : i / (shown - 1)) * (n - 1)), slot = canvas.width / shown;
    const x = (f % columns) * shape[2], y = Math.floor(f / columns) * shape[1];
    context.drawImage(picture, x, y, shape[2], shape[1], i * slot + (slot - each) / 2, 0, each, canvas.height);
  }
}

// Counts for tests and benchmarks; also the last input-to-paint times in ms, measured after the frame was produced.
const explorer = (window.__latentExplorer ??= {
  version: 1, _counts: { paints: 0, films: 0, bytes: 0, cursors: 0 }, _times: [],
  stats() { return { ...this._counts, input_to_paint_ms: [...this._times] }; },
});

// By a message: it comes after the paint of the frame it is asked for in, and what a timer sends by a further timer, as Streamlit
// does, would wait 4 ms more, in which a hand may come down.
function posted(action) {
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = () => { port1.close(); action(); };
  port2.postMessage(0);
}

function painted(event) {
  explorer._counts.paints++;
  if (!event?.timeStamp) return;
  requestAnimationFrame(() => posted(() => {  // after the browser has painted
    explorer._times.push(performance.now() - event.timeStamp);
    if (explorer._times.length > 2000) explorer._times.shift();
  }));
}
function received(packet) { explorer._counts.films++; explorer._counts.bytes += packet.n_bytes; }

// Where z is on the map: `xy` in map units, `support` in (0, 1]. The map's companion listens.
function moveCursor(xy, support, plane) {
  explorer._counts.cursors++;
  explorer.cursor = { xy, support, plane };
  window.dispatchEvent(new CustomEvent('latent:cursor', { detail: explorer.cursor }));
}

// One request at a time is enough: the newest replaces any that waits for its 150 ms.
function debounce(wait, action) {
  let timer = 0;
  const later = (...args) => { clearTimeout(timer); timer = setTimeout(() => { timer = 0; action(...args); }, wait); };
  later.flush = (...args) => { clearTimeout(timer); timer = 0; action(...args); };
  later.pending = () => timer !== 0;
  return later;
}

// Whether something may be sent that no hand has done: nothing runs, and nobody is on the way to another page. What a page that
// is left still asks for would be run after the new one, as a part of a page that is gone, and Streamlit then leaves that blank.
const WAYS_OUT = '.st-key-nav a, [class*="-open"] button', LEAVING_MS = 2000;
if (!explorer._left) {
  explorer._left = { at: -LEAVING_MS };
  const leave = () => { explorer._left.at = performance.now(); };
  window.addEventListener('click', (e) => { if (e.target.closest?.(WAYS_OUT)) leave(); }, true);
  window.addEventListener('popstate', leave);
}
// Nor is anything sent beside what a hand is just doing: of a batch that mixes the two Streamlit would run the lesser part only.
const HAND_MS = 250;
if (!explorer._hand) {
  explorer._hand = { at: -Infinity };
  const touch = () => { explorer._hand.at = performance.now(); };
  for (const kind of ['pointerdown', 'pointerup', 'click', 'keydown', 'keyup']) window.addEventListener(kind, touch, true);
}
const isStill = () => (document.querySelector('.stApp')?.dataset.testScriptState ?? 'notRunning') === 'notRunning';
const isAtRest = () => performance.now() - explorer._left.at > LEAVING_MS && performance.now() - explorer._hand.at > HAND_MS
  && !document.querySelector(':active') && isStill();

// `action` after `wait` ms, or at the first moment of rest after that, sought every `every` ms. Returns what calls it off.
function unasked(wait, every, action) {
  let timer = 0, isOff = false;
  const look = () => { if (isOff) return; if (isAtRest()) action(); else later(every); };
  const later = (ms) => { timer = setTimeout(() => posted(look), ms); };
  later(wait);
  return () => { isOff = true; clearTimeout(timer); };
}

// Streamlit runs what is asked for last, for the page it was asked on: what comes late from a page that was left empties the new
// one. So where nothing runs and the page of the address line is not here, its link is taken once more.
const KEEP_MS = 250, KEEP_LOOKS = 4, KEEP_TRIES = 3;
if (!explorer._keeper) {
  const k = (explorer._keeper = { lost: 0, tries: 0, page: '' });
  setInterval(() => {
    const page = location.pathname.split('/').pop(), isHere = Boolean(document.querySelector(`.st-key-${CSS.escape(page || 'explore')}`));
    if (isHere || page !== k.page) Object.assign(k, { lost: 0, tries: 0, page });
    if (isHere || !isStill()) { k.lost = 0; return; }
    const link = [...document.querySelectorAll('.st-key-nav a')].find((a) => a.getAttribute('href') === page);
    if (++k.lost % KEEP_LOOKS === 0 && link && k.tries++ < KEEP_TRIES) link.click();
  }, KEEP_MS);
}

// What a component exports: an element's state is made once by `build` (with `mail` and `stop`), each packet goes to `accept`.
function mounting(name, build, accept) {
  const mounts = (explorer[`_${name}`] ??= new WeakMap());
  return ({ data, parentElement, setStateValue }) => {
    let s = mounts.get(parentElement);
    if (!s) { s = build(parentElement); mounts.set(parentElement, s); }
    s.mail.send = setStateValue;
    if (data?.length) accept(s, unpack(data));
    return () => { s.stop(); s.mail.stop(); mounts.delete(parentElement); };
  };
}

// Requests go up as one state, so one not yet heard would be lost to the next: all that wait for their ack travel together.
// What is not heard is sent again: a batch that mixes two fragments' requests makes Streamlit run only one of them.
const UNHEARD_MS = 1500;
function mailbox() {
  const box = {
    seq: 0, waiting: [], send: null, tries: 0,
    ask(request) { box.waiting.push({ ...request, seq: ++box.seq }); box.tries = 0; box.post(); },
    post() { box.send('request', { seq: box.seq, all: box.waiting, tries: ++box.tries }); if (box.tries < 4) box.again(UNHEARD_MS); },
    again(wait) { box.stop(); box.stop = unasked(wait, 250, box.post); },
    heard(ack) {
      box.waiting = box.waiting.filter((request) => request.seq > ack); box.seq = Math.max(box.seq, ack);
      if (!box.waiting.length) box.stop();
    },
    stop() {},
  };
  return box;
}
