// The hover card: thumbnail and description of the point under the pointer.

import { explorer } from '../../wire/cursor.js';
import { blit, fitCanvas } from '../../wire/pictures.js';
import { toPixels } from './chart.js';

const GAP_PX = 16; // between the point and the card
const EDGE_PX = 4; // minimum distance between the card and the chart's edge

export function showCard(s, { points: [point] }) {
  if (point?.customdata === undefined) return;
  const row = +point.customdata;
  const { sprites } = explorer;
  const hasPicture = sprites?.model === s.packet?.model;
  const canvas = s.card.firstElementChild;
  if (hasPicture) {
    fitCanvas(canvas, sprites.shape);
    canvas.style.aspectRatio = '';
    blit(canvas, sprites.picture, row, sprites.columns, sprites.shape);
    s.card.lastElementChild.innerHTML = sprites.describe(row);
  } else s.card.lastElementChild.textContent = `image ${row}`;
  canvas.style.display = hasPicture ? '' : 'none';
  s.card.hidden = false;
  s.card.dataset.row = row;
  placeCard(s, toPixels(s.chart, point.x, point.y));
}

function placeCard({ card, chart }, [x, y]) {
  const { width, height } = card.getBoundingClientRect();
  const isRight = x + GAP_PX + width <= chart.clientWidth;
  const left = isRight ? x + GAP_PX : x - GAP_PX - width;
  const top = Math.max(EDGE_PX, Math.min(chart.clientHeight - height - EDGE_PX, y - height / 2));
  card.style.transform = `translate(${left}px,${top}px)`;
}
