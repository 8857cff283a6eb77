// The badges of A, B and C: they can be dragged to another point, and the keys A, B, C set the point under
// the pointer.

import { hasModifier, isTyping } from '../../wire/page.js';
import { nearestPoint, positionOf } from './chart.js';

const ANCHORS = ['a', 'b', 'c'];
const REACH_PX = 40; // from the pointer to the point that a dropped badge or a key chooses

export function listenToBadges(s) {
  for (const name of ANCHORS) {
    const badge = s.$(`[data-testid=anchor-${name}]`);
    badge.firstElementChild.addEventListener('pointerdown', (e) => drag(s, name, badge, e));
  }
}

function drag(s, name, badge, start) {
  if (start.button !== 0) return;
  start.preventDefault();
  start.stopPropagation();
  const handle = badge.firstElementChild;
  const from = badge.style.transform;
  const move = (e) => {
    const box = s.chart.getBoundingClientRect();
    badge.style.transform = `translate(${e.clientX - box.left}px,${e.clientY - box.top}px)`;
  };
  const end = (e) => {
    handle.removeEventListener('pointermove', move);
    const isSet = e.type === 'pointerup' && setAt(s, name, e);
    if (!isSet) badge.style.transform = from;
  };
  handle.setPointerCapture(start.pointerId);
  handle.addEventListener('pointermove', move);
  handle.addEventListener('pointerup', end, { once: true });
  handle.addEventListener('pointercancel', end, { once: true });
}

// Sets an anchor to the visible point nearest to a pointer event; whether there is one.
function setAt(s, name, event) {
  const { row, distance } = nearestPoint(s.chart, positionOf(s.chart, event));
  if (row === null || distance > REACH_PX) return false;
  s.mail.ask({ kind: 'set', name, row: +row });
  return true;
}

export function onBadgeKey(s, e) {
  const name = e.key.toLowerCase();
  if (!ANCHORS.includes(name) || !s.pointer || hasModifier(e) || e.shiftKey || isTyping(e)) return;
  setAt(s, name, s.pointer);
}
