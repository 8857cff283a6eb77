"""The exhibit /prior: the ring, the decoded sheet, and the holes, whose numbers are the core's."""

import math

import numpy as np
import pytest

from explorer import open_bundle
from explorer.core.latent import navigation
from explorer.core.paths import SHIPPED_DIR
from explorer.core.theory import prior

PATH = "prior?model=mnist-2d"


@pytest.fixture(scope="module")
def engine():
    return open_bundle("mnist-2d", SHIPPED_DIR, device="cpu")


@pytest.fixture
def page(exhibit_page):
    return exhibit_page


def test_the_ring_follows_a_slider_at_once_and_the_core_agrees(page):
    page.open(PATH)
    assert page.number("ring-mean") == pytest.approx(1 + math.sqrt(math.pi / 2) / 10, abs=0.005)
    page.page.locator("[data-set=radius]").focus()
    seen = [page.number("ring-mean")]
    for _ in range(5):
        page.page.keyboard.press("ArrowLeft")
        seen.append(page.number("ring-mean"))
    assert np.diff(seen) == pytest.approx([-0.01] * 5, abs=1e-6)
    page.wait_until(lambda: "radius=0.95" in page.page.url)
    page.settled()
    norms = np.linalg.norm(prior.ring_map(navigation.prior_draws(2_000, 2, 0), 10, 0.95), axis=1)
    assert page.numbers("ring-mean", "ring-spread") == pytest.approx([norms.mean(), norms.std()], abs=1e-6)


def test_the_ring_is_covered_until_it_is_predicted(page):
    page.open(PATH)
    figure = page.page.locator("[data-cover=ring]")
    assert "le-covered" in figure.get_attribute("class")
    page.page.get_by_role("button", name="A ring", exact=True).click()
    page.wait_until(lambda: "le-covered" not in figure.get_attribute("class"))


def test_holes_and_the_split_of_the_kl_are_those_of_the_core(page, engine):
    page.open(f"{PATH}&part=holes")
    assert page.wait_for_number("hole-share") == prior.find_holes(engine.place, 2).share == pytest.approx(0.023, abs=0.001)
    assert page.number("unsupported-images") == pytest.approx(0.013, abs=0.001)
    kl, information, rest = page.numbers("kl", "mutual-information", "aggregate-kl")
    assert kl == pytest.approx(information + rest) and information < page.number("log-n")


def test_a_hole_shows_what_is_decoded_there(page, engine):
    page.open(f"{PATH}&part=holes&z1=0&z2=0")
    page.wait_for_number("hole-share")
    centre = page.page.evaluate("() => document.querySelector('[data-part=spot]').toDataURL()")
    page.page.get_by_role("button", name="hole 1").click()
    page.wait_until(lambda: "hole=1" in page.page.url)
    page.settled()
    z, support = prior.find_holes(engine.place, 2).centres[0], prior.find_holes(engine.place, 2).support[0]
    assert page.numbers("spot-1", "spot-2", "support") == pytest.approx([*z, support], abs=1e-5)
    assert page.number("support") < prior.HOLE_SUPPORT
    assert page.page.evaluate("() => document.querySelector('[data-part=spot]').toDataURL()") != centre


@pytest.mark.parametrize("part", ["sheet", "holes"])
def test_the_point_follows_the_pointer_and_rests_on_the_exact_support(page, engine, part):
    page.open(f"{PATH}&part={part}&z1=0&z2=0")
    page.wait_for_number("support")
    box = page.page.get_by_test_id(part).bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    before = page.page.evaluate("() => window.__latentExplorer.stats().paints")
    page.page.mouse.move(x + 100, y)
    page.page.mouse.down()
    for step in range(1, 11):
        page.page.mouse.move(x + 100, y + 5 * step)
    page.page.mouse.up()
    assert page.page.evaluate("() => window.__latentExplorer.stats().paints") >= before + 10
    page.wait_until(lambda: "z1=" in page.page.url)
    page.settled()
    z = np.array([page.numbers("spot-1", "spot-2")], np.float32)
    assert z[0, 0] == pytest.approx(800 / box["width"], abs=0.03) and z[0, 1] < -0.7
    assert page.number("support") == pytest.approx(engine.place(z)[1][0], abs=1e-4)


def test_arrow_keys_move_the_point(page):
    page.open(f"{PATH}&part=holes&z1=0&z2=0")
    page.wait_for_number("support")
    page.page.get_by_test_id("holes").focus()
    for key in ("ArrowRight", "ArrowRight", "ArrowUp"):
        page.page.keyboard.press(key)
    assert page.numbers("spot-1", "spot-2") == pytest.approx([0.2, 0.1])


def test_with_many_dimensions_most_draws_are_in_holes_and_most_images_too(page):
    page.open("prior?model=mnist&part=holes")
    assert page.wait_for_number("hole-share") > 0.7 and page.number("unsupported-images") > 0.5
    assert page.page.get_by_text("2 of 16 dimensions").is_visible()


def test_every_question_leads_to_its_state(page):
    page.open(PATH)
    links = page.page.locator(".le-asked [data-query]")
    for i in range(links.count()):
        part = links.nth(i).get_attribute("data-query").partition("part=")[2].partition("&")[0]
        links.nth(i).click()
        page.wait_until(
            lambda part=part: page.page.locator(f"[data-choose=part][data-to={part}][aria-pressed=true]").count() == 1
        )
        page.settled()
