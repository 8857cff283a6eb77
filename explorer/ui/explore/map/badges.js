// The badges of A, B and C: they can be dragged to another point, and the keys A, B, C set the point under
// the pointer.

import { hasModifier, isTyping } from '../../wire/page.js';
import { nearestPoint, positionOf } from './chart.js';

const ANCHORS = ['a', 'b', 'c'];
export const CLICK_PX = 5; // a press that moves further is a drag
const REACH_PX = 40; // from the pointer to the point that a dropped badge or a key chooses

// Starts to drag the badge under a pointer event; whether there is one. The badges let all events through to
// the chart, so that points under them can be clicked and hovered over.
export function grabBadge(s, start) {
  const name = ANCHORS.find((anchor) => isOn(s.$(`[data-testid=anchor-${anchor}]`), start));
  if (!name) return false;
  const badge = s.$(`[data-testid=anchor-${name}]`);
  const from = badge.style.transform;
  const move = (e) => {
    const box = s.chart.getBoundingClientRect();
    badge.style.transform = `translate(${e.clientX - box.left}px,${e.clientY - box.top}px)`;
  };
  const end = (e) => {
    for (const kind of ['pointerup', 'pointercancel']) window.removeEventListener(kind, end, true);
    window.removeEventListener('pointermove', move, true);
    const isDrag = Math.hypot(e.clientX - start.clientX, e.clientY - start.clientY) > CLICK_PX;
    if (e.type === 'pointercancel' || !isDrag || !setAt(s, name, e)) badge.style.transform = from;
  };
  window.addEventListener('pointermove', move, true);
  for (const kind of ['pointerup', 'pointercancel']) window.addEventListener(kind, end, true);
  return true;
}

function isOn(badge, { clientX, clientY }) {
  if (badge.hidden) return false;
  const { left, top, right, bottom } = badge.firstElementChild.getBoundingClientRect();
  return clientX >= left && clientX <= right && clientY >= top && clientY <= bottom;
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
