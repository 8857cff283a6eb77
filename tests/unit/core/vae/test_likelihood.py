"""p(x|z) against torch.distributions, against numerical integration, and where the closed forms are numerically unstable."""

import math
from functools import cache

import numpy as np
import pytest
import torch
from torch.distributions import Bernoulli, ContinuousBernoulli, Normal

from explorer.core.config import LIKELIHOODS
from explorer.core.vae import likelihood

pytestmark = pytest.mark.usefixtures("one_thread")

SOFT = torch.tensor([-30.0, -8.0, -2.0, -0.3, -0.06, -0.04, -1e-3, 0.0, 1e-6, 0.02, 0.05, 0.1, 1.0, 5.0, 30.0])
HARD = torch.tensor([-1e4, -500.0, -100.0, -88.0, -40.0, 40.0, 88.0, 100.0, 500.0, 1e4])
EVERY_LOGIT = torch.cat([SOFT, HARD, torch.tensor([-likelihood.SERIES_LIMIT, likelihood.SERIES_LIMIT])])
GREY = torch.linspace(0, 1, 11)


@cache
def gauss_legendre(low: float, high: float, n: int = 400):
    """Points and weights of a quadrature that is accurate for smooth functions."""
    points, weights = np.polynomial.legendre.leggauss(n)
    return torch.from_numpy((high - low) / 2 * (points + 1) + low), torch.from_numpy((high - low) / 2 * weights)


def on_grid(logits, x):
    return torch.meshgrid(logits, x, indexing="ij")


def test_bernoulli_is_torchs_on_zeros_and_ones():
    logits, x = on_grid(EVERY_LOGIT, torch.tensor([0.0, 1.0]))
    torch.testing.assert_close(likelihood.log_prob("bernoulli", logits, x), Bernoulli(logits=logits).log_prob(x))


def test_bernoulli_is_the_cross_entropy_on_grey_levels():
    logits, x = on_grid(SOFT.double(), GREY.double())
    p = torch.sigmoid(logits)
    expected = x * p.log() + (1 - x) * torch.sigmoid(-logits).log()
    torch.testing.assert_close(likelihood.log_prob("bernoulli", logits, x), expected)


def test_gaussian_is_torchs_with_variance_one():
    logits, x = on_grid(EVERY_LOGIT, GREY)
    torch.testing.assert_close(likelihood.log_prob("gaussian", logits, x), Normal(torch.sigmoid(logits), 1.0).log_prob(x))


@pytest.mark.parametrize("log_scale", [-6.0, -2.3, 0.0, 1.5])
def test_gaussian_with_a_learned_variance_is_torchs(log_scale):
    logits, x = on_grid(SOFT, GREY)
    expected = Normal(torch.sigmoid(logits), math.exp(log_scale)).log_prob(x)
    for given in (log_scale, torch.tensor(log_scale)):
        torch.testing.assert_close(likelihood.log_prob("gaussian-learned", logits, x, given), expected, rtol=1e-5, atol=1e-4)


