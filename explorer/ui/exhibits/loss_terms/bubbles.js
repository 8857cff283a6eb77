// The maps of /loss-terms: every posterior as an ellipse of one sigma, at the scale of its map.

import { fitted } from '../parts/canvas.js';

const PRIOR_SIGMAS = [1, 2];
const MIN_RADIUS_PX = 1.5; // a bubble that is smaller is drawn as a point

// `bubbles`: [mean x, mean y, sigma x, sigma y] of each image. `hot`: the row that is emphasised, or -1.
export function drawBubbles(canvas, bubbles, { reach, labels, colours, axes, ink, hot }) {
  const { context, width, height } = fitted(canvas);
  const px = Math.min(width, height) / (2 * reach);
  const at = (x, y) => [width / 2 + x * px, height / 2 - y * px];
  drawPrior(context, width, height, px, ink);
  const n = bubbles.length / 4;
  for (let i = 0; i < n; i++) {
    const [x, y, sx, sy] = bubbles.subarray(4 * i, 4 * i + 4);
    context.beginPath();
    const [left, top] = at(x, y);
    context.ellipse(left, top, Math.max(MIN_RADIUS_PX, sx * px), Math.max(MIN_RADIUS_PX, sy * px), 0, 0, 7);
    context.fillStyle = context.strokeStyle = colours[labels[i] % colours.length];
    context.globalAlpha = 0.18;
    context.fill();
    context.globalAlpha = 0.9;
    context.lineWidth = 1.2;
    context.stroke();
    if (i === hot) emphasise(context, ink);
  }
  context.globalAlpha = 1;
  drawAxes(context, width, height, reach, axes, ink);
}

function emphasise(context, ink) {
  context.strokeStyle = ink;
  context.lineWidth = 4;
  context.stroke();
}

function drawPrior(context, width, height, px, ink) {
  context.strokeStyle = ink;
  context.setLineDash([5, 5]);
  context.globalAlpha = 0.6;
  for (const sigmas of PRIOR_SIGMAS) {
    context.beginPath();
    context.arc(width / 2, height / 2, sigmas * px, 0, 2 * Math.PI);
    context.stroke();
  }
  context.setLineDash([]);
  context.globalAlpha = 1;
}

function drawAxes(context, width, height, reach, [right, up], ink) {
  const size = Math.max(15, Math.round(height / 17));
  context.font = `${size}px system-ui, sans-serif`;
  context.fillStyle = ink;
  context.textAlign = 'left';
  context.fillText(`\u00b1${reach < 10 ? reach.toFixed(1) : reach.toFixed(0)}`, 6, height - 7);
  context.fillText(up, 6, size + 2);
  context.textAlign = 'right';
  context.fillText(right, width - 6, height - 7);
}

// The bubble whose centre is nearest to a point of the canvas.
export function nearestBubble(canvas, bubbles, reach, left, top) {
  const { clientWidth: width, clientHeight: height } = canvas;
  const px = Math.min(width, height) / (2 * reach);
  let best = -1;
  let least = Infinity;
  for (let i = 0; 4 * i < bubbles.length; i++) {
    const dx = width / 2 + bubbles[4 * i] * px - left;
    const dy = height / 2 - bubbles[4 * i + 1] * px - top;
    if (dx * dx + dy * dy < least) {
      least = dx * dx + dy * dy;
      best = i;
    }
  }
  return best;
}
