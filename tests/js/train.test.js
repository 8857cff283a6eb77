// Tests the modules of the Train page that need no DOM.
import assert from 'node:assert/strict';
import test from 'node:test';
import {
  chosenIndex,
  epochOf,
  epochText,
  isCollapsed,
  markAt,
  unionOf,
  wantedAt,
} from '../../explorer/ui/train/run_view/epochs.js';
import { tileGrid } from '../../explorer/ui/train/run_view/grid.js';

const KEYS = ['0:a', '1:b', '2:c', '5:d'];

test('the key of an epoch starts with its number', () => {
  assert.equal(epochOf('12:1732500000'), 12);
});

test('without a wanted epoch the newest is shown', () => {
  assert.equal(chosenIndex(KEYS, null), 3);
  assert.equal(chosenIndex([], null), -1);
});

test('if the wanted epoch has no images, the last one before it is shown', () => {
  assert.equal(chosenIndex(KEYS, 1), 1);
  assert.equal(chosenIndex(KEYS, 4), 2);
  assert.equal(chosenIndex(KEYS, 99), 3);
  assert.equal(chosenIndex(['3:x', '4:y'], 1), 0);
});

test('the end of the slider follows the newest epoch', () => {
  const wanted = wantedAt(KEYS, 3);
  assert.equal(wanted, null);
  assert.equal(chosenIndex([...KEYS, '6:e'], wanted), 4);
});

test('an epoch selected before the end stays selected when new ones arrive', () => {
  const wanted = wantedAt(KEYS, 1);
  assert.equal(chosenIndex([...KEYS, '6:e'], wanted), 1);
});

test('the text for an epoch', () => {
  assert.equal(epochText(null, true), '');
  assert.equal(epochText('0:a', true), 'epoch 0, untrained');
  assert.equal(epochText('3:a', false), 'epoch 3');
  assert.equal(epochText('3:a', true), 'epoch 3, live');
});

test('the scrubber of twins has the epochs of all of them', () => {
  assert.deepEqual(
    unionOf([
      ['0:a', '2:b'],
      ['0:c', '1:d'],
    ]).map(epochOf),
    [0, 1, 2],
  );
  assert.deepEqual(unionOf([[], []]), []);
});

test('the numbers of an epoch are a column of the marks', () => {
  const marks = [0, 5, 0, 50, 44, 25, 43, 20, 1, 5, 0, 3];
  assert.deepEqual(markAt(marks, 0), { epoch: 0, step: 0, total: 44, recon: 43, kl: 1, active: 0 });
  assert.deepEqual(markAt(marks, -1), { epoch: 5, step: 50, total: 25, recon: 20, kl: 5, active: 3 });
});

test('a model without active units has learned nothing, unless it is untrained', () => {
  assert.ok(isCollapsed({ epoch: 3, active: 0 }));
  assert.ok(!isCollapsed({ epoch: 3, active: 1 }));
  assert.ok(!isCollapsed({ epoch: 0, active: 0 }));
});

test('tiles cover as much of the area as possible', () => {
  assert.deepEqual(tileGrid(4, 1, 100, 100), { columns: 2, rows: 2, shown: 4 });
  assert.deepEqual(tileGrid(4, 1, 400, 100), { columns: 4, rows: 1, shown: 4 });
  assert.deepEqual(tileGrid(1, 1, 100, 400), { columns: 1, rows: 1, shown: 1 });
  assert.deepEqual(tileGrid(9, 1, 300, 300), { columns: 3, rows: 3, shown: 9 });
});

test('an incomplete last row is left out, and at least half of the tiles are shown', () => {
  for (let n = 1; n < 70; n++)
    for (const [width, height] of [
      [300, 300],
      [290, 280],
      [900, 80],
      [60, 500],
    ]) {
      const { columns, rows, shown } = tileGrid(n, 1, width, height);
      assert.equal(shown, columns * rows);
      assert.ok(shown <= n && shown >= n / 2);
    }
});

test('a pair stays in one row', () => {
  const { columns, rows, shown } = tileGrid(8, 2, 300, 300);
  assert.deepEqual([columns, rows, shown], [4, 4, 8]);
  assert.equal(tileGrid(7, 2, 250, 250).columns % 2, 0);
});

test('a single row shows all', () => {
  assert.deepEqual(tileGrid(3, 1, 1000, 50), { columns: 3, rows: 1, shown: 3 });
});
