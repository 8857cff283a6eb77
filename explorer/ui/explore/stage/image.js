// The image on the stage and what must agree with it.

import { countPaint, moveCursor } from '../../wire/cursor.js';
import { blit } from '../../wire/pictures.js';
import { markStage, showTools } from './facts.js';
import { differingDims } from './films.js';
import { settleRows } from './rows.js';

export const isAtFilms = (s) => differingDims(s.z, s.packet.z).length === 0;

// Updates the buttons and sliders to z.
export function settle(s) {
  showTools(s);
  settleRows(s);
}

// Shows the exact image; z must be at the films' centre.
export function showExact(s) {
  const { packet } = s;
  blit(s.stage, s.exact, 0, 1, packet.shape);
  if (s.stage.dataset.seq !== `${packet.order}`) s.stage.dataset.seq = packet.order;
  markStage(s, true);
  moveCursor([packet.at_xy[0], packet.at_xy[1]], packet.at_support, packet.plane);
}

export function countStagePaint(s, event) {
  s.stage.dataset.paints = +s.stage.dataset.paints + 1;
  countPaint(event);
}
