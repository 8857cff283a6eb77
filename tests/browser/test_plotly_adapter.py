"""What the map's adapter (explorer/ui/explore/map/chart.js) uses of Plotly's private API."""

import re
from pathlib import Path

import numpy as np
import pytest

from explorer.ui.explore.map import panel
from tests.browser.driver import CHART, eventually

ADAPTER = Path(panel.__file__).with_name("chart.js").read_text("utf-8")
AXIS = {
    "_offset": "number",
    "_length": "number",
    "l2p": "function",
    "p2l": "function",
    "range": "object",
    "autorange": "boolean",
}
USED = {
    "on": "function",
    "_fullLayout.width": "number",
    "_fullLayout.height": "number",
    "_fullLayout.uirevision": "string",
    **{f"_fullLayout.{axis}axis.{name}": kind for axis in "xy" for name, kind in AXIS.items()},
    "_fullLayout._modeBar.buttons": "object",
    "_fullData.0.visible": "boolean",
    "_fullData.0.name": "string",
    "_fullData.0.marker.color": "string",
    **{f"_fullData.0.{name}": "object" for name in ("x", "y", "customdata")},
}  # path from the chart's element -> type
MISSING = f"""paths => paths.filter(([path, type]) =>
    typeof path.split('.').reduce((object, name) => object?.[name], {CHART}) !== type).map(([path]) => path)"""
LOAD = """async source => {
    const url = URL.createObjectURL(new Blob([source], { type: 'text/javascript' }));
    window.__adapter = await import(url); }"""
READ = """([x, y]) => {
    const { findChart, dataArea, toPixels, positionOf, nearestPoint, isDataArea, hasResetButton } = window.__adapter;
    const chart = findChart();
    const box = chart.getBoundingClientRect();
    const [left, top] = toPixels(chart, x, y);
    const position = positionOf(chart, { clientX: box.left + left, clientY: box.top + top });
    const middle = document.elementFromPoint(box.left + left, box.top + top);
    return { pixels: [box.left + left, box.top + top], position, area: dataArea(chart), size: [box.width, box.height],
        nearest: nearestPoint(chart, position), isDataArea: isDataArea(middle), hasResetButton: hasResetButton(chart) }; }"""
VIEW = "() => window.__adapter.viewOf(window.__adapter.findChart())"


def test_plotly_still_has_what_the_map_uses_of_its_private_api(explore, engine):
    page, xy = explore(), engine.map_xy("umap")
    listed = {name for path in USED for name in path.split(".")}
    assert set(re.findall(r"\b_\w+", ADAPTER)) <= listed, "chart.js uses a private field that this test does not check"
    row, x, y = page.isolated(xy, np.random.default_rng(0))[0]
    missing = page.page.evaluate(MISSING, list(USED.items()))
    assert missing == [], f"Plotly has changed its private fields {missing}; adapt explorer/ui/explore/map/chart.js"
    page.page.evaluate(LOAD, ADAPTER)

    found = page.page.evaluate(READ, xy[row].tolist())
    assert np.allclose(found["pixels"], (x, y), atol=1)
    assert np.allclose([found["position"]["x"], found["position"]["y"]], xy[row], atol=1e-3)
    assert found["nearest"]["row"] == row and found["nearest"]["distance"] < 0.5
    assert found["isDataArea"], "Plotly has renamed .nsewdrag"
    area, (width, height) = found["area"], found["size"]
    assert np.isclose(area["left"] + area["width"] + area["right"], width, atol=2) and area["width"] > 100
    assert np.isclose(area["top"] + area["height"] + area["bottom"], height, atol=2) and area["height"] > 100

    assert found["hasResetButton"], "Plotly's mode bar has no button 'resetScale2d'"
    view = page.page.evaluate(VIEW)
    assert view["plane"].endswith("umap") and view["ranges"] is None
    half = 1.5 * area["height"] / area["width"]  # the axes have one scale
    ranges = {"xaxis.range": [-1, 2], "yaxis.range": [0.5 - half, 0.5 + half]}
    page.page.evaluate("ranges => window.__adapter.setRanges(window.__adapter.findChart(), ranges)", ranges)
    page.idle()
    set_ranges = page.page.evaluate(VIEW)["ranges"]
    assert set_ranges == {name: pytest.approx(ends, abs=0.01) for name, ends in ranges.items()}, (
        "Plotly's reset button no longer sets the attribute that it is given"
    )
    page.page.evaluate("() => window.__adapter.showAll(window.__adapter.findChart())")
    page.idle()
    assert page.page.evaluate(VIEW)["ranges"] is None, "Plotly's reset button no longer shows everything"

    shown = "() => window.__adapter.classesOf(window.__adapter.findChart()).map(({ isShown }) => isShown)"
    assert page.page.evaluate(shown) == [True] * 10
    page.page.evaluate("() => window.__adapter.toggleClass(window.__adapter.findChart(), 3)")
    wanted = [label != 3 for label in range(10)]
    assert eventually(lambda: page.page.evaluate(shown), wanted) == wanted, "Plotly's legend no longer takes clicks"
