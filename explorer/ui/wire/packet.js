// Unpacks the packets that `pack` in packet.py writes.

const ARRAY_TYPES = { f4: Float32Array, i4: Int32Array, u1: Uint8Array };

// Format: uint32 header length, the header as JSON (padded to 4 bytes), then the arrays it describes, in
// order. Returns the header with the arrays and `n_bytes` as additional fields. The arrays are views, not
// copies.
export function unpack(data) {
  const bytes = data.byteOffset % 4 ? data.slice() : data;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const length = view.getUint32(0, true);
  const packet = JSON.parse(new TextDecoder().decode(bytes.subarray(4, 4 + length)));
  let offset = 4 + length;
  for (const [name, kind, shape] of packet.arrays) {
    const n = shape.reduce((a, b) => a * b, 1);
    const ArrayType = ARRAY_TYPES[kind];
    packet[name] = new ArrayType(bytes.buffer, bytes.byteOffset + offset, n);
    offset += Math.ceil((n * ArrayType.BYTES_PER_ELEMENT) / 4) * 4;
  }
  packet.n_bytes = bytes.byteLength;
  return packet;
}
