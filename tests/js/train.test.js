// Tests the modules of the Train page that need no DOM.
import assert from 'node:assert/strict';
import test from 'node:test';
import { chosenIndex, epochOf, epochText, wantedAt } from '../../explorer/ui/train/run_view/epochs.js';
import { fittingColumns, tileGrid } from '../../explorer/ui/train/run_view/grid.js';

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

test('tiles are as large as the height allows', () => {
  assert.equal(fittingColumns(4, 100, 100), 2);
  assert.equal(fittingColumns(4, 400, 100), 4);
  assert.equal(fittingColumns(1, 100, 400), 1);
});

test('an incomplete last row is left out', () => {
  assert.deepEqual(tileGrid(8, 1, 300, 300), { columns: 3, rows: 3, shown: 6 });
  assert.deepEqual(tileGrid(9, 1, 300, 300), { columns: 3, rows: 3, shown: 9 });
});

test('a pair stays in one row', () => {
  const { columns, rows, shown } = tileGrid(8, 2, 300, 300);
  assert.deepEqual([columns, rows], [4, 4]);
  assert.equal(shown, 8);
  assert.deepEqual(tileGrid(7, 2, 250, 250), { columns: 4, rows: 4, shown: 6 });
});

test('a single row shows all', () => {
  assert.deepEqual(tileGrid(3, 1, 1000, 50), { columns: 20, rows: 1, shown: 3 });
});
