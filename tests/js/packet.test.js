// Unpacks packets written by Python (test_js.py) into the folder PACKETS: NAME.bin, with the expected content
// in NAME.json.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import test from 'node:test';
import { unpack } from '../../explorer/ui/wire/packet.js';

const FOLDER = process.env.PACKETS;
const TYPES = { f4: Float32Array, i4: Int32Array, u1: Uint8Array };
const names = readdirSync(FOLDER)
  .filter((name) => name.endsWith('.bin'))
  .map((name) => name.slice(0, -4));

test('Python has written packets', () => {
  assert.ok(names.length >= 4);
});

for (const name of names) {
  const bytes = new Uint8Array(readFileSync(`${FOLDER}/${name}.bin`));
  const { header, arrays } = JSON.parse(readFileSync(`${FOLDER}/${name}.json`, 'utf-8'));

  for (const offset of [0, 1, 2, 3])
    test(`${name}, ${offset} bytes into its buffer`, () => {
      const buffer = new Uint8Array(bytes.length + offset);
      buffer.set(bytes, offset);
      const packet = unpack(buffer.subarray(offset));
      for (const key in header) assert.deepEqual(packet[key], header[key], key);
      for (const key in arrays) {
        const [kind, values] = arrays[key];
        assert.deepEqual(packet[key], TYPES[kind].from(values), key);
      }
      assert.equal(packet.n_bytes, bytes.length);
    });
}
