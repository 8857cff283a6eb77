// The recorded run: pictures, losses, means and posteriors of its epochs.

import { fitted } from '../parts/canvas.js';
import { nats } from '../parts/numbers.js';

const COLUMNS = 8;
const EDGE = { left: 60, right: 190, top: 16, bottom: 32 };
const POINT_PX = 3;
const BUBBLE_MARGIN = 1.15; // of the plane of the means, so that the ellipses at its edge fit

// Draws the originals, and the reconstructions and samples of an epoch, once the film has been decoded.
export function showPictures(s, epoch = s.step === 0 ? 0 : s.epoch) {
  if (!s.recorded) return;
  drawRow(s, 'originals', 0);
  drawRow(s, 'reconstructions', 1 + 2 * epoch);
  drawRow(s, 'epoch-samples', 2 + 2 * epoch);
}

// Line `line` of the film, in rows of COLUMNS.
function drawRow(s, part, line) {
  const { record_shape, n_shown, originals_caption } = s.packet;
  s.$('[data-part=originals-caption]').textContent = originals_caption;
  const [, height, width] = record_shape;
  const canvas = s.$(`[data-part="${part}"]`);
  Object.assign(canvas, { width: COLUMNS * width, height: Math.ceil(n_shown / COLUMNS) * height });
  const context = canvas.getContext('2d');
  for (let i = 0; i < n_shown; i++) {
    const [x, y] = [(i % COLUMNS) * width, Math.floor(i / COLUMNS) * height];
    context.drawImage(s.recorded, i * width, line * height, width, height, x, y, width, height);
  }
}

const styleOf = (s, name) => getComputedStyle(s.$('.le-exhibit')).getPropertyValue(name);

// The curves of the test loss and its terms, with the chosen epoch marked.
export function drawLosses(s, chosen) {
  const canvas = s.$('[data-part=losses]');
  const { context, width, height } = fitted(canvas);
  const { losses } = s.packet;
  const [ink, font] = [styleOf(s, '--st-text-color'), Math.max(15, Math.round(height / 28))];
  const curves = [
    ['\u2212ELBO', (loss) => -loss.elbo, ink],
    ['reconstruction', (loss) => loss.recon_loss, colourOf(s, '.le-is-p')],
    ['KL', (loss) => loss.kl, colourOf(s, '.le-is-gap')],
  ];
  const later = losses.slice(1).map((loss) => -loss.elbo);
  const top = 1.1 * Math.max(...later); // the untrained network's loss is far above
  const x = (epoch) => EDGE.left + (epoch / (losses.length - 1)) * (width - EDGE.left - EDGE.right);
  const y = (value) =>
    height - EDGE.bottom - (Math.min(value, top) / top) * (height - EDGE.top - EDGE.bottom);
  context.font = `${font}px system-ui, sans-serif`;
  context.fillStyle = ink;
  for (let epoch = 0; epoch < losses.length; epoch++) context.fillText(epoch, x(epoch) - 4, height - 8);
  for (let value = 0; value <= top; value += 50) context.fillText(value, 12, y(value) + 5);
  context.globalAlpha = 0.25;
  context.fillRect(x(chosen) - 1, EDGE.top, 2, height - EDGE.top - EDGE.bottom);
  context.globalAlpha = 1;
  for (const [name, value, colour] of curves) {
    context.strokeStyle = context.fillStyle = colour;
    context.lineWidth = 3;
    context.beginPath();
    losses.forEach((loss, epoch) => {
      context.lineTo(x(epoch), y(value(loss)));
    });
    context.stroke();
    const last = losses[losses.length - 1];
    const lift = name === '\u2212ELBO' ? -8 : 8;
    context.fillText(`${name} ${nats(value(last), 1)}`, x(losses.length - 1) + 10, y(value(last)) + lift);
    context.beginPath();
    context.arc(x(chosen), y(value(losses[chosen])), 6, 0, 2 * Math.PI);
    context.fill();
  }
  context.fillStyle = ink;
  context.fillText(`epoch 0: ${nats(-losses[0].elbo, 0)}, above the frame`, x(1), EDGE.top + 14);
}

const colourOf = (s, selector) => getComputedStyle(s.$(selector)).color;

// The means of the three epochs, coloured by digit.
export function drawMeans(s) {
  const { map_epochs, means, labels, reach, colours } = s.packet;
  map_epochs.forEach((epoch, i) => {
    const { context, width, height } = fitted(s.$(`[data-part="means-${i}"]`));
    const scale = Math.min(width, height) / 2 / reach[epoch];
    const offset = 2 * labels.length * i;
    labels.forEach((label, row) => {
      const [x, y] = [means[offset + 2 * row], means[offset + 2 * row + 1]];
      context.fillStyle = colours[label % colours.length];
      context.beginPath();
      context.arc(width / 2 + x * scale, height / 2 - y * scale, POINT_PX, 0, 2 * Math.PI);
      context.fill();
    });
    drawLabels(
      s,
      context,
      labels,
      (row) => [
        width / 2 + means[offset + 2 * row] * scale,
        height / 2 - means[offset + 2 * row + 1] * scale,
      ],
      String,
    );
  });
}

// Each class at the median of its points, which `at(row)` gives in pixels.
export function drawLabels(s, context, labels, at, nameOf) {
  const places = new Map();
  labels.forEach((label, row) => {
    if (!places.has(label)) places.set(label, [[], []]);
    at(row).forEach((value, side) => {
      places.get(label)[side].push(value);
    });
  });
  context.font = '650 18px system-ui, sans-serif';
  context.lineWidth = 4;
  context.strokeStyle = styleOf(s, '--st-background-color');
  context.fillStyle = styleOf(s, '--st-text-color');
  context.textAlign = 'center';
  for (const [label, [left, top]] of places) {
    const name = nameOf(label);
    context.strokeText(name, median(left), median(top) + 6);
    context.fillText(name, median(left), median(top) + 6);
  }
  context.textAlign = 'start';
}

const median = (values) => values.sort((a, b) => a - b)[values.length >> 1];

// The posteriors of an epoch as ellipses of one standard deviation, at the same scale for all epochs.
export function drawBubbles(s, epoch) {
  const { bubbles, n_bubbles, labels, colours, reach } = s.packet;
  const { context, width, height } = fitted(s.$('[data-part=bubbles]'));
  const half = BUBBLE_MARGIN * Math.max(...reach);
  const scale = Math.min(width, height) / 2 / half;
  context.lineWidth = 1.5;
  for (let i = 0; i < n_bubbles; i++) {
    const [x, y, long, short, angle] = bubbles.subarray(
      5 * (n_bubbles * epoch + i),
      5 * (n_bubbles * epoch + i + 1),
    );
    const place = [width / 2 + x * scale, height / 2 - y * scale, long * scale, short * scale, -angle];
    context.strokeStyle = context.fillStyle = colours[labels[i] % colours.length];
    context.beginPath();
    context.ellipse(...place, 0, 2 * Math.PI);
    context.globalAlpha = 0.12;
    context.fill();
    context.globalAlpha = 0.8;
    context.stroke();
  }
  context.globalAlpha = 1;
  context.fillStyle = styleOf(s, '--st-text-color');
  context.font = `${Math.max(15, Math.round(height / 28))}px system-ui, sans-serif`;
  context.fillRect(16, height - 20, scale, 3);
  context.fillText('1, the standard deviation of the prior', 24 + scale, height - 12);
}
