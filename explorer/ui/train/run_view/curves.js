// Draws the curves of a run (-ELBO, reconstruction loss, KL): batches as a line, the test split as dots.

import { accent, FONT, hasChanged, ink, isVisible, numberText, surface } from './surface.js';

const N_CURVES = 3;
const MARGIN = { left: 36, right: 4, top: 8, bottom: 18 };
const MANY_DOTS = 60;

export function drawCurves(s) {
  const { step, n_steps, train, test, dials, axes } = s.packet;
  if (!isVisible(s)) return;
  const what = [step, n_steps, train.length, test.length, dials.length, axes.curves];
  if (!hasChanged(s, 'charts', s.charts[0], ...what)) return;
  for (let which = 0; which < N_CURVES; which++) drawCurve(s, which);
}

// Row `which` of an array with four rows: the steps, then the three curves.
function rowOf(values, which) {
  const n = values.length / (N_CURVES + 1);
  return values.subarray(which * n, (which + 1) * n);
}

function drawCurve(s, which) {
  const { packet } = s;
  const { context, width, height } = surface(s.charts[which]);
  if (!packet.train.length && !packet.test.length) return;
  const [low, high] = packet.axes.curves[which];
  const area = {
    left: MARGIN.left,
    right: width - MARGIN.right,
    top: MARGIN.top,
    bottom: height - MARGIN.bottom,
  };
  const share = (step) => (packet.n_steps ? Math.min(1, step / packet.n_steps) : 0);
  const plot = {
    ...area,
    context,
    x: (step) => area.left + (area.right - area.left) * share(step),
    y: (value) => area.bottom - ((area.bottom - area.top) * (value - low)) / (high - low),
    ink: ink(s),
    accent: accent(s),
  };
  context.font = FONT;
  drawAxes(plot, low, high);
  drawDials(plot, packet.dials, which === 0);
  drawValues(plot, packet, which + 1);
  if (which === 0) drawLegend(plot, height);
}

function drawAxes({ context, left, right, top, bottom, y, ink }, low, high) {
  context.fillStyle = ink;
  context.strokeStyle = ink;
  context.globalAlpha = 0.8;
  context.textAlign = 'right';
  const inset = 0.06 * (high - low);
  for (const value of [low + inset, high - inset])
    context.fillText(numberText(value), left - 5, y(value) + 4);
  context.globalAlpha = 0.25;
  context.beginPath();
  context.moveTo(left, top);
  context.lineTo(left, bottom);
  context.lineTo(right, bottom);
  context.stroke();
}

// Draws a dashed line at each step where the settings changed, with their text on the first chart only.
function drawDials({ context, right, top, bottom, x, accent }, dials, hasText) {
  context.globalAlpha = 1;
  context.setLineDash([3, 3]);
  context.textAlign = 'left';
  context.strokeStyle = accent;
  context.fillStyle = accent;
  dials.forEach((dial, i) => {
    const at = x(dial.step);
    context.beginPath();
    context.moveTo(at, top);
    context.lineTo(at, bottom);
    context.stroke();
    if (hasText) context.fillText(dial.text, Math.min(at + 3, right - 40), top + 10 + 13 * (i % 3));
  });
  context.setLineDash([]);
}

// The first steep fall is above the chart and clipped.
function drawValues({ context, left, right, top, bottom, x, y, ink, accent }, packet, row) {
  const trainSteps = rowOf(packet.train, 0);
  const testSteps = rowOf(packet.test, 0);
  const train = rowOf(packet.train, row);
  const test = rowOf(packet.test, row);
  context.save();
  context.beginPath();
  context.rect(left, top - 4, right - left + 6, bottom - top + 6);
  context.clip();
  context.strokeStyle = ink;
  context.globalAlpha = 0.6;
  context.lineWidth = 1.3;
  context.beginPath();
  train.forEach((value, i) => {
    context.lineTo(x(trainSteps[i]), y(value)); // acts as moveTo on an empty path
  });
  context.stroke();
  context.globalAlpha = 1;
  context.fillStyle = accent;
  test.forEach((value, i) => {
    context.beginPath();
    context.arc(x(testSteps[i]), y(value), test.length > MANY_DOTS ? 2 : 3.2, 0, 7);
    context.fill();
  });
  context.restore();
}

function drawLegend({ context, right, ink }, height) {
  context.fillStyle = ink;
  context.globalAlpha = 0.75;
  context.font = FONT;
  context.textAlign = 'right';
  context.fillText('line: train, dots: test', right, height - 4);
}
