// Asks the server again and again for the part of the page that it stands in, while nothing else runs.

import { explorer, runAsTask } from '../../wire/cursor.js';
import { mounting } from '../../wire/mailbox.js';
import { isIdle, msSinceInput, pageArrived } from '../../wire/page.js';

const CHECK_EVERY_MS = 50;
const SOON_FOR_MS = 1000; // after a click or a key, in which the clock ticks every `soon_ms`

export default mounting('clocks', build, accept);

function build() {
  pageArrived();
  const s = { last: performance.now(), times: null, stopped: false };
  const timer = setInterval(() => runAsTask(() => tick(s)), CHECK_EVERY_MS);
  s.stop = () => {
    clearInterval(timer);
    s.stopped = true;
  };
  return s;
}

function accept(s, times) {
  s.times = times;
}

function tick(s) {
  if (s.stopped) return;
  const now = performance.now();
  const wait = msSinceInput() < SOON_FOR_MS ? s.times.soon_ms : s.times.every_ms;
  const isSecondClock = now - (explorer._ticked ?? 0) < CHECK_EVERY_MS;
  if (!isIdle() || now - s.last < wait || isSecondClock) return;
  s.last = now;
  explorer._ticked = now;
  s.setState('at', Math.round(now));
}