def test_continuous_bernoulli_is_torchs():
    logits, x = on_grid(SOFT[1:-1].double(), GREY.double())  # torch clamps lambda beyond
    expected = ContinuousBernoulli(logits=logits, lims=(0.4999, 0.5001)).log_prob(x)
    torch.testing.assert_close(likelihood.log_prob("continuous-bernoulli", logits, x), expected, rtol=1e-6, atol=1e-6)
    single = likelihood.log_prob("continuous-bernoulli", logits.float(), x.float())
    torch.testing.assert_close(single.double(), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("logit", [-100.0, -20.0, -0.0501, -0.0499, 0.0, 1e-5, 0.03, 2.0, 100.0])
def test_continuous_bernoulli_integrates_to_one_and_to_its_mean(logit):
    x, weights = gauss_legendre(0, 1)
    logits = torch.full_like(x, logit)
    density = likelihood.log_prob("continuous-bernoulli", logits, x).exp()
    assert (density * weights).sum().item() == pytest.approx(1, abs=1e-7)
    mean = likelihood.mean("continuous-bernoulli", torch.tensor([logit], dtype=torch.float64)).item()
    assert (x * density * weights).sum().item() == pytest.approx(mean, abs=1e-7)


@pytest.mark.parametrize("name, log_scale", [("gaussian", 0.0), ("gaussian-learned", -1.0), ("gaussian-learned", 0.5)])
def test_gaussians_integrate_to_one(name, log_scale):
    x, weights = gauss_legendre(-15, 15)
    density = likelihood.log_prob(name, torch.full_like(x, 0.7), x, log_scale).exp()
    assert (density * weights).sum().item() == pytest.approx(1, abs=1e-9)


def test_bernoulli_sums_to_one_over_black_and_white():
    total = sum(likelihood.log_prob("bernoulli", SOFT, torch.full_like(SOFT, x)).exp() for x in (0.0, 1.0))
    torch.testing.assert_close(total, torch.ones_like(total))


def test_the_series_near_one_half_joins_the_closed_form_without_a_step():
    logits = torch.linspace(-0.06, 0.06, 2001, dtype=torch.float64)
    for values in (
        likelihood.mean("continuous-bernoulli", logits),
        likelihood.log_prob("continuous-bernoulli", logits, torch.full_like(logits, 0.3)),
    ):
        slope = values.diff() / logits.diff()
        assert slope.diff().abs().max() < 1e-3  # a step of 1e-7 would show as a slope of 2e-3


@pytest.mark.parametrize("name", LIKELIHOODS)
def test_the_mean_is_a_picture_whatever_the_logits(name):
    mean = likelihood.mean(name, EVERY_LOGIT.sort().values)
    assert torch.isfinite(mean).all() and mean.min() >= 0 and mean.max() <= 1
    assert (mean.diff() >= -3e-6).all(), "more logit, more light"
    assert mean[0] < 1e-3 and mean[-1] > 0.999


def test_the_mean_of_the_continuous_bernoulli_is_not_lambda():
    logits = torch.tensor([-100.0, -2.0, 0.0, 2.0, 100.0])
    mean = likelihood.mean("continuous-bernoulli", logits)
    torch.testing.assert_close(mean, ContinuousBernoulli(logits=logits.double().clamp(-30, 30)).mean.float(), rtol=0, atol=0.03)
    torch.testing.assert_close(mean, torch.tensor([0.01, 0.3434818, 0.5, 0.6565182, 0.99]), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ["bernoulli", "continuous-bernoulli"])
def test_gradients_are_finite_and_equal_x_minus_the_mean(name):
    """Both are exponential families with the logit as natural parameter: d log p / d logit = x - E[x]."""
    logits, x = on_grid(EVERY_LOGIT, GREY)
    logits = logits.clone().requires_grad_()
    likelihood.log_prob(name, logits, x).sum().backward()
    assert torch.isfinite(logits.grad).all()
    torch.testing.assert_close(logits.grad, x - likelihood.mean(name, logits.detach()), rtol=0, atol=2e-5)


@pytest.mark.parametrize("name", LIKELIHOODS)
def test_every_value_and_gradient_is_finite_everywhere(name):
    far = torch.tensor([-1e30, -1e10, 1e10, 1e30])
    logits, x = on_grid(torch.cat([EVERY_LOGIT, far]), GREY)
    logits = logits.clone().requires_grad_()
    log_scale = torch.tensor(-6.0, requires_grad=True)
    value = likelihood.log_prob(name, logits, x, log_scale)
    value.sum().backward()
    assert torch.isfinite(value).all() and torch.isfinite(logits.grad).all()
    assert log_scale.grad is None or torch.isfinite(log_scale.grad)


def test_the_best_learned_scale_is_the_root_mean_square_error():
    logits, x = torch.zeros(1000), torch.rand(1000, generator=torch.Generator().manual_seed(0))
    best = 0.5 * torch.log(((x - 0.5) ** 2).mean())
    log_scale = best.clone().requires_grad_()
    likelihood.log_prob("gaussian-learned", logits, x, log_scale).mean().backward()
    assert abs(log_scale.grad) < 1e-5


@pytest.mark.parametrize("name", LIKELIHOODS)
@pytest.mark.parametrize("log_scale", [-2.3, 0.0])
def test_the_linear_form_is_the_log_density(name, log_scale):
    logits, x = on_grid(SOFT.double(), GREY.double())
    a, b = likelihood.linear_form(name, logits, log_scale)
    expected = likelihood.log_prob(name, logits, x, log_scale)
    torch.testing.assert_close(a * x + b + likelihood.log_base(name, x, log_scale), expected)
