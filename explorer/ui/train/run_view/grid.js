// Lays out grids of square tiles on a canvas. Needs no DOM.

// The smallest number of columns with which `n` square tiles fit into the height.
export function fittingColumns(n, width, height) {
  let columns = 1;
  while (Math.ceil(n / columns) * (width / columns) > height) columns++;
  return columns;
}

// Lays out `n` groups of `group` tiles each: {columns, rows, shown}. A group stays in one row; an incomplete
// last row is left out.
export function tileGrid(n, group, width, height) {
  const fitting = fittingColumns(n * group, width, height);
  const columns = fitting % group ? fitting + 1 : fitting;
  const rows = Math.ceil((n * group) / columns);
  const shown = rows > 1 ? n - (n % (columns / group)) : n;
  return { columns, rows, shown };
}
