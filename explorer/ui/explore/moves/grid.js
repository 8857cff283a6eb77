// Where things are on the pad, a square grid of `side` x `side` frames over [-span, span] in two dimensions.
// Needs no DOM.

// Columns and rows that an arrow key moves; rows count from the top.
export const ARROWS = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

// The position of a value along an axis, in frames from the first.
const steps = (v, { side, span }) => ((v + span) / (2 * span)) * (side - 1);

// The column of the frame nearest to a value; rows count the other way.
export const columnOf = (v, pad) => Math.round(steps(v, pad));

// Where a value is along the side of the pad, from 0 to 1; the values of the frames are at the middle of
// theirs.
export const shareOnPad = (v, pad) => (steps(v, pad) + 0.5) / pad.side;

// The frame at a column and a row, those outside moved to the edge.
export function frameAtCell(column, row, side) {
  const inside = (v) => Math.max(0, Math.min(side - 1, Math.floor(v)));
  return inside(row) * side + inside(column);
}

// The frame one arrow key away from a point.
export function frameAfterArrow([x, y], [right, down], pad) {
  return frameAtCell(columnOf(x, pad) + right, pad.side - 1 - columnOf(y, pad) + down, pad.side);
}
