// Grids of square tiles that fill a canvas. Needs no DOM.

// The fewest columns with which `n` square tiles fit into the height.
export function fittingColumns(n, width, height) {
  let columns = 1;
  while (Math.ceil(n / columns) * (width / columns) > height) columns++;
  return columns;
}

// {columns, rows, shown} of `n` groups of `group` tiles each. A group stays in one row, and a last row that
// is not full is left out.
export function tileGrid(n, group, width, height) {
  const fitting = fittingColumns(n * group, width, height);
  const columns = fitting % group ? fitting + 1 : fitting;
  const rows = Math.ceil((n * group) / columns);
  const shown = rows > 1 ? n - (n % (columns / group)) : n;
  return { columns, rows, shown };
}
