// Ways to move z. Only the open tab is here: pictures to click, a line or a pad to scrub. While one is scrubbed nothing is sent.
const STEPS = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1, PageUp: 4, PageDown: -4, Home: -1e6, End: 1e6 };

export default mounting('moves', build, accept);

function build(root) {
  const $ = (selector) => root.querySelector(selector);
  const s = { root, $, mail: mailbox(), stamp: null, packet: null, picture: null, shown: null, hidden: false };
  s.ask = (request) => {  // a scrubbed z that waits for its 150 ms goes along
    const z = s.shown; s.shown = null;
    s.mail.ask({ ...request, ...(z && { z }) });
  };
  s.commit = debounce(150, () => { if (s.shown) s.ask({ kind: 'move' }); });
  const act = {
    draw: () => s.ask({ kind: 'draw' }),
    hide: () => hide(s, !s.hidden),
    remove: () => s.ask({ kind: 'remove', choice: s.packet.choice }),
    name: () => { const form = $('.named'); form.hidden = !form.hidden; which(s); (form.hidden ? $('.which select') : form.querySelector('input')).focus(); },
  };
  for (const button of root.querySelectorAll('[data-do]')) button.addEventListener('click', () => act[button.dataset.do]());
  $('.named').addEventListener('submit', (e) => {
    e.preventDefault();
    const input = e.target.querySelector('input');
    if (input.value.trim()) s.ask({ kind: 'save', name: input.value });
    input.value = ''; act.name();
  });
  const chosen = (name) => $(`[data-choose=${name}]`), value = (name) => +chosen(name).value;
  chosen('choice').addEventListener('change', (e) => s.ask({ kind: 'direction', choice: e.target.value }));
  for (const end of ['from', 'to']) chosen(end).addEventListener('change', () => s.ask({ kind: 'classes', pair: [value('from'), value('to')] }));
  for (const axis of ['x', 'y']) chosen(axis).addEventListener('change', () => {
    const axes = [value('x'), value('y')];
    s.ask({ kind: 'pad', axes: axes[0] === axes[1] ? [...s.packet.axes].reverse() : axes });
  });
  rove(s, $('.tabs'), '[role=tab]'); rove(s, $('.items'), 'button');
  watchLine(s, $('[data-testid=moves-line]'));
  watchPad(s, $('[data-testid=moves-pad]'));
  const observer = new ResizeObserver(() => { drawLine(s); drawPad(s); });
  observer.observe($('.film'));
  s.stop = () => observer.disconnect();
  return s;
}

// One of a row is in the order of Tab; the arrows go along the row.
function rove(s, row, selector) {
  row.addEventListener('keydown', (e) => {
    const all = [...row.querySelectorAll(selector)], at = all.indexOf(s.root.activeElement ?? e.target), by = STEPS[e.key];
    if (by === undefined || at < 0 || e.ctrlKey || e.metaKey || e.altKey) return;
    e.preventDefault(); e.stopPropagation();
    const next = all[Math.max(0, Math.min(all.length - 1, at + by))];
    for (const one of all) one.tabIndex = one === next ? 0 : -1;
    next.focus();
  });
}

// What the session has heard is told to the stage after each run; the content only where it has changed.
function accept(s, { ack, here, content }) {
  s.mail.heard(ack);
  s.here = here;
  window.dispatchEvent(new CustomEvent('latent:heard', { detail: { ack } }));
  const packet = unpack(content);
  if (packet.stamp === s.stamp) return ring(s);  // the same bytes again: another part of the page was run
  received(packet);
  s.stamp = packet.stamp;
  sheet(packet, 'frames', packet.columns, (picture) => {
    if (s.stamp !== packet.stamp) return;
    s.packet = packet; s.picture = picture;
    show(s);
    s.$('.moves').dataset.seq = packet.order;
    s.$('.moves').dataset.tab = packet.tab;
  });
}

