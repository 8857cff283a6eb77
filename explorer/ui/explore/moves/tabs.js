// The row of tabs, and the arrow keys along a row of buttons.

import { hasModifier } from '../../wire/page.js';
import { STEP_KEYS } from './preview.js';

// One element of a row is in the order of Tab; the arrow keys move along the row.
export function roveFocus(s, row, selector) {
  row.addEventListener('keydown', (e) => {
    const all = [...row.querySelectorAll(selector)];
    const from = all.indexOf(s.root.activeElement ?? e.target);
    const by = STEP_KEYS[e.key];
    if (by === undefined || from < 0 || hasModifier(e)) return;
    e.preventDefault();
    e.stopPropagation();
    const next = all[Math.max(0, Math.min(all.length - 1, from + by))];
    for (const element of all) element.tabIndex = element === next ? 0 : -1;
    next.focus();
  });
}

export function showTabs(s) {
  const { tabs, tab } = s.packet;
  const list = s.$('.tabs');
  if (s.tabNames !== tabs.join()) {
    s.tabNames = tabs.join();
    list.replaceChildren(...tabs.map(([name, label]) => tabButton(s, name, label)));
  }
  for (const button of list.children) {
    const isOpen = button.dataset.tab === tab;
    button.setAttribute('aria-selected', isOpen);
    button.tabIndex = isOpen ? 0 : -1;
  }
}

function tabButton(s, name, label) {
  const button = document.createElement('button');
  Object.assign(button, { id: `tab-${name}`, textContent: label });
  button.setAttribute('role', 'tab');
  button.setAttribute('aria-controls', 'moves-panel');
  Object.assign(button.dataset, { testid: `moves-tab-${name}`, tab: name });
  button.addEventListener('click', () => {
    if (name === 'pad') s.isPadHidden = false;
    if (name !== s.packet.tab) s.ask({ kind: 'tab', tab: name });
  });
  return button;
}
