"""Nothing moves by itself: the layout shift of each page while it loads, and of Explore while it is used."""

import pytest

from tests.browser.layout import SIZES
from tests.browser.test_layout import until_drawn

LOADING, USED = 0.05, 0.02
OBSERVE = """
window.__shifts = [];
new PerformanceObserver((list) => {
  for (const entry of list.getEntries())
    if (!entry.hadRecentInput)
      window.__shifts.push([entry.value, entry.sources.map(({ node }) => node?.className ?? node?.nodeName)]);
}).observe({ type: 'layout-shift', buffered: true });
"""
SUM = "() => window.__shifts.reduce((sum, [value]) => sum + value, 0)"
CASES = [(path, size) for path in ("", "train", "library") for size in SIZES]


@pytest.fixture(scope="module")
def url(app):
    return app.url


@pytest.fixture
def arrive(chromium, url):
    """arrive(path, size) -> the page, at rest, with its layout shifts recorded from the start."""
    contexts = []

    def go(path: str, size):
        context = chromium.new_context(viewport={"width": size.width, "height": size.height}, device_scale_factor=size.ratio)
        contexts.append(context)
        page = context.new_page()
        page.add_init_script(OBSERVE)
        page.goto(f"{url}/{path}")
        until_drawn(page, path)
        page.wait_for_timeout(1500)
        return page

    yield go
    for context in contexts:
        context.close()


@pytest.mark.parametrize("path, size", CASES, ids=[f"{path or 'explore'}-{size}" for path, size in CASES])
def test_a_page_stands_still_while_it_loads(arrive, path, size):
    page = arrive(path, size)
    assert page.evaluate(SUM) <= LOADING, page.evaluate("() => window.__shifts")


def test_explore_stands_still_while_it_is_used(arrive):
    page = arrive("", SIZES[0])
    page.evaluate("() => { window.__shifts = []; }")
    page.locator("[data-testid^='z-']").first.press("ArrowRight")
    page.wait_for_timeout(1500)
    for tab in ("prior", "directions", "own", "ab"):
        page.get_by_test_id(f"moves-tab-{tab}").click()
        page.wait_for_timeout(900)
    page.locator(".play").click()
    page.wait_for_timeout(1500)
    page.locator(".play").click()
    page.keyboard.press("Escape")
    page.wait_for_timeout(900)
    assert page.evaluate(SUM) <= USED, page.evaluate("() => window.__shifts")