function show(s) {
  const { packet, $ } = s, { tab } = packet, sum = tab === 'arithmetic';
  showTabs(s);
  $('.panel').setAttribute('aria-labelledby', `tab-${tab}`);
  $('.items').hidden = !packet.items; $('.line').hidden = !packet.values; $('.axes').hidden = !packet.side;
  $('[data-do=draw]').hidden = tab !== 'prior'; $('[data-do=hide]').hidden = tab !== 'pad';
  $('.note').setAttribute('aria-live', tab === 'directions' ? 'off' : 'polite');  // the slider itself says where it is
  note(s, packet.note);
  if (packet.items) showItems(s, $('.items'), sum);
  if (packet.values) showLine(s);
  if (packet.side) showPad(s); else $('.pad').hidden = true;
}

function note(s, text) { s.$('.note').textContent = s.$('.note').title = text; }

function showTabs(s) {
  const { tabs, tab } = s.packet, list = s.$('.tabs'), names = tabs.join();
  if (s.names !== names) {
    s.names = names;
    list.replaceChildren(...tabs.map(([name, label]) => {
      const button = document.createElement('button');
      Object.assign(button, { id: `tab-${name}`, textContent: label });
      button.setAttribute('role', 'tab'); button.setAttribute('aria-controls', 'moves-panel');
      button.dataset.testid = `moves-tab-${name}`; button.dataset.tab = name;
      button.addEventListener('click', () => { if (name === 'pad') s.hidden = false; if (name !== s.packet.tab) s.ask({ kind: 'tab', tab: name }); });
      return button;
    }));
  }
  for (const button of list.children) {
    const on = button.dataset.tab === tab;
    button.setAttribute('aria-selected', on); button.tabIndex = on ? 0 : -1;
  }
}

// The pictures of a row. They are reused, so that the one with the focus keeps it.
function showItems(s, row, sum) {
  const { packet } = s, signs = ['\u2212', '+', '='];
  const key = `${packet.tab}-${packet.items.map((item) => !!item)}`;
  if (s.items !== key) {
    s.items = key;
    row.replaceChildren(...packet.items.flatMap((item, i) => {
      const picture = document.createElement(item ? 'button' : 'span');
      picture.className = item ? 'item' : 'item missing';
      picture.innerHTML = '<canvas width="28" height="28"></canvas><span></span>';
      picture.dataset.testid = 'moves-item'; picture.tabIndex = item && i === 0 ? 0 : -1;
      if (!item) { picture.removeAttribute('tabindex'); picture.lastChild.textContent = 'ABC'[i]; }
      picture.addEventListener('click', (e) => choose(s, +picture.dataset.frame, e));
      const sign = Object.assign(document.createElement('span'), { className: 'sign', textContent: signs[i] });
      return sum && i < packet.items.length - 1 ? [picture, sign] : [picture];
    }));
    const first = row.querySelector('button');
    if (first) first.tabIndex = 0;
  }
  row.classList.toggle('wide', packet.tab === 'neighbours'); row.classList.toggle('sum', sum);
  row.classList.toggle('told', packet.items.some((item) => item?.[0]));
  row.style.setProperty('--ratio', packet.shape[2] / packet.shape[1]);
  row.setAttribute('aria-label', packet.tabs.find(([name]) => name === packet.tab)[1]);
  const pictures = row.querySelectorAll('.item');
  let frame = 0;
  packet.items.forEach((item, i) => {
    const canvas = pictures[i].firstChild;
    fitCanvas(canvas, packet.shape);
    canvas.style.imageRendering = 'auto';  // shown at about its own size or below
    if (!item) return;
    blit(canvas, s.picture, frame, packet.columns, packet.shape);
    pictures[i].dataset.frame = frame++;
    pictures[i].lastChild.textContent = item[0];
    pictures[i].title = item[1]; pictures[i].setAttribute('aria-label', item[1]);
    if (packet.rows) pictures[i].dataset.row = packet.rows[frame - 1];
  });
}

