"""z = mu + sigma eps against autograd, the three parametrizations of the variance, and densities under other maps."""

import math

import numpy as np
import pytest
import torch
from scipy.stats import norm

from explorer.core.errors import ConfigError
from explorer.core.theory.reparameterization import (
    MAPS,
    MIXTURE,
    change_of_variables,
    descend,
    draw_eps,
    draws,
    variance_loss,
    variance_steps,
)


def test_the_derivatives_of_z_are_autograds():
    eps = draw_eps(50, 3, seed=1)
    mu, sigma = torch.tensor([0.3, -1.0, 2.0]).double(), torch.tensor([0.1, 1.0, 3.0]).double()
    many_mu, many_sigma = (part.expand(50, 3).clone().requires_grad_() for part in (mu, sigma))
    z = many_mu + many_sigma * torch.from_numpy(eps)
    dz_dmu, dz_dsigma = torch.autograd.grad(z.sum(), (many_mu, many_sigma))
    found = draws(mu.numpy(), sigma.numpy(), eps)
    np.testing.assert_allclose(found.z, z.detach().numpy())
    np.testing.assert_array_equal(found.dz_dmu, dz_dmu.numpy())
    np.testing.assert_array_equal(found.dz_dsigma, dz_dsigma.numpy())


def test_with_eps_held_z_moves_as_far_as_mu():
    eps = draw_eps(100, 2, seed=0)
    before, after = draws([0, 0], [0.5, 2], eps), draws([1, -3], [0.5, 2], eps)
    np.testing.assert_allclose(after.z - before.z, np.broadcast_to([1, -3], (100, 2)))


def test_eps_is_the_seeds():
    np.testing.assert_array_equal(draw_eps(5, 2, seed=3), draw_eps(5, 2, seed=3))
    assert (draw_eps(5, 2, seed=3) != draw_eps(5, 2, seed=4)).all()


# ---- why the logarithm of the variance


@pytest.mark.parametrize("sigma, precision", [(1.0, 900.0), (0.05, 3.0), (2.0, 0.0)])
def test_a_step_is_that_of_autograd_in_each_parametrization(sigma, precision):
    parameters = torch.tensor([sigma, sigma**2, 2 * math.log(sigma)], dtype=torch.float64, requires_grad=True)
    variances = torch.stack([parameters[0] ** 2, parameters[1], parameters[2].exp()])
    losses = 0.5 * (variances - variances.log() - 1 + precision * variances)
    np.testing.assert_allclose(losses.detach().numpy(), variance_loss(sigma, precision))
    (gradients,) = torch.autograd.grad(losses.sum(), parameters)
    steps = variance_steps(sigma, gradients[0].item(), 1e-3)
    expected = (parameters - 1e-3 * gradients).detach().numpy()
    np.testing.assert_allclose([step.value for step in steps], expected, rtol=1e-12)
    valid = [step.sigma for step in steps if step.is_valid]
    widths = [expected[0], np.sqrt(expected[1]) if expected[1] > 0 else 0, np.exp(expected[2] / 2)]
    np.testing.assert_allclose(valid, [width for width in widths if width > 0], rtol=1e-12)


def test_the_first_two_break_and_the_logarithm_does_not():
    sigma, variance, log_variance = variance_steps(sigma=0.1, gradient=5.0, learning_rate=0.03)
    assert sigma.sigma == pytest.approx(-0.05) and not sigma.is_valid
    assert variance.value == pytest.approx(-0.74)
    assert math.isnan(variance.sigma) and not variance.is_valid
    assert log_variance.is_valid and 0 < log_variance.sigma < 0.1


@pytest.mark.parametrize("sigma, gradient", [(0.1, 5.0), (1.0, 900.0), (3.0, 0.1)])
def test_each_breaks_at_the_stated_learning_rate(sigma, gradient):
    for i, limit in enumerate(step.breaks_at for step in variance_steps(sigma, gradient, 0.0)[:2]):
        assert variance_steps(sigma, gradient, limit * 0.999)[i].is_valid
        assert not variance_steps(sigma, gradient, limit * 1.001)[i].is_valid
    assert variance_steps(sigma, gradient, 1e3)[2].breaks_at == math.inf


