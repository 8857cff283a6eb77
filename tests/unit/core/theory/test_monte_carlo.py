"""Sampling estimates of log p(x): their limits, their order, their spread, and what they refuse."""

import numpy as np
import pytest
import torch

from explorer.core.engine.engine import open_bundle
from explorer.core.errors import ConfigError
from explorer.core.theory.evidence import evidence
from explorer.core.theory.gaussian import Gaussian, encoder_gaussian, terms
from explorer.core.theory.monte_carlo import Estimates, from_prior, importance_weighted
from explorer.core.vae.objective import iwae
from tests.unit.core.engine.test_evaluation import without_likelihood

pytestmark = pytest.mark.usefixtures("one_thread")


def test_a_hundred_thousand_weighted_draws_find_the_evidence(mnist_2d, mnist_images):
    x = mnist_images[0]
    exact = evidence(mnist_2d, x).log_px
    found = importance_weighted(mnist_2d, x, (1, 1_000, 100_000), 100_000)
    assert found.mean[-1] == pytest.approx(exact, abs=4 * found.standard_error[-1])
    assert found.standard_error[-1] < 0.005
    elbo = terms(mnist_2d, x, encoder_gaussian(mnist_2d, x), exact).elbo
    assert found.mean[0] == pytest.approx(elbo, abs=4 * found.standard_error[0])


def test_it_is_the_bound_of_the_objective(mnist_2d, mnist_images):
    x = torch.from_numpy(mnist_images[2:3] / np.float32(255))
    with torch.inference_mode():
        drawn = [float(iwae(mnist_2d.likelihood._model, x, 10, torch.Generator().manual_seed(k))) for k in range(200)]
    found = importance_weighted(mnist_2d, mnist_images[2], (10,), 10_000)
    error = np.hypot(np.std(drawn) / 200**0.5, found.standard_error[0])
    assert found.mean[0] == pytest.approx(np.mean(drawn), abs=4 * error)


@pytest.mark.parametrize("row", range(5))
def test_the_average_rises_with_k(mnist_2d, mnist_images, row):
    for estimate in (from_prior, importance_weighted):
        found = estimate(mnist_2d, mnist_images[row], (1, 10, 100, 1_000), 4_000)
        assert (np.diff(found.mean) >= 0).all()
        assert found.repeats.tolist() == [4_000, 400, 40, 4]


def test_draws_from_the_posterior_of_a_flat_model_agree(small):
    """With the prior for q both estimates are the same, and unbiased for p(x)."""
    x, d = np.random.default_rng(0).random(small.image_shape), small.latent_dim
    plain = from_prior(small, x, (1, 10_000), 40_000)
    weighted = importance_weighted(small, x, (1, 10_000), 40_000, q=Gaussian(np.zeros(d), np.ones(d)))
    np.testing.assert_array_equal(plain.mean, weighted.mean)
    assert plain.mean[1] == pytest.approx(evidence(small, x).log_px, abs=0.1 + 5 * plain.standard_error[1])


def test_sampling_the_prior_is_hopeless_in_16_dimensions(mnist_images):
    engine = open_bundle("mnist", device="cpu")
    plain = from_prior(engine, mnist_images[0], (1, 10, 100, 1_000), 1_000)
    weighted = importance_weighted(engine, mnist_images[0], (1, 10, 100, 1_000), 1_000)
    assert weighted.mean[-1] - plain.mean[-1] > 20
    assert weighted.sd[0] < 10 < plain.sd[0]


def test_a_seed_gives_the_same_numbers(mnist_2d, mnist_images):
    def draw(seed: int) -> Estimates:
        return from_prior(mnist_2d, mnist_images[0], (1, 10), 100, seed)

    np.testing.assert_array_equal(draw(1).mean, draw(1).mean)
    assert draw(1).mean[0] != draw(2).mean[0]


def test_one_group_has_no_spread_but_a_standard_error(mnist_2d, mnist_images):
    found = importance_weighted(mnist_2d, mnist_images[0], (1, 1_000), 1_000)
    assert np.isnan(found.sd[1]) and 0 < found.standard_error[1] < 0.1


def test_it_reports_its_draws_and_can_be_stopped(mnist_2d, mnist_images):
    seen = []
    found = from_prior(
        mnist_2d,
        mnist_images[0],
        (1, 1_000, 50_000),
        50_000,
        on_draws=lambda done, n: (seen.append((done, n)), done < 10_000)[1],
    )
    assert seen == [(8_192, 50_000), (16_384, 50_000)]
    assert found.k.tolist() == [1, 1_000] and found.repeats.tolist() == [16_000, 16]


@pytest.mark.parametrize(
    "ks, n", [((), 10), ((0, 1), 10), ((3, 10), 30), ((10, 1), 10), ((1, 10), 25), ((1, 1), 10), ((1,), 0)]
)
def test_numbers_that_do_not_divide_each_other_are_refused(mnist_2d, mnist_images, ks, n):
    with pytest.raises(ConfigError):
        from_prior(mnist_2d, mnist_images[0], ks, n)


def test_an_unknown_likelihood_is_refused(mnist_2d, mnist_images):
    with pytest.raises(ConfigError, match="is unknown"):
        importance_weighted(without_likelihood(mnist_2d), mnist_images[0])
