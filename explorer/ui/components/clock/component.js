// Asks the server again and again for the part of the page it stands in, while nothing else runs.
const clocks = (explorer._clocks ??= new WeakMap());
const LOOK_MS = 50;

export default function ({ data, parentElement, setStateValue }) {
  if (!clocks.has(parentElement)) explorer._left.at = -Infinity;  // the page that was on the way is here
  const s = clocks.get(parentElement) ?? { last: performance.now() };
  clocks.set(parentElement, s);
  s.tick = () => {
    if (!isAtRest() || performance.now() - s.last < data.every_ms) return;
    s.last = performance.now();
    setStateValue('at', Math.round(s.last));
  };
  s.timer ??= setInterval(() => s.tick(), LOOK_MS);
  return () => { clearInterval(s.timer); clocks.delete(parentElement); };
}
