"""The gradient estimators against quadrature, closed forms, and a model whose gradient is known exactly."""

import math
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch.distributions import Normal

from explorer.core.bundles import store
from explorer.core.data import catalog
from explorer.core.engine.engine import open_bundle
from explorer.core.errors import ConfigError
from explorer.core.theory import gradient_estimators
from explorer.core.theory.gradient_estimators import (
    ESTIMATORS,
    TOYS,
    histograms,
    model_gradients,
    moments,
    toy_estimates,
)
from explorer.core.vae.objective import Terms, kl_per_dim
from tests.helpers import random_bundle

pytestmark = pytest.mark.usefixtures("one_thread")

POINTS = [(0.0, 1.0), (1.0, 0.1), (-0.7, 0.03), (0.4, 2.0)]


def expectation(f, mu: float, sigma: float) -> float:
    """E[f(z)] for z ~ N(mu, sigma^2), by the midpoint rule, with a cell border at the step."""
    width = 5e-5
    eps = (-mu / sigma) % width + (np.arange(-200_000, 200_000) + 0.5) * width
    weight = np.exp(-0.5 * eps**2) / math.sqrt(2 * math.pi)
    return float((f(mu + sigma * eps, eps) * weight).sum() * width)


@pytest.mark.parametrize("name", TOYS)
@pytest.mark.parametrize("mu, sigma", POINTS)
def test_moments_are_those_of_quadrature(name, mu, sigma):
    toy, found = TOYS[name], moments(name, mu, sigma)
    baseline = expectation(lambda z, eps: toy.f(z), mu, sigma)
    singles = [
        lambda z, eps: toy.f(z) * eps / sigma,
        lambda z, eps: (toy.f(z) - baseline) * eps / sigma,
        lambda z, eps: toy.slope(z),
    ]
    means = [expectation(single, mu, sigma) for single in singles]
    seconds = [expectation(lambda z, eps, single=single: single(z, eps) ** 2, mu, sigma) for single in singles]
    scale = max(1.0, *seconds)
    assert found.baseline == pytest.approx(baseline, abs=1e-7)
    np.testing.assert_allclose(found.mean, means, atol=1e-6 * scale)
    np.testing.assert_allclose(found.variance, np.array(seconds) - np.square(means), atol=1e-6 * scale)


@pytest.mark.parametrize("name", TOYS)
@pytest.mark.parametrize("mu, sigma", POINTS)
def test_the_gradient_is_that_of_the_mean(name, mu, sigma):
    toy, step = TOYS[name], 1e-5
    slope = (toy.mean(mu + step, sigma) - toy.mean(mu - step, sigma)) / (2 * step)
    assert moments(name, mu, sigma).gradient == pytest.approx(slope, rel=1e-4, abs=1e-6)


def test_known_ratios_of_variances():
    assert moments("z^2", 0, 1).variance_ratio == 3.75
    assert moments("z^2", 1, 0.1).variance_ratio == pytest.approx(2853.75)
    assert moments("sin 30z", 0, 1).variance_ratio == pytest.approx(1 / 900)
    assert moments("step", 0, 1).variance_ratio == math.inf


def test_pathwise_is_wrong_for_a_step():
    found = moments("step", 0, 1)
    assert found.gradient == pytest.approx(1 / math.sqrt(2 * math.pi)) and found.mean[2] == found.variance[2] == 0
    assert (toy_estimates("step", 0, 1, 1000, seed=0)[2] == 0).all()


@pytest.mark.parametrize("name", TOYS)
@pytest.mark.parametrize("mu, sigma", POINTS)
def test_estimates_are_within_three_standard_errors_of_the_gradient(name, mu, sigma):
    n, exact = 20_000, moments(name, mu, sigma)
    estimates = toy_estimates(name, mu, sigma, n, seed=7)
    means, variances = estimates.mean(1), estimates.var(1, ddof=1)
    for i, estimator in enumerate(ESTIMATORS):
        is_biased = name == "step" and estimator == "pathwise"
        target = 0.0 if is_biased else exact.gradient
        assert abs(means[i] - target) <= 3 * math.sqrt(exact.variance[i] / n) + 1e-12, estimator
        spread = ((estimates[i] - means[i]) ** 2).std() / math.sqrt(n)  # standard error of the variance
        assert abs(variances[i] - exact.variance[i]) <= 4 * spread + 1e-12, estimator


def test_a_baseline_lowers_the_variance_where_f_is_far_from_zero():
    for name, mu, sigma in (("z^2", 1, 0.1), ("z^2", 0, 1), ("step", 1, 0.5)):
        score, with_baseline, _ = moments(name, mu, sigma).variance
        assert with_baseline < score


def test_estimates_are_the_seeds():
    np.testing.assert_array_equal(toy_estimates("z^2", 0, 1, 9, seed=2), toy_estimates("z^2", 0, 1, 9, seed=2))
    assert (toy_estimates("z^2", 0, 1, 9, seed=2) != toy_estimates("z^2", 0, 1, 9, seed=3)).all()


