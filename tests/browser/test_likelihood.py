"""The exhibit /likelihood: its numbers are the core's, a pixel and a draw follow keys and slider, a link restores both."""

import numpy as np
import pytest

from explorer import open_bundle
from explorer.core.config import LIKELIHOODS
from explorer.core.paths import RECORDED_DIR, SHIPPED_DIR
from explorer.core.theory import observation

ROW = 5


@pytest.fixture
def page(exhibit_page):
    return exhibit_page


@pytest.fixture(scope="module")
def image():
    (x,), _ = open_bundle("digits", SHIPPED_DIR, device="cpu").images_or_recons([ROW])
    return x


def trained(name: str):
    return open_bundle(RECORDED_DIR / "likelihood" / name, device="cpu")


def test_its_numbers_are_those_of_the_core(page, image):
    page.open(f"likelihood?model=digits&image={ROW}&pixel=27")
    for name in LIKELIHOODS:
        engine = trained(name)
        seen = observation.observe_decoded(engine, engine.encode(image[None])[0][0], image)
        assert page.number(f"log-prob-{name}") == pytest.approx(seen.log_prob, abs=1e-3)
        assert page.number(f"pixel-mean-{name}") == pytest.approx(seen.mean.flat[27], abs=1e-6)
        assert page.number(f"pixel-variance-{name}") == pytest.approx(seen.variance.flat[27], abs=1e-6)
        assert page.number(f"pixel-log-prob-{name}") == pytest.approx(seen.pixel_log_prob.flat[27], abs=1e-5)
    assert page.number("target-entropy") == pytest.approx(observation.target_entropy(image[None])[0], abs=1e-6)
    assert page.number("sharpest") == pytest.approx(observation.target_log_density(image[None])[0], abs=1e-6)
    assert page.wait_for_number("data-entropy") == pytest.approx(13.7, abs=0.1)


def test_squared_error_and_its_constant_are_the_log_likelihood_at_every_sigma(page):
    page.open(f"likelihood?model=digits&image={ROW}")
    assert page.number("log-normal") == pytest.approx(page.number("log-prob-gaussian-learned"), abs=1e-3)
    slider, totals = page.page.get_by_test_id("sigma"), []
    slider.focus()
    for _ in range(8):
        page.page.keyboard.press("ArrowRight")
        assert page.number("scaled") + page.number("constant") == pytest.approx(page.number("log-normal"), abs=1e-9)
        totals.append(page.number("log-normal"))
    assert (np.diff(totals) != 0).all()
    painted = page.number("log-normal")
    page.settled()
    assert page.number("log-normal") == pytest.approx(painted, abs=1e-3)
    page.page.get_by_role("button", name="\u03c3 = 1").click()
    page.settled()
    assert page.number("scaled") == pytest.approx(-page.number("squared-error") / 2, abs=1e-9)


def test_the_continuous_bernoulli_divides_the_cross_entropy_by_its_integral(page, image):
    page.open(f"likelihood?model=digits&image={ROW}")
    engine = trained("bernoulli")
    logits, _ = engine.likelihood.decoder_output(engine.encode(image[None])[0])
    expected = observation.observe("continuous-bernoulli", logits[0], image).log_prob
    assert page.number("continuous") == pytest.approx(expected, abs=1e-3)


def test_keys_move_the_pixel_and_the_draw_and_a_link_restores_them(page):
    page.open(f"likelihood?model=digits&image={ROW}&pixel=27&open=0.2")
    page.page.get_by_test_id("pixels").focus()
    page.page.keyboard.press("ArrowDown")
    page.page.keyboard.press("ArrowRight")
    page.page.get_by_test_id("seed").focus()
    draw = "() => document.querySelector('[data-row=sample][data-column=bernoulli]').toDataURL()"
    pictures = [page.page.evaluate(draw)]
    for _ in range(3):
        page.page.keyboard.press("ArrowRight")
        pictures.append(page.page.evaluate(draw))
    assert len(set(pictures)) == 4
    page.settled()
    page.wait_until(lambda: "pixel=36" in page.page.url and "seed=3" in page.page.url)
    variance = page.number("pixel-variance-bernoulli")
    page.page.reload()
    page.settled()
    page.wait_until(lambda: page.page.evaluate(draw) == pictures[-1])
    assert page.number("pixel-variance-bernoulli") == variance


def test_draws_stay_covered_until_the_prediction(page):
    page.open(f"likelihood?model=digits&image={ROW}")
    assert not page.page.locator("canvas[data-row=sample]").first.is_visible()
    page.page.get_by_role("button", name="Like noise").click()
    page.page.locator("canvas[data-row=sample]").first.wait_for()


def test_a_question_sets_the_page_to_its_answer(page):
    page.open(f"likelihood?model=digits&image={ROW}")
    page.page.get_by_role("link", name="reconstruction error").click()
    page.wait_until(lambda: page.number("sigma") == 1)


def test_any_model_is_read_under_all_four(page):
    page.open("likelihood?model=mnist-2d&image=3")
    assert page.page.get_by_text("One output of mnist-2d").is_visible()
    assert len({page.number(f"log-prob-{name}") for name in LIKELIHOODS}) == 4
