// The prior: a ring from normal noise, the decoder's sheet of images, and holes in the aggregate posterior.

import { onResize } from '../parts/canvas.js';
import { mountExhibit } from '../parts/exhibit.js';
import { nats, showNumber } from '../parts/numbers.js';
import { acceptSettings, buildSettings } from '../parts/settings.js';
import { acceptHoles, buildHoles, paintHoles } from './holes.js';
import { buildRing, paintRing } from './ring.js';
import { paintDisc } from './sheet.js';
import { acceptSpot, buildSpot, paintSpot } from './spot.js';

const PREDICTIONS_IN = ['ring', 'holes'];
const PAINTERS = { ring: paintRing, sheet: paintDisc, holes: paintHoles };

export default mountExhibit('priors', build, accept);

function build(s) {
  PREDICTIONS_IN.forEach((part, i) => {
    s.$(`[data-prediction="${i}"]`).dataset.in = part;
  });
  buildSettings(s, (_, event) => paintShown(s, event));
  buildRing(s);
  buildSpot(s, [s.$('[data-part=sheet]'), s.$('[data-part=holes]')]);
  buildHoles(s);
  onResize(s, [...s.root.querySelectorAll('.le-square')], () => paintShown(s));
}

function accept(s, packet) {
  const { values, hole_share, unsupported, kl_parts, log_n, dims, status } = packet;
  acceptSettings(s, values);
  s.$('.le-status').textContent = values.part === 'ring' ? '' : status;
  const known = (value) => value ?? Number.NaN;
  showNumber(s, 'hole-share', known(hole_share), 3);
  showNumber(s, 'unsupported-images', known(unsupported), 3);
  showNumber(s, 'log-n', known(log_n));
  ['kl', 'mutual-information', 'aggregate-kl'].forEach((name, i) => {
    showNumber(s, name, known(kl_parts[i]));
  });
  s.$('[data-num=hole-share]').title = `\u00b1 ${nats(known(packet.hole_error), 4)}`;
  dims.forEach((dim, i) => {
    s.$(`[data-text=dim-${i + 1}]`).textContent = dim;
  });
  acceptSpot(s, packet, () => paintShown(s));
  acceptHoles(s, packet);
  paintRing(s);
  paintShown(s);
}

// Paints the part that is shown, for the settings as they are now.
function paintShown(s, event) {
  const { part } = s.values;
  if (part !== 'ring') paintSpot(s);
  PAINTERS[part](s, event);
}
