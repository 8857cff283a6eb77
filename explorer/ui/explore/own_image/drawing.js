// The drawing area: strokes by mouse, touch, stylus or keyboard.

import { hasModifier } from '../../wire/page.js';

const ARROW_STEPS = 28; // arrow presses from one side to the other
const CROSS_KEYS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

const background = (s) => (s.packet?.light === false ? '#fff' : '#000');

function foreground(s) {
  if (s.packet?.shape[0] === 3) return s.$('[type=color]').value;
  return s.packet?.light === false ? '#000' : '#fff';
}

function startStroke(s, point) {
  if (!s.strokes.length) clearDrawing(s); // the pad may show a picture file
  const colour = s.erasing ? background(s) : foreground(s);
  s.stroke = { points: [point], width: +s.$('[type=range]').value, colour };
  s.strokes.push(s.stroke);
  s.$('.hint').hidden = true;
  drawStroke(s, s.stroke, 0);
  s.markStale();
}

function extendStroke(s, point) {
  s.stroke.points.push(point);
  drawStroke(s, s.stroke, s.stroke.points.length - 2);
}

// Draws a stroke from point `first` on; a single point becomes a dot.
function drawStroke({ canvas }, { points, width, colour }, first) {
  const context = canvas.getContext('2d');
  const inPixels = ([x, y]) => [x * canvas.width, y * canvas.height];
  Object.assign(context, { strokeStyle: colour, lineWidth: width, lineCap: 'round', lineJoin: 'round' });
  context.beginPath();
  context.moveTo(...inPixels(points[first]));
  for (const point of points.slice(first)) context.lineTo(...inPixels(point));
  context.stroke();
}

export function redraw(s) {
  const context = s.canvas.getContext('2d');
  s.$('.pad').classList.toggle('light', background(s) === '#fff');
  context.fillStyle = background(s);
  context.fillRect(0, 0, s.canvas.width, s.canvas.height);
  for (const stroke of s.strokes) drawStroke(s, stroke, 0);
  s.$('.hint').hidden = s.strokes.length > 0 || !!s.file;
}

// Shows the picture that the model sees on the pad, where it comes from a file.
export function showOnPad(s, picture) {
  const context = s.canvas.getContext('2d');
  context.imageSmoothingEnabled = false;
  context.drawImage(picture, 0, 0, s.canvas.width, s.canvas.height);
  s.$('.hint').hidden = true;
}

export function clearDrawing(s) {
  s.strokes = [];
  s.file = null;
  setPen(s, false);
  s.$('.file span').textContent = 'Choose a picture';
  redraw(s);
}

export function undoStroke(s) {
  if (s.file || !s.strokes.length) return;
  setPen(s, false);
  s.strokes.pop();
  redraw(s);
  s.later();
  s.markStale();
}

// The request that sends the drawing.
export function drawingRequest(s) {
  if (!s.strokes.length) return { kind: 'clear' };
  return { kind: 'image', data: s.canvas.toDataURL('image/png').split(',')[1] };
}

export function listenToDrawing(s) {
  s.canvas.addEventListener('pointerdown', (e) => onPointerDown(s, e));
  s.canvas.addEventListener('pointermove', (e) => onPointerMove(s, e));
  for (const name of ['pointerup', 'pointercancel'])
    s.canvas.addEventListener(name, (e) => onPointerUp(s, e));
  s.canvas.addEventListener('blur', () => {
    setPen(s, false);
    s.$('.cross').hidden = true;
  });
}

function pointOf(s, event) {
  const box = s.canvas.getBoundingClientRect();
  return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
}

function onPointerDown(s, event) {
  if (event.button !== 0 || s.pointer !== null) return;
  setPen(s, false);
  s.$('.cross').hidden = true;
  s.canvas.setPointerCapture(event.pointerId);
  s.pointer = event.pointerId;
  startStroke(s, pointOf(s, event));
}

function onPointerMove(s, event) {
  if (event.pointerId !== s.pointer) return;
  for (const part of event.getCoalescedEvents?.() ?? []) extendStroke(s, pointOf(s, part));
  extendStroke(s, pointOf(s, event));
}

function onPointerUp(s, event) {
  if (event.pointerId !== s.pointer) return;
  s.pointer = null;
  s.stroke = null;
  s.later();
}

// Keyboard drawing: arrow keys move a crosshair, Space lowers and lifts the pen.
export function onDrawingKey(s, event) {
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === 'z') {
    event.preventDefault();
    event.stopPropagation();
    return undoStroke(s);
  }
  const direction = CROSS_KEYS[event.key];
  if (event.target !== s.canvas || hasModifier(event) || !(direction || event.key === ' ')) return;
  event.preventDefault();
  event.stopPropagation();
  if (direction) moveCross(s, direction, event.shiftKey ? 4 : 1);
  else setPen(s, !s.stroke);
  if (s.stroke) {
    if (direction) extendStroke(s, [...s.cross]);
    s.later();
  }
  Object.assign(s.$('.cross').style, { left: `${100 * s.cross[0]}%`, top: `${100 * s.cross[1]}%` });
  s.$('.cross').hidden = false;
}

function moveCross(s, direction, steps) {
  s.cross = s.cross.map((v, i) => Math.min(1, Math.max(0, v + (direction[i] * steps) / ARROW_STEPS)));
}

function setPen(s, isDown) {
  if (s.pointer !== null || isDown === !!s.stroke) return;
  if (isDown) startStroke(s, [...s.cross]);
  else {
    s.stroke = null;
    s.later();
  }
  s.$('.cross').classList.toggle('down', isDown);
  s.$('.pen').textContent = isDown ? 'pen down' : 'pen up';
}
