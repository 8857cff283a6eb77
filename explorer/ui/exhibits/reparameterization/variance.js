// The same gradient step in sigma, sigma squared and its logarithm.

import { countPaint } from '../../wire/cursor.js';
import { arrow, axis, chart, clamp, dot, line, scale, text } from '../parts/axes.js';
import { showNumber } from '../parts/numbers.js';

const STEP_NAMES = ['sigma', 'variance', 'log'];
const LABELS = ['\u03c3', '\u03c3\u00b2', 'log \u03c3\u00b2'];
const RANGES = [
  [-1, 2.2],
  [-1, 4.4],
  [-8, 2],
];

// The steps from s.values; those of the packet at rest are the same, from the core.
function stepsNow(s) {
  const { steps, gradient, values } = s.packet;
  const { start, precision, rate } = s.values;
  if (values.start === start && values.precision === precision && values.rate === rate)
    return { steps, gradient };
  const slope = (1 + precision) * start - 1 / start;
  const after = [
    start - rate * slope,
    start ** 2 - (rate * slope) / (2 * start),
    2 * Math.log(start) - (rate * slope * start) / 2,
  ];
  const sigmas = [after[0], Math.sqrt(after[1]), Math.exp(after[2] / 2)];
  const limits = slope > 0 ? [start / slope, (2 * start ** 3) / slope, null] : [null, null, null];
  const moved = after.map((value, i) => ({ value, sigma: sigmas[i], breaks_at: limits[i] }));
  return { steps: moved, gradient: slope };
}

export function paintSteps(s, event) {
  const { steps, gradient } = stepsNow(s);
  STEP_NAMES.forEach((name, i) => {
    const { sigma, breaks_at } = steps[i];
    showNumber(s, `after-${name}`, sigma > 0 ? sigma : Number.NaN, 4);
    if (i < 2) showNumber(s, `breaks-${name}`, breaks_at ?? Number.NaN, 4);
    showNumber(s, `survived-${name}`, s.packet.survived[i], 0);
  });
  showNumber(s, 'step-gradient', gradient, 4);
  const drawn = chart(s.$('[data-part=steps]'));
  const { width, height, orange, violet, teal } = drawn;
  const colours = [orange, violet, teal];
  const third = height * 0.2;
  paintLoss(drawn, s.values, steps, colours, height - 3 * third - 24);
  const starts = [s.values.start, s.values.start ** 2, 2 * Math.log(s.values.start)];
  steps.forEach(({ value }, i) => {
    paintStep(drawn, i, starts[i], value, colours[i], height - (3 - i) * third + 0.45 * third, width);
  });
  countPaint(event);
}

// One line of numbers with the step on it; where there is no standard deviation it is shaded.
function paintStep(drawn, i, from, to, colour, y, width) {
  const { context, font, ink } = drawn;
  const range = RANGES[i];
  const x = scale(range, [5 * font, width - 12]);
  if (i < 2) {
    context.fillStyle = colour;
    context.globalAlpha = 0.2;
    context.fillRect(x(range[0]), y - 30, x(0) - x(range[0]), 36);
    context.globalAlpha = 1;
    text(context, 'no \u03c3', x(range[0]) + 6, y - 10, ink);
  }
  axis(drawn, range, x, y);
  text(context, LABELS[i], 8, y + 4, colour);
  const end = clamp(to, ...range);
  if (Math.abs(x(end) - x(from)) > 1) arrow(context, [x(from), y - 14], [x(end), y - 14], colour);
  dot(context, x(clamp(from, ...range)), y - 14, 6, ink);
}

// The loss against sigma, with the three ends of the step.
function paintLoss(drawn, { start, precision }, steps, colours, bottom) {
  const { context, width, font, ink } = drawn;
  const loss = (sigma) => 0.5 * ((1 + precision) * sigma ** 2 - 2 * Math.log(sigma) - 1);
  const x = scale(RANGES[0], [5 * font, width - 12]);
  const best = (1 + precision) ** -0.5;
  const y = scale([loss(best), Math.max(loss(2), loss(0.01))], [bottom - 8, font]);
  const points = [];
  for (let sigma = 0.01; sigma <= RANGES[0][1]; sigma += 0.01) points.push([x(sigma), y(loss(sigma))]);
  line(context, points, ink);
  text(context, 'loss as a function of \u03c3', x(0.1), font, ink);
  dot(context, x(start), y(loss(start)), 7, ink);
  steps.forEach(({ sigma }, i) => {
    if (sigma > 0 && sigma <= RANGES[0][1]) dot(context, x(sigma), y(loss(sigma)), 6, colours[i]);
  });
  line(
    context,
    [
      [x(0), 0],
      [x(0), bottom],
    ],
    ink,
    1,
  );
}
