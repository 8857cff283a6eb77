// Live numbers: their text, and their full precision in data-value.

export const nats = (value, digits = 2) => value.toFixed(digits).replace('-', '\u2212');

// Sets the numbers called `name`. A number that is not finite is shown as a dash.
export function showNumber(s, name, value, digits = 2) {
  for (const element of s.root.querySelectorAll(`[data-num="${name}"]`)) {
    element.dataset.testid = `num-${name}`;
    element.dataset.value = value;
    element.textContent = Number.isFinite(value) ? nats(value, digits) : '\u2013';
  }
}
