// Adapter to the Plotly chart, and the only file that uses Plotly's private API: components have no access to
// the library that Streamlit loads. tests/browser/test_plotly_adapter.py checks everything that is used here.

const CLICK = ['mousedown', 'mouseup'];
const CHART = '.st-key-latent_map .js-plotly-plot';
const RESET_BUTTON = 'resetScale2d';

// The chart's element once Plotly has drawn it, else null.
export function findChart() {
  const chart = document.querySelector(CHART);
  return chart?.on && isDrawn(chart) ? chart : null;
}

export const isDrawn = (chart) => Boolean(chart?._fullLayout?.xaxis);

// The data area, in pixels: {left, top, right, bottom} are distances from the chart's edges, {width, height}
// its size.
export function dataArea(chart) {
  const { xaxis, yaxis, width, height } = chart._fullLayout;
  return {
    left: xaxis._offset,
    top: yaxis._offset,
    right: Math.max(0, width - xaxis._offset - xaxis._length),
    bottom: Math.max(0, height - yaxis._offset - yaxis._length),
    width: xaxis._length,
    height: yaxis._length,
  };
}

// Converts map units to pixels from the chart's top left corner.
export function toPixels(chart, x, y) {
  const { xaxis, yaxis } = chart._fullLayout;
  return [xaxis._offset + xaxis.l2p(x), yaxis._offset + yaxis.l2p(y)];
}

// The position of a pointer event in the data area: {px, py} in pixels, {x, y} in map units.
export function positionOf(chart, { clientX, clientY }) {
  const box = chart.getBoundingClientRect();
  const { xaxis, yaxis } = chart._fullLayout;
  const px = clientX - box.left - xaxis._offset;
  const py = clientY - box.top - yaxis._offset;
  return { px, py, x: xaxis.p2l(px), y: yaxis.p2l(py) };
}

// The visible point nearest to a position in the data area: {row, distance}, distance in pixels. Without
// visible points, row is null.
export function nearestPoint(chart, { px, py }) {
  const { xaxis, yaxis } = chart._fullLayout;
  let row = null;
  let squared = Number.POSITIVE_INFINITY;
  for (const trace of chart._fullData) {
    if (trace.visible !== true || !trace.customdata) continue;
    const { x, y, customdata } = trace;
    for (let i = 0; i < x.length; i++) {
      const dx = xaxis.l2p(x[i]) - px;
      const dy = yaxis.l2p(y[i]) - py;
      if (dx * dx + dy * dy >= squared) continue;
      squared = dx * dx + dy * dy;
      row = customdata[i];
    }
  }
  return { row, distance: Math.sqrt(squared) };
}

export const isDataArea = (target) => Boolean(target.closest?.('.nsewdrag'));

// The visible part of the plane: {plane, ranges}; ranges is null if the whole plane is visible.
export function viewOf(chart) {
  const { xaxis, yaxis, uirevision } = chart._fullLayout;
  const isWhole = xaxis.autorange && yaxis.autorange;
  const ranges = isWhole ? null : { 'xaxis.range': [...xaxis.range], 'yaxis.range': [...yaxis.range] };
  return { plane: uirevision, ranges };
}

export const planeOf = (chart) => chart._fullLayout.uirevision;

// Plotly's reset button (in the hidden mode bar) sets the attribute named by the element clicked. A component
// has no other way to set the axes.
const resetButton = (chart) =>
  chart?._fullLayout?._modeBar?.buttons.flat().find((button) => button.name === RESET_BUTTON);

export const hasResetButton = (chart) => Boolean(resetButton(chart));

function pressReset(chart, attributes) {
  const currentTarget = { getAttribute: (name) => attributes[name] };
  resetButton(chart)?.click(chart, { currentTarget });
}

export function showAll(chart) {
  pressReset(chart, { 'data-attr': 'zoom', 'data-val': 'reset' });
}

export function setRanges(chart, ranges) {
  for (const name in ranges) pressReset(chart, { 'data-attr': name, 'data-val': ranges[name] });
}

// The classes of the chart: [{name, isShown, colour}], in the order of the traces.
export const classesOf = (chart) =>
  chart._fullData.map((trace) => ({
    name: trace.name,
    isShown: trace.visible === true,
    colour: typeof trace.marker.color === 'string' ? trace.marker.color : null,
  }));

// Clicks a class in Plotly's legend, which the page hides: one click shows or hides it, two quick ones show
// it alone, or all again.
export function toggleClass(chart, index) {
  const item = chart.querySelectorAll('.legendtoggle')[index];
  for (const name of CLICK)
    item?.dispatchEvent(new MouseEvent(name, { bubbles: true, view: window, button: 0 }));
}

// Calls `draw(px, py, row, trace)` for every point in the data area, with its position in pixels from the
// chart's top left corner. Traces: {isShown, colour}. Points of hidden classes come first.
export function eachPointInView(chart, draw) {
  const { xaxis, yaxis } = chart._fullLayout;
  const classes = classesOf(chart);
  const order = chart._fullData.map((_, k) => k).sort((k, l) => classes[k].isShown - classes[l].isShown);
  for (const k of order) {
    const { customdata } = chart._fullData[k];
    const { x, y } = chart._fullData[k].x ? chart._fullData[k] : chart.data[k];
    if (!customdata) continue;
    for (let i = 0; i < x.length; i++) {
      const px = xaxis.l2p(x[i]);
      const py = yaxis.l2p(y[i]);
      if (px < 0 || py < 0 || px > xaxis._length || py > yaxis._length) continue;
      draw(px + xaxis._offset, py + yaxis._offset, customdata[i], classes[k]);
    }
  }
}
