// Draws the KL as a heat map: a row per dimension, a column per epoch. An empty row is a dead dimension.

import { epochOf } from './epochs.js';
import { accent, FONT, hasChanged, ink, isVisible, numberText, surface } from './surface.js';

const LABELS_PX = 26;
const CAPTION_PX = 18;
const ROW_LABEL_PX = 13;

export function drawHeatMap(s) {
  const { packet } = s;
  const canvas = s.charts[3];
  if (!packet || !isVisible(s)) return;
  const { kl, kl_epochs, axes } = packet;
  if (!hasChanged(s, 'heat', canvas, kl.length, kl_epochs.at(-1), axes.peak, s.shown)) return;
  const { context, width, height } = surface(canvas);
  if (!kl_epochs.length) return;
  const nDims = kl.length / kl_epochs.length;
  const bottom = height - CAPTION_PX;
  const map = {
    context,
    width,
    bottom,
    nDims,
    columnWidth: (width - LABELS_PX) / kl_epochs.length,
    rowHeight: bottom / nDims,
    ink: ink(s),
    accent: accent(s),
  };
  drawCells(map, packet);
  drawLabels(map);
  context.fillText(`at most ${numberText(axes.peak)} nats`, width, height - 4);
  if (s.shown !== null) outlineEpoch(map, kl_epochs, epochOf(s.shown));
}

function drawCells({ context, width, bottom, nDims, columnWidth, rowHeight, ink, accent }, packet) {
  context.fillStyle = ink;
  context.globalAlpha = 0.06;
  context.fillRect(LABELS_PX, 0, width - LABELS_PX, bottom);
  context.fillStyle = accent;
  const gap = rowHeight > 4 ? 1 : 0;
  packet.kl.forEach((kl, i) => {
    const epoch = Math.floor(i / nDims);
    const from = Math.round(LABELS_PX + epoch * columnWidth);
    const to = Math.round(LABELS_PX + (epoch + 1) * columnWidth);
    context.globalAlpha = Math.min(1, Math.sqrt(Math.max(0, kl) / packet.axes.peak)); // above 1 is ignored
    context.fillRect(from, (i % nDims) * rowHeight, Math.max(1, to - from), Math.max(1, rowHeight - gap));
  });
}

function drawLabels({ context, nDims, rowHeight, ink }) {
  context.globalAlpha = 0.8;
  context.fillStyle = ink;
  context.font = FONT;
  context.textAlign = 'right';
  const every = Math.max(1, Math.ceil(ROW_LABEL_PX / rowHeight));
  const baseline = Math.min(rowHeight, ROW_LABEL_PX) * 0.8;
  for (let dim = 0; dim < nDims; dim += every)
    context.fillText(`z${dim}`, LABELS_PX - 4, Math.max(10, dim * rowHeight + baseline));
}

function outlineEpoch({ context, bottom, columnWidth, ink }, epochs, epoch) {
  const column = epochs.findIndex((e) => e >= epoch);
  if (column < 0) return;
  context.globalAlpha = 1;
  context.strokeStyle = ink;
  context.lineWidth = 1.5;
  context.strokeRect(LABELS_PX + column * columnWidth, 0.5, Math.max(3, columnWidth), bottom);
}
