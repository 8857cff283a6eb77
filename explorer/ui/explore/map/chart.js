// The only file that uses Plotly's private fields: Streamlit keeps the library itself out of reach of a
// component.

const CHART = '.st-key-latent_map .js-plotly-plot';
const RESET_BUTTON = 'resetScale2d';

// The element of the chart once Plotly has drawn it, or null.
export function findChart() {
  const chart = document.querySelector(CHART);
  return chart?.on && isDrawn(chart) ? chart : null;
}

export const isDrawn = (chart) => Boolean(chart?._fullLayout?.xaxis);

// The data area in pixels of the chart: {left, top, right, bottom} from the chart's edges, {width, height} of
// the area.
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

// Map units -> pixels of the chart.
export function toPixels(chart, x, y) {
  const { xaxis, yaxis } = chart._fullLayout;
  return [xaxis._offset + xaxis.l2p(x), yaxis._offset + yaxis.l2p(y)];
}

// Position of a pointer event in the data area: {px, py} in pixels, {x, y} in map units.
export function positionOf(chart, { clientX, clientY }) {
  const box = chart.getBoundingClientRect();
  const { xaxis, yaxis } = chart._fullLayout;
  const px = clientX - box.left - xaxis._offset;
  const py = clientY - box.top - yaxis._offset;
  return { px, py, x: xaxis.p2l(px), y: yaxis.p2l(py) };
}

// The visible point nearest to a position in the data area: {row, distance} in pixels; no row where no point
// is visible.
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

// The part of the plane that is shown: {plane, ranges}; null for ranges: all of it.
export function viewOf(chart) {
  const { xaxis, yaxis, uirevision } = chart._fullLayout;
  const isWhole = xaxis.autorange && yaxis.autorange;
  const ranges = isWhole ? null : { 'xaxis.range': [...xaxis.range], 'yaxis.range': [...yaxis.range] };
  return { plane: uirevision, ranges };
}

export const planeOf = (chart) => chart._fullLayout.uirevision;

// The mode bar's hidden reset button sets whatever attribute its element names, which is the only way to set
// the axes.
const resetButton = (chart) =>
  chart?._fullLayout?._modeBar?.buttons.flat().find((button) => button.name === RESET_BUTTON);

export const hasControls = (chart) => Boolean(resetButton(chart));

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
