// Asks the server again and again for the part of the page it stands in, while nothing else runs.
const clocks = (explorer._clocks ??= new WeakMap());
const LOOK_MS = 50, SOON_FOR_MS = 1000;

export default function ({ data, parentElement, setStateValue }) {
  if (!clocks.has(parentElement)) explorer._left.at = -Infinity;  // the page that was on the way is here
  const s = clocks.get(parentElement) ?? { last: performance.now() };
  clocks.set(parentElement, s);
  s.tick = () => {
    const now = performance.now(), wait = now - explorer._hand.at < SOON_FOR_MS ? data.soon_ms : data.every_ms;
    if (!isAtRest() || now - s.last < wait || now - (explorer._ticked ?? 0) < LOOK_MS) return;  // nor two clocks at once
    s.last = explorer._ticked = now;
    setStateValue('at', Math.round(s.last));
  };
  s.timer ??= setInterval(() => posted(() => s.tick()), LOOK_MS);
  return () => { clearInterval(s.timer); s.tick = () => {}; clocks.delete(parentElement); };
}
