// The bar: keeps the link in the address line up to date without adding Back steps; keys, presenter view.
const bars = (explorer._bars ??= new WeakMap());

export default function ({ data, parentElement }) {
  let s = bars.get(parentElement);
  if (!s) { s = build(parentElement); bars.set(parentElement, s); }
  if (data?.link && data.link !== s.link) {
    s.link = data.link;
    history.replaceState(history.state, '', `${location.pathname}?${data.link}`);
  }
  return () => { window.removeEventListener('keydown', s.onKey); document.documentElement.classList.remove('le-presenter'); bars.delete(parentElement); };
}

function build(root) {
  const $ = (selector) => root.querySelector(selector);
  const dialog = $('dialog'), said = $('.said');
  const say = (text) => { said.textContent = text; setTimeout(() => { if (said.textContent === text) said.textContent = ''; }, 4000); };
  const act = {
    keys: () => (dialog.open ? dialog.close() : dialog.showModal()),
    close: () => dialog.close(),
    present: () => {
      const on = document.documentElement.classList.toggle('le-presenter');
      $('[data-do=present]').setAttribute('aria-pressed', on);
      window.dispatchEvent(new Event('resize'));
    },
    link: async () => {
      try { await navigator.clipboard.writeText(location.href); say('link copied'); }
      catch { say('copy the link from the address line'); }
    },
  };
  for (const button of root.querySelectorAll('[data-do]')) button.addEventListener('click', () => act[button.dataset.do]());
  dialog.addEventListener('click', (e) => { if (e.target === dialog) dialog.close(); });
  const onKey = (e) => {
    if (e.ctrlKey || e.metaKey || e.altKey || e.composedPath()[0].matches?.('input:not([type=range]), textarea, select, [contenteditable]')) return;
    const name = { p: 'present', P: 'present', '?': 'keys', l: 'link', L: 'link' }[e.key];
    if (name) { e.preventDefault(); act[name](); }
    else if (e.key === 'Escape' && document.documentElement.classList.contains('le-presenter')) act.present();
  };
  window.addEventListener('keydown', onKey);
  return { onKey, link: null };
}
