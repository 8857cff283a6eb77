// Lays out grids of square tiles on a canvas. Needs no DOM.

const MIN_SHOWN = 1 / 2;

// Lays out `n` groups of `group` tiles each, in full rows that cover as much of the area as possible:
// {columns, rows, shown}. A group stays in one row; at least MIN_SHOWN of the groups are shown.
export function tileGrid(n, group, width, height) {
  let best = null;
  for (let columns = group; columns <= n * group; columns += group) {
    const fitting = Math.max(1, Math.floor(height / (width / columns)));
    const rows = Math.min(fitting, Math.floor((n * group) / columns));
    const shown = (rows * columns) / group;
    const size = Math.min(width / columns, height / rows);
    const covered = rows * columns * size * size;
    const isEnough = shown >= MIN_SHOWN * n;
    if (!best || isEnough > best.isEnough || (isEnough === best.isEnough && covered > best.covered))
      best = { columns, rows, shown, covered, isEnough };
  }
  const { columns, rows, shown } = best;
  return { columns, rows, shown };
}
