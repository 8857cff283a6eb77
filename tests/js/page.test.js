// Tests page tracking with a mock document.
import assert from 'node:assert/strict';
import test from 'node:test';
import { explorer } from '../../explorer/ui/wire/cursor.js';
import { isIdle, isTyping, msSinceInput, pageArrived, trackPage } from '../../explorer/ui/wire/page.js';

let now = 0;
performance.now = () => now;

// An idle page. `found`: elements by selector; `links`: the links of the navigation.
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

function event(kind, isLink = false) {
  const e = new Event(kind);
  Object.defineProperty(e, 'target', { value: { closest: () => isLink } });
  return e;
}

const running = { '.stApp': { dataset: { testScriptState: 'running' } } };

test('a page without activity is idle', (t) => {
  openPage(t);
  assert.ok(isIdle());
});

test('it is not idle while the script runs or a button is pressed', (t) => {
  const page = openPage(t);
  page.found = running;
  assert.ok(!isIdle());
  page.found = { ':active': {} };
  assert.ok(!isIdle());
});

test('it is not idle for 250 ms after an input event', (t) => {
  openPage(t);
  window.dispatchEvent(event('keydown'));
  now += 250;
  assert.ok(!isIdle());
  assert.equal(msSinceInput(), 250);
  now += 1;
  assert.ok(isIdle());
});

test('it is not idle for 2 s after a link to another page is clicked, unless that page arrives', (t) => {
  openPage(t);
  window.dispatchEvent(event('click', true));
  now += 2000;
  assert.ok(!isIdle());
  pageArrived();
  assert.ok(isIdle());
});

test('after any other click it is idle after 250 ms', (t) => {
  openPage(t);
  window.dispatchEvent(event('click'));
  now += 251;
  assert.ok(isIdle());
});

function navigation() {
  const link = { clicks: 0, getAttribute: () => 'train', click: () => link.clicks++ };
  return link;
}

test('the link of a page that is missing for a second is clicked, at most three times', (t) => {
  const link = navigation();
  openPage(t, { path: '/train', links: [link] });
  t.mock.timers.tick(750);
  assert.equal(link.clicks, 0);
  t.mock.timers.tick(250);
  assert.equal(link.clicks, 1);
  t.mock.timers.tick(60_000);
  assert.equal(link.clicks, 3);
});

test('no link is clicked if the page is shown or the script still runs', (t) => {
  const link = navigation();
  const page = openPage(t, { path: '/train', links: [link], found: { '.st-key-train': {} } });
  t.mock.timers.tick(10_000);
  page.found = running;
  t.mock.timers.tick(10_000);
  assert.equal(link.clicks, 0);
});

test('the root path is Explore', (t) => {
  const link = navigation();
  openPage(t, { path: '/', links: [link], found: { '.st-key-explore': {} } });
  t.mock.timers.tick(10_000);
  assert.equal(link.clicks, 0);
});

test('a key event in a text field counts as typing', () => {
  const from = (isField) => ({ composedPath: () => [{ matches: () => isField }] });
  assert.ok(isTyping(from(true)));
  assert.ok(!isTyping(from(false)));
  assert.ok(!isTyping({ composedPath: () => [globalThis] }));
});
