// Draws the KL as a heat map: a row per dimension, the largest first, and a column per epoch. An empty row
// is a dead dimension.

import { epochOf } from './epochs.js';
import { accent, hasChanged, ink, isVisible, klColour, numberText, surface } from './surface.js';

export function drawHeatMap(model) {
  const { packet, s } = model;
  const canvas = model.canvas.heat;
  if (!packet || !isVisible(model)) return;
  const { kl, kl_epochs, dims } = packet;
  const { peak } = s.packet.axes;
  if (!hasChanged(model, 'heat', canvas, kl.length, kl_epochs.at(-1), dims, peak, model.shown)) return;
  const { context, width, height, px } = surface(model, canvas);
  if (!kl_epochs.length) return;
  const left = 2.4 * px;
  const bottom = height - 1.5 * px;
  const map = {
    context,
    px,
    width,
    left,
    bottom,
    columnWidth: (width - left) / kl_epochs.length,
    rowHeight: bottom / dims.length,
    ink: ink(model),
  };
  drawCells(map, packet, peak, klColour(model));
  drawRowNames(map, dims);
  context.fillText(`0 to ${numberText(peak)} nats, largest first`, width, height - 0.3 * px);
  if (model.shown !== null) outlineEpoch(map, kl_epochs, epochOf(model.shown), accent(model));
}

function drawCells({ context, width, left, bottom, columnWidth, rowHeight, ink }, packet, peak, colour) {
  context.fillStyle = ink;
  context.globalAlpha = 0.06;
  context.fillRect(left, 0, width - left, bottom);
  context.fillStyle = colour;
  const gap = rowHeight > 4 ? 1 : 0;
  const { kl, dims } = packet;
  kl.forEach((value, i) => {
    const epoch = Math.floor(i / dims.length);
    const from = Math.round(left + epoch * columnWidth);
    const to = Math.round(left + (epoch + 1) * columnWidth);
    context.globalAlpha = Math.min(1, Math.sqrt(Math.max(0, value) / peak)); // above 1 is ignored
    context.fillRect(
      from,
      (i % dims.length) * rowHeight,
      Math.max(1, to - from),
      Math.max(1, rowHeight - gap),
    );
  });
}

function drawRowNames({ context, px, left, bottom, rowHeight, ink }, dims) {
  context.globalAlpha = 0.85;
  context.fillStyle = ink;
  context.textAlign = 'right';
  const every = Math.max(1, Math.ceil((1.05 * px) / rowHeight));
  const baseline = Math.max(0.85 * px, (rowHeight + 0.7 * px) / 2);
  for (let row = 0; row < dims.length && row * rowHeight + baseline < bottom + 2; row += every)
    context.fillText(`z${dims[row]}`, left - 4, row * rowHeight + baseline);
}

function outlineEpoch({ context, left, bottom, columnWidth }, epochs, epoch, colour) {
  const column = epochs.findIndex((e) => e >= epoch);
  if (column < 0) return;
  context.globalAlpha = 1;
  context.strokeStyle = colour;
  context.lineWidth = 2;
  context.strokeRect(left + column * columnWidth, 1, Math.max(3, columnWidth), bottom - 1);
}
