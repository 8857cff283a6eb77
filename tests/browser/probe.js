// Runs before the page's own scripts: finds elements through open shadow roots and records what happens.
// Times are performance.now() in ms. The page's own counters are not used.
window.__probe = (() => {
  const log = {
    inputs: [],
    sent: [],
    received: [],
    changes: [],
    pointerdown: null,
    pointerup: null,
    pointermove: null,
  };
  const known = new Map(),
    watched = new WeakSet();

  const search = (selector, root) => {
    const hit = root.querySelector(selector);
    if (hit) return hit;
    for (const e of root.querySelectorAll('*')) {
      const inner = e.shadowRoot && search(selector, e.shadowRoot);
      if (inner) return inner;
    }
    return null;
  };
  const find = (selector) => {
    const kept = known.get(selector);
    if (kept?.isConnected) return kept;
    const hit = search(selector, document);
    if (hit) known.set(selector, hit);
    return hit;
  };
  const byId = (testid) => find(`[data-testid="${testid}"]`);

  // A message posted from an animation frame arrives after the browser has painted that frame.
  const afterPaint = (then) =>
    requestAnimationFrame(() => {
      const { port1, port2 } = new MessageChannel();
      port1.onmessage = () => {
        port1.close();
        then(performance.now());
      };
      port2.postMessage(0);
    });

  const Native = window.WebSocket;
  window.WebSocket = class extends Native {
    constructor(...args) {
      super(...args);
      this.addEventListener('message', (e) =>
        log.received.push([performance.now(), e.data.byteLength ?? e.data.size ?? e.data.length]),
      );
    }
    send(data) {
      if (window.__probe.lost-- > 0) return;
      log.sent.push([performance.now(), data.byteLength ?? data.length]);
      super.send(data);
    }
  };

  for (const kind of ['pointerdown', 'pointerup', 'pointermove'])
    window.addEventListener(
      kind,
      (e) => {
        log[kind] = e.timeStamp;
      },
      true,
    );

  const paints = () => +(byId('stage')?.dataset.paints ?? 0);
  let before = 0;
  const isSlider = (e) => /^z-\d+$/.test(e.composedPath()[0].dataset?.testid ?? '');
  window.addEventListener(
    'input',
    (e) => {
      if (isSlider(e)) before = paints();
    },
    true,
  );
  window.addEventListener('input', (e) => {
    // bubbling: the slider's own handler has run
    if (!isSlider(e)) return;
    const slider = e.composedPath()[0];
    const entry = {
      at: e.timeStamp,
      pointer: log.pointermove,
      paints: paints() - before,
      value: slider.getAttribute('aria-valuetext'),
      sum: window.__probe.sums ? sum(byId('stage')) : null,
      painted: null,
    };
    log.inputs.push(entry);
    afterPaint((now) => {
      entry.painted = now;
    });
  });

  const pixels = (canvas) => canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
  const sum = (canvas) => pixels(canvas).data.reduce((h, v) => (Math.imul(h, 31) + v) | 0, 7);

  // Every change of one attribute, and when it was on the screen.
  const watch = (selector, attribute) => {
    const element = find(selector);
    if (!element || watched.has(element)) return Boolean(element);
    watched.add(element);
    new MutationObserver(() => {
      const entry = {
        selector,
        value: element.getAttribute(attribute),
        at: performance.now(),
        painted: null,
      };
      log.changes.push(entry);
      afterPaint((now) => {
        entry.painted = now;
      });
    }).observe(element, { attributes: true, attributeFilter: [attribute] });
    return true;
  };

  // z as the address line has it: null where it is all zeros, undefined where it is garbage.
  const linkedZ = () => {
    const text = new URLSearchParams(location.search).get('z');
    if (!text) return null;
    try {
      return new Float32Array(
        Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), (c) => c.charCodeAt(0)).buffer,
      );
    } catch {
      return undefined;
    }
  };

  // Why the page is not at rest, or ''.
  const busy = (quiet) => {
    const last = log.received.at(-1)?.[0] ?? 0,
      sent = log.sent.at(-1)?.[0] ?? 0;
    if (document.querySelector('[data-testid=stApp]')?.dataset.testScriptState !== 'notRunning')
      return 'the script runs';
    if (sent > last) return 'no answer yet';
    if (performance.now() - Math.max(last, log.pointerup) < quiet) return 'something has just happened';
    if (!byId('stage')?.dataset.seq) return 'no film yet';
    if (!find('.stage .wait').hidden) return 'the stage is marked as updating';
    const z = linkedZ(); // the session's; the sliders must say the same
    if (z === undefined) return 'the link has no good z';
    for (const slider of find('.stage .rows').querySelectorAll('input[type=range]')) {
      const wanted = z ? z[slider.dataset.testid.slice(2)] : 0;
      if (Math.fround(slider.value) !== wanted)
        return `slider ${slider.dataset.testid} is at ${slider.value}, the link says ${wanted}`;
    }
    return '';
  };

  const forget = () => {
    for (const list of Object.values(log)) if (Array.isArray(list)) list.length = 0;
  };

  const press = (selector) => {
    const button = find(selector),
      can = Boolean(button?.checkVisibility()) && !button.disabled;
    if (can) button.click();
    return can;
  };

  // [left, top, width, height, value as a share of the way] of a slider.
  const slider = (testid) => {
    const e = byId(testid);
    e.scrollIntoView({ block: 'nearest' });
    const box = e.getBoundingClientRect();
    return [box.left, box.top, box.width, box.height, (e.value - e.min) / (e.max - e.min)];
  };

  const axes = (chart) => {
    const box = chart.getBoundingClientRect(),
      { xaxis, yaxis } = chart._fullLayout;
    return [
      [xaxis, box.left],
      [yaxis, box.top],
    ].map(([a, start]) => ({ from: a.range[0], to: a.range[1], px: a._length, at: start + a._offset }));
  };

  // The card of the point under the pointer, once it is shown.
  const hovered = (row) => {
    const card = find('.le-card');
    return !card.hidden && card.dataset.row === row;
  };

  return {
    log,
    find,
    byId,
    watch,
    pixels,
    afterPaint,
    busy,
    forget,
    press,
    slider,
    axes,
    hovered,
    sums: false,
    lost: 0,
  };
})();
