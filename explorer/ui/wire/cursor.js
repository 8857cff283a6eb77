// State that all components of a page share: counters for tests and benchmarks, and the position of z on the
// map.

export const explorer = (globalThis.__latentExplorer ??= {
  version: 1,
  _counts: { paints: 0, films: 0, bytes: 0, cursors: 0 },
  _times: [], // ms from input event to paint, for the last 2,000 events
  stats() {
    return { ...this._counts, input_to_paint_ms: [...this._times] };
  },
});
const MAX_TIMES = 2000;

// Runs `action` in a new task, through a MessageChannel: called from an animation frame, it runs right after
// the paint, and timers that it sets are not nested, so the browser does not clamp them to 4 ms.
export function runAsTask(action) {
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = () => {
    port1.close();
    action();
  };
  port2.postMessage(0);
}

// Counts a paint, and measures the time from the input event that caused it until the browser has painted.
export function countPaint(event) {
  explorer._counts.paints++;
  if (!event?.timeStamp) return;
  requestAnimationFrame(() =>
    runAsTask(() => {
      explorer._times.push(performance.now() - event.timeStamp);
      if (explorer._times.length > MAX_TIMES) explorer._times.shift();
    }),
  );
}

export function countPacket(packet) {
  explorer._counts.films++;
  explorer._counts.bytes += packet.n_bytes;
}

// Publishes the position of z on the map as the window event `latent:cursor`: `xy` in map units, `support` in
// (0, 1].
export function moveCursor(xy, support, plane) {
  explorer._counts.cursors++;
  explorer.cursor = { xy, support, plane };
  window.dispatchEvent(new CustomEvent('latent:cursor', { detail: explorer.cursor }));
}
