// Shows the server's result for an image: the model's input, reconstruction, error, rank, posterior.

import { countPacket } from '../../wire/cursor.js';
import { blit, drawSheet, fitCanvas } from '../../wire/pictures.js';
import { redraw } from './drawing.js';
import { posteriorPlot } from './posterior_plot.js';

const DRAWING_PX = 280; // longer side of the drawing area

export function showMessage(s, text) {
  s.$('.rank').textContent = text;
  s.card.classList.add('none');
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
  $('.rank').textContent = packet.said || packet.rank;
  $('.rank').dataset.seq = packet.ack;
  $('.title').textContent = packet.title;
  $('.title').title = packet.title;
  showSettings(s, packet, hasImage);
  $('dl').replaceChildren(...packet.facts.map(([name, value]) => factElement(name, value)));
  showPictures(s, packet, hasImage);
  $('svg').innerHTML = posteriorPlot(packet.dims, packet.posterior);
}

function resize(s, [channels, height, width]) {
  const scale = DRAWING_PX / Math.max(height, width);
  s.canvas.width = Math.round(scale * width);
  s.canvas.height = Math.round(scale * height);
  s.$('[type=color]').hidden = channels !== 3;
  if (!s.file) redraw(s);
}

function showSettings({ $ }, packet, hasImage) {
  const { centre, can_centre, invert, inverted } = packet;
  $('[data-do=explore]').disabled = !hasImage;
  $('[data-do=centre]').checked = centre && can_centre;
  $('[data-do=centre]').disabled = !can_centre;
  $('[data-do=invert]').value = invert;
  const isAuto = hasImage && invert === 'auto';
  $('[data-do=invert]').options[0].text = isAuto
    ? `where needed (${inverted ? 'yes' : 'no'})`
    : 'where needed';
}

function factElement(name, value) {
  const pair = document.createElement('div');
  pair.innerHTML = '<dt></dt><dd></dd>';
  pair.firstChild.textContent = name;
  pair.lastChild.textContent = value;
  pair.title = value;
  return pair;
}

function showPictures({ $ }, packet, hasImage) {
  const [channels, height, width] = packet.shape;
  const pictures = { seen: packet.seen, recon: packet.recon, error: packet.error };
  for (const name in pictures) {
    const canvas = $(`[data-part=${name}]`);
    const shape = [name === 'error' ? 3 : channels, height, width];
    fitCanvas(canvas, shape);
    if (hasImage) blit(canvas, drawSheet(pictures[name], shape, 1), 0, 1, shape);
    else canvas.getContext('2d').clearRect(0, 0, canvas.width, canvas.height);
  }
}
