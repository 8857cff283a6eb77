// The tabs that move z: pictures to click, a line or a pad to scrub. The packet holds the open tab only.
// Scrubbing sends nothing.

import { countPacket } from '../../wire/cursor.js';
import { debounce, mailbox, mounting } from '../../wire/mailbox.js';
import { unpack } from '../../wire/packet.js';
import { hasModifier, isTyping } from '../../wire/page.js';
import { loadSheet } from '../../wire/pictures.js';
import { showItems } from './items.js';
import { drawLine, listenToLine, showLine, showNaming } from './line.js';
import { drawPad, hidePad, listenToPad, placeRing, showPad } from './pad.js';
import { showNote } from './preview.js';
import { roveFocus, showTabs } from './tabs.js';

const COMMIT_MS = 150;

export default mounting('moves', build, accept);

function build(root) {
  const $ = (selector) => root.querySelector(selector);
  const s = { root, $, mail: mailbox(), stamp: null, packet: null, picture: null, isPadHidden: false };
  s.scrubbedZ = null; // z of the frame previewed on the stage, until the next request carries it
  s.ask = (request) => {
    const z = s.scrubbedZ;
    s.scrubbedZ = null;
    s.mail.ask({ ...request, ...(z && { z }) });
  };
  s.commit = debounce(COMMIT_MS, () => {
    if (s.scrubbedZ) s.ask({ kind: 'move' });
  });
  const actions = {
    draw: () => s.ask({ kind: 'draw' }),
    hide: () => hidePad(s, !s.isPadHidden),
    remove: () => s.ask({ kind: 'remove', choice: s.packet.choice }),
    name: () => toggleNaming(s),
  };
  for (const button of root.querySelectorAll('[data-do]'))
    button.addEventListener('click', () => actions[button.dataset.do]());
  $('.naming').addEventListener('submit', (e) => saveDirection(s, e));
  listenToLists(s);
  roveFocus(s, $('.tabs'), '[role=tab]');
  roveFocus(s, $('.items'), 'button');
  listenToLine(s, $('[data-testid=moves-line]'));
  listenToPad(s, $('.pad canvas'));
  const observer = new ResizeObserver(() => {
    drawLine(s);
    drawPad(s);
  });
  observer.observe($('.film'));
  const onKey = (e) => {
    if (e.key.toLowerCase() === 'i' && !hasModifier(e) && !isTyping(e))
      $('[role=tab][data-tab=own]')?.click();
  };
  window.addEventListener('keydown', onKey);
  s.stop = () => {
    observer.disconnect();
    window.removeEventListener('keydown', onKey);
  };
  return s;
}

function toggleNaming(s) {
  const form = s.$('.naming');
  form.hidden = !form.hidden;
  showNaming(s);
  (form.hidden ? s.$('.which select') : form.querySelector('input')).focus();
}

function saveDirection(s, event) {
  event.preventDefault();
  const input = event.target.querySelector('input');
  if (input.value.trim()) s.ask({ kind: 'save', name: input.value });
  input.value = '';
  toggleNaming(s);
}

function listenToLists(s) {
  const list = (name) => s.$(`[data-choose=${name}]`);
  const numbers = (...names) => names.map((name) => +list(name).value);
  const onChange = (name, action) => list(name).addEventListener('change', action);
  onChange('choice', (e) => s.ask({ kind: 'direction', choice: e.target.value }));
  for (const name of ['from', 'to'])
    onChange(name, () => s.ask({ kind: 'classes', pair: numbers('from', 'to') }));
  for (const name of ['x', 'y'])
    onChange(name, () => {
      const axes = numbers('x', 'y');
      s.ask({ kind: 'pad', axes: axes[0] === axes[1] ? [...s.packet.axes].reverse() : axes });
    });
}

// Passes each ack on to the stage, and shows the content if it has changed.
function accept(s, packet) {
  const { source, ack, here, content } = packet;
  s.source = source;
  s.mail.acknowledge(ack);
  s.here = here;
  window.dispatchEvent(new CustomEvent('latent:heard', { detail: { source, ack } }));
  acceptContent(s, unpack(content));
}

function acceptContent(s, packet) {
  if (packet.stamp === s.stamp) return placeRing(s); // unchanged: another part of the page was rerun
  countPacket(packet);
  s.stamp = packet.stamp;
  loadSheet(packet, 'frames', packet.columns, (picture) => {
    if (s.stamp !== packet.stamp) return;
    s.packet = packet;
    s.picture = picture;
    show(s);
    Object.assign(s.$('.moves').dataset, { seq: packet.order, tab: packet.tab });
  });
}

function show(s) {
  const { packet, $ } = s;
  const { tab } = packet;
  showTabs(s);
  $('.panel').setAttribute('aria-labelledby', `tab-${tab}`);
  $('.items').hidden = !packet.items;
  $('.line').hidden = !packet.values;
  $('.axes').hidden = !packet.side;
  $('[data-do=draw]').hidden = tab !== 'prior';
  const isAlone = packet.tabs.length === 0;
  $('.moves').classList.toggle('alone', isAlone);
  $('.moves').classList.toggle('tabs-only', !isAlone && !packet.frames.length);
  $('.moves').dataset.testid = isAlone ? 'pad' : 'moves';
  $('.pad canvas').dataset.testid = packet.side ? 'moves-pad' : '';
  $('[data-do=hide]').hidden = tab !== 'pad' || isAlone;
  // In "directions" the slider itself announces its value.
  $('.note').setAttribute('aria-live', tab === 'directions' ? 'off' : 'polite');
  showNote(s, packet.note);
  if (packet.items) showItems(s, $('.items'));
  if (packet.values) showLine(s);
  if (packet.side) showPad(s);
  else $('.pad').hidden = true;
}
