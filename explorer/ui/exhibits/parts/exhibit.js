// What all exhibits share: predictions that cover numbers, questions that set the page to a state, live
// numbers, settings that are sent when the pointer rests, and the link in the address bar.

import { debounce, mailbox, mounting } from '../../wire/mailbox.js';
import { pageArrived, replaceQuery } from '../../wire/page.js';
import { listenToSymbols } from './symbols.js';

const MARK_MS = 4000;
const REST_MS = 150; // without a change of a setting, until it is sent

// Returns a component's default export. `build(s)` adds to the state `s` what the exhibit needs, and
// `accept(s, packet)` shows a packet. `s.set({name: value})` changes settings on the server after a rest.
export function mountExhibit(name, build, accept) {
  return mounting(
    name,
    (root) => buildExhibit(root, build),
    (s, packet) => {
      if (packet.stamp === s.stamp) return;
      s.stamp = packet.stamp;
      s.mail.acknowledge(packet.ack);
      s.packet = packet;
      replaceQuery(packet.link);
      showPredictions(s, packet.answers);
      accept(s, packet);
    },
  );
}

function buildExhibit(root, build) {
  pageArrived();
  const $ = (selector) => root.querySelector(selector);
  const s = { root, $, mail: mailbox(), stamp: null, packet: null, changed: {}, ends: [] };
  s.send = debounce(REST_MS, () => {
    s.mail.ask({ kind: 'set', values: s.changed });
    s.changed = {};
  });
  s.set = (values) => {
    Object.assign(s.changed, values);
    s.send();
  };
  s.isSettled = () => !s.send.pending() && s.mail.waiting.length === 0;
  s.stop = () => {
    for (const end of s.ends) end();
  };
  root.addEventListener('click', (e) => onClick(s, e));
  listenToSymbols(root);
  build(s);
  return s;
}

function onClick(s, event) {
  const choice = event.target.closest('[data-choice]');
  const link = event.target.closest('[data-query]');
  if (choice) {
    const prediction = +choice.closest('[data-prediction]').dataset.prediction;
    s.mail.ask({ kind: 'answer', prediction, choice: +choice.dataset.choice });
  } else if (link && !event.ctrlKey && !event.metaKey) {
    event.preventDefault();
    s.mail.ask({ kind: 'go', query: link.dataset.query });
    point(s, link.dataset.at);
  } else if (event.target.closest('[data-do=cover]')) s.mail.ask({ kind: 'cover' });
}

// Scrolls to the part of the page that answers a question, and marks it for a while.
function point(s, selector) {
  const part = selector ? s.$(selector) : null;
  if (part) part.closest('details')?.setAttribute('open', '');
  (part ?? s.$('.le-look')).scrollIntoView({ block: 'center' });
  part?.classList.add('le-marked');
  setTimeout(() => part?.classList.remove('le-marked'), MARK_MS);
}

// Shows which choices were committed to; until then the numbers that a prediction covers are hidden.
function showPredictions(s, answers) {
  const covered = new Set();
  for (const section of s.root.querySelectorAll('[data-prediction]')) {
    const answer = answers[+section.dataset.prediction];
    const isOpen = answer !== null;
    if (!isOpen) for (const name of section.dataset.covers.split(' ')) covered.add(name);
    section.querySelector('.le-why').hidden = !isOpen;
    for (const button of section.querySelectorAll('[data-choice]')) {
      const choice = +button.dataset.choice;
      button.disabled = isOpen;
      button.classList.toggle('right', isOpen && choice === +section.dataset.right);
      button.classList.toggle('wrong', isOpen && choice === answer && choice !== +section.dataset.right);
    }
  }
  for (const element of s.root.querySelectorAll('[data-num], [data-cover]'))
    element.classList.toggle('le-covered', covered.has(element.dataset.num ?? element.dataset.cover));
}
