// Tests mounting, the mailbox and debounce.
import assert from 'node:assert/strict';
import test from 'node:test';
import { debounce, mailbox, mounting } from '../../explorer/ui/wire/mailbox.js';

// A mailbox, what it has sent, and its timers, which the test fires.
function box() {
  const timers = [];
  const sent = [];
  const schedule = (wait, _, action) => {
    const timer = { wait, action, isSet: true };
    timers.push(timer);
    return () => {
      timer.isSet = false;
    };
  };
  const mail = mailbox(schedule);
  mail.send = (name, value) => sent.push([name, structuredClone(value)]);
  const fire = () => {
    const timer = timers.findLast((t) => t.isSet);
    if (!timer) return false;
    timer.isSet = false;
    timer.action();
    return true;
  };
  return { mail, sent, timers, fire };
}

const kinds = ([, value]) => value.all.map((request) => request.kind);

test('requests are numbered and sent together until acknowledged', () => {
  const { mail, sent } = box();
  mail.ask({ kind: 'a' });
  mail.ask({ kind: 'b' });
  assert.deepEqual(sent.at(-1), [
    'request',
    {
      seq: 2,
      all: [
        { kind: 'a', seq: 1 },
        { kind: 'b', seq: 2 },
      ],
      tries: 1,
    },
  ]);
});

test('an ack removes the requests up to it; the others are sent again with the next', () => {
  const { mail, sent } = box();
  for (const kind of ['a', 'b']) mail.ask({ kind });
  mail.acknowledge(1);
  mail.ask({ kind: 'c' });
  assert.deepEqual(kinds(sent.at(-1)), ['b', 'c']);
});

test('without an ack a request is sent four times, 1.5 s apart, then no more', () => {
  const { mail, sent, timers, fire } = box();
  mail.ask({ kind: 'a' });
  while (fire());
  assert.equal(sent.length, 4);
  assert.deepEqual(
    sent.map(([, value]) => [value.seq, value.tries]),
    [1, 2, 3, 4].map((tries) => [1, tries]),
  );
  assert.ok(timers.every((timer) => timer.wait === 1500));
});

test('a new request resets the number of tries', () => {
  const { mail, sent, fire } = box();
  mail.ask({ kind: 'a' });
  while (fire());
  mail.ask({ kind: 'b' });
  assert.equal(sent.at(-1)[1].tries, 1);
  assert.ok(fire());
  assert.deepEqual(kinds(sent.at(-1)), ['a', 'b']);
});

test('only the last ack stops the timer', () => {
  const { mail, timers } = box();
  for (const kind of ['a', 'b']) mail.ask({ kind });
  mail.acknowledge(1);
  assert.equal(timers.filter((timer) => timer.isSet).length, 1);
  mail.acknowledge(2);
  assert.equal(timers.filter((timer) => timer.isSet).length, 0);
});

test('after a reload, numbers continue from the server’s ack', () => {
  const { mail, sent } = box();
  mail.acknowledge(7);
  mail.ask({ kind: 'a' });
  assert.equal(sent[0][1].seq, 8);
});

test('debounce runs once after the last call, with its arguments', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const calls = [];
  const later = debounce(150, (value) => calls.push(value));
  later(1);
  t.mock.timers.tick(149);
  later(2);
  t.mock.timers.tick(149);
  assert.deepEqual(calls, []);
  assert.equal(later.pending(), true);
  t.mock.timers.tick(1);
  assert.deepEqual(calls, [2]);
  assert.equal(later.pending(), false);
});

test('flush runs immediately and only once', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  let calls = 0;
  const later = debounce(150, () => calls++);
  later();
  later.flush();
  t.mock.timers.tick(1000);
  assert.equal(calls, 1);
});

// An empty page.
function emptyPage(t) {
  t.mock.timers.enable({ apis: ['setInterval', 'setTimeout'] });
  Object.assign(globalThis, { window: new EventTarget(), document: { querySelector: () => null } });
}

test('an element is built once, keeps its state, and accepts every packet', (t) => {
  emptyPage(t);
  const events = [];
  const build = (root) => {
    events.push(['build', root.name]);
    return { mail: mailbox(() => () => {}), stop: () => events.push(['stop', root.name]) };
  };
  const mount = mounting('test', build, (s, data) => events.push(['accept', data, s.setState]));
  const element = { name: 'element' };
  const [first, second] = [() => 1, () => 2];
  mount({ data: { a: 1 }, parentElement: element, setStateValue: first });
  const unmount = mount({ data: { a: 2 }, parentElement: element, setStateValue: second });
  mount({ data: new Uint8Array(), parentElement: element, setStateValue: second }); // no packet yet
  unmount();
  mount({ data: null, parentElement: element, setStateValue: first });
  assert.deepEqual(events, [
    ['build', 'element'],
    ['accept', { a: 1 }, first],
    ['accept', { a: 2 }, second],
    ['stop', 'element'],
    ['build', 'element'],
  ]);
});

test('a request is sent with the newest function of the element', (t) => {
  emptyPage(t);
  const mail = mailbox(() => () => {});
  const mount = mounting(
    'newest',
    () => ({ mail, stop() {} }),
    () => {},
  );
  const sent = [];
  for (const name of ['old', 'new'])
    mount({ data: null, parentElement: mail, setStateValue: () => sent.push(name) });
  mail.ask({ kind: 'a' });
  assert.deepEqual(sent, ['new']);
});