def test_a_widening_step_breaks_nothing():
    assert all(step.is_valid and step.breaks_at == math.inf for step in variance_steps(0.1, -5.0, 1.0))


def test_only_the_logarithm_reaches_the_optimum_from_far_away():
    """sigma = 1 where images are sharp: the curvature of the reconstruction loss is 400, the best sigma 0.05."""
    in_sigma, in_variance, in_log = descend(1.0, 399.0, learning_rate=0.01, n_steps=500)
    assert in_sigma.broken_at == 1 and np.isnan(in_sigma.sigma[2:]).all()
    assert in_variance.broken_at == 1
    assert in_log.broken_at is None and in_log.sigma[-1] == pytest.approx(0.05, rel=0.05)
    assert (np.diff(variance_loss(in_log.sigma, 399.0)) <= 1e-12).all()


def test_sigma_must_be_positive():
    with pytest.raises(ConfigError):
        variance_steps(0.0, 1.0, 0.1)


# ---- the change of variables


@pytest.mark.parametrize("name", MAPS)
def test_the_slope_is_the_derivative_of_the_map(name):
    eps, step = np.linspace(-4, 4, 41), 1e-5
    ahead, behind = (change_of_variables(name, eps + s, 0.2, 0.7).z for s in (step, -step))
    np.testing.assert_allclose(change_of_variables(name, eps, 0.2, 0.7).dz_deps, (ahead - behind) / (2 * step), rtol=1e-5)


@pytest.mark.parametrize("name", MAPS)
def test_densities_agree_with_a_histogram(name):
    z = change_of_variables(name, draw_eps(400_000, 1, seed=0)[:, 0], 0.2, 0.7).z
    grid = change_of_variables(name, np.linspace(-2.5, 2.5, 4001), 0.2, 0.7)
    edges = np.linspace(grid.z[0], grid.z[-1], 26)
    shares = np.histogram(z, edges)[0] / len(z)
    masses = np.diff(np.interp(edges, grid.z, np.cumsum(grid.density_z * np.gradient(grid.z))))
    np.testing.assert_allclose(shares, masses, atol=4 * np.sqrt(shares.max() / len(z)) + 1e-4)


def test_densities_are_known_ones():
    eps = np.linspace(-3, 3, 13)
    exponential = change_of_variables("exponential", eps, 0.3, 0.5)
    log_normal = torch.distributions.LogNormal(0.3, 0.5).log_prob(torch.from_numpy(exponential.z)).exp().numpy()
    np.testing.assert_allclose(exponential.density_z, log_normal, rtol=1e-6)
    mixture = change_of_variables("mixture", eps)
    parts = [w * torch.distributions.Normal(m, s).log_prob(torch.from_numpy(mixture.z)).exp().numpy() for w, m, s in MIXTURE]
    np.testing.assert_allclose(mixture.density_z, sum(parts), rtol=1e-6)


def test_the_mixture_map_is_the_inverse_cdf_even_in_the_tails():
    eps = np.array([-30.0, -8, -1, 0, 0.5, 8, 30])
    z = change_of_variables("mixture", eps).z
    assert np.isfinite(z).all() and (np.diff(z) > 0).all()
    cdf = sum(w * norm.cdf((z - m) / s) for w, m, s in MIXTURE)
    np.testing.assert_allclose(cdf, norm.cdf(eps), rtol=1e-9)


def test_only_the_location_scale_map_stretches_evenly():
    eps = np.linspace(-2, 2, 9)
    even = [np.ptp(change_of_variables(name, eps).dz_deps) == 0 for name in MAPS]
    assert even == [True, False, False]


@pytest.mark.parametrize("name, sigma", [("sine", 1.0), ("mixture", 0.0), ("exponential", math.nan)])
def test_impossible_maps_are_refused(name, sigma):
    with pytest.raises(ConfigError):
        change_of_variables(name, [0.0], 0.0, sigma)


def test_a_descent_that_diverges_ends():
    in_sigma, _, in_log = descend(1e-3, 0.0, learning_rate=1e6, n_steps=20)
    assert in_sigma.broken_at == 2 and in_log.broken_at == 1  # exp of the new logarithm is infinite
    assert len(in_log.sigma) == 21 and in_log.sigma[0] == 1e-3
