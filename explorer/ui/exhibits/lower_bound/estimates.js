// The chart of the estimates of log p(x) against the number of samples.

import { nats } from '../parts/numbers.js';

const NAMES = { iwae: 'importance-weighted', 'monte-carlo': 'plain Monte Carlo' };
const SVG = 'http://www.w3.org/2000/svg';
const MARGIN = { left: 64, right: 150, top: 12, bottom: 28 };
const NARROW_PX = 500; // below it every other power of ten is labelled
const SPAN_NATS = 30; // shown below log p(x), at most

function add(parent, tag, attributes, text = '') {
  const element = document.createElementNS(SVG, tag);
  for (const name in attributes) element.setAttribute(name, attributes[name]);
  element.textContent = text;
  parent.append(element);
  return element;
}

// `series`: [{name, k, mean, low, high}], values in nats.
export function drawEstimates(svg, { series, log_px }) {
  const { clientWidth: width, clientHeight: height } = svg;
  svg.setAttribute('viewBox', `0 0 ${width} ${height}`);
  svg.replaceChildren();
  const known = series.filter(({ k }) => k.length);
  if (log_px === null && !known.length) return;
  const all = known.flatMap(({ low, high }) => [...low, ...high]);
  const top = Math.max(log_px ?? -Infinity, ...all) + 1;
  const bottom = Math.max(top - SPAN_NATS, Math.min(log_px ?? Infinity, ...all) - 1);
  const decades = Math.max(1, ...known.map(({ k }) => Math.log10(k[k.length - 1])));
  const x = (k) => MARGIN.left + (Math.log10(k) / decades) * (width - MARGIN.left - MARGIN.right);
  const y = (value) =>
    MARGIN.top + ((top - Math.max(bottom, value)) / (top - bottom)) * (height - MARGIN.top - MARGIN.bottom);
  const every = width < NARROW_PX ? 2 : 1;
  for (let d = 0; d <= decades; d += every) {
    const text = d ? (10 ** d).toLocaleString('en') : 'K = 1';
    add(svg, 'text', { x: x(10 ** d), y: height - 8, 'text-anchor': 'middle' }, text);
  }
  for (const value of [top - 1, bottom])
    add(svg, 'text', { x: MARGIN.left - 8, y: y(value) + 5, 'text-anchor': 'end' }, nats(value, 0));
  if (log_px !== null) {
    const [left, right, at] = [MARGIN.left, width - MARGIN.right, y(log_px)];
    add(svg, 'line', { class: 'le-exact', x1: left, x2: right, y1: at, y2: at });
    add(svg, 'text', { x: right + 8, y: at - 4 }, 'log p(x), exact');
  }
  const ends = [];
  for (const { name, k, mean, low, high } of known) {
    const edge = [...k.map((n, i) => [n, high[i]]), ...k.map((n, i) => [n, low[i]]).reverse()];
    const join = (points) => points.map(([n, value]) => `${x(n)},${y(value)}`).join(' ');
    add(svg, 'polygon', { class: `le-band le-${name}`, points: join(edge) });
    add(svg, 'polyline', { class: `le-line le-${name}`, points: join(k.map((n, i) => [n, mean[i]])) });
    ends.push([name, x(k[k.length - 1]), y(mean[mean.length - 1])]);
  }
  let last = log_px === null ? -Infinity : y(log_px) - 4;
  for (const [name, left, at] of ends.sort((a, b) => a[2] - b[2])) {
    last = Math.max(at + 5, last + 20);
    add(svg, 'text', { class: `le-${name}`, x: left + 8, y: last }, NAMES[name]);
  }
}
