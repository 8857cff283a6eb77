// The server's answer about an image: what the model sees, its reconstruction, its rank among the data, its
// posterior.

import { countPacket } from '../../wire/cursor.js';
import { blit, drawSheet, fitCanvas } from '../../wire/pictures.js';
import { redraw } from './drawing.js';
import { posteriorPlot } from './posterior_plot.js';

const DRAWING_PX = 280; // the drawing's longer side

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

function showSettings({ $ }, { centre, can_centre, invert, inverted }, hasImage) {
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
  for (const name of ['seen', 'recon', 'error']) {
    const canvas = $(`[data-part=${name}]`);
    const shape = [name === 'error' ? 3 : channels, height, width];
    fitCanvas(canvas, shape);
    if (hasImage) blit(canvas, drawSheet(packet[name], shape, 1), 0, 1, shape);
    else canvas.getContext('2d').clearRect(0, 0, canvas.width, canvas.height);
  }
}
