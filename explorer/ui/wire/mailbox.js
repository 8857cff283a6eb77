// Mounts components, and sends their requests to the server until it acknowledges them.

import { explorer, runAsTask } from './cursor.js';
import { unpack } from './packet.js';
import { isIdle, trackPage } from './page.js';

const ACK_TIMEOUT_MS = 1500;
const MAX_SENDS = 4;
const RECHECK_MS = 250;

// Returns a component's default export. `build(root)` creates the state of an element once, with `stop` and,
// for requests that wait for an ack, `mail`. `accept(state, data)` is called with each change of the data:
// bytes are unpacked, an object is passed as it is. Streamlit calls the export again with new functions on
// every change, so the state always holds the latest `setState` and `trigger`.
export function mounting(name, build, accept) {
  explorer._mounts ??= {};
  explorer._mounts[name] ??= new WeakMap();
  const mounts = explorer._mounts[name];
  return ({ data, parentElement, setStateValue, setTriggerValue }) => {
    trackPage();
    if (!mounts.has(parentElement)) mounts.set(parentElement, build(parentElement));
    const state = mounts.get(parentElement);
    state.setState = setStateValue;
    state.trigger = setTriggerValue;
    if (state.mail) state.mail.send = setStateValue;
    if (!ArrayBuffer.isView(data)) {
      if (data) accept(state, data);
    } else if (data.length) accept(state, unpack(data));
    return () => {
      state.stop();
      state.mail?.stop();
      mounts.delete(parentElement);
    };
  };
}

// Returns a function that runs `action` once `waitMs` have passed without another call.
export function debounce(waitMs, action) {
  let timer = 0;
  const run = (...args) => {
    clearTimeout(timer);
    timer = 0;
    action(...args);
  };
  const later = (...args) => {
    clearTimeout(timer);
    timer = setTimeout(run, waitMs, ...args);
  };
  later.flush = run;
  later.pending = () => timer !== 0;
  return later;
}

// Runs `action` after `waitMs`, or when the page is next idle, checked every `recheckMs`. Returns a function
// that cancels it.
export function whenIdle(waitMs, recheckMs, action) {
  let timer = 0;
  let isCancelled = false;
  const check = () => {
    if (isCancelled) return;
    if (isIdle()) action();
    else checkIn(recheckMs);
  };
  const checkIn = (ms) => {
    timer = setTimeout(() => runAsTask(check), ms);
  };
  checkIn(waitMs);
  return () => {
    isCancelled = true;
    clearTimeout(timer);
  };
}

// Sends requests until the server acknowledges them. Streamlit keeps one state per component, in which a new
// value replaces the last, so all requests without an ack are sent together. They are sent again, at most
// three times, because Streamlit drops one of two fragments whose requests arrive in the same batch.
export function mailbox(schedule = whenIdle) {
  const box = {
    seq: 0,
    waiting: [],
    send: null,
    tries: 0,
    ask(request) {
      box.waiting.push({ ...request, seq: ++box.seq });
      box.tries = 0;
      box.post();
    },
    post() {
      box.send('request', { seq: box.seq, all: box.waiting, tries: ++box.tries });
      if (box.tries >= MAX_SENDS) return;
      box.stop();
      box.stop = schedule(ACK_TIMEOUT_MS, RECHECK_MS, box.post);
    },
    acknowledge(ack) {
      box.waiting = box.waiting.filter((request) => request.seq > ack);
      box.seq = Math.max(box.seq, ack);
      if (!box.waiting.length) box.stop();
    },
    stop() {},
  };
  return box;
}
