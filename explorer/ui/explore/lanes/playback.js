// Plays the lanes.

import { explorer } from '../../wire/cursor.js';
import { nearestIndex } from '../../wire/pictures.js';
import { PLAY_ONE_WAY_MS, playbackShare } from './path_plot.js';

const FIRST_STEP_MS = 40; // the first frame after the start is shown at once
// After a pause of the browser, as when the chart loads, the film goes on where it was.
const MAX_STEP_MS = 50;
const INPUTS = ['pointerdown', 'keydown', 'wheel'];

// `show(s, frame)` shows a frame.
export function togglePlay(s, show) {
  if (!s.playing) return play(s, show);
  stopPlay(s);
  show(s, s.frame);
}

// Plays the example from A to B and back, once in the life of a page; any input stops it.
export function playExample(s, show) {
  if (explorer._hasPlayed || matchMedia('(prefers-reduced-motion: reduce)').matches) return;
  explorer._hasPlayed = true;
  const end = () => {
    for (const name of INPUTS) window.removeEventListener(name, end, true);
    if (!s.playing) return;
    stopPlay(s);
    window.dispatchEvent(new CustomEvent('latent:peek-end'));
  };
  for (const name of INPUTS) window.addEventListener(name, end, true);
  play(s, show, end);
}

function showPlaying(s, isPlaying) {
  s.$('.play').classList.toggle('playing', isPlaying);
  s.$('.play').setAttribute('aria-label', isPlaying ? 'Pause' : 'Play');
}

// Plays back and forth, starting at the scrubber's position; with `end`, once, and then calls it.
function play(s, show, end) {
  if (!s.packet?.n_frames) return;
  const { times, n_frames } = s.packet;
  const low = times[0];
  const high = times[n_frames - 1];
  let elapsed = PLAY_ONE_WAY_MS * ((s.scrub.value - low) / (high - low));
  let last = performance.now() - FIRST_STEP_MS;
  showPlaying(s, true);
  const tick = (now) => {
    elapsed += Math.min(now - last, MAX_STEP_MS);
    last = now;
    s.scrub.value = low + playbackShare(elapsed) * (high - low);
    show(s, nearestIndex(s.packet.times, +s.scrub.value));
    if (end && elapsed >= 2 * PLAY_ONE_WAY_MS) {
      s.scrub.value = low;
      show(s, 0);
      end();
    } else s.playing = requestAnimationFrame(tick);
  };
  s.playing = -1; // until the first animation frame is requested
  tick(performance.now());
}

export function stopPlay(s) {
  cancelAnimationFrame(s.playing);
  s.playing = 0;
  showPlaying(s, false);
}
