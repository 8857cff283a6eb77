"""The exhibit /reparameterization: its numbers are the core's, samples follow every movement, and links restore it."""

import math

import numpy as np
import pytest

from explorer import open_bundle
from explorer.core.paths import SHIPPED_DIR
from explorer.core.theory import gradient_estimators, reparameterization

PATH = "reparameterization?model=digits-2d"


@pytest.fixture
def page(exhibit_page):
    return exhibit_page


def test_a_sample_is_mu_plus_sigma_eps_of_the_encoder(page):
    page.open(f"{PATH}&image=4&seed=3&draw=7")
    engine = open_bundle("digits-2d", SHIPPED_DIR, device="cpu")
    mu, logvar = engine.encode(engine.images_or_recons([4])[0])
    eps = reparameterization.draw_eps(100, 2, 3)[7]
    assert page.numbers("mu-1", "mu-2") == pytest.approx(mu[0], abs=1e-5)
    assert page.numbers("z-1", "z-2") == pytest.approx(mu[0] + np.exp(0.5 * logvar[0]) * eps, abs=1e-5)
    assert page.numbers("dz-dmu-1", "dz-dmu-2") == [1, 1]
    assert page.numbers("dz-dsigma-1", "dz-dsigma-2") == pytest.approx(eps)


def test_samples_follow_every_movement_rigidly(page):
    page.open(f"{PATH}&m1=0&m2=0&s1=0.5&s2=0.5")
    eps = page.numbers("eps-1", "eps-2")
    page.page.get_by_test_id("plane").focus()
    seen = []
    for key in ["ArrowRight"] * 6 + ["Shift+ArrowUp"] * 4:
        page.page.keyboard.press(key)
        mu, sigma, z = (page.numbers(f"{name}-1", f"{name}-2") for name in ("mu", "sigma", "z"))
        assert z == pytest.approx([m + s * e for m, s, e in zip(mu, sigma, eps)], abs=1e-6)
        seen.append((*mu, *sigma))
    assert len({*seen}) == len(seen)
    page.wait_until(lambda: "m1=" in page.page.url)
    page.settled()
    assert page.numbers("mu-1", "sigma-2") == pytest.approx([seen[-1][0], seen[-1][3]], rel=1e-5)
    assert page.numbers("eps-1", "eps-2") == eps


def test_the_pointer_drags_mu(page):
    page.open(f"{PATH}&m1=0&m2=0&s1=0.5&s2=0.5")
    before = page.page.evaluate("() => window.__latentExplorer.stats().paints")
    box = page.page.get_by_test_id("plane").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.page.mouse.move(x, y)
    page.page.mouse.down()
    for step in range(1, 11):
        page.page.mouse.move(x + 6 * step, y)
    page.page.mouse.up()
    assert page.number("mu-1") > 0.3 and page.number("mu-2") == pytest.approx(0, abs=1e-9)
    assert page.page.evaluate("() => window.__latentExplorer.stats().paints") >= before + 10


@pytest.mark.parametrize(
    "setting, name, mu, sigma", [("square", "z^2", 0, 1), ("square", "z^2", 1, 0.1), ("sine", "sin 30z", 0, 1)]
)
def test_the_ratio_of_the_variances_is_exact(page, setting, name, mu, sigma):
    page.open(f"{PATH}&part=estimators&f={setting}&mu={mu}&sigma={sigma}")
    found = gradient_estimators.moments(name, mu, sigma)
    assert page.number("ratio-score") == pytest.approx(found.variance_ratio)
    assert page.number("gradient") == pytest.approx(found.gradient, abs=1e-12)


def test_pathwise_is_wrong_for_the_step(page):
    page.open(f"{PATH}&part=estimators&f=step")
    assert page.number("gradient") == pytest.approx(1 / math.sqrt(2 * math.pi))
    assert page.number("mean-pathwise") == 0 and math.isnan(page.number("ratio-score"))


def test_on_the_model_the_score_function_varies_more(page):
    page.open(f"{PATH}&part=estimators&f=elbo")
    score, baseline = page.wait_for_number("median-ratio-score"), page.number("median-ratio-baseline")
    assert score > 10 * baseline > 10
    assert page.number("mean-pathwise") == page.number("gradient")


def test_a_slider_moves_the_gradient_step_at_once_and_the_core_agrees(page):
    page.open(f"{PATH}&part=variance")
    slider = page.page.locator("[data-set=rate]")
    slider.focus()
    for _ in range(3):
        before = page.number("after-log")
        page.page.keyboard.press("ArrowRight")
        assert page.number("after-log") != before
    moved = page.numbers("after-sigma", "after-variance", "after-log")
    page.wait_until(lambda: "rate=" in page.page.url)
    page.settled()
    assert page.numbers("after-sigma", "after-variance", "after-log") == pytest.approx(moved, rel=1e-4)


def test_only_the_step_in_the_logarithm_never_breaks(page):
    page.open(f"{PATH}&part=variance&rate=0.12")
    assert math.isnan(page.number("after-sigma")) and math.isnan(page.number("after-variance"))
    assert page.number("after-log") > 0
    assert page.numbers("breaks-sigma", "breaks-variance") == pytest.approx([0.05, 0.1])
    assert page.numbers("survived-sigma", "survived-variance", "survived-log") == [0, 0, 100]


def test_a_map_keeps_the_probability(page):
    for name in reparameterization.MAPS:
        page.open(f"{PATH}&part=maps&map={name}&eps=-0.5")
        assert page.number("map-product") == pytest.approx(page.number("map-density-eps"), rel=1e-4)
    assert page.number("map-slope") != pytest.approx(0.6, abs=0.01)


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
