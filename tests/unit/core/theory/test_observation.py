"""p(x|z) of one image: log probabilities, samples and variances against torch.distributions, and the cost of grey targets."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch.distributions import ContinuousBernoulli, Normal

from explorer.core.bundles import store
from explorer.core.config import LIKELIHOODS
from explorer.core.data import catalog
from explorer.core.engine.engine import open_bundle
from explorer.core.engine.pixel_likelihood import PixelLikelihood
from explorer.core.errors import ConfigError
from explorer.core.theory.observation import (
    Observation,
    best_sigma,
    cross_entropy_integral,
    log_integral,
    observe,
    observe_decoded,
    pixel_covariance,
    pixel_variance,
    prior_covariance,
    samples,
    side_by_side,
    squared_error,
    target_entropy,
    target_log_density,
)
from explorer.core.vae import likelihood
from tests.helpers import random_bundle, random_vae

pytestmark = pytest.mark.usefixtures("one_thread")

SHAPE = (1, 8, 8)


def grey_image(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, SHAPE, np.uint8)


def some_logits(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 3, SHAPE).astype(np.float32)


@pytest.mark.parametrize("name", LIKELIHOODS)
def test_the_log_probability_is_the_models_own(tmp_path, name):
    """What training and evaluation minimise for the same z."""
    random_bundle(tmp_path, "model", image_shape=SHAPE, arch="mlp", latent_dim=2, widths=(8,), likelihood=name)
    engine, model = open_bundle("model", tmp_path), store.load("model", tmp_path).model
    z, image = np.array([[0.3, -1.2]], np.float32), grey_image()
    found = observe_decoded(engine, z[0], image)
    with torch.no_grad():
        expected = -model.recon_loss(torch.from_numpy(z), torch.from_numpy(image / np.float32(255))[None]).item()
    assert found.likelihood == name and found.log_prob == pytest.approx(expected, rel=1e-5)
    np.testing.assert_allclose(found.mean, engine.decode(z)[0], rtol=1e-6)


def test_a_learned_scale_is_the_models():
    model = random_vae(2, SHAPE, "mlp", widths=(8,), likelihood="gaussian-learned")
    with torch.no_grad():
        model.log_scale.fill_(-1.3)
    logits, log_scale = PixelLikelihood(model).decoder_output(np.zeros((3, 2)))
    assert logits.shape == (3, *SHAPE) and log_scale == pytest.approx(-1.3)
    assert observe("gaussian-learned", logits[0], grey_image(), log_scale).variance == pytest.approx(math.exp(-2.6))


def test_a_model_of_unknown_likelihood_is_refused():
    with pytest.raises(ConfigError, match="is unknown"):
        observe_decoded(SimpleNamespace(likelihood=None, name="theirs"), [0, 0], grey_image())


def test_all_four_side_by_side():
    found = side_by_side(some_logits(), grey_image(), log_scale=-2.0)
    assert tuple(part.likelihood for part in found) == LIKELIHOODS
    assert len({round(part.log_prob, 3) for part in found}) == 4
    for part in found:
        for array in (part.mean, part.sample, part.variance):
            assert array.shape == SHAPE and array.dtype == np.float32
        assert 0 <= part.sample.min() and part.sample.max() <= 1


def many(name: str, logit: float, log_scale: float = 0.0, n: int = 128, seed: int = 0) -> Observation:
    """n x n pixels with the same logit."""
    logits = np.full((1, n, n), logit, np.float32)
    return observe(name, logits, np.zeros((1, n, n), np.uint8), log_scale, seed)


@pytest.mark.parametrize("logit", [-200.0, -6.0, -1.0, -0.01, 0.0, 0.03, 2.0, 500.0])
@pytest.mark.parametrize("name", ["bernoulli", "continuous-bernoulli"])
def test_samples_have_the_stated_mean_and_variance(name, logit):
    found = many(name, logit)
    n, variance = found.sample.size, float(found.variance.mean())
    assert abs(found.sample.mean(dtype=float) - found.mean.mean(dtype=float)) <= 4 * math.sqrt(variance / n) + 1e-6
    squares = (found.sample.astype(float) - found.sample.mean(dtype=float)) ** 2
    assert abs(squares.mean() - variance) <= 4 * squares.std() / math.sqrt(n) + 1e-6
    assert found.share_clipped == 0
    if name == "bernoulli":
        assert set(np.unique(found.sample)) <= {0, 1}


def test_samples_of_the_continuous_bernoulli_follow_its_distribution():
    for logit in (-4.0, 0.02, 3.0):
        sample = np.sort(many("continuous-bernoulli", logit).sample.ravel())
        cdf = ContinuousBernoulli(logits=torch.tensor(logit).double()).cdf(torch.from_numpy(sample).double()).numpy()
        assert np.abs(cdf - (np.arange(len(sample)) + 0.5) / len(sample)).max() < 1.63 / math.sqrt(len(sample))  # 1 %: Smirnov


def test_gaussian_samples_are_clipped_and_say_so():
    narrow, wide = many("gaussian-learned", 0.0, log_scale=-2.5), many("gaussian", 0.0)
    assert narrow.sample.std() == pytest.approx(math.exp(-2.5), rel=0.05) and narrow.share_clipped < 1e-3
    outside = 2 * Normal(0.5, 1.0).cdf(torch.tensor(0.0)).item()
    assert wide.share_clipped == pytest.approx(outside, abs=0.02)


def test_a_sample_is_the_seeds():
    logits, image = some_logits(), grey_image()
    for name in LIKELIHOODS:
        first, again, other = (observe(name, logits, image, -1.0, seed).sample for seed in (1, 1, 2))
        np.testing.assert_array_equal(first, again)
        assert (first != other).any()


def test_the_variance_of_the_continuous_bernoulli_is_torchs():
    logits = torch.tensor([-8.0, -1, -0.3, 0.3, 2, 8]).double()
    found = pixel_variance("continuous-bernoulli", logits)
    np.testing.assert_allclose(found, ContinuousBernoulli(logits=logits).variance, rtol=1e-5)
    assert pixel_variance("continuous-bernoulli", [0.0, 0.0499, 0.0501]) == pytest.approx(np.full(3, 1 / 12), rel=2e-4)
    assert np.isfinite(pixel_variance("continuous-bernoulli", [-1e5, 1e5])).all()


# ---- squared error and cross-entropy


@pytest.mark.parametrize("sigma", [1.0, 0.5, 0.08])
def test_squared_error_is_a_gaussian_log_likelihood(sigma):
    image, logits = grey_image(), some_logits()
    found = observe("gaussian-learned", logits, image, math.log(sigma))
    error = squared_error(found.mean, image, sigma)
    assert error.squared_error == pytest.approx(((image / 255 - found.mean) ** 2).sum())
    assert error.log_prob == pytest.approx(error.constant - error.scaled) == pytest.approx(found.log_prob, rel=1e-6)
    assert error.constant == pytest.approx(64 * Normal(0.0, sigma).log_prob(torch.tensor(0.0)).item(), rel=1e-5)


def test_sigma_one_is_the_likelihood_gaussian():
    image, found = grey_image(), observe("gaussian", some_logits(), grey_image())
    assert squared_error(found.mean, image).log_prob == pytest.approx(found.log_prob, rel=1e-6)


def test_no_decoder_has_a_lower_cross_entropy_than_the_targets():
    image = grey_image()
    x = torch.from_numpy(image / 255)
    best = torch.logit(x).clamp(-50, 50)
    floor = target_entropy(image[None])[0]
    assert floor == pytest.approx(-likelihood.log_prob("bernoulli", best, x).sum().item())
    for shift in (-0.3, 0.3):
        assert -observe("bernoulli", (best + shift).numpy(), image).log_prob > floor


def test_black_and_white_cost_nothing():
    assert target_entropy(np.array([0, 255, 255, 0], np.uint8).reshape(1, 1, 2, 2)) == [0]


def test_the_cost_of_grey_digits():
    images = catalog.load("digits", "test").images
    assert target_entropy(images).mean() == pytest.approx(13.7, abs=0.05)


@pytest.mark.parametrize("name, nats", [("mnist", 45.5), ("fashion-mnist", 189.9)])
def test_the_cost_of_grey_targets(real_data, name, nats):
    assert target_entropy(catalog.load(name, "test").images).mean() == pytest.approx(nats, abs=0.05)


def test_the_continuous_bernoullis_number_beside_it():
    """At lambda = x the two differ by the logarithm of its normalising constant."""
    image = grey_image().clip(1, 254)
    lambdas = torch.from_numpy(image / 255).clamp(1 / 510, 1 - 1 / 510)
    expected = ContinuousBernoulli(probs=lambdas, lims=(0.4999, 0.5001)).log_prob(torch.from_numpy(image / 255)).sum().item()
    assert target_log_density(image[None])[0] == pytest.approx(expected, rel=1e-3)
    integral = cross_entropy_integral(torch.logit(lambdas))
    assert target_log_density(image[None])[0] == pytest.approx(
        -target_entropy(image[None])[0] - np.log(integral).sum(), rel=1e-5
    )


def test_the_cross_entropy_does_not_integrate_to_one():
    x = np.linspace(0, 1, 20_001)
    for logit in (-5.0, 0.0, 0.02, 3.0):
        p = 1 / (1 + math.exp(-logit))
        assert cross_entropy_integral(logit) == pytest.approx(np.trapezoid(p**x * (1 - p) ** (1 - x), x), rel=1e-6)
    assert cross_entropy_integral(0.0) == pytest.approx(0.5)


# ---- the covariance


def test_pixels_are_independent_given_z_and_correlated_over_z():
    rng = np.random.default_rng(0)
    z = rng.normal(size=200_000)
    means = np.stack([z, -2 * z, 0 * z], 1)
    noise = rng.normal(size=means.shape) * [0.5, 1, 2]
    found = pixel_covariance(means, np.broadcast_to([0.25, 1, 4], means.shape))
    np.testing.assert_allclose(found.given_z, np.diag([0.25, 1, 4]))
    np.testing.assert_allclose(found.over_z, np.cov((means + noise).T), atol=0.05)
    assert found.over_z[0, 1] == pytest.approx(-2, abs=0.05)


# ---- refusals


@pytest.mark.parametrize(
    "name, image",
    [
        ("poisson", grey_image()),
        ("gaussian", grey_image()[:, :4]),
        ("gaussian", grey_image().astype(float)),
        ("gaussian", np.full(SHAPE, np.nan)),
    ],
)
def test_impossible_images_are_refused(name, image):
    with pytest.raises(ConfigError):
        observe(name, some_logits(), image)


def test_impossible_errors_are_refused():
    for mean, sigma in ((np.zeros(SHAPE), 0.0), (np.zeros((1, 2, 2)), 1.0)):
        with pytest.raises(ConfigError):
            squared_error(mean, grey_image(), sigma)
    with pytest.raises(ConfigError):
        pixel_covariance(np.zeros((1, 3)), np.zeros((1, 3)))


@pytest.mark.parametrize("name", LIKELIHOODS)
def test_draws_are_those_of_observe_and_pixels_add_up(name):
    logits, image = some_logits(), grey_image()
    for seed, sample in enumerate(samples(name, logits, 3, -1.0)):
        np.testing.assert_array_equal(sample, observe(name, logits, image, -1.0, seed).sample)
    seen = observe(name, logits, image, -1.0)
    assert seen.pixel_log_prob.sum() == pytest.approx(seen.log_prob, rel=1e-5)


def test_the_best_sigma_maximises_the_gaussian():
    image = grey_image()
    mean = observe("gaussian", some_logits(), image).mean
    best = best_sigma(mean, image)
    peak = squared_error(mean, image, best).log_prob
    assert all(squared_error(mean, image, best * factor).log_prob < peak for factor in (0.97, 1.03))


def test_the_log_integral_is_what_the_continuous_bernoulli_divides_by():
    logits, image = some_logits(), grey_image()
    difference = observe("bernoulli", logits, image).log_prob - observe("continuous-bernoulli", logits, image).log_prob
    assert log_integral(logits) == pytest.approx(difference, rel=1e-5)


def test_the_covariance_of_chosen_pixels_follows_the_prior(tmp_path):
    random_bundle(tmp_path, "model", image_shape=SHAPE, arch="mlp", latent_dim=2, widths=(8,))
    engine = open_bundle("model", tmp_path)
    found = prior_covariance(engine, "gaussian-learned", [3, 40], math.log(0.1), n_draws=50)
    np.testing.assert_allclose(found.given_z, np.diag([0.01, 0.01]), rtol=1e-5)
    off = found.over_z[0, 1] / math.sqrt(found.over_z[0, 0] * found.over_z[1, 1])
    assert found.largest_correlation == pytest.approx(abs(off)) and 0 < found.largest_correlation <= 1
