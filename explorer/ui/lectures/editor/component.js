// The list of lectures and the editor of the visitor's own. All texts of a lecture are shown as text.

import { mailbox, mounting } from '../../wire/mailbox.js';
import { pageArrived, pageLeft } from '../../wire/page.js';
import { downloadText, readFile } from './file.js';
import { entryRow, shippedRow } from './lists.js';

export default mounting('lectures', build, accept);

function build(root) {
  pageArrived();
  const s = {
    root,
    $: (selector) => root.querySelector(selector),
    mail: mailbox(),
    data: null,
    shown: '',
    stop() {},
  };
  root.addEventListener('click', (event) => {
    const button = event.target.closest('[data-do]');
    if (button) editorActions[button.dataset.do](s, button.closest('li')?.dataset ?? {});
  });
  root.addEventListener('change', (event) => {
    const field = event.target;
    if (field.type === 'file') loadLecture(s, field);
    else if (field.dataset.testid === 'lecture-title') s.mail.ask({ kind: 'title', text: field.value });
    else s.mail.ask({ kind: 'note', row: +field.closest('li').dataset.row, text: field.value });
  });
  return s;
}

function accept(s, data) {
  s.data = data;
  s.mail.acknowledge(data.ack);
  const { $ } = s;
  const title = $('[data-testid=lecture-title]');
  title.maxLength = data.max_text;
  if (s.root.activeElement !== title || !s.mail.waiting.length) title.value = data.title;
  for (const id of ['start', 'download']) $(`[data-testid=lecture-${id}]`).disabled = !data.entries.length;
  $('[data-do=undo]').disabled = !data.can_undo;
  $('[data-do=adding]').setAttribute('aria-pressed', data.is_adding);
  $('.message').textContent =
    data.message ||
    (data.entries.length ? '' : 'Empty: copy a lecture above, load a file, or press Add views.');
  if (!$('.shipped').childElementCount) $('.shipped').replaceChildren(...data.shipped.map(shippedRow));
  showEntries(s, data.entries, data.max_text);
}

// Rows that have not changed keep their elements, so that a field or a button does not lose the focus.
function showEntries(s, entries, maxText) {
  const list = s.$('.entries');
  const shown = JSON.stringify(entries);
  if (shown === s.shown) return;
  s.shown = shown;
  const focused = s.root.activeElement;
  const at = focused?.closest('.entries') && { row: +focused.closest('li').dataset.row, of: focused.dataset };
  list.replaceChildren(...entries.map((entry, row) => entryRow(entry, row, entries.length, maxText)));
  if (!at) return;
  const row = s.focusRow ?? at.row;
  s.focusRow = undefined;
  const target = at.of.do ? `[data-do=${at.of.do}]` : 'input';
  const rows = list.children;
  rows[Math.min(row, rows.length - 1)]?.querySelector(target)?.focus();
}

const editorActions = {
  start(s, { id = 'own', row = 0 }) {
    pageLeft();
    s.mail.ask({ kind: 'start', id, step: +row });
  },
  copy(s, { id }) {
    s.mail.ask({ kind: 'copy', id });
  },
  up: (s, { row }) => moveEntry(s, +row, -1),
  down: (s, { row }) => moveEntry(s, +row, 1),
  remove(s, { row }) {
    s.mail.ask({ kind: 'remove', row: +row });
  },
  undo(s) {
    s.mail.ask({ kind: 'undo' });
  },
  adding(s) {
    s.mail.ask({ kind: 'adding' });
  },
  download: (s) =>
    downloadText(`${s.data.title.replace(/[^\p{L}\p{N}]+/gu, '-') || 'lecture'}.json`, s.data.file),
  upload: (s) => s.$('[type=file]').click(),
};

function moveEntry(s, row, by) {
  s.focusRow = row + by;
  s.mail.ask({ kind: 'move', row, by });
}

async function loadLecture(s, field) {
  const [file] = field.files;
  if (!file) return;
  if (file.size > s.data.max_bytes) s.mail.ask({ kind: 'large' });
  else s.mail.ask({ kind: 'load', text: await readFile(file) });
  field.value = '';
}
