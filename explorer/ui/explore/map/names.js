// The names of the classes on their clusters, and the list that shows and hides classes.

import { classesOf, toggleClass, toPixels } from './chart.js';

const NAME_GAP_PX = 2;

// Writes each name where its class is densest; a name that would cover an earlier one is left out.
export function placeNames(s) {
  const { layer, packet, chart } = s;
  const list = layer.querySelector('.le-names');
  const key = packet.names.map(([name]) => name).join('\n');
  if (list.dataset.names !== key) {
    list.dataset.names = key;
    list.replaceChildren(
      ...packet.names.map(([name]) => Object.assign(document.createElement('b'), { textContent: name })),
    );
  }
  const shown = new Map(classesOf(chart).map(({ name, isShown }) => [unescaped(name), isShown]));
  const placed = [];
  packet.names.forEach(([name, x, y], k) => {
    const element = list.children[k];
    const [px, py] = toPixels(chart, x, y);
    const [width, height] = [element.offsetWidth + NAME_GAP_PX, element.offsetHeight];
    const isCovered = placed.some(
      (other) =>
        Math.abs(other.px - px) < (other.width + width) / 2 &&
        Math.abs(other.py - py) < (other.height + height) / 2,
    );
    if (!isCovered) placed.push({ px, py, width, height });
    element.style.visibility = isCovered ? 'hidden' : '';
    element.style.transform = `translate(${px}px,${py}px) translate(-50%,-50%)`;
    element.classList.toggle('le-off', shown.get(name) === false);
  });
  showClasses(s);
}

const texts = new Map();

// Plotly holds names as HTML; this is the text.
function unescaped(html) {
  if (!texts.has(html))
    texts.set(html, new DOMParser().parseFromString(html, 'text/html').documentElement.textContent);
  return texts.get(html);
}

// The list of classes: a click shows or hides one, a double click shows it alone, All shows all.
export function showClasses({ root, chart }) {
  const list = root.querySelector('.le-classes');
  if (list.hidden || !chart) return;
  const classes = classesOf(chart);
  if (list.querySelectorAll('[aria-pressed]').length !== classes.length)
    list.replaceChildren(...classes.map((_, k) => classButton(chart, k)), allButton(chart), hint());
  const buttons = list.querySelectorAll('[aria-pressed]');
  classes.forEach(({ name, isShown, colour }, k) => {
    buttons[k].textContent = unescaped(name);
    buttons[k].setAttribute('aria-pressed', isShown);
    buttons[k].style.setProperty('--colour', colour ?? 'currentColor');
  });
}

function classButton(chart, index) {
  const button = document.createElement('button');
  button.setAttribute('aria-pressed', true);
  button.addEventListener('click', () => toggleClass(chart, index));
  return button;
}

function allButton(chart) {
  const button = Object.assign(document.createElement('button'), { className: 'le-all', textContent: 'All' });
  button.addEventListener('click', () => {
    classesOf(chart).forEach(({ isShown }, k) => {
      if (!isShown) toggleClass(chart, k);
    });
  });
  return button;
}

const hint = () =>
  Object.assign(document.createElement('span'), {
    textContent: 'A click hides or shows a class, a double click shows it alone.',
  });