// A picture that was clicked: what the model decodes is on the stage at once, an image of the gallery when the server has decoded it.
function choose(s, frame, event) {
  if (!(frame >= 0)) return;
  if (s.packet.rows) return s.ask({ kind: 'pick', row: s.packet.rows[frame] });
  preview(s, frame, event);
  s.commit.flush();
}

// One frame onto the stage, in the handler itself. The request that will carry its z has the next number.
function preview(s, frame, event) {
  const { packet, picture } = s, { latent_dim, columns, shape, plane, xy, support } = packet;
  s.shown = [...packet.z.subarray(frame * latent_dim, (frame + 1) * latent_dim)];
  const detail = { picture, index: frame, columns, shape, z: s.shown, xy: [xy[2 * frame], xy[2 * frame + 1]], support: support[frame], plane, seq: s.mail.seq + 1, event };
  window.dispatchEvent(new CustomEvent('latent:preview', { detail }));
}

// Directions: a slider over the film along the line through z.
function which(s) {
  const naming = !s.$('.named').hidden, { choice } = s.packet;
  s.$('.pair').hidden = naming || choice !== 'classes';
  s.$('.kept').hidden = naming || !choice.startsWith('saved-');
}

function options(select, pairs, value) {
  const text = JSON.stringify(pairs);
  if (select.dataset.options !== text) { select.dataset.options = text; select.replaceChildren(...pairs.map(([id, name]) => new Option(name, id))); }
  select.value = value;
}

function showLine(s) {
  const { packet, $ } = s, range = $('[data-testid=moves-line]'), { values } = packet;
  options($('[data-choose=choice]'), packet.choices, packet.choice);
  options($('[data-choose=from]'), packet.classes, packet.pair[0]);
  options($('[data-choose=to]'), packet.classes, packet.pair[1]);
  which(s);
  $('.which [data-do=name]').disabled = !packet.can_save;
  const low = values[0], high = values[values.length - 1];
  range.min = low; range.max = high;
  if (!s.shown) { range.value = values[packet.at]; s.frame = packet.at; }
  range.setAttribute('aria-valuetext', (+range.value).toFixed(2));
  if (!s.shown) note(s, `${(+range.value).toFixed(2)} standard units`);
  $('.marks').replaceChildren(...packet.marks.filter(([v]) => v >= low && v <= high).map(([v, name]) => {
    const mark = Object.assign(document.createElement('span'), { textContent: name });
    mark.style.left = `${(100 * (v - low)) / (high - low)}%`;
    return mark;
  }));
  drawLine(s);
}

function drawLine(s) {
  const canvas = s.$('.film canvas'), { packet } = s;
  if (packet?.values && canvas.clientWidth) strip(canvas, s.picture, 0, packet.values.length, packet.columns, packet.shape, canvas.clientWidth, canvas.clientHeight);
}

function watchLine(s, range) {
  let held = false;
  const input = (e) => {
    const { values } = s.packet;
    let best = 0;
    for (let i = 1; i < values.length; i++) if (Math.abs(values[i] - range.value) < Math.abs(values[best] - range.value)) best = i;
    s.frame = best;
    preview(s, best, e);
    range.setAttribute('aria-valuetext', values[best].toFixed(2));
    note(s, `${values[best].toFixed(2)} standard units`);
    if (!held) s.commit();
  };
  range.addEventListener('input', input);
  range.addEventListener('pointerdown', () => {
    held = true;
    const up = () => { held = false; removeEventListener('pointerup', up, true); removeEventListener('pointercancel', up, true); setTimeout(() => s.commit.flush()); };
    addEventListener('pointerup', up, true); addEventListener('pointercancel', up, true);
  });
  const nudge = (e, by) => {
    e.preventDefault();
    range.value = s.packet.values[Math.max(0, Math.min(s.packet.values.length - 1, s.frame + by))];
    input(e);
  };
  range.addEventListener('keydown', (e) => { if (e.key in STEPS && !e.ctrlKey && !e.metaKey && !e.altKey) nudge(e, STEPS[e.key]); });
  range.addEventListener('wheel', (e) => nudge(e, e.deltaY < 0 || e.deltaX > 0 ? 1 : -1), { passive: false });
}

