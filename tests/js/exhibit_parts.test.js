// Tests the numbers and scales of the exhibits' charts, and the ring map.
import assert from 'node:assert/strict';
import test from 'node:test';
import { clamp, scale } from '../../explorer/ui/exhibits/parts/axes.js';
import { shortNumber } from '../../explorer/ui/exhibits/parts/settings.js';
import { ringMap } from '../../explorer/ui/exhibits/prior/ring.js';

test('a short number has three significant digits', () => {
  const texts = [0, 0.001234, 0.5, 1, 12.34, 123.4, 1234, -0.25].map(shortNumber);
  assert.deepEqual(texts, ['0', '0.00123', '0.500', '1.00', '12.3', '123', '1234', '\u22120.250']);
});

test('a scale is linear, also downwards and for an empty range', () => {
  const down = scale([0, 2], [100, 0]);
  assert.deepEqual([0, 1, 2, 3].map(down), [100, 50, 0, -50]);
  assert.equal(scale([1, 1], [0, 10])(1), 0);
  assert.deepEqual(
    [-1, 0.5, 2].map((value) => clamp(value, 0, 1)),
    [0, 0.5, 1],
  );
});

test('the ring map keeps the direction and adds the radius', () => {
  const [x, y] = ringMap(3, 4, 10, 1);
  assert.ok(Math.abs(Math.hypot(x, y) - 1.5) < 1e-12 && Math.abs(y / x - 4 / 3) < 1e-12);
  assert.deepEqual(ringMap(0, 0, 10, 1), [0, 0]);
  assert.deepEqual(ringMap(3, 4, 1, 0), [3, 4]);
});
