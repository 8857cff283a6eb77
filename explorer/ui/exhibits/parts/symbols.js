// Symbols of a derivation: pointing at one, or focusing it, shows its live value.

import { nats } from './numbers.js';

export function listenToSymbols(root) {
  const tip = root.querySelector('.le-tip');
  const show = (event) => {
    const symbol = event.target.closest?.('[data-symbol]');
    const number = symbol && root.querySelector(`[data-num="${symbol.dataset.symbol}"]`);
    tip.hidden = !number?.dataset.value;
    if (tip.hidden) return;
    const box = symbol.getBoundingClientRect();
    tip.textContent = number.classList.contains('le-covered')
      ? 'predict first'
      : `${nats(+number.dataset.value, 4)} ${number.dataset.unit ?? 'nats'}`;
    Object.assign(tip.style, { left: `${box.left + box.width / 2}px`, top: `${box.top}px` });
  };
  const hide = () => {
    tip.hidden = true;
  };
  for (const kind of ['pointerover', 'focusin']) root.addEventListener(kind, show);
  for (const kind of ['pointerleave', 'focusout']) root.addEventListener(kind, hide);
  for (const symbol of root.querySelectorAll('[data-symbol]')) symbol.setAttribute('tabindex', 0);
}
