// Rows of pictures under each other, each with its name on the left.

import { fitted } from './canvas.js';

const NAME_SHARE = 0.13; // of the width
const SHEET_COLUMNS = 64; // of the sheets that the pictures lie on

// `rows`: [{name, sheet, first}], of `n` pictures each.
export function drawPictureRows(canvas, rows, n, [, height, width], ink) {
  const { context, width: full, height: tall } = fitted(canvas);
  const left = Math.max(38, NAME_SHARE * full);
  const rowHeight = tall / Math.max(1, rows.length);
  const side = Math.min((full - left) / n, rowHeight - 2);
  context.font = `${Math.max(15, Math.round(rowHeight / 2.3))}px system-ui, sans-serif`;
  context.textBaseline = 'middle';
  context.fillStyle = ink;
  for (const [r, { name, sheet, first }] of rows.entries()) {
    context.fillText(name, 0, (r + 0.5) * rowHeight);
    for (let i = 0; i < n; i++) {
      const x = ((first + i) % SHEET_COLUMNS) * width;
      const y = Math.floor((first + i) / SHEET_COLUMNS) * height;
      context.drawImage(sheet, x, y, width, height, left + i * side, r * rowHeight + 1, side - 1, side - 1);
    }
  }
}
