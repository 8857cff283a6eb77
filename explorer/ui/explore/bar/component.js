// The bar: keeps the link in the address bar up to date, without history entries; keyboard help; presenter
// view.

import { mounting } from '../../wire/mailbox.js';
import { hasModifier, isTyping, replaceQuery } from '../../wire/page.js';

const MESSAGE_MS = 4000;
const KEYS = { p: 'present', P: 'present', '?': 'keys', l: 'link', L: 'link' };
const PRESENTER = 'le-presenter';

export default mounting('bars', build, accept);

function accept(s, data) {
  const { link } = data;
  if (!link || link === s.link) return;
  s.link = link;
  replaceQuery(link);
}

function build(root) {
  const $ = (selector) => root.querySelector(selector);
  const page = document.documentElement.classList;
  const dialog = $('dialog');
  const message = $('.message');
  const show = (text) => {
    message.textContent = text;
    setTimeout(() => {
      if (message.textContent === text) message.textContent = '';
    }, MESSAGE_MS);
  };
  const actions = {
    keys: () => (dialog.open ? dialog.close() : dialog.showModal()),
    close: () => dialog.close(),
    present: () => {
      const isOn = page.toggle(PRESENTER);
      $('[data-do=present]').setAttribute('aria-pressed', isOn);
      window.dispatchEvent(new Event('resize'));
    },
    link: async () => {
      try {
        await navigator.clipboard.writeText(location.href);
        show('link copied');
      } catch {
        show('copy the link from the address line');
      }
    },
  };
  for (const button of root.querySelectorAll('[data-do]'))
    button.addEventListener('click', () => actions[button.dataset.do]());
  dialog.addEventListener('click', (e) => {
    if (e.target === dialog) dialog.close();
  });
  listenToPanes(root);
  const onKey = (e) => {
    if (hasModifier(e) || isTyping(e)) return;
    if (e.key in KEYS) {
      e.preventDefault();
      actions[KEYS[e.key]]();
    } else if (e.key === 'Escape' && page.contains(PRESENTER)) actions.present();
  };
  window.addEventListener('keydown', onKey);
  const stop = () => {
    window.removeEventListener('keydown', onKey);
    page.remove(PRESENTER);
  };
  return { link: null, stop };
}

// On a phone one part of the page is shown at a time; elsewhere the buttons are hidden.
function listenToPanes(root) {
  const buttons = [...root.querySelectorAll('[data-pane]')];
  const open = (pane) => {
    document.documentElement.dataset.pane = pane;
    for (const button of buttons) button.setAttribute('aria-selected', button.dataset.pane === pane);
    window.dispatchEvent(new Event('resize'));
  };
  for (const button of buttons) button.addEventListener('click', () => open(button.dataset.pane));
  open(document.documentElement.dataset.pane ?? 'strips');
}
