// The page's keys for z, outside the sliders.

import { hasModifier } from '../../wire/page.js';

const TEXT_FIELDS = 'input[type=text], textarea, [contenteditable]';
const FIELDS = 'input[type=number], input[type=text], textarea, select';

const isButton = (event) => event.composedPath()[0].matches?.('button, a, [role=button]');

// Calls `act` with the name of the action, if the key has one. `isPeeking`: whether the stage shows a frame
// that can be kept or left.
export function onShortcut(e, isPeeking, act) {
  if (e.target.closest?.(TEXT_FIELDS) || e.composedPath()[0].matches?.(FIELDS)) return;
  const key = e.key.toLowerCase();
  if ((e.ctrlKey || e.metaKey) && (key === 'z' || key === 'y')) {
    e.preventDefault();
    act(key === 'y' || e.shiftKey ? 'redo' : 'undo');
  } else if (hasModifier(e)) return;
  else if (isPeeking && key === 'escape') act('leave');
  else if (isPeeking && key === 'enter' && !isButton(e)) act('keep');
  else if (key >= '1' && key <= '9') act(`row-${key - 1}`);
  else if (e.code === 'Digit0' && e.shiftKey) {
    e.preventDefault();
    act('reset');
  } else if (key === 'r' && !e.shiftKey) act('prior');
  else if (key === 'm' && !e.shiftKey) act('picked');
}
