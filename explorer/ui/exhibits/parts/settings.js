// Controls of an exhibit's settings, and the parts of an exhibit of which one is shown at a time.
// - [data-set="name"]: a range. With data-log, its value is the logarithm to base 10 of the setting.
// - button [data-choose="name"] [data-to="value"]: one choice of a setting.
// - [data-shown="name"]: the value of a setting as text.
// - [data-in="a b"]: shown if the setting `part` is a or b.

import { nats } from './numbers.js';

// `onChange(name, event)` is called for each change by the viewer; s.values holds the settings.
export function buildSettings(s, onChange) {
  s.values = {};
  for (const input of s.root.querySelectorAll('[data-set]'))
    input.addEventListener('input', (event) => changeSetting(s, input.dataset.set, readRange(input), event));
  s.root.addEventListener('click', (event) => {
    const button = event.target.closest('[data-choose]');
    if (button) changeSetting(s, button.dataset.choose, button.dataset.to, event);
  });
  s.onChange = onChange;
}

// Changes a setting: shows it at once, and sends it when it rests.
export function changeSetting(s, name, value, event) {
  s.values[name] = value;
  showSettings(s);
  s.onChange(name, event);
  s.set({ [name]: value });
}

// Takes the settings of a packet, unless the viewer is changing one.
export function acceptSettings(s, values) {
  if (s.isSettled() || !s.values.part) s.values = { ...values };
  showSettings(s);
}

const readRange = (input) => (input.dataset.log === undefined ? +input.value : 10 ** +input.value);

export function showSettings(s) {
  const { values, root } = s;
  for (const input of root.querySelectorAll('[data-set]')) {
    const value = values[input.dataset.set];
    if (document.activeElement !== input || Math.abs(readRange(input) - value) > 1e-6 * Math.abs(value))
      input.value = input.dataset.log === undefined ? value : Math.log10(value);
  }
  for (const button of root.querySelectorAll('[data-choose]'))
    button.setAttribute('aria-pressed', values[button.dataset.choose] === button.dataset.to);
  for (const output of root.querySelectorAll('[data-shown]'))
    output.textContent = shortNumber(values[output.dataset.shown]);
  for (const element of root.querySelectorAll('[data-in]'))
    element.hidden = !element.dataset.in.split(' ').includes(values.part);
}

// A number with three significant digits.
export const shortNumber = (value) =>
  nats(value, value === 0 ? 0 : Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value)))));
