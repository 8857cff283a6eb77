// The bar of a running lecture. Its keys come before those of the page: a presenter's remote sends Page Up
// and Page Down whatever has the focus.

import { mailbox, mounting } from '../../wire/mailbox.js';
import { pageArrived, pageLeft, setLecture, setView } from '../../wire/page.js';
import { actionOf } from './keys.js';

export default mounting('walks', build, accept);

function build(root) {
  const s = { root, $: (selector) => root.querySelector(selector), mail: mailbox(), step: 0 };
  const onKey = (event) => onWalkKey(s, event);
  root.addEventListener('click', (event) => {
    const button = event.target.closest('[data-do]');
    if (button) walkActions[button.dataset.do](s);
  });
  window.addEventListener('keydown', onKey, true);
  s.stop = () => {
    window.removeEventListener('keydown', onKey, true);
    setLecture('');
    setView({ lecture: '', black: '' });
  };
  return s;
}

function accept(s, data) {
  s.mail.acknowledge(data.ack);
  if (data.step !== s.step) pageArrived();
  s.step = data.step;
  setLecture(data.parameter && `lecture=${data.parameter}`);
  setView({ lecture: data.step || data.is_adding ? 'on' : '' });
  s.$('.walk').hidden = !(data.step || data.is_adding);
  s.$('.lecture').hidden = !data.step;
  s.$('.adding').hidden = !data.is_adding;
  s.$('.progress').textContent = `${data.step} / ${data.n_steps}`;
  s.$('.progress').title = data.title;
  s.$('.note').textContent = [data.minute === null ? '' : `minute ${data.minute}`, data.note]
    .filter(Boolean)
    .join(' \u00b7 ');
  s.$('.message').textContent = data.message;
}

const walkActions = {
  next: (s) => takeStep(s, 1),
  back: (s) => takeStep(s, -1),
  black: () => setView({ black: document.documentElement.dataset.black ? '' : 'on' }),
  end(s) {
    s.mail.ask({ kind: 'end' });
  },
  done(s) {
    s.mail.ask({ kind: 'done' });
  },
  add(s) {
    const page = location.pathname.split('/').pop();
    s.mail.ask({ kind: 'add', page, query: location.search.slice(1) });
  },
};

function takeStep(s, by) {
  setView({ black: '' });
  pageLeft();
  s.mail.ask({ kind: 'step', by });
}

function onWalkKey(s, event) {
  if (!s.step) return;
  const isBlack = Boolean(document.documentElement.dataset.black);
  const action = actionOf(event, isBlack, s.root);
  if (!action) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  walkActions[action](s);
}
