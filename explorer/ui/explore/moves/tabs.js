// The row of tabs, and arrow-key navigation in a row of buttons.

import { hasModifier } from '../../wire/page.js';
import { STEP_KEYS } from './preview.js';

// Implements a roving tabindex: Tab reaches one element of the row, the arrow keys move along it.
export function roveFocus(s, row, selector) {
  row.addEventListener('keydown', (e) => {
    const elements = [...row.querySelectorAll(selector)];
    const from = elements.indexOf(s.root.activeElement ?? e.target);
    const step = STEP_KEYS[e.key];
    if (step === undefined || from < 0 || hasModifier(e)) return;
    e.preventDefault();
    e.stopPropagation();
    const next = elements[Math.max(0, Math.min(elements.length - 1, from + step))];
    for (const element of elements) element.tabIndex = element === next ? 0 : -1;
    next.focus();
  });
}

export function showTabs(s) {
  const { tabs, tab } = s.packet;
  const list = s.$('.tabs');
  if (tabs.length && !s.mail.waiting.length) showTray(tab); // else the user has opened another tab since
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

// Shows the component of the tab; the page's style hides the others.
export function showTray(tab) {
  document.documentElement.dataset.tray = tab;
}

function tabButton(s, name, label) {
  const button = document.createElement('button');
  Object.assign(button, { id: `tab-${name}`, textContent: label });
  button.setAttribute('role', 'tab');
  button.setAttribute('aria-controls', 'moves-panel');
  Object.assign(button.dataset, { testid: `moves-tab-${name}`, tab: name });
  button.addEventListener('click', () => {
    const { tray } = document.documentElement.dataset; // the tab that was asked for last
    showTray(name);
    if (name === 'pad') s.isPadHidden = false;
    if (name !== tray) s.ask({ kind: 'tab', tab: name });
  });
  return button;
}
