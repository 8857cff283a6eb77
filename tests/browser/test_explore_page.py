"""The page as a visitor uses it: sliders, map and strip in headless Chromium."""

import os
from pathlib import Path

import pytest

from tests.helpers import random_bundle, sprite_set

SHOTS = os.environ.get("SHOTS")  # a folder: keep what was seen
CHECKPOINTS = Path(__file__).resolve().parents[2] / "checkpoints"
STAGE, STRIP = 0, 1
SLIDER = "[data-testid=stSlider] input[type=range]"


@pytest.fixture(scope="module")
def app(serve, tmp_path_factory) -> str:
    """The app with one model with random weights: it needs nothing that is shipped."""
    root = tmp_path_factory.mktemp("checkpoints")
    random_bundle(root, "mnist", sprite_set(300), latent_dim=10, gain=2.5)
    return serve(EXPLORER_CHECKPOINTS=str(root))


@pytest.fixture(scope="module")
def shipped(serve) -> str:
    """The app with the models of the repository."""
    if not (CHECKPOINTS / "mnist" / "config.json").is_file():
        pytest.skip("NO SHIPPED MODEL: checkpoints/mnist is not there")
    return serve(EXPLORER_CHECKPOINTS=str(CHECKPOINTS))


def settled(page) -> None:
    page.wait_for_selector(".st-key-latent_map .js-plotly-plot .main-svg")
    page.wait_for_selector("[data-testid=stApp][data-test-script-state=notRunning]")


def picture(page, which: int) -> bytes:
    """The bytes of an image on the page, as the server gave them."""
    address = page.locator("[data-testid=stImage] img").nth(which).get_attribute("src")
    return page.request.get(page.url.rstrip("/") + address if address.startswith("/") else address).body()


def changed(page, which: int, act) -> bytes:
    """The image after an act that changes it."""
    image = page.locator("[data-testid=stImage] img").nth(which)
    before = image.get_attribute("src")
    act()
    page.wait_for_function("([which, src]) => document.querySelectorAll('[data-testid=stImage] img')[which]"
                           ".getAttribute('src') !== src", arg=[which, before])  # fmt: skip
    return picture(page, which)


def n_points(page) -> int:
    return page.evaluate("() => document.querySelector('.st-key-latent_map .js-plotly-plot')._fullData"
                         ".filter(t => t.customdata).reduce((n, t) => n + t._length, 0)")  # fmt: skip


def shot(page, name: str) -> None:
    if SHOTS:
        Path(SHOTS).mkdir(parents=True, exist_ok=True)
        page.wait_for_timeout(1500)  # the chart fades in
        page.screenshot(path=Path(SHOTS) / f"{name}.png")


def test_the_page_opens_on_the_first_model(app, visit):
    page = visit(app)
    settled(page)
    assert page.locator("[data-testid=stSlider]").count() == 8 and n_points(page) == 300
    assert "mnist: Sprites, D = 10" in page.inner_text("[data-testid=stSelectbox]") or page.locator(
        "input[value^='mnist: Sprites, D = 10']").count()  # fmt: skip
    assert all(picture(page, which).startswith(b"\x89PNG") for which in (STAGE, STRIP))


def test_a_slider_changes_the_image_and_back(app, visit):
    page = visit(app)
    settled(page)
    before, strip = picture(page, STAGE), picture(page, STRIP)
    thumb = page.locator(SLIDER).first

    after = changed(page, STAGE, lambda: thumb.press("ArrowRight"))
    settled(page)
    assert float(thumb.input_value()) == 0.05 and after != before and picture(page, STRIP) == strip
    assert changed(page, STAGE, lambda: thumb.press("ArrowLeft")) == before and float(thumb.input_value()) == 0


def test_another_image_b_changes_the_strip(app, visit):
    page = visit(app)
    settled(page)
    before, stage = picture(page, STRIP), picture(page, STAGE)
    box = page.locator("[data-testid=stNumberInput] input").nth(1)

    def choose():
        box.fill("42")
        box.press("Enter")

    assert changed(page, STRIP, choose) != before
    settled(page)
    assert picture(page, STAGE) == stage and n_points(page) == 300


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_shipped_models_open(shipped, visit, theme):
    page = visit(shipped, theme)
    settled(page)
    assert n_points(page) == 10_000
    before = picture(page, STAGE)
    thumb = page.locator(SLIDER).first
    thumb.focus()
    assert changed(page, STAGE, lambda: thumb.press("ArrowRight")) != before
    settled(page)
    assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
    shot(page, f"mnist-{theme}")
