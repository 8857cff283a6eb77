// Draws the images and the map of one epoch.

import { padding } from '../../wire/pictures.js';
import { tileGrid } from './grid.js';
import { hasChanged, isVisible, surface } from './surface.js';

export const SHEET_COLUMNS = 8;
const POINT_PX = 3;
const EDGE_PX = 4;

export function drawFrame(s) {
  const { packet, $ } = s;
  const frame = s.frames.get(s.shown);
  if (!packet || !isVisible(s)) return;
  const reconHeight = $('[data-c=recon]').clientHeight;
  const { reach, umap_reach } = packet.axes;
  const what = [reconHeight, s.shown, Boolean(frame), Boolean(s.originals), s.plane, reach, umap_reach];
  if (!hasChanged(s, 'films', $('[data-c=map]'), ...what)) return;
  const [recon, samples, map] = ['recon', 'samples', 'map'].map((name) => surface($(`[data-c=${name}]`)));
  if (!frame) return;
  drawReconstructions(s, recon, frame);
  drawSamples(s, samples, frame);
  drawMap(s, map, frame);
}

// Draws tile `index` of a sheet in cell `slot` of a grid.
function drawTile(s, { context, width, height }, { columns, rows }, picture, index, slot) {
  const [, h, w] = s.packet.shape;
  const size = Math.min(width / columns, height / rows);
  const gap = Math.max(1, size * 0.04);
  const scale = (size - gap) / Math.max(h, w);
  const left = (slot % columns) * size;
  const top = Math.floor(slot / columns) * size;
  const x = (index % SHEET_COLUMNS) * w;
  const y = Math.floor(index / SHEET_COLUMNS) * h;
  context.imageSmoothingEnabled = padding(s.packet.shape) > 0 || scale < 1;
  context.drawImage(picture, x, y, w, h, left, top, w * scale, h * scale);
}

// Draws the reconstructions, each beside its original if there are originals.
function drawReconstructions(s, area, frame) {
  const group = s.originals ? 2 : 1;
  const grid = tileGrid(s.half, group, area.width, area.height);
  for (let i = 0; i < grid.shown; i++) {
    if (s.originals) drawTile(s, area, grid, s.originals, i, 2 * i);
    drawTile(s, area, grid, frame.picture, frame.first + i, group * i + group - 1);
  }
}

function drawSamples(s, area, frame) {
  const { columns, shown } = tileGrid(s.half, 1, area.width, area.height);
  const grid = { columns, rows: Math.ceil(shown / columns) };
  for (let i = 0; i < shown; i++) drawTile(s, area, grid, frame.picture, frame.first + s.half + i, i);
}

function drawMap(s, { context, width, height }, frame) {
  const { axes, colours } = s.packet;
  const hasUmap = Boolean(frame.umap);
  const isUmap = hasUmap && s.plane === 'umap';
  for (const button of s.planes) {
    button.hidden = !hasUmap;
    button.setAttribute('aria-pressed', (button.dataset.plane === 'umap') === isUmap);
  }
  s.$('[data-f=plane]').hidden = hasUmap;
  const xy = isUmap ? frame.umap : frame.xy;
  const reach = isUmap ? axes.umap_reach : axes.reach;
  const scale = (Math.min(width, height) / 2 - EDGE_PX) / (reach || 1);
  context.globalAlpha = 0.75;
  s.labels.forEach((label, i) => {
    const x = width / 2 + scale * xy[2 * i] - POINT_PX / 2;
    const y = height / 2 - scale * xy[2 * i + 1] - POINT_PX / 2;
    context.fillStyle = colours[Math.max(0, label) % colours.length];
    context.fillRect(x, y, POINT_PX, POINT_PX);
  });
}