// The pad: a film over a plane, scrubbed in two dimensions.
function hide(s, hidden) {
  s.hidden = hidden;
  s.$('.pad').hidden = hidden;
  s.$('[data-do=hide]').textContent = hidden ? 'show' : 'hide';
  s.$('[data-do=hide]').setAttribute('aria-expanded', !hidden);
  drawPad(s);
}

function showPad(s) {
  const { packet, $ } = s, [x, y] = packet.axes, dims = packet.dims.map((d) => [d, `z${d}`]);
  options($('[data-choose=x]'), dims, x); options($('[data-choose=y]'), dims, y);
  $('.across').textContent = `z${x} \u2192`; $('.up').textContent = `z${y} \u2192`;
  $('.pad canvas').setAttribute('aria-label', `Decoded images over z${x} and z${y}: drag, or move with the arrows`);
  hide(s, s.hidden);
  ring(s);
}

function drawPad(s) {
  const { packet, picture } = s, canvas = s.$('.pad canvas');
  if (!packet?.side || s.hidden) return;
  const [, height, width] = packet.shape, pad = padding(packet.shape), w = width + 2 * pad, h = height + 2 * pad, { side } = packet;
  canvas.width = side * w; canvas.height = side * h;
  canvas.style.setProperty('--ratio', w / h);
  const context = canvas.getContext('2d');
  for (let f = 0; f < side * side; f++) {
    const column = f % side, row = Math.floor(f / side);
    context.drawImage(picture, column * width, row * height, width, height, column * w + pad, row * h + pad, width, height);
  }
  ring(s);
}

// Where z is on the pad, or the frame that is scrubbed.
function ring(s) {
  if (!s.packet?.side || s.here.length < 2) return;
  const { packet, $ } = s, canvas = $('.pad canvas'), { side, span, axes, latent_dim } = packet;
  const at = s.shown ? axes.map((d) => s.shown[d]) : s.here, place = (v) => ((v + span) / (2 * span) * (side - 1) + 0.5) / side;
  const { offsetLeft: left, offsetTop: top, offsetWidth: width, offsetHeight: height } = canvas;
  const px = { left: left + place(at[0]) * width, top: top + (1 - place(at[1])) * height, width: width / side, height: height / side };
  for (const name in px) $('.ring').style[name] = `${px[name]}px`;
  note(s, axes.map((d, i) => `z${d} ${at[i].toFixed(2)}`).join(', '));
}

function watchPad(s, canvas) {
  const cell = (v) => Math.max(0, Math.min(s.packet.side - 1, Math.floor(v)));
  const go = (column, row, e) => { preview(s, cell(row) * s.packet.side + cell(column), e); ring(s); };
  const scrub = (e) => {
    const box = canvas.getBoundingClientRect(), { side } = s.packet;
    go(((e.clientX - box.left) / box.width) * side, ((e.clientY - box.top) / box.height) * side, e);
  };
  const end = () => { canvas.removeEventListener('pointermove', scrub); s.commit.flush(); };
  canvas.addEventListener('pointerdown', (e) => {
    if (e.button !== 0) return;
    canvas.setPointerCapture(e.pointerId);
    canvas.addEventListener('pointermove', scrub);
    scrub(e);
  });
  canvas.addEventListener('pointerup', end); canvas.addEventListener('pointercancel', end);
  canvas.addEventListener('keydown', (e) => {
    if (e.key === 'Escape') { e.stopPropagation(); hide(s, true); s.$('[data-do=hide]').focus(); return; }
    const by = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[e.key];
    if (!by || e.ctrlKey || e.metaKey || e.altKey) return;
    e.preventDefault();
    const { side, span, axes } = s.packet, at = s.shown ? axes.map((d) => s.shown[d]) : s.here;
    const index = (v) => Math.round((v + span) / (2 * span) * (side - 1));
    go(index(at[0]) + by[0], side - 1 - index(at[1]) + by[1], e);
    s.commit();
  });
}
