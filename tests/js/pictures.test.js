// Tests the layout of sheets and strips.
import assert from 'node:assert/strict';
import test from 'node:test';
import { layOut, nearestIndex, padding, stripLayout } from '../../explorer/ui/wire/pictures.js';

test('the index of the nearest value; of two equally near, the first', () => {
  const values = Float32Array.of(-3, -1, 1, 3);
  assert.equal(nearestIndex(values, -10), 0);
  assert.equal(nearestIndex(values, 0.2), 2);
  assert.equal(nearestIndex(values, 2), 2);
  assert.equal(nearestIndex(values, 99), 3);
});

test('grey frames are laid out side by side, opaque', () => {
  const sheet = layOut(Uint8Array.of(1, 2, 3, 4, 255, 0), [1, 1, 2], 2);
  assert.deepEqual([sheet.width, sheet.height], [4, 2]);
  const bytes = [...new Uint8Array(sheet.rgba.buffer)];
  assert.deepEqual(bytes.slice(0, 16), [1, 1, 1, 255, 2, 2, 2, 255, 3, 3, 3, 255, 4, 4, 4, 255]);
  assert.deepEqual(bytes.slice(16), [255, 255, 255, 255, 0, 0, 0, 255, ...Array(8).fill(0)]);
});

test('colour frames have their channels first', () => {
  const [red, green, blue] = [10, 20, 30];
  const sheet = layOut(Uint8Array.of(red, 1, green, 2, blue, 3), [3, 2, 1], 1);
  assert.deepEqual([...new Uint8Array(sheet.rgba.buffer)], [10, 20, 30, 255, 1, 2, 3, 255]);
});

test('no frames make an empty sheet', () => {
  assert.equal(layOut(new Uint8Array(), [1, 28, 28], 4).rgba.length, 0);
});

test('a strip shows as many frames as fit, including the first and the last', () => {
  const { width, frames } = stripLayout(41, 400, 50, [1, 28, 28]);
  assert.equal(width, 50);
  assert.equal(frames.length, 8);
  assert.deepEqual([frames[0].index, frames.at(-1).index], [0, 40]);
  assert.deepEqual(
    frames.map((frame) => frame.left),
    [0, 50, 100, 150, 200, 250, 300, 350],
  );
});

test('a strip shows no frame twice, and only the middle one if it is narrow', () => {
  assert.deepEqual(
    stripLayout(3, 1000, 10, [1, 8, 8]).frames.map((frame) => frame.index),
    [0, 1, 2],
  );
  assert.deepEqual(
    stripLayout(41, 20, 50, [1, 28, 28]).frames.map((frame) => frame.index),
    [20],
  );
});

test('wide frames get a wide slot', () => {
  assert.equal(stripLayout(9, 300, 50, [1, 10, 20]).width, 100);
});

test('only small images get a border', () => {
  assert.equal(padding([1, 8, 8]), 1);
  assert.equal(padding([3, 16, 10]), 1);
  assert.equal(padding([1, 10, 17]), 0);
});
