// The canvases of a run: their size, font and colours, and whether they have to be redrawn.

const INK = ['--st-text-color', '#333'];
const ACCENT = ['--st-primary-color', '#b5124f'];
const PAPER = ['--st-background-color', '#fff'];
const KL = ['--kl', '#0072b2'];

function themeColour({ s }, [name, fallback]) {
  return getComputedStyle(s.$('.run')).getPropertyValue(name).trim() || fallback;
}

export const ink = (model) => themeColour(model, INK);
export const accent = (model) => themeColour(model, ACCENT);
export const paper = (model) => themeColour(model, PAPER);
export const klColour = (model) => themeColour(model, KL);

// The size of captions in px, which grows with the window.
export const textPx = ({ s }) => Number.parseFloat(getComputedStyle(s.$('.grid')).fontSize) || 13;

// Clears a canvas, sizes it for the screen's pixel ratio, and returns its context and its size in CSS pixels.
export function surface(model, canvas) {
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
  context.globalAlpha = 1;
  const px = textPx(model);
  context.font = `${px}px system-ui, sans-serif`;
  return { context, width, height, px };
}

// Whether a part has to be redrawn. Two packets arrive every second, and each redraw costs a frame.
export function hasChanged(model, part, canvas, ...what) {
  const { clientWidth, clientHeight } = canvas;
  const now = [
    model.key,
    clientWidth,
    clientHeight,
    window.devicePixelRatio,
    ink(model),
    accent(model),
    ...what,
  ];
  const before = model.drawn[part];
  model.drawn[part] = now.join(' ');
  return before !== model.drawn[part];
}

// Whether the canvases have a size. They have none while the page is built or removed; a ResizeObserver draws
// them once they have one.
export const isVisible = (model) => model.canvas.loss.clientHeight > 0;

// A text with an outline in the colour of the page, so that it is legible on points and areas.
export function drawText(context, text, x, y, colour, outline) {
  context.lineWidth = 3;
  context.lineJoin = 'round';
  context.strokeStyle = outline;
  context.strokeText(text, x, y);
  context.fillStyle = colour;
  context.fillText(text, x, y);
}

export function numberText(v) {
  const size = Math.abs(v);
  return v.toFixed(size >= 100 ? 0 : size >= 10 ? 1 : 2);
}
