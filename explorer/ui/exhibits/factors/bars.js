// A latent point or a posterior as bars.

const SVG = 'http://www.w3.org/2000/svg';

// A bar from 0 to each value, within +-range; with `sigma`, a whisker of one sigma on each.
export function drawBars(svg, values, sigma, range) {
  const { clientWidth: width, clientHeight: height } = svg;
  svg.setAttribute('viewBox', `0 0 ${width} ${height}`);
  svg.replaceChildren();
  const slot = width / values.length;
  const y = (value) => height / 2 - (Math.max(-range, Math.min(range, value)) / range) * (height / 2 - 4);
  const add = (tag, attributes) => {
    const element = document.createElementNS(SVG, tag);
    for (const name in attributes) element.setAttribute(name, attributes[name]);
    svg.append(element);
  };
  add('line', { class: 'zero', x1: 0, x2: width, y1: y(0), y2: y(0) });
  values.forEach((value, i) => {
    const left = (i + 0.15) * slot;
    const [top, bottom] = [Math.min(y(value), y(0)), Math.max(y(value), y(0))];
    add('rect', { x: left, y: top, width: 0.7 * slot, height: Math.max(1, bottom - top) });
    if (!sigma) return;
    const x = (i + 0.5) * slot;
    add('line', { class: 'sigma', x1: x, x2: x, y1: y(value - sigma[i]), y2: y(value + sigma[i]) });
  });
}
