// Tests what the exhibits compute in the browser: expectations under a Gaussian from a field on grids.
import assert from 'node:assert/strict';
import test from 'node:test';
import {
  entropy,
  expectation,
  expectedLogPrior,
  normalLattice,
  sample,
  valueAt,
} from '../../explorer/ui/exhibits/parts/field.js';

// A grid of f over [low, high]^2 with n points a side.
function grid(f, low, high, n) {
  const values = new Float32Array(n * n);
  const step = (high - low) / (n - 1);
  for (let j = 0; j < n; j++)
    for (let i = 0; i < n; i++) values[j * n + i] = f(low + i * step, low + j * step);
  return { low: [low, low], high: [high, high], nx: n, ny: n, values };
}

const isClose = (found, wanted, tolerance) =>
  assert.ok(Math.abs(found - wanted) <= tolerance, `${found}, not ${wanted}`);

test('the lattice has the moments of a standard normal', () => {
  const { points, weights } = normalLattice();
  const moment = (k) => points.reduce((sum, [x], i) => sum + weights[i] * x ** k, 0);
  [1, 0, 1, 0, 3].forEach((wanted, k) => {
    isClose(moment(k), wanted, 2e-3);
  });
});

test('a cubic is interpolated without error', () => {
  const f = (x, y) => x ** 3 - 2 * x * y ** 2 + y - 1;
  const cells = grid(f, -2, 2, 9);
  for (const [x, y] of [
    [0.3, -1.1],
    [-1.95, 1.9],
    [2, -2],
    [0, 0.5],
  ])
    isClose(sample(cells, x, y), f(x, y), 1e-5);
});

test('the finest grid that contains a point is used', () => {
  const grids = [grid(() => 1, -4, 4, 9), grid(() => 2, -1, 1, 9)];
  assert.equal(valueAt(grids, 0, 0), 2);
  assert.equal(valueAt(grids, 3, 0), 1);
});

test('the expectation of a quadratic log density is its closed form', () => {
  const f = (x, y) => -0.5 * ((x - 1) ** 2 / 0.04 + (y + 0.5) ** 2 / 0.09);
  const [mean, sigma] = [
    [0.8, -0.2],
    [0.15, 0.4],
  ];
  const wanted = -0.5 * ((0.2 ** 2 + 0.15 ** 2) / 0.04 + (0.3 ** 2 + 0.4 ** 2) / 0.09);
  isClose(expectation([grid(f, -6, 6, 193)], mean, sigma, normalLattice()), wanted, 1e-3);
});

test('entropy and the expected log prior of the prior itself', () => {
  isClose(entropy([1, 1]), Math.log(2 * Math.PI * Math.E), 1e-12);
  isClose(expectedLogPrior([0, 0], [1, 1]), -Math.log(2 * Math.PI * Math.E), 1e-12);
});
