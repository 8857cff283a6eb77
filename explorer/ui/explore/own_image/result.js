// Shows the server's result for an image: the model's input, reconstruction, error, verdict, posterior.

import { countPacket } from '../../wire/cursor.js';
import { blit, drawSheet, fitCanvas } from '../../wire/pictures.js';
import { redraw, showOnPad } from './drawing.js';
import { posteriorPlot } from './posterior_plot.js';

const INTRODUCTION =
  'Draw or choose a picture. The model encodes and decodes it, and its place is marked on the map.';
const FACT_TIPS = {
  support: 'How close its mean is to where the encoder puts images: 1 at one of them, near 0 far from all',
  nearest: 'The classes of the five images whose means are nearest to that of yours',
};
const DRAWING_PX = 280; // longer side of the drawing area

export function showMessage(s, text) {
  showVerdict(s, '', text);
  s.card.classList.add('none', 'error');
}

function showVerdict({ $ }, verdict, text) {
  $('.rank b').textContent = verdict && `${verdict}.`;
  $('.rank span').textContent = text;
}

export function showResult(s, packet) {
  const { $ } = s;
  const isNewCanvas = s.packet?.shape.join() !== packet.shape.join() || s.packet.light !== packet.light;
  const hasImage = packet.dims.length > 0;
  countPacket(packet);
  s.stamp = packet.stamp;
  s.packet = packet;
  if (isNewCanvas) resize(s, packet.shape);
  s.card.classList.toggle('none', !hasImage);
  s.card.classList.toggle('error', packet.error !== '');
  showVerdict(s, packet.verdict, packet.error || packet.rank || INTRODUCTION);
  $('.rank').dataset.seq = packet.ack;
  $('.rank').dataset.verdict = packet.verdict;
  $('.said').textContent = packet.said;
  $('.title').textContent = packet.title;
  showSettings(s, packet, hasImage);
  $('dl').replaceChildren(...packet.facts.map(([name, value]) => factElement(name, value)));
  showPictures(s, packet, hasImage);
  $('.plot').innerHTML = posteriorPlot(packet.dims, packet.posterior);
}

function resize(s, [channels, height, width]) {
  const scale = DRAWING_PX / Math.max(height, width);
  s.canvas.width = Math.round(scale * width);
  s.canvas.height = Math.round(scale * height);
  s.$('[type=color]').hidden = channels !== 3;
  if (!s.file) redraw(s);
}

function showSettings({ $, root }, packet, hasImage) {
  const { fits, fit, invert, auto, roles } = packet;
  for (const button of root.querySelectorAll('[data-do=use]')) {
    button.hidden = !roles.includes(button.dataset.role);
    button.disabled = !hasImage;
  }
  for (const option of $('[data-do=fit]').options) option.hidden = !fits.includes(option.value);
  $('[data-do=fit]').value = fit;
  $('[data-do=invert]').value = invert;
  $('[data-do=invert]').options[0].text = auto;
}

function factElement(name, value) {
  const pair = document.createElement('div');
  pair.innerHTML = '<dt></dt><dd></dd>';
  pair.firstChild.textContent = name;
  pair.lastChild.textContent = value;
  pair.tabIndex = 0;
  pair.dataset.tip = FACT_TIPS[name];
  return pair;
}

function showPictures(s, packet, hasImage) {
  const [channels, height, width] = packet.shape;
  const pictures = { seen: packet.seen, recon: packet.recon, error: packet.error_map };
  for (const name in pictures) {
    const canvas = s.$(`[data-part=${name}]`);
    const shape = [name === 'error' ? 3 : channels, height, width];
    const picture = drawSheet(pictures[name], shape, 1);
    fitCanvas(canvas, shape);
    if (hasImage) blit(canvas, picture, 0, 1, shape);
    else canvas.getContext('2d').clearRect(0, 0, canvas.width, canvas.height);
    if (hasImage && name === 'seen' && !s.strokes.length) showOnPad(s, picture);
  }
}
