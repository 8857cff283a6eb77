// Geometry of the pad, a square grid of `side` x `side` frames over [-span, span] in two dimensions. Needs no
// DOM.

// Columns and rows by which an arrow key moves; rows count from the top.
export const ARROWS = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

// The position of a value along an axis, in frames from the first.
const steps = (v, packet) => ((v + packet.span) / (2 * packet.span)) * (packet.side - 1);

// The column of the frame nearest to a value.
export const columnOf = (v, packet) => Math.round(steps(v, packet));

// Position of a value along a side of the pad, from 0 to 1. The value of a frame is at its middle.
export const shareOnPad = (v, packet) => (steps(v, packet) + 0.5) / packet.side;

// The index of the frame at a column and a row, which are clamped to the pad.
export function frameAtCell(column, row, side) {
  const clamp = (v) => Math.max(0, Math.min(side - 1, Math.floor(v)));
  return clamp(row) * side + clamp(column);
}

// The frame one arrow key away from a point.
export function frameAfterArrow([x, y], [right, down], packet) {
  const { side } = packet;
  return frameAtCell(columnOf(x, packet) + right, side - 1 - columnOf(y, packet) + down, side);
}
