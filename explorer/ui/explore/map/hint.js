// The hint of the opening, in the corner of the map where it hides the least.

import { dataArea, eachPointInView, planeOf, toPixels } from './chart.js';

const HINT_EDGE_PX = 8; // from the edges of the map
const LABEL_REACH_PX = 16;
const LABEL_WEIGHT = 10_000; // a name or a badge under the hint counts more than all points

// Shows the hint while A and B are the example. Its corner is chosen once for each plane and size.
export function placeHint(s) {
  const { $, packet, chart } = s;
  const hint = $('.le-hint');
  hint.hidden = !packet.is_example;
  if (hint.hidden) return;
  const area = dataArea(chart);
  const [width, height] = [hint.offsetWidth, hint.offsetHeight];
  const key = [planeOf(chart), area.width, area.height, width, height].join();
  if (hint.dataset.placed === key) return;
  hint.dataset.placed = key;
  const labels = packet.names.map(([, x, y]) => [x, y]);
  for (const anchor of [packet.a, packet.b]) if (anchor) labels.push(anchor.xy);
  const weighted = labels.map(([x, y]) => [...toPixels(chart, x, y), LABEL_WEIGHT]);
  eachPointInView(chart, (px, py) => weighted.push([px, py, 1]));
  const { left, top } = emptiestCorner(weighted, area, [width, height]);
  Object.assign(hint.style, { left: `${left}px`, top: `${top}px` });
}

// Left and top of a box of size [width, height] in the corner of `area` (see `dataArea`) that covers the
// least weight of `points` ([x, y, weight]). Labels reach beyond their point, so a margin counts as covered.
export function emptiestCorner(points, area, [width, height]) {
  const covered = (left, top) =>
    points.reduce((sum, [x, y, weight]) => {
      const isX = x > left - LABEL_REACH_PX && x < left + width + LABEL_REACH_PX;
      const isY = y > top - LABEL_REACH_PX && y < top + height + LABEL_REACH_PX;
      return sum + (isX && isY ? weight : 0);
    }, 0);
  const [right, bottom] = [area.left + area.width - width, area.top + area.height - height];
  const corners = [area.left + HINT_EDGE_PX, right - HINT_EDGE_PX].flatMap((left) =>
    [bottom - HINT_EDGE_PX, area.top + HINT_EDGE_PX].map((top) => ({
      left,
      top,
      covered: covered(left, top),
    })),
  );
  return corners.reduce((best, corner) => (corner.covered < best.covered ? corner : best));
}
