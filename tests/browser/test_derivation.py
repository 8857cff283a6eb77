"""The exhibit /derivation: all lines give log p(x), its terms are the core's, and the tables can be edited."""

import math

import numpy as np
import pytest

from explorer import open_bundle
from explorer.core.paths import SHIPPED_DIR
from explorer.core.theory import derivation, discrete, gaussian
from explorer.core.theory.evidence import evidence

N_LINES = 8


@pytest.fixture
def page(exhibit_page):
    return exhibit_page


def totals(page) -> np.ndarray:
    return np.array([page.number(f"line-{i}") for i in range(1, N_LINES + 1)])


def test_every_line_has_the_total_of_the_core_and_does_not_move_with_q(page):
    engine = open_bundle("mnist-2d", SHIPPED_DIR, device="cpu")
    (x,), is_recon = engine.images_or_recons([2])
    if is_recon:
        pytest.skip("NO MNIST: set EXPLORER_DATA_DIR")
    found = evidence(engine, x)
    (nodes,) = gaussian.quadrature(engine, x, [gaussian.encoder_gaussian(engine, x)])
    values = derivation.values_of(gaussian.encoder_gaussian(engine, x), nodes, found.log_px)
    page.open("derivation?model=mnist-2d&image=2&open=0.2")
    assert np.abs(totals(page) - found.log_px).max() <= 1e-4
    for name in ("e_log_likelihood", "kl_prior", "kl_posterior", "e_log_q", "elbo"):
        assert page.number(name.replace("_", "-")) == pytest.approx(getattr(values, name), abs=1e-3)
    before = page.number("e-log-px"), page.number("e-log-likelihood")
    page.page.get_by_test_id("plane").focus()
    for key in ["ArrowRight"] * 6 + ["Shift+ArrowUp"] * 6:
        page.page.keyboard.press(key)
        assert np.abs(totals(page) - found.log_px).max() <= 1e-4
    assert page.number("e-log-px") == pytest.approx(before[0], abs=1e-9) and page.number("e-log-likelihood") < before[1]
    page.settled()
    assert np.abs(totals(page) - found.log_px).max() <= 1e-4


def test_the_discrete_example_follows_the_tables(page):
    page.open("derivation?model=mnist-2d")
    tables = discrete.Tables([0.5, 0.3, 0.2], [[0.9, 0.1], [0.5, 0.5], [0.2, 0.8]], [[0.2, 0.3, 0.5]] * 2)
    assert page.number("discrete-log-px") == pytest.approx(math.log(0.05 + 0.15 + 0.16))
    assert page.number("discrete-kl") == pytest.approx(discrete.example(tables, 1).kl)
    page.page.get_by_label("q(z | x), z = 1").fill("0.3")
    page.page.keyboard.press("Tab")
    page.page.get_by_text("q(z|x) sums to 1.1; it must sum to 1").wait_for()
    page.page.get_by_label("q(z | x), z = 2").fill("0.2")
    page.page.keyboard.press("Tab")
    page.wait_until(lambda: page.number("discrete-kl") > 0 and not page.page.get_by_text("sums to 1.1").count())
    changed = discrete.Tables(tables.p_z, tables.p_x_given_z, [[0.3, 0.2, 0.5]] * 2)
    assert page.number("discrete-kl") == pytest.approx(discrete.example(changed, 1).kl)
    assert page.number("discrete-reverse-kl") == pytest.approx(discrete.example(changed, 1).reverse_kl)
    assert "qz=0.3,0.2,0.5" in page.page.url


def test_a_question_sets_the_page_to_the_state_that_answers_it(page):
    page.open("derivation?model=mnist-2d&image=3")
    page.page.get_by_role("link", name="Does E[log p(x)] depend on q?").click()
    page.wait_until(lambda: "s1=0.5" in page.page.url and "image=0" in page.page.url)
    page.settled()
    assert np.abs(totals(page) - page.number("log-px")).max() <= 1e-4
