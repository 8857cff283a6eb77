// A timer that reruns the fragment it is placed in, while the page is idle.

import { explorer, runAsTask } from '../../wire/cursor.js';
import { mounting } from '../../wire/mailbox.js';
import { isIdle, msSinceInput, pageArrived } from '../../wire/page.js';

const CHECK_EVERY_MS = 50;
const SOON_FOR_MS = 1000; // after a click or a key press; until then the interval is `soon_ms`

export default mounting('clocks', build, accept);

function build() {
  pageArrived();
  const s = { last: performance.now(), data: null, stopped: false };
  const timer = setInterval(() => runAsTask(() => tick(s)), CHECK_EVERY_MS);
  s.stop = () => {
    clearInterval(timer);
    s.stopped = true;
  };
  return s;
}

function accept(s, data) {
  s.data = data;
}

function tick(s) {
  if (s.stopped) return;
  const now = performance.now();
  const wait = msSinceInput() < SOON_FOR_MS ? s.data.soon_ms : s.data.every_ms;
  const hasOtherTicked = now - (explorer._ticked ?? 0) < CHECK_EVERY_MS;
  if (!isIdle() || now - s.last < wait || hasOtherTicked) return;
  s.last = now;
  explorer._ticked = now;
  s.setState('at', Math.round(now));
}
