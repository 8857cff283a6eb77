// The discrete example: tables that the viewer edits, and what follows from them.

import { showNumber } from '../parts/numbers.js';

const EDITED = { pz: 'p(z)', px: 'p(x = 1 | z)', qz: 'q(z | x)' };
const DERIVED = { joint: 'p(x, z)', posterior: 'p(z | x)' };
const RESULTS = {
  'discrete-log-px': 'log p(x)',
  'discrete-elbo': 'ELBO',
  'discrete-kl': 'KL(q \u2016 p(z|x))',
  'discrete-reverse-kl': 'KL(p(z|x) \u2016 q)',
};

export function buildTables(s) {
  const table = s.$('[data-part=tables]');
  const head = row('th', ['z', 1, 2, 3]);
  const edited = Object.entries(EDITED).map(([name, text]) => {
    const fields = [0, 1, 2].map((i) => numberField(s, name, i, `${text}, z = ${i + 1}`));
    return row('td', [text, ...fields]);
  });
  const derived = Object.entries(DERIVED).map(([name, text]) => {
    const cells = [0, 1, 2].map((i) => tagged('output', { num: `discrete-${name}-${i + 1}` }));
    return row('td', [text, ...cells]);
  });
  table.replaceChildren(head, ...edited, ...derived);
  const results = document.createElement('dl');
  for (const [name, text] of Object.entries(RESULTS)) {
    const pair = document.createElement('div');
    const [label, value] = [document.createElement('dt'), tagged('dd', { num: name })];
    label.textContent = text;
    pair.append(label, value);
    results.append(pair);
  }
  const choice = document.createElement('button');
  choice.dataset.part = 'observed';
  choice.addEventListener('click', () => s.set({ x: `${1 - s.packet.observed}` }));
  table.after(choice, results);
}

function row(tag, contents) {
  const line = document.createElement('tr');
  contents.forEach((content, i) => {
    const cell = document.createElement(i ? tag : 'th');
    cell.append(content);
    line.append(cell);
  });
  return line;
}

function tagged(tag, data) {
  const element = document.createElement(tag);
  Object.assign(element.dataset, data);
  return element;
}

function numberField(s, name, i, label) {
  const field = tagged('input', { table: name, index: i });
  Object.assign(field, { type: 'number', min: 0, max: 1, step: 0.05, ariaLabel: label });
  field.addEventListener('change', () => {
    const fields = [...s.root.querySelectorAll(`[data-table="${name}"]`)];
    s.set({ [name]: fields.map((other) => other.value || 'nan').join(',') });
  });
  return field;
}

export function showTables(s, packet) {
  const { tables, discrete, observed, error } = packet;
  for (const field of s.root.querySelectorAll('[data-table]'))
    if (document.activeElement !== field) field.value = tables[field.dataset.table][field.dataset.index];
  s.$('[data-part=observed]').textContent = `observed: x = ${observed}`;
  s.$('.le-sentence').textContent = error;
  for (const name of Object.keys(DERIVED))
    for (let i = 0; i < 3; i++)
      showNumber(s, `discrete-${name}-${i + 1}`, discrete[name]?.[i] ?? Number.NaN, 4);
  showNumber(s, 'discrete-log-px', discrete.log_px ?? Number.NaN, 4);
  showNumber(s, 'discrete-elbo', discrete.elbo ?? Number.NaN, 4);
  showNumber(s, 'discrete-kl', discrete.kl ?? Number.NaN, 4);
  showNumber(s, 'discrete-reverse-kl', discrete.reverse_kl ?? Number.NaN, 4);
}
