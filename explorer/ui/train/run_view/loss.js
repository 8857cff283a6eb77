// Draws the loss of a run: reconstruction loss and KL stacked, up to the newest batch, with a mark at the
// epoch that is shown. The areas are those of the training batches, with the test set as dots; if there are
// more epochs than reported batches, the areas are those of the test set.

import {
  accent,
  drawText,
  hasChanged,
  ink,
  isVisible,
  klColour,
  numberText,
  paper,
  surface,
} from './surface.js';

const N_ROWS = 4; // of a curve: step, total, reconstruction loss, KL
const NARROW_PX = 380; // below it, names are shortened
const TINY_PX = 200; // below it, names are in the plot
const MANY_DOTS = 60;

export function drawLoss(model) {
  const { packet, mark, s } = model;
  if (!packet || !isVisible(model)) return;
  const { axes } = s.packet;
  const { train, test, dials } = packet;
  const what = [train.length, test.length, dials.length, axes.step, axes.loss, mark.step, mark.total];
  if (!hasChanged(model, 'loss', model.canvas.loss, ...what)) return;
  const { context, width, height, px } = surface(model, model.canvas.loss);
  if (!train.length && !test.length) return;
  const names = namesOf(mark, width);
  const left = 3.2 * px;
  const namesPx = Math.max(...names.map((name) => context.measureText(name.text).width));
  const isTiny = width < TINY_PX;
  const right = width - 10 - (isTiny ? 0 : namesPx);
  const [top, bottom] = [0.7 * px, height - 1.5 * px];
  const [low, high] = axes.loss;
  const plot = {
    context,
    px,
    left,
    right,
    top,
    bottom,
    namesAt: isTiny ? width - 10 - namesPx : right + 8,
    x: (step) => left + ((right - left) * step) / axes.step,
    y: (value) => bottom - ((bottom - top) * (value - low)) / (high - low),
    ink: ink(model),
    paper: paper(model),
    accent: accent(model),
    kl: klColour(model),
  };
  drawAreas(plot, isTestStacked(packet) ? test : train, low);
  if (!isTestStacked(packet)) drawDots(plot, test);
  drawAxes(plot, low, high);
  drawSettingChanges(plot, dials);
  drawMark(plot, mark);
  drawNames(plot, names, mark, low);
}

const isTestStacked = ({ train, test }) => test.length > train.length;

// What the areas are of, as text.
export function stackedText(packet) {
  return isTestStacked(packet) ? 'test set' : 'training batches; dots: test set';
}

function rowsOf(values) {
  const n = values.length / N_ROWS;
  return Array.from({ length: N_ROWS }, (_, row) => values.subarray(row * n, (row + 1) * n));
}

function namesOf(mark, width) {
  const recon = width < NARROW_PX ? 'recon' : 'reconstruction';
  const value = (number) => (Number.isFinite(number) ? ` ${numberText(number)}` : '');
  return [{ text: `KL${value(mark.kl)}` }, { text: `${recon}${value(mark.recon)}` }];
}

function clip({ context, left, right, top, bottom }) {
  context.save();
  context.beginPath();
  context.rect(left, top - 4, right - left + 4, bottom - top + 4);
  context.clip();
}

function drawAreas(plot, values, low) {
  const { context, x, y } = plot;
  const [steps, totals, recons] = rowsOf(values);
  const fill = (upper, lower, colour, alpha) => {
    context.beginPath();
    steps.forEach((step, i) => {
      context.lineTo(x(step), y(upper[i]));
    });
    for (let i = steps.length - 1; i >= 0; i--) context.lineTo(x(steps[i]), y(lower ? lower[i] : low));
    context.closePath();
    context.fillStyle = colour;
    context.globalAlpha = alpha;
    context.fill();
    context.globalAlpha = 1;
  };
  clip(plot);
  fill(recons, null, plot.ink, 0.22);
  fill(totals, recons, plot.kl, 0.9);
  context.restore();
}

function drawDots(plot, values) {
  const { context, x, y } = plot;
  const [steps, totals] = rowsOf(values);
  clip(plot);
  context.fillStyle = plot.ink;
  totals.forEach((total, i) => {
    context.beginPath();
    context.arc(x(steps[i]), y(total), totals.length > MANY_DOTS ? 1.2 : 2.4, 0, 7);
    context.fill();
  });
  context.restore();
}

function drawAxes({ context, px, left, right, top, bottom, y, ink }, low, high) {
  context.fillStyle = ink;
  context.strokeStyle = ink;
  context.globalAlpha = 0.85;
  context.textAlign = 'right';
  const inset = 0.07 * (high - low);
  context.fillText(numberText(high - inset), left - 5, y(high - inset) + 0.35 * px);
  context.fillText(low ? numberText(low) : '0', left - 5, bottom);
  context.globalAlpha = 0.35;
  context.lineWidth = 1;
  context.beginPath();
  context.moveTo(left, top);
  context.lineTo(left, bottom);
  context.lineTo(right, bottom);
  context.stroke();
  context.globalAlpha = 1;
}

// Draws a dashed line at each step where the settings changed, with their text.
function drawSettingChanges({ context, px, left, right, top, bottom, x, ink, paper }, dials) {
  context.textAlign = 'left';
  dials.forEach((change, i) => {
    const at = x(change.step);
    context.setLineDash([3, 3]);
    context.strokeStyle = ink;
    context.lineWidth = 1;
    context.beginPath();
    context.moveTo(at, top);
    context.lineTo(at, bottom);
    context.stroke();
    context.setLineDash([]);
    const furthest = right - context.measureText(change.text).width;
    drawText(
      context,
      change.text,
      Math.max(left, Math.min(at + 4, furthest)),
      top + px * (0.8 + 1.1 * (i % 3)),
      ink,
      paper,
    );
  });
}

function drawMark({ context, px, left, right, top, bottom, x, accent, paper }, mark) {
  if (!Number.isFinite(mark.step)) return;
  const at = x(mark.step);
  context.strokeStyle = accent;
  context.lineWidth = 2;
  context.beginPath();
  context.moveTo(at, top - 4);
  context.lineTo(at, bottom);
  context.stroke();
  const text = `epoch ${mark.epoch}`;
  context.textAlign = 'left';
  const half = context.measureText(text).width / 2;
  drawText(
    context,
    text,
    Math.max(left, Math.min(at - half, right - half)),
    bottom + 1.15 * px,
    accent,
    paper,
  );
}

// The name of each band at its right end, with the value at the mark; moved apart where the bands are thin.
function drawNames({ context, px, namesAt, top, bottom, y, ink, kl, paper }, [klName, reconName], mark, low) {
  if (!Number.isFinite(mark.total)) return;
  const inside = (at) => Math.max(top + 0.5 * px, Math.min(bottom, at));
  const recon = inside((y(low) + y(mark.recon)) / 2);
  const upper = inside(Math.min((y(mark.recon) + y(mark.total)) / 2, recon - 1.25 * px));
  context.textAlign = 'left';
  context.globalAlpha = 1;
  drawText(context, klName.text, namesAt, upper + 0.35 * px, kl, paper);
  drawText(context, reconName.text, namesAt, recon + 0.35 * px, ink, paper);
}
