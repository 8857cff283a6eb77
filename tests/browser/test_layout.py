"""The pages at six window sizes: nothing is cut, covered, too small or wider than the window."""

import shutil

import pytest

from tests.browser.layout import PHONE_BELOW, SIZES, faults
from tests.browser.server import PROJECT, serving

PAGES = {
    "": "[data-testid=stage]",
    "?a=18&b=61&image=61": "[data-testid=lane-lerp]",
    "train": ".st-key-run-start",
    "library": "h2",
}
PANES = ("strips", "map", "ab", "draw")


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    root = tmp_path_factory.mktemp("layout") / "checkpoints"
    shutil.copytree(PROJECT / "checkpoints" / "mnist", root / "mnist")
    with serving(root.parent / "log", EXPLORER_CHECKPOINTS=str(root)) as server:
        yield server.url


def until_drawn(page, path: str) -> None:
    """Waits for the first part of the page, the end of its script run and, on Explore, the map."""
    page.locator(PAGES[path]).first.wait_for(state="attached")
    page.wait_for_function("() => document.querySelector('.stApp')?.dataset.testScriptState === 'notRunning'")
    if path[:1] in ("", "?"):
        page.wait_for_function("() => document.querySelector('.st-key-latent_map .js-plotly-plot')?._fullLayout?.xaxis")


@pytest.fixture
def window(chromium, url):
    """window(size, path, address) -> the page, once it has come to rest."""
    opened = []

    def go(size, path: str, address: str = url):
        context = chromium.new_context(
            viewport={"width": size.width, "height": size.height},
            device_scale_factor=size.ratio,
            has_touch=size.width < PHONE_BELOW,
        )
        opened.append(context)
        page = context.new_page()
        page.goto(f"{address}/{path}")
        until_drawn(page, path)
        page.wait_for_timeout(500)
        return page

    yield go
    for context in opened:
        context.close()


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_a_page_fits_its_window(window, size, path):
    page, found = window(size, path), {}
    is_phone = size.width < PHONE_BELOW and path[:1] in ("", "?")
    for pane in PANES if is_phone else (None,):
        if pane:
            page.get_by_test_id(f"pane-{pane}").click()
            page.wait_for_timeout(300)
        if wrong := faults(page, size):
            found[pane] = wrong
    assert not found


def test_a_phone_shows_one_part_of_explore_at_a_time(window):
    page = window(SIZES[4], "")
    parts = {
        "map": ".st-key-chart_box",
        "ab": ".st-key-lanes_box",
        "draw": "[data-testid=own-canvas]",
        "strips": "[data-testid=z-15]",
    }
    for pane in PANES:
        page.get_by_test_id(f"pane-{pane}").click()
        shown = {name for name, part in parts.items() if is_visible(page, part)}
        assert shown == {pane} and is_visible(page, "[data-testid=stage]")
        assert page.get_by_test_id(f"pane-{pane}").get_attribute("aria-selected") == "true"


@pytest.mark.parametrize("size", SIZES[2:], ids=str)
def test_the_links_of_the_pages_scroll_away_with_the_page(window, size):
    page = window(size, "")
    page.evaluate("() => { document.querySelector('.stMain').scrollTop = 200; }")
    assert page.locator(".st-key-nav").bounding_box()["y"] <= -100


def test_a_laptop_at_200_percent_presents(window):
    size = SIZES[5]
    page = window(size, "?a=18&b=61&image=61")
    page.keyboard.press("f")
    assert page.get_by_test_id("stage").bounding_box()["height"] >= 0.8 * size.height
    assert not is_visible(page, ".stage .caption [data-do=keep]")  # no frame is previewed
    page.keyboard.press("Escape")
    page.keyboard.press("p")
    page.wait_for_timeout(500)
    strip, chart = (page.locator(part).first.bounding_box() for part in ("[data-testid=z-15]", ".js-plotly-plot"))
    assert is_visible(page, ".js-plotly-plot") and chart["y"] + chart["height"] <= strip["y"]


def is_visible(page, selector: str) -> bool:
    return page.locator(selector).first.evaluate(
        "(e) => e.checkVisibility({ opacityProperty: true, visibilityProperty: true })"
    )


def test_a_picked_image_without_its_data_set_is_described_in_full(window, tmp_path):
    root = tmp_path / "checkpoints"
    shutil.copytree(PROJECT / "checkpoints" / "mnist", root / "mnist")
    with serving(tmp_path / "log", EXPLORER_CHECKPOINTS=str(root), EXPLORER_DATA_DIR=str(tmp_path / "no-data")) as server:
        for size in SIZES:
            page = window(size, "?a=18&b=61&image=61", server.url)
            assert page.locator(".description").inner_text().endswith("MNIST is not on this computer")
            assert not faults(page, size)
