// The page around the components: tracks input, navigation and the script; recovers a failed navigation;
// helpers for keys and the URL.

import { explorer } from './cursor.js';

const PAGE_LINKS = '.st-key-nav a, [class*="-open"] button'; // links and buttons that lead to another page
const LEAVING_MS = 2000; // longest wait for the new page
const INPUT_MS = 250; // quiet time after input
const INPUT_EVENTS = ['pointerdown', 'pointerup', 'click', 'keydown', 'keyup'];
const CHECK_MS = 250;
const CHECKS_BEFORE_RETRY = 4;
const MAX_RETRIES = 3;

// Starts the listeners, once per page, however many components are mounted.
export function trackPage() {
  if (explorer._page) return;
  explorer._page = { leftAt: -LEAVING_MS, inputAt: -Infinity };
  const input = () => {
    explorer._page.inputAt = performance.now();
  };
  const onClick = (e) => {
    if (e.target.closest?.(PAGE_LINKS)) pageLeft();
  };
  window.addEventListener('click', onClick, true);
  window.addEventListener('popstate', pageLeft);
  for (const kind of INPUT_EVENTS) window.addEventListener(kind, input, true);
  keepPage();
}

// Begins the wait for another page.
export function pageLeft() {
  explorer._page.leftAt = performance.now();
}

// Ends the wait after navigation, when a component of the new page is mounted.
export function pageArrived() {
  explorer._page.leftAt = Number.NEGATIVE_INFINITY;
}

export const msSinceInput = () => performance.now() - explorer._page.inputAt;

const isScriptIdle = () =>
  (document.querySelector('.stApp')?.dataset.testScriptState ?? 'notRunning') === 'notRunning';

// Whether a component may send a request that the user did not trigger. Not while
// - the script runs or the user is navigating to another page: Streamlit would run the old page's fragment
//   after the new page, and leave the new page blank;
// - an input event has just happened: if requests of two fragments arrive in one batch, Streamlit runs only
//   one of them, perhaps not the user's.
export const isIdle = () =>
  performance.now() - explorer._page.leftAt > LEAVING_MS &&
  msSinceInput() > INPUT_MS &&
  !document.querySelector(':active') &&
  isScriptIdle();

// On navigation Streamlit stops only its own timers (streamlit/streamlit#9617), so a late request of the
// previous page leaves the new page blank. If nothing runs and the page in the address bar is not
// shown for a second, this clicks its link again, at most MAX_RETRIES times.
function keepPage() {
  const state = { missed: 0, tries: 0, page: '' };
  setInterval(() => {
    const page = location.pathname.split('/').pop();
    const isShown = Boolean(document.querySelector(`.st-key-${CSS.escape(page || 'explore')}`));
    if (isShown || page !== state.page) Object.assign(state, { missed: 0, tries: 0, page });
    if (isShown || !isScriptIdle()) {
      state.missed = 0;
      return;
    }
    const links = [...document.querySelectorAll('.st-key-nav a')];
    const link = links.find((a) => a.getAttribute('href') === page);
    if (++state.missed % CHECKS_BEFORE_RETRY === 0 && link && state.tries++ < MAX_RETRIES) link.click();
  }, CHECK_MS);
}

// Whether a key event belongs to a form field other than a slider.
export const isTyping = (event) =>
  event
    .composedPath()[0]
    .matches?.('input:not([type=range], [type=checkbox], [type=radio]), textarea, select, [contenteditable]');

export const hasModifier = (event) => event.ctrlKey || event.metaKey || event.altKey;

// Replaces the query in the address bar without adding a history entry. The step of a running lecture stays.
export function replaceQuery(query) {
  const full = [query, explorer._lecture].filter(Boolean).join('&');
  history.replaceState(history.state, '', location.pathname + (full && `?${full}`));
}

// Sets the query parameter of the running lecture, such as "lecture=elbo:2", or '' for none.
export function setLecture(parameter) {
  if (parameter === (explorer._lecture ?? '')) return;
  explorer._lecture = parameter;
  const parts = location.search.slice(1).split('&');
  replaceQuery(parts.filter((part) => !part.startsWith('lecture=')).join('&'));
}

// What the page shows: `view` is '' (everything), 'present' or 'stage'; `moving` is 'strip' or 'lane',
// whichever the user moved last.
export function setView(changes) {
  const { dataset } = document.documentElement;
  if (Object.keys(changes).every((name) => (dataset[name] ?? '') === changes[name])) return;
  for (const name in changes) {
    if (changes[name]) dataset[name] = changes[name];
    else delete dataset[name];
  }
  window.dispatchEvent(new CustomEvent('latent:view'));
}

// Copies the view to an element inside a component, whose style cannot see the page. Returns a function that
// ends this.
export function mirrorView(element) {
  const copy = () => {
    for (const name of ['view', 'moving'])
      element.dataset[name] = document.documentElement.dataset[name] ?? '';
  };
  window.addEventListener('latent:view', copy);
  copy();
  return () => window.removeEventListener('latent:view', copy);
}
