// Dragging and nudging the sliders.

import { moveCursor } from '../../wire/cursor.js';
import { hasModifier, setView } from '../../wire/page.js';
import { blit, nearestIndex } from '../../wire/pictures.js';
import { lightFlow, markStage, showCaption, showFacts } from './facts.js';
import { dimensionText, filmValues, isFilmValid } from './films.js';
import { countStagePaint, isAtFilms, settle, showExact } from './image.js';
import { endPeek } from './peek.js';
import { drawStrips, markRows } from './rows.js';

const PAGE_FRAMES = 4; // moved by Page Up and Page Down
const SLIDER_KEYS = {
  ArrowRight: 1,
  ArrowUp: 1,
  ArrowLeft: -1,
  ArrowDown: -1,
  PageUp: PAGE_FRAMES,
  PageDown: -PAGE_FRAMES,
  Home: -1e6,
  End: 1e6,
};

export const handlers = (s) => ({
  slide: (dim, event) => slide(s, dim, event),
  nudge: (dim, frames) => nudge(s, dim, frames),
  setValue: (dim, value) => setValue(s, dim, value),
  key: (dim, event) => onSliderKey(s, dim, event),
  release: () => endDrag(s),
  settle: () => settle(s),
});

// Handles releases without a `change` event: a slider back at its start, or a cancelled touch.
function endDrag(s) {
  s.dragging = false;
  if (!s.packet || s.mail.seq > s.packet.ack || s.awaited) return;
  if (!isAtFilms(s)) return s.commit.flush();
  settle(s);
  showExact(s);
}

// Handles an input event: paints the nearest frame and moves the map's cursor. Sends nothing during a drag.
function slide(s, dim, event) {
  const { packet } = s;
  const { k, range, number } = s.rows.get(dim);
  const values = filmValues(packet, k);
  const i = nearestIndex(values, +range.value);
  endPeek(s);
  s.z[dim] = values[i];
  showCaption(s, `${dimensionText(dim, packet.follows[k])} = ${values[i].toFixed(2)}`);
  lightFlow(s, 'z');
  if (document.activeElement !== number) number.value = values[i].toFixed(2);
  range.setAttribute('aria-valuetext', values[i].toFixed(2));
  if (isFilmValid(s.z, packet.z, dim)) {
    const frame = k * packet.n_frames + i;
    if (values[i] === packet.z[dim]) blit(s.stage, s.exact, 0, 1, packet.shape);
    else blit(s.stage, s.picture, frame, packet.n_frames, packet.shape);
    markStage(s, true);
    const support = packet.support[frame];
    moveCursor([packet.xy[2 * frame], packet.xy[2 * frame + 1]], support, packet.plane);
    showFacts(s, support);
  } else {
    markStage(s, false);
    markRows(s);
  }
  countStagePaint(s, event);
  if (!s.dragging) s.commit();
}

// Makes a slider the one that is shown while presenting.
export function activate(s, dim) {
  setView({ moving: 'strip' });
  if (s.active === dim) return;
  s.active = dim;
  for (const [other, { row }] of s.rows) row.classList.toggle('active', other === dim);
  if (document.documentElement.dataset.view) drawStrips(s); // the others are hidden, and this one was
}

function nudge(s, dim, frames) {
  const { k, range } = s.rows.get(dim);
  const values = filmValues(s.packet, k);
  range.value = values[Math.min(values.length - 1, Math.max(0, nearestIndex(values, s.z[dim]) + frames))];
  range.dispatchEvent(new Event('input', { bubbles: true }));
}

function onSliderKey(s, dim, event) {
  if (hasModifier(event)) return;
  if (event.key in SLIDER_KEYS && !event.shiftKey) {
    event.preventDefault();
    nudge(s, dim, SLIDER_KEYS[event.key]);
  } else if (event.key === '0') {
    event.preventDefault();
    event.stopPropagation();
    setValue(s, dim, 0);
  }
}

// Sets a value that may lie between frames. It is sent immediately; until its image arrives, the old one is
// marked as updating.
function setValue(s, dim, value) {
  s.z[dim] = value;
  sendZ(s);
}

export function sendZ(s) {
  endPeek(s);
  showCaption(s, '');
  settle(s);
  markStage(s, isAtFilms(s));
  s.commit.flush();
}

export function focusRow(s, k) {
  for (const [dim, row] of s.rows)
    if (row.k === k) {
      activate(s, dim);
      row.range.focus();
    }
}

// Scrolls between the first sliders and the rest, where there is not enough space for all.
export function scrollRows(s) {
  const rows = s.$('.rows');
  rows.scrollTop = rows.scrollTop > 1 ? 0 : rows.scrollHeight;
}

// Says how many sliders are out of sight.
export function countHiddenRows(s) {
  const rows = s.$('.rows');
  const [first] = rows.children;
  if (!first) return;
  const n = Math.round((rows.scrollHeight - rows.clientHeight) / first.offsetHeight);
  s.$('.rest').hidden = n < 1;
  s.$('.rest').textContent = rows.scrollTop > 1 ? `${n} before` : `${n} more`;
}
