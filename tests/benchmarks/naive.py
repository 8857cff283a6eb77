"""Drives naive_app.py, the peer of the page: Streamlit's own slider, selection and settings on the same engine."""

import math
import tempfile
import time
from pathlib import Path

import numpy as np

from tests.browser.driver import Visit
from tests.browser.server import PROJECT, serving

SCRIPT = Path(__file__).with_name("naive_app.py")
N_DRAGS, N_SHORT, N_CLICKS = 5, 10, 15
SEEN = """() => {
  const log = window.__seen = { loads: [], up: 0 };
  window.addEventListener('pointerup', (e) => { log.up = e.timeStamp; }, true);
  document.addEventListener('load', (e) => {
    if (e.target.tagName !== 'IMG') return;
    const entry = { wide: e.target.naturalWidth > 1000, at: performance.now(), painted: null };
    log.loads.push(entry);
    __probe.afterPaint((now) => { entry.painted = now; });
  }, true);
}"""
CHART = "document.querySelector('.st-key-map .js-plotly-plot')"


def measure(browser, engine, root: Path) -> dict:
    """{"images_in_drags": int, "release_ms": [...], "click_ms": [...]}: ms from pointer up to the new image on the screen."""
    with tempfile.TemporaryDirectory() as folder:
        with serving(
            Path(folder) / "log", str(SCRIPT), Path(folder), PYTHONPATH=str(PROJECT), EXPLORER_CHECKPOINTS=str(root)
        ) as server:
            page = browser.new_context(viewport={"width": 1280, "height": 1600}).new_page()
            visit = Visit(page, CHART)
            page.goto(server.url)
            page.wait_for_selector(".st-key-map .js-plotly-plot .nsewdrag")
            page.wait_for_function("() => [...document.images].some(i => i.complete && i.naturalWidth)")
            page.wait_for_timeout(2000)
            page.evaluate(f"() => ({SEEN})()")
            shown, release = 0, []
            for i in range(N_DRAGS + N_SHORT):
                during, after = _drag(page, i, 0.14 + 0.05 * i, 2.0 if i < N_DRAGS else 0.3)
                shown += during
                release += after
            clicks = _clicks(visit, engine)
            page.context.close()
    return {"images_in_drags": shown, "release_ms": release, "click_ms": clicks}


def _drag(page, i: int, end: float, seconds: float) -> tuple[int, list[float]]:
    """(images shown while the button was down, ms from release to the first image after it)."""
    slider = page.locator("[data-testid=stSlider]").nth(i)
    slider.scroll_into_view_if_needed()
    box = slider.locator("[data-orientation] [data-orientation]").bounding_box()  # its handle is still in the middle
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.evaluate("() => { __seen.loads.length = 0; }")
    page.mouse.move(x, y)
    page.mouse.down()
    began = time.perf_counter()
    while (now := time.perf_counter() - began) < seconds:
        page.mouse.move(x + 0.4 * box["width"] * math.sin(3 * now), y)
    page.mouse.move(box["x"] + end * box["width"], y, steps=3)
    during = page.evaluate("() => __seen.loads.length")
    page.mouse.up()
    page.wait_for_function("() => __seen.loads.some(l => l.at > __seen.up && l.painted)")
    page.wait_for_timeout(500)
    return during, page.evaluate("() => __seen.loads.filter(l => l.at > __seen.up).map(l => l.painted - __seen.up).slice(0, 1)")


def _clicks(visit: Visit, engine) -> list[float]:
    """ms from the second click, and every later one, to the interpolation on the screen."""
    page, times = visit.page, []
    page.evaluate(f"() => {CHART}.scrollIntoView({{ block: 'center' }})")
    page.wait_for_timeout(500)
    points = visit.isolated(engine.map_xy(), np.random.default_rng(2))[: N_CLICKS + 1]
    for i, (_, x, y) in enumerate(points):
        page.evaluate("() => { __seen.loads.length = 0; }")
        page.mouse.move(x, y)
        page.wait_for_timeout(100)
        page.mouse.click(x, y)
        if i:
            page.wait_for_function("() => __seen.loads.some(l => l.wide && l.at > __seen.up && l.painted)")
            times += page.evaluate(
                "() => __seen.loads.filter(l => l.wide && l.at > __seen.up).map(l => l.painted - __seen.up).slice(0, 1)"
            )
        page.wait_for_timeout(1000)
    return times
