"""The halves of the KL against torch.distributions, and overlapping bubbles against drawn ellipses."""

import math

import numpy as np
import pytest
import torch
from torch.distributions import Normal, kl_divergence

from explorer.core.errors import ConfigError
from explorer.core.theory import loss_terms
from explorer.core.theory.loss_terms import bhattacharyya, kl_halves, mean_term, overlapping_bubbles, variance_term


def posteriors(n: int, dims: int, seed: int = 0, spread: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return spread * rng.normal(size=(n, dims)), rng.uniform(-5, 1, (n, dims))


@pytest.mark.parametrize("dims", [1, 2, 16])
def test_the_halves_sum_to_torchs_kl(dims):
    mu, logvar = posteriors(200, dims)
    q = Normal(torch.from_numpy(mu), torch.from_numpy(np.exp(0.5 * logvar)))
    expected = kl_divergence(q, Normal(0.0, 1.0)).numpy()
    halves = kl_halves(mu, logvar)
    np.testing.assert_allclose(halves.kl_per_dim, expected, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(halves.variance, variance_term(np.exp(logvar)), rtol=1e-9, atol=1e-14)
    np.testing.assert_array_equal(halves.mean, mean_term(mu))


def test_each_half_is_zero_at_the_prior_and_positive_elsewhere():
    variance, mean = np.array([1e-4, 0.5, 0.999, 1.001, 3, 50]), np.array([-3, -1e-3, 1e-3, 2])
    assert variance_term(1) == 0 and mean_term(0) == 0
    assert (variance_term(variance) > 0).all() and (mean_term(mean) > 0).all()
    assert variance_term(math.e) == pytest.approx((math.e - 2) / 2)
    assert mean_term(3) == 4.5


def test_equal_circles_overlap_up_to_two_radii():
    logvar = np.full((2, 2), 2 * math.log(0.3))
    for distance, overlap in ((0.0, 1), (0.599, 1), (0.601, 0)):
        assert overlapping_bubbles([[0, 0], [distance, 0]], logvar).n_pairs == overlap
    assert overlapping_bubbles([[0, 0], [1.19, 0]], logvar, n_sigmas=2).n_pairs == 1
    assert overlapping_bubbles([[0, 0], [1.21, 0]], logvar, n_sigmas=2).n_pairs == 0


def test_a_bubble_inside_another_overlaps_it():
    assert overlapping_bubbles([[0, 0], [0.1, 0.1]], [[0, 0], [-8, -8]]).n_pairs == 1


def outlines_meet(mu, sigma, n: int = 4000) -> bool:
    """Whether a point of one filled ellipse lies in the other: of the outline, or the centre if one contains the other."""
    angle = np.linspace(0, 2 * np.pi, n)
    circle = np.stack([np.cos(angle), np.sin(angle)], 1)
    for one, other in ((0, 1), (1, 0)):
        points = np.vstack([mu[one] + sigma[one] * circle, mu[one]])
        if ((((points - mu[other]) / sigma[other]) ** 2).sum(1) <= 1).any():
            return True
    return False


def test_pairs_are_those_of_drawn_ellipses():
    mu, logvar = posteriors(40, 2, seed=3)
    found = {tuple(pair) for pair in overlapping_bubbles(mu, logvar).pairs.tolist()}
    sigma = np.exp(0.5 * logvar)
    drawn = {(i, j) for i in range(40) for j in range(i + 1, 40) if outlines_meet(mu[[i, j]], sigma[[i, j]])}
    assert found == drawn and 20 < len(drawn) < 700


def test_bubbles_that_touch_no_other_are_not_counted():
    mu = [[0.0, 0, 0], [1, 0, 0], [9, 9, 9], [0, 1, 0]]
    overlap = overlapping_bubbles(mu, np.zeros((4, 3)))
    assert overlap.pairs.tolist() == [[0, 1], [0, 3], [1, 3]]
    assert (overlap.n_bubbles, overlap.n_pairs, overlap.n_touched) == (4, 3, 3)
    alone = overlapping_bubbles([[0.0, 0]], [[0.0, 0]])
    assert (alone.n_pairs, alone.n_touched) == (0, 0)


def test_bhattacharyya_is_the_integral_of_the_geometric_mean():
    mu, logvar = np.array([[0.3], [1.1], [-2.0]]), np.array([[0.2], [-1.5], [-0.3]])
    z = np.linspace(-12, 12, 40_001)
    density = np.exp(-0.5 * ((z - mu) ** 2 / np.exp(logvar) + logvar + math.log(2 * math.pi)))
    expected = [[np.trapezoid(np.sqrt(a * b), z) for b in density] for a in density]
    np.testing.assert_allclose(bhattacharyya(mu, logvar), expected, rtol=1e-6)


def test_bhattacharyya_multiplies_over_dimensions():
    mu, logvar = posteriors(7, 3)
    product = np.prod([bhattacharyya(mu[:, [d]], logvar[:, [d]]) for d in range(3)], axis=0)
    np.testing.assert_allclose(bhattacharyya(mu, logvar), product, rtol=1e-12)


@pytest.mark.parametrize("shape, n_sigmas", [((3, 1), 1), ((2, 2), 0), ((2, 2), math.nan)])
def test_impossible_requests_are_refused(shape, n_sigmas):
    with pytest.raises(ConfigError):
        overlapping_bubbles(np.zeros((2, 2)), np.zeros(shape), n_sigmas)


def test_too_many_bubbles_are_refused():
    many = np.zeros((loss_terms.MAX_BUBBLES + 1, 2))
    with pytest.raises(ConfigError, match="at most 1,000 bubbles"):
        overlapping_bubbles(many, many)
