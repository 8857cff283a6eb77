// Plays the lanes.

import { explorer } from '../../wire/cursor.js';
import { nearestIndex } from '../../wire/pictures.js';
import { PLAY_ONE_WAY_MS, playbackShare } from './path_plot.js';

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
  const start = performance.now() - PLAY_ONE_WAY_MS * ((s.scrub.value - low) / (high - low));
  showPlaying(s, true);
  const tick = (now) => {
    s.scrub.value = low + playbackShare(now - start) * (high - low);
    show(s, nearestIndex(s.packet.times, +s.scrub.value));
    if (end && now - start >= 2 * PLAY_ONE_WAY_MS) {
      s.scrub.value = low;
      show(s, 0);
      end();
    } else s.playing = requestAnimationFrame(tick);
  };
  s.playing = requestAnimationFrame(tick);
}

export function stopPlay(s) {
  cancelAnimationFrame(s.playing);
  s.playing = 0;
  showPlaying(s, false);
}
