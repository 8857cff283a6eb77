"""The exhibit /factors: draws are read off, the arrow turns round, attributes are dragged."""

import math

import numpy as np
import pytest

from explorer import open_bundle
from explorer.core.paths import SHIPPED_DIR
from explorer.core.theory import factors
from explorer.ui.exhibits.factors.panel import N_DRAWS, N_FRAMES, SEED

NAMES = ("slant", "thickness", "width", "height", "ink")


@pytest.fixture
def page(exhibit_page):
    return exhibit_page


@pytest.fixture(scope="module")
def engine():
    return open_bundle("mnist", SHIPPED_DIR, device="cpu")


def read_off(page) -> list[float]:
    return [page.number(f"drawn-{name}") for name in NAMES]


def test_draw_shows_the_next_draw_with_its_attributes(page, engine):
    draws = factors.ancestral_draws(engine, N_DRAWS, SEED)
    page.open("factors?model=mnist&image=3&draw=1")
    page.wait_until(lambda: np.allclose(read_off(page), draws.traits[1], atol=0.05))
    page.page.get_by_role("button", name="Draw z, then x").click()
    page.wait_until(lambda: np.allclose(read_off(page), draws.traits[2], atol=0.05))
    page.wait_until(lambda: "draw=2" in page.page.url)
    assert page.number("r2-slant") == pytest.approx(engine.traits["attribute slant"].r2, abs=1e-6)


def test_inference_turns_the_arrow_round_and_a_link_restores_it(page):
    page.open("factors?model=mnist&image=3&show=infer")
    page.page.get_by_text("mean and one sigma").wait_for()
    assert page.page.locator("[data-part=arrow]").inner_text() == "q(z|x)"
    assert page.page.locator("[data-part=z] .sigma").count() == 16


def test_an_attribute_is_dragged_and_measured_at_every_frame(page, engine):
    page.open("factors?model=mnist&image=3")
    slider = page.page.get_by_test_id("trait-slant")
    slider.focus()
    painted = page.page.evaluate("() => window.__latentExplorer.stats().paints")
    seen = []
    for _ in range(6):
        page.page.keyboard.press("ArrowRight")
        seen.append(page.number("drawn-slant"))
    trait = engine.traits["attribute slant"]
    along = factors.along_trait(engine, engine.gallery.mu[3], trait, N_FRAMES).traits[13:19, 0]
    np.testing.assert_allclose(seen, along, atol=0.05)
    assert page.page.evaluate("() => window.__latentExplorer.stats().paints") == painted + 6
    assert math.isnan(page.number("drawn-ink"))
