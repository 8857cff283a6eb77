// Draws the images and the map of one epoch.

import { padding } from '../../wire/pictures.js';
import { PARTS } from './columns.js';
import { isCollapsed } from './epochs.js';
import { tileGrid } from './grid.js';
import { drawText, hasChanged, ink, isVisible, paper, surface } from './surface.js';

export const SHEET_COLUMNS = 8;
const POINT_PX = 3;
const EDGE_PX = 8;
const NOTHING = ['Nothing was learned:', 'no active units.'];
const MIN_NAMED = 5; // points of a class that has its name on the map

export function drawFrame(model) {
  const { packet, canvas, s } = model;
  const frame = model.frames.get(model.shown);
  if (!packet || !isVisible(model)) return;
  const { reach, umap_reach } = packet;
  const sizes = [canvas.recon, canvas.samples].map((c) => [c.clientWidth, c.clientHeight]);
  const what = [sizes, model.shown, Boolean(frame), Boolean(model.originals), s.plane, reach, umap_reach];
  if (!hasChanged(model, 'films', canvas.map, ...what)) return;
  const [recon, samples, map] = ['recon', 'samples', 'map'].map((name) => surface(model, canvas[name]));
  if (!frame) return;
  drawReconstructions(model, recon, frame);
  drawSamples(model, samples, frame);
  drawMap(model, map, frame);
}

// Draws tile `index` of a sheet in cell `slot` of a grid.
function drawTile(packet, { context, width, height }, { columns, rows }, picture, index, slot) {
  const [, h, w] = packet.shape;
  const size = Math.min(width / columns, height / rows);
  const gap = Math.max(1, size * 0.04);
  const scale = (size - gap) / Math.max(h, w);
  const left = (slot % columns) * size;
  const top = Math.floor(slot / columns) * size;
  const x = (index % SHEET_COLUMNS) * w;
  const y = Math.floor(index / SHEET_COLUMNS) * h;
  context.imageSmoothingEnabled = padding(packet.shape) > 0 || scale < 1;
  context.drawImage(picture, x, y, w, h, left, top, w * scale, h * scale);
}

// Draws the reconstructions, each beside its original if there are originals.
function drawReconstructions({ packet, originals, half }, area, frame) {
  const group = originals ? 2 : 1;
  const grid = tileGrid(half, group, area.width, area.height);
  for (let i = 0; i < grid.shown; i++) {
    if (originals) drawTile(packet, area, grid, originals, i, 2 * i);
    drawTile(packet, area, grid, frame.picture, frame.first + i, group * i + group - 1);
  }
}

function drawSamples({ packet, half }, area, frame) {
  const grid = tileGrid(half, 1, area.width, area.height);
  for (let i = 0; i < grid.shown; i++) drawTile(packet, area, grid, frame.picture, frame.first + half + i, i);
}

function drawMap(model, { context, width, height, px }, frame) {
  const { packet, labels, mark, s } = model;
  const { colours } = packet;
  const isEmpty = isCollapsed(mark);
  model.canvas.map.setAttribute('aria-label', isEmpty ? NOTHING.join(' ') : PARTS.map);
  if (isEmpty) {
    drawSentence(context, NOTHING, width, height, px, ink(model));
    return;
  }
  const isUmap = Boolean(frame.umap) && s.plane === 'umap';
  const xy = isUmap ? frame.umap : frame.xy;
  const reach = isUmap ? packet.umap_reach : packet.reach;
  const scale = (Math.min(width, height) / 2 - EDGE_PX) / (reach || 1);
  const at = (i) => [width / 2 + scale * xy[2 * i], height / 2 - scale * xy[2 * i + 1]];
  context.globalAlpha = 0.75;
  labels.forEach((label, i) => {
    const [x, y] = at(i);
    context.fillStyle = colours[Math.max(0, label) % colours.length];
    context.fillRect(x - POINT_PX / 2, y - POINT_PX / 2, POINT_PX, POINT_PX);
  });
  drawClassNames(model, { context, width, height, px }, at);
}

// Writes the name of each class on the middle of its points, unless another name is there.
function drawClassNames(model, { context, width, height, px }, at) {
  const { packet, labels } = model;
  const { classes } = packet;
  context.globalAlpha = 1;
  context.textAlign = 'center';
  context.font = `600 ${1.15 * px}px system-ui, sans-serif`;
  const placed = [];
  classes.forEach((name, label) => {
    const points = [];
    labels.forEach((of, i) => {
      if (of === label) points.push(at(i));
    });
    if (points.length < MIN_NAMED) return;
    const [x, y] = [0, 1].map((axis) => points.map((p) => p[axis]).sort((a, b) => a - b)[points.length >> 1]);
    const half = context.measureText(name).width / 2;
    const inside = Math.max(half, Math.min(width - half, x));
    const box = { x: inside, y: Math.max(px, Math.min(height - 4, y + 0.4 * px)), half };
    if (placed.some((o) => Math.abs(o.x - box.x) < o.half + half && Math.abs(o.y - box.y) < 0.9 * px)) return;
    placed.push(box);
    drawText(context, name, box.x, box.y, ink(model), paper(model));
  });
}

function drawSentence(context, lines, width, height, px, colour) {
  context.textAlign = 'center';
  context.fillStyle = colour;
  lines.forEach((line, i) => {
    context.fillText(line, width / 2, height / 2 + 1.4 * px * (i - (lines.length - 1) / 2));
  });
}
