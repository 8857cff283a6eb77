// The tab "directions": a slider over a film along a line through z.

import { hasModifier } from '../../wire/page.js';
import { drawStrip, nearestIndex } from '../../wire/pictures.js';
import { previewFrame, STEP_KEYS, setOptions, showNote } from './preview.js';

// Shows the form for a new direction's name, or the controls of the chosen direction.
export function showNaming(s) {
  const isNaming = !s.$('.naming').hidden;
  const { choice } = s.packet;
  s.$('.pair').hidden = isNaming || choice !== 'classes';
  s.$('.saved').hidden = isNaming || !choice.startsWith('saved-');
}

export function showLine(s) {
  const { packet, $ } = s;
  const range = $('[data-testid=moves-line]');
  const { values } = packet;
  setOptions($('[data-choose=choice]'), packet.choices, packet.choice);
  setOptions($('[data-choose=from]'), packet.classes, packet.pair[0]);
  setOptions($('[data-choose=to]'), packet.classes, packet.pair[1]);
  showNaming(s);
  $('.which [data-do=name]').disabled = !packet.can_save;
  const low = values[0];
  const high = values[values.length - 1];
  range.min = low;
  range.max = high;
  if (!s.scrubbedZ) {
    range.value = values[packet.at];
    s.frame = packet.at;
  }
  range.setAttribute('aria-valuetext', (+range.value).toFixed(2));
  if (!s.scrubbedZ) showNote(s, `${(+range.value).toFixed(2)} standard units`);
  const marks = packet.marks.filter(([v]) => v >= low && v <= high);
  $('.marks').replaceChildren(...marks.map(([v, name]) => markAt((v - low) / (high - low), name)));
  drawLine(s);
}

function markAt(share, name) {
  const mark = Object.assign(document.createElement('span'), { textContent: name });
  mark.style.left = `${100 * share}%`;
  return mark;
}

export function drawLine({ packet, picture, $ }) {
  const canvas = $('.film canvas');
  if (packet?.values && canvas.clientWidth)
    drawStrip(canvas, picture, 0, packet.values.length, packet.columns, packet.shape);
}

export function listenToLine(s, range) {
  let isHeld = false;
  const onInput = (e) => {
    const { values } = s.packet;
    s.frame = nearestIndex(values, +range.value);
    const text = values[s.frame].toFixed(2);
    previewFrame(s, s.frame, e);
    range.setAttribute('aria-valuetext', text);
    showNote(s, `${text} standard units`);
    if (!isHeld) s.commit();
  };
  const onUp = () => {
    isHeld = false;
    for (const name of ['pointerup', 'pointercancel']) window.removeEventListener(name, onUp, true);
    setTimeout(() => s.commit.flush());
  };
  const nudge = (e, step) => {
    const { values } = s.packet;
    e.preventDefault();
    range.value = values[Math.max(0, Math.min(values.length - 1, s.frame + step))];
    onInput(e);
  };
  range.addEventListener('input', onInput);
  range.addEventListener('pointerdown', () => {
    isHeld = true;
    for (const name of ['pointerup', 'pointercancel']) window.addEventListener(name, onUp, true);
  });
  range.addEventListener('keydown', (e) => {
    if (e.key in STEP_KEYS && !hasModifier(e)) nudge(e, STEP_KEYS[e.key]);
  });
  const onWheel = (e) => nudge(e, e.deltaY < 0 || e.deltaX > 0 ? 1 : -1);
  range.addEventListener('wheel', onWheel, { passive: false });
}