def test_histograms_count_every_estimate_over_the_same_bins():
    estimates = toy_estimates("z^2", 1, 0.1, 5000, seed=0)
    found = histograms(estimates, n_bins=41)
    assert found.edges.shape == (42,) and found.counts.shape == (3, 41)
    assert (found.counts.sum(1) == 5000).all()
    assert found.edges[0] < 2 < found.edges[-1]  # the true gradient
    widths = (found.counts > 0).sum(1)
    assert widths[2] < widths[1] < widths[0]


def test_a_histogram_of_equal_numbers():
    assert histograms(np.zeros((3, 10))).counts.max(1).tolist() == [10, 10, 10]


@pytest.mark.parametrize("name, sigma, n", [("cube", 1, 10), ("z^2", 0, 10), ("z^2", math.nan, 10), ("z^2", 1, 0)])
def test_impossible_requests_are_refused(name, sigma, n):
    with pytest.raises(ConfigError):
        toy_estimates(name, 0, sigma, n, seed=0)


# ---- on a model


class LinearEngine:
    """x|z ~ N(W z, 0.3^2): d/dmu E[log p(x|z)] is W^T (x - W mu) / 0.3^2."""

    name, latent_dim, image_shape, device = "linear", 3, (1, 8, 8), torch.device("cpu")

    def __init__(self):
        self.weights = torch.randn(64, 3, generator=torch.Generator().manual_seed(0))
        self.likelihood = SimpleNamespace(recon_loss=self.recon_loss)

    def encode(self, x):
        return x.reshape(1, 64)[:, :3] - np.float32(0.5), np.array([[-4, -2, 0]], np.float32)

    def recon_loss(self, z, x):
        return -Normal(z @ self.weights.T, 0.3).log_prob(x.flatten(1)).sum(1)


def grey_image(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (1, 8, 8), np.uint8)


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("checkpoints")
    random_bundle(root, "small", image_shape=(1, 8, 8), arch="mlp", latent_dim=2, widths=(8,))
    return root


def test_the_models_gradients_are_within_three_standard_errors_of_the_exact_one():
    engine, image = LinearEngine(), grey_image(1)
    found = model_gradients(engine, image, n=4000, seed=5)
    weights, x = engine.weights.double().numpy(), image.reshape(64) / 255
    exact = weights.T @ (x - weights @ found.mu) / 0.3**2 - found.mu
    assert found.estimates.shape == (3, 4000, 3)
    assert (np.abs(found.mean - exact) <= 3 * found.standard_error + 1e-6).all()
    # f is quadratic, so Var[f'] = sigma^2 H^2 with H = W^T W / 0.3^2
    hessian = weights.T @ weights / 0.3**2
    variance = np.square(hessian) @ np.exp(found.logvar)
    np.testing.assert_allclose(found.estimates[2].var(0), variance, rtol=0.1)
    assert (found.variance_ratio[0] > found.variance_ratio[1]).all() and (found.variance_ratio[2] == 1).all()


def test_the_pathwise_gradient_is_that_of_the_training_loss(checkpoints, monkeypatch):
    """With the same eps, backpropagation through the ELBO gives the same numbers; batches change nothing."""
    monkeypatch.setattr(gradient_estimators, "BATCH_SIZE", 3)
    model, image = store.load("small", checkpoints).model, grey_image()
    found = model_gradients(open_bundle("small", checkpoints), image, n=7, seed=3)
    x = torch.from_numpy(image / np.float32(255))[None]
    mu, logvar = (part.detach() for part in model.encode(x))
    mu.requires_grad_()
    eps = torch.randn((7, 2), generator=torch.Generator().manual_seed(3))
    z = mu + torch.exp(0.5 * logvar) * eps
    elbo = Terms(model.recon_loss(z, x.expand(7, -1, -1, -1)), kl_per_dim(mu, logvar)).elbo.mean()
    (expected,) = torch.autograd.grad(elbo, mu)
    np.testing.assert_allclose(found.mean[2], expected[0].numpy(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name, ratio, ratio_with_baseline", [("mnist", 4300, 15), ("mnist-2d", 13_000, 7)])
def test_the_shipped_models_need_the_trick(real_data, name, ratio, ratio_with_baseline):
    """Medians over images and dimensions, to a factor of two."""
    engine, images = open_bundle(name), catalog.load("mnist", "test").images[100:130]
    found = [model_gradients(engine, image, n=256, seed=0) for image in images]
    medians = np.median(np.concatenate([gradients.variance_ratio for gradients in found], 1), 1)
    assert ratio / 2 < medians[0] < 2 * ratio
    assert ratio_with_baseline / 2 < medians[1] < 2 * ratio_with_baseline
    for gradients in found:
        errors = np.hypot(gradients.standard_error[:2], gradients.standard_error[2])
        assert (np.abs(gradients.mean[:2] - gradients.mean[2]) < 5 * errors).all()


def test_the_model_keeps_no_gradients(checkpoints):
    engine = open_bundle("small", checkpoints)
    model_gradients(engine, grey_image(), n=4)
    assert all(parameter.grad is None for parameter in engine.likelihood.recon_loss.__self__.parameters())


def test_one_draw_has_no_baseline(checkpoints):
    with pytest.raises(ConfigError):
        model_gradients(open_bundle("small", checkpoints), grey_image(), n=1)
