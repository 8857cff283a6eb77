// The two estimators of the gradient of an expectation, as histograms around its true value.

import { countPaint } from '../../wire/cursor.js';
import { axis, chart, dot, line, scale, text } from '../parts/axes.js';
import { nats, showNumber } from '../parts/numbers.js';

const ESTIMATORS = { score: 'score function', baseline: 'with baseline', pathwise: 'pathwise' };
const N_SHOWN = 60; // draws on the curve

export function acceptEstimators(s, packet) {
  const { values, mean, variance, ratios, median_ratios, error, dim, status } = packet;
  const isModel = values.f === 'elbo';
  Object.keys(ESTIMATORS).forEach((name, i) => {
    showNumber(s, `mean-${name}`, mean?.[i] ?? Number.NaN, digitsOf(mean?.[i]));
    showNumber(s, `variance-${name}`, variance?.[i] ?? Number.NaN, digitsOf(variance?.[i]));
    showNumber(s, `ratio-${name}`, ratios[i] ?? Number.NaN, digitsOf(ratios[i]));
    showNumber(s, `median-ratio-${name}`, median_ratios[i] ?? Number.NaN, digitsOf(median_ratios[i]));
  });
  showNumber(s, 'gradient', packet.true ?? Number.NaN, 4);
  s.$('[data-text=source]').textContent = !isModel
    ? 'exact'
    : error === null
      ? ''
      : `z${dim}, \u00b1 ${nats(error, digitsOf(error))}`;
  s.$('[data-in=estimators] .le-status').textContent = status;
  s.$('[data-toys]').hidden = isModel;
  s.$('[data-model]').hidden = !isModel;
  paintHistograms(s);
}

const digitsOf = (value) => (Math.abs(value) >= 1000 ? 0 : Math.abs(value) >= 10 ? 2 : 4);

export function paintEstimators(s, event) {
  paintFunction(s);
  paintHistograms(s);
  countPaint(event);
}

// f, the density of q below it, and draws with the slope that the pathwise estimator uses.
function paintFunction(s) {
  const { curve, curve_span, at } = s.packet;
  const drawn = chart(s.$('[data-part=function]'));
  if (!curve.length) return;
  const { context, width, height, ink, accent, teal, font } = drawn;
  const isModel = s.packet.values.f === 'elbo';
  const [mu, sigma] = isModel ? at : [s.values.mu, s.values.sigma];
  const bottom = height - font - 12;
  const x = scale(curve_span, [8, width - 8]);
  const y = scale([Math.min(...curve), Math.max(...curve)], [bottom - 12, font + 8]);
  const z = scale([0, curve.length - 1], curve_span);
  line(
    context,
    [...curve].map((value, i) => [x(z(i)), y(value)]),
    ink,
  );
  const peak = 0.6 * bottom;
  const bell = [];
  for (let i = -40; i <= 40; i++)
    bell.push([x(mu + (sigma * i) / 10), bottom - peak * Math.exp(-0.005 * i * i)]);
  line(context, bell, accent, 3);
  for (let i = 0; i < N_SHOWN; i++) {
    const draw = mu + sigma * s.packet.eps[2 * i];
    const index = ((draw - curve_span[0]) / (curve_span[1] - curve_span[0])) * (curve.length - 1);
    const value = curve[Math.round(index)];
    if (value !== undefined) dot(context, x(draw), y(value), 4, teal);
  }
  axis(drawn, curve_span, x, bottom);
  text(context, isModel ? 'log p(x|z)' : 'f(z)', 12, font, ink);
  text(context, 'q(z)', 12 + 5 * font, font, accent);
}

function paintHistograms(s) {
  const { edges, counts } = s.packet;
  const drawn = chart(s.$('[data-part=histograms]'));
  if (!edges.length) return;
  const { context, width, height, ink, font, orange, violet, teal } = drawn;
  const bottom = height - font - 12;
  const x = scale([edges[0], edges[edges.length - 1]], [8, width - 8]);
  const bins = edges.length - 1;
  const row = bottom / 3;
  [orange, violet, teal].forEach((colour, k) => {
    const own = counts.subarray(k * bins, (k + 1) * bins);
    const top = Math.max(...own);
    context.fillStyle = colour;
    for (let i = 0; i < bins; i++) {
      const bar = (own[i] / top) * (row - font - 8);
      context.fillRect(x(edges[i]), (k + 1) * row - bar, Math.max(1, x(edges[i + 1]) - x(edges[i])), bar);
    }
    text(context, Object.values(ESTIMATORS)[k], 12, k * row + font + 2, colour);
  });
  const truth = x(s.packet.true);
  line(
    context,
    [
      [truth, 0],
      [truth, bottom],
    ],
    ink,
  );
  text(context, 'true', truth + 6, font + 2, ink);
  axis(drawn, [edges[0], edges[bins]], x, bottom);
}
