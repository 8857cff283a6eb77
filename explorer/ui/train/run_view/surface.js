// The canvases of a run: their size and colours, and whether they have to be redrawn.

const INK = ['--st-text-color', '#333'];
const ACCENT = ['--st-primary-color', '#b5124f'];
export const FONT = '12px system-ui, sans-serif';

function themeColour(s, [name, fallback]) {
  return getComputedStyle(s.$('.run')).getPropertyValue(name).trim() || fallback;
}

export const ink = (s) => themeColour(s, INK);
export const accent = (s) => themeColour(s, ACCENT);

// Clears a canvas, sizes it for the screen's pixel ratio, and returns its context and its size in CSS pixels.
export function surface(canvas) {
  const ratio = Math.min(2, window.devicePixelRatio || 1);
  const width = Math.max(1, canvas.clientWidth);
  const height = Math.max(1, canvas.clientHeight);
  if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
  }
  const context = canvas.getContext('2d');
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  return { context, width, height };
}

// Whether a part has to be redrawn. Two packets arrive every second, and each redraw costs a frame.
export function hasChanged(s, part, canvas, ...what) {
  const { clientWidth, clientHeight } = canvas;
  const now = [s.run, clientWidth, clientHeight, window.devicePixelRatio, ink(s), accent(s), ...what];
  const before = s.drawn[part];
  s.drawn[part] = now.join(' ');
  return before !== s.drawn[part];
}

// Whether the canvases have a size. They have none while the page is built or removed; a ResizeObserver draws
// them once they have one.
export const isVisible = (s) => s.charts[0].clientHeight > 0;

export function numberText(v) {
  const size = Math.abs(v);
  return v.toFixed(size >= 100 ? 0 : size >= 10 ? 1 : 2);
}
