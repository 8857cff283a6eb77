// Frames of other components on the stage. A peek does not move z: a frame of a lane, or a picture under the
// pointer, which the user may keep or leave. A preview moves z, and a request of its component will carry it.

import { moveCursor } from '../../wire/cursor.js';
import { blit } from '../../wire/pictures.js';
import { lightFlow, markStage, showCaption, showFacts } from './facts.js';
import { countStagePaint, isAtFilms, settle, showExact } from './image.js';

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

// Shows z again after the frame of another component.
export function leavePeek(s) {
  if (!s.peek) return;
  endPeek(s);
  if (isAtFilms(s)) showExact(s);
  else markStage(s, false);
  showFacts(s);
}

export function keepPeek(s) {
  if (!s.peek?.canKeep) return;
  const { z, support } = s.peek;
  s.z = Float32Array.from(z);
  endPeek(s);
  settle(s);
  showFacts(s, support);
  s.commit.flush();
}

// Shows a frame that another component scrubs, and keeps its z until that component's request `seq`, which
// carries z, is acknowledged.
export function showPreview(s, detail) {
  const { picture, index, columns, shape, z, xy, support, plane, event } = detail;
  if (!s.packet || z.length !== s.z.length) return;
  endPeek(s);
  if (s.commit.pending()) s.commit.flush();
  s.z = Float32Array.from(z);
  s.awaited = detail;
  if (isAtFilms(s)) blit(s.stage, s.exact, 0, 1, s.packet.shape);
  else blit(s.stage, picture, index, columns, shape);
  markStage(s, true);
  settle(s);
  moveCursor(xy, support, plane);
  showFacts(s, support);
  showCaption(s, detail.caption);
  lightFlow(s, 'z');
  countStagePaint(s, event);
}

export function endPreview(s, { source, ack }) {
  if (s.awaited?.source !== source || ack < s.awaited.seq) return;
  s.awaited = null;
  if (s.next !== s.packet || s.packet.ack < s.mail.seq || isAtFilms(s)) return;
  showCaption(s, '');
  s.z = Float32Array.from(s.packet.z); // z was changed by something else meanwhile
  settle(s);
  showExact(s);
  showFacts(s);
}
