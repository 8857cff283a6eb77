// Reparameterization: samples that follow mu and sigma with eps held, and what that does for gradients.

import { onResize } from '../parts/canvas.js';
import { mountExhibit } from '../parts/exhibit.js';
import { acceptSettings, buildSettings } from '../parts/settings.js';
import { acceptDraws, buildDraws, paintDraws } from './draws.js';
import { acceptEstimators, paintEstimators } from './estimators.js';
import { buildMap, paintMap } from './maps.js';
import { paintSteps } from './variance.js';

const PREDICTIONS_IN = ['draws', 'estimators'];
const PAINTERS = { draws: paintDraws, estimators: paintEstimators, variance: paintSteps, maps: paintMap };

export default mountExhibit('reparameterizations', build, accept);

function build(s) {
  PREDICTIONS_IN.forEach((part, i) => {
    s.$(`[data-prediction="${i}"]`).dataset.in = part;
  });
  buildSettings(s, (_, event) => {
    s.root.classList.add('le-updating');
    paintPart(s, event);
  });
  buildDraws(s);
  buildMap(s);
  onResize(s, [...s.root.querySelectorAll('.le-chart-canvas, .le-drag')], () => paintPart(s));
}

function accept(s, packet) {
  acceptSettings(s, packet.values);
  s.root.classList.toggle('le-updating', !s.isSettled());
  acceptDraws(s, packet);
  acceptEstimators(s, packet);
  for (const paint of [paintSteps, paintMap]) paint(s);
  paintPart(s);
}

// Paints the part that is shown, for the settings as they are now.
function paintPart(s, event) {
  PAINTERS[s.values.part](s, event);
}
