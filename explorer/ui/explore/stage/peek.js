// Frames that the stage shows without moving z: those of a lane, or a picture under the pointer. The user may
// keep the frame's z, or go back.

import { moveCursor } from '../../wire/cursor.js';
import { blit } from '../../wire/pictures.js';
import { markStage, showCaption, showFacts } from './facts.js';

// `peek`: {picture, index, columns, shape, z, xy, support, plane, caption, canKeep}.
export function showPeek(s, peek) {
  if (!s.packet || peek.z.length !== s.z.length) return false;
  s.peek = peek;
  blit(s.stage, peek.picture, peek.index, peek.columns, peek.shape);
  markStage(s, true);
  moveCursor(peek.xy, peek.support, peek.plane);
  showFacts(s, peek.support);
  showCaption(s, peek.caption);
  return true;
}

// Forgets the frame; the caller shows something else. Whoever plays a film stops.
export function endPeek(s) {
  if (!s.peek) return;
  s.peek = null;
  showCaption(s, '');
  window.dispatchEvent(new CustomEvent('latent:stop'));
}
