// Pictures instead of points: where few points are in view, or where the user asks for them. Points of
// classes that are not shown stay as grey dots.

import { explorer } from '../../wire/cursor.js';
import { eachPointInView } from './chart.js';

const MAX_POINTS = 400; // in view, for pictures without being asked for
const SIDE_PX = 34;
const DOT_PX = 3;

export function drawThumbnails(s) {
  const { canvas, chart } = s;
  const points = [];
  const context = sizedContext(canvas, chart);
  context.fillStyle = '#8888';
  eachPointInView(chart, (px, py, row, { isShown, colour }) => {
    if (!isShown) context.fillRect(px - DOT_PX / 2, py - DOT_PX / 2, DOT_PX, DOT_PX);
    else if (s.wantsPictures || points.length < MAX_POINTS) points.push([px, py, row, colour]);
  });
  const { sprites } = explorer;
  const isWanted = s.wantsPictures || (points.length > 0 && points.length < MAX_POINTS);
  const isDrawn = isWanted && sprites?.model === s.packet.model;
  if (isDrawn) for (const point of thinned(points, SIDE_PX)) drawOne(context, sprites, point);
  s.layer.dataset.pictures = isDrawn;
}

// A cleared context of a canvas of the chart's size.
export function sizedContext(canvas, { clientWidth: width, clientHeight: height }) {
  const ratio = Math.min(2, window.devicePixelRatio || 1);
  if (canvas.width !== width * ratio || canvas.height !== height * ratio) {
    canvas.width = width * ratio;
    canvas.height = height * ratio;
  }
  const context = canvas.getContext('2d');
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  return context;
}

// Leaves out points whose pictures would overlap an earlier one.
export function thinned(points, side) {
  const taken = new Map();
  const key = (column, row) => column * 4096 + row;
  const isFree = ([px, py], column, row) => {
    for (let i = -1; i <= 1; i++)
      for (let j = -1; j <= 1; j++) {
        const other = taken.get(key(column + i, row + j));
        if (other && Math.abs(other[0] - px) < side && Math.abs(other[1] - py) < side) return false;
      }
    return true;
  };
  return points.filter((point) => {
    const [column, row] = [Math.floor(point[0] / side), Math.floor(point[1] / side)];
    if (!isFree(point, column, row)) return false;
    taken.set(key(column, row), point);
    return true;
  });
}

function drawOne(context, { picture, columns, shape }, [px, py, row, colour]) {
  const [, height, width] = shape;
  const inner = SIDE_PX - 4;
  const x = (row % columns) * width;
  const y = Math.floor(row / columns) * height;
  context.fillStyle = colour ?? '#888';
  context.fillRect(px - SIDE_PX / 2, py - SIDE_PX / 2, SIDE_PX - 1, SIDE_PX - 1);
  context.drawImage(picture, x, y, width, height, px - inner / 2, py - inner / 2, inner - 1, inner - 1);
}
