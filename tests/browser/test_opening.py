"""The first seconds: an example path plays once on the plain address, and any input or a link stops or replaces it."""

import numpy as np
import pytest

from tests.browser.driver import Visit, eventually

CURSORS = "() => window.__latentExplorer?.stats().cursors ?? 0"
# Notes when the first picture is on the stage and when the film first moves, in ms since the navigation began. A question
# from outside the page may be answered late, because the browser reads the chart's library at the same time.
CLOCK = """
(() => {
  window.__first = {};
  const look = (now) => {
    if (__probe.byId('stage')?.dataset.seq) __first.picture ??= now;
    if (+__probe.byId('lane-scrub')?.value > 0) __first.movement ??= now;
    if (!(__first.picture && __first.movement)) requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
})();
"""


@pytest.fixture
def arrive(app, visit):
    """arrive(query="", **media) -> a page that has just been asked for."""

    def go(query: str = "", **media) -> Visit:
        page = Visit(visit("about:blank"))
        page.page.add_init_script(CLOCK)
        if media:
            page.page.emulate_media(**media)
        page.page.goto(f"{app.url}/{query}")
        return page

    return go


def t(page: Visit) -> float:
    return float(page.page.get_by_test_id("lane-scrub").evaluate("e => +e.value"))


def test_the_example_plays_once_on_the_plain_address(arrive):
    page = arrive()
    page.page.wait_for_function("() => __first.picture && __first.movement")
    first = page.page.evaluate("() => __first")
    assert first["movement"] <= 1.5 * first["picture"], first
    labels = page.page.evaluate("() => ['a', 'b'].map((name) => __probe.byId(`anchor-${name}`)?.dataset.index)")
    page.page.wait_for_function("() => +__probe.byId('lane-scrub').value > 0.9")
    page.page.wait_for_function("() => +__probe.byId('lane-scrub').value === 0")
    page.idle()
    assert page.page.url.endswith("/") and not page.z(16).any()
    assert page.page.locator(".le-hint").is_visible() and None not in page.anchors() and len(labels) == 2
    before = page.page.evaluate(CURSORS)
    page.page.wait_for_timeout(600)
    assert page.page.evaluate(CURSORS) == before


def test_any_input_stops_the_example(arrive):
    page = arrive()
    page.page.wait_for_function("() => +__probe.byId('lane-scrub')?.value > 0.2")
    page.page.keyboard.press("Shift")
    stopped = t(page)
    page.page.wait_for_timeout(400)
    assert t(page) == stopped
    page.idle()
    assert page.page.locator(".stage .caption").is_hidden()


def test_nothing_moves_where_less_motion_is_wanted(arrive):
    page = arrive(reduced_motion="reduce")
    page.idle()
    page.page.wait_for_timeout(500)
    assert t(page) == 0 and None not in page.anchors()


def test_the_first_click_replaces_the_example_and_the_link_says_so(arrive, engine):
    page = arrive()
    page.idle()
    page.watch()
    page.settled()
    row, x, y = page.isolated(engine.map_xy("umap"), np.random.default_rng(0))[0]
    page.click(x, y)
    assert page.anchors() == (row, None) and page.link()["a"] == str(row) and "b" not in page.link()
    assert page.page.locator(".le-hint").is_hidden()
    page.press("[data-do=clear]")
    assert eventually(lambda: page.link().get("ab"), "none") == "none" and page.anchors() == (None, None)
    page.page.reload()
    page.idle()
    assert page.anchors() == (None, None) and t(page) == 0


def test_a_link_is_untouched_by_the_example(arrive):
    page = arrive("?a=3&b=4")
    page.idle()
    page.page.wait_for_timeout(500)
    assert eventually(page.anchors, (3, 4)) == (3, 4) and t(page) == 0 and page.page.locator(".le-hint").is_hidden()
