// The page as components see it, with a document that a test sets itself.
import assert from 'node:assert/strict';
import test from 'node:test';
import { explorer } from '../../explorer/ui/wire/cursor.js';
import { isIdle, isTyping, msSinceInput, pageArrived, trackPage } from '../../explorer/ui/wire/page.js';

let now = 0;
performance.now = () => now;

// An empty page at rest: the elements that selectors find, and the links of the navigation.
function openPage(t, { path = '/', found = {}, links = [] } = {}) {
  t.mock.timers.enable({ apis: ['setInterval'] });
  now = 10_000;
  delete explorer._page;
  const page = { path, found };
  Object.assign(globalThis, {
    window: new EventTarget(),
    location: {
      get pathname() {
        return page.path;
      },
    },
    CSS: { escape: (text) => text },
    document: { querySelector: (s) => page.found[s] ?? null, querySelectorAll: () => links },
  });
  trackPage();
  return page;
}

function event(kind, isWayOut = false) {
  const e = new Event(kind);
  Object.defineProperty(e, 'target', { value: { closest: () => isWayOut } });
  return e;
}

const running = { '.stApp': { dataset: { testScriptState: 'running' } } };

test('a page on which nothing happens is idle', (t) => {
  openPage(t);
  assert.ok(isIdle());
});

test('not while the script runs or something is pressed', (t) => {
  const page = openPage(t);
  page.found = running;
  assert.ok(!isIdle());
  page.found = { ':active': {} };
  assert.ok(!isIdle());
});

test('not for 250 ms after an input event', (t) => {
  openPage(t);
  window.dispatchEvent(event('keydown'));
  now += 250;
  assert.ok(!isIdle());
  assert.equal(msSinceInput(), 250);
  now += 1;
  assert.ok(isIdle());
});

test('not for 2 s after a link to another page, unless that page is here', (t) => {
  openPage(t);
  window.dispatchEvent(event('click', true));
  now += 2000;
  assert.ok(!isIdle());
  pageArrived();
  assert.ok(isIdle());
});

test('any other click delays by 250 ms only', (t) => {
  openPage(t);
  window.dispatchEvent(event('click'));
  now += 251;
  assert.ok(isIdle());
});

function navigation() {
  const link = { clicks: 0, getAttribute: () => 'train', click: () => link.clicks++ };
  return link;
}

test('a page that is missing for a second gets its link clicked, three times at most', (t) => {
  const link = navigation();
  openPage(t, { path: '/train', links: [link] });
  t.mock.timers.tick(750);
  assert.equal(link.clicks, 0);
  t.mock.timers.tick(250);
  assert.equal(link.clicks, 1);
  t.mock.timers.tick(60_000);
  assert.equal(link.clicks, 3);
});

test('a page that is here, or for which the script still runs, is left alone', (t) => {
  const link = navigation();
  const page = openPage(t, { path: '/train', links: [link], found: { '.st-key-train': {} } });
  t.mock.timers.tick(10_000);
  page.found = running;
  t.mock.timers.tick(10_000);
  assert.equal(link.clicks, 0);
});

test('the page without a name is Explore', (t) => {
  const link = navigation();
  openPage(t, { path: '/', links: [link], found: { '.st-key-explore': {} } });
  t.mock.timers.tick(10_000);
  assert.equal(link.clicks, 0);
});

test('keys belong to the field that has them', () => {
  const from = (isField) => ({ composedPath: () => [{ matches: () => isField }] });
  assert.ok(isTyping(from(true)));
  assert.ok(!isTyping(from(false)));
  assert.ok(!isTyping({ composedPath: () => [globalThis] }));
});
