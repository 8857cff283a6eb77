// The bar: keeps the link in the address bar up to date, without history entries; keyboard help; the views
// for presenting.

import { mounting } from '../../wire/mailbox.js';
import { hasModifier, isTyping, replaceQuery, setView } from '../../wire/page.js';

const MESSAGE_MS = 4000;
const KEYS = { p: 'present', f: 'stage', '.': 'black', '?': 'keys', l: 'link' };

export default mounting('bars', build, accept);

function accept(s, data) {
  const { link } = data;
  if (link === s.link) return;
  s.link = link;
  replaceQuery(link);
}

function build(root) {
  const $ = (selector) => root.querySelector(selector);
  const { dataset } = document.documentElement;
  const dialog = $('dialog');
  const message = $('.message');
  const show = (text) => {
    message.textContent = text;
    setTimeout(() => {
      if (message.textContent === text) message.textContent = '';
    }, MESSAGE_MS);
  };
  const turn = (view) => {
    setView({ view: dataset.view === view ? '' : view });
    $('[data-do=present]').setAttribute('aria-pressed', dataset.view === 'present');
    window.dispatchEvent(new Event('resize'));
  };
  const actions = {
    keys: () => (dialog.open ? dialog.close() : dialog.showModal()),
    close: () => dialog.close(),
    present: () => turn('present'),
    stage: () => turn('stage'),
    black: () => setView({ black: dataset.black ? '' : 'on' }),
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
    const action = KEYS[e.key.toLowerCase()];
    if (action) {
      e.preventDefault();
      actions[action]();
    } else if (e.key === 'Escape' && dataset.black) actions.black();
    else if (e.key === 'Escape' && dataset.view && !e.defaultPrevented) turn(dataset.view);
  };
  window.addEventListener('keydown', onKey);
  const stop = () => {
    window.removeEventListener('keydown', onKey);
    setView({ view: '', black: '' });
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
