"""The terms of a Gaussian q against other quadratures, closed forms and the exact evidence."""

import numpy as np
import pytest
import torch
from torch.distributions import Normal, kl_divergence

from explorer.core.errors import ConfigError
from explorer.core.theory import gaussian
from explorer.core.theory.evidence import evidence
from explorer.core.theory.gaussian import Gaussian, encoder_gaussian, quadrature, terms, terms_of_many
from tests.unit.core.theory import brute_force

pytestmark = pytest.mark.usefixtures("one_thread")


def random_gaussians(n: int, found=None, d: int = 2, seed: int = 0) -> list[Gaussian]:
    """Half of them near the posterior, if one is given, the others anywhere."""
    rng, qs = np.random.default_rng(seed), []
    for k in range(n):
        if found is not None and k % 2:
            q = found.mean + 2 * found.sd * rng.standard_normal(d), found.sd * np.exp(rng.uniform(-1, 1, d))
        else:
            q = rng.standard_normal(d), np.exp(rng.uniform(np.log(0.008), np.log(0.25), d))
        qs.append(Gaussian(*q))
    return qs


def independent_kl(engine, x, q: Gaussian, log_px: float, steps_per_sigma: float) -> float:
    """KL(q || p(z|x)) on a plain grid over q, with densities of torch.distributions."""
    n = [2 * int(np.ceil(6.5 * steps_per_sigma * max(1, s / 0.06))) + 1 for s in q.sigma]
    points, log_cell = brute_force.grid(q.mean - 6.5 * q.sigma, q.mean + 6.5 * q.sigma, n)
    density = Normal(torch.from_numpy(q.mean), torch.from_numpy(q.sigma))
    log_q = density.log_prob(torch.from_numpy(points)).sum(1).numpy()
    inside = log_q > log_q.max() - 21
    points, log_q = points[inside], log_q[inside]
    return float(np.exp(log_q + log_cell) @ (log_q - brute_force.log_joint(engine, points, x) + log_px))


def test_elbo_plus_kl_is_the_evidence_for_100_random_q(mnist_2d, mnist_images):
    rng = np.random.default_rng(1)
    for k, row in enumerate(rng.choice(2000, 10, replace=False)):
        x = mnist_images[row] / 255
        found = evidence(mnist_2d, x)
        for q in random_gaussians(10, found, seed=k):
            t = terms(mnist_2d, x, q, found.log_px)
            assert t.elbo + independent_kl(mnist_2d, x, q, found.log_px, 1.3) == pytest.approx(found.log_px, abs=1e-4)
            assert t.elbo + t.gap == pytest.approx(found.log_px, abs=1e-9) and t.gap >= 0 and t.error <= 1e-4


def test_every_likelihood(small):
    d, rng = small.latent_dim, np.random.default_rng(0)
    x = rng.random(small.image_shape)
    found = evidence(small, x)
    for q in random_gaussians(6, found, d):
        t = terms(small, x, q, found.log_px)
        assert t.gap == pytest.approx(independent_kl(small, x, q, found.log_px, 2), abs=2e-4)


def test_the_other_terms_are_closed_forms(mnist_2d, mnist_images):
    for q, t in zip(qs := random_gaussians(8), terms_of_many(mnist_2d, mnist_images[0], qs, -91.062)):
        density, prior = Normal(torch.from_numpy(q.mean), torch.from_numpy(q.sigma)), Normal(0.0, 1.0)
        entropy, kl = float(density.entropy().sum()), float(kl_divergence(density, prior).sum())
        assert t.log_q == pytest.approx(-entropy, abs=1e-6)
        assert t.log_q - t.log_prior == pytest.approx(kl, abs=1e-6) and q.kl_to_prior == pytest.approx(kl)
        assert t.elbo == pytest.approx(t.log_likelihood - kl, abs=1e-6)
        assert t.log_posterior == pytest.approx(t.log_likelihood + t.log_prior + 91.062, abs=1e-6)


def test_the_log_density_is_torchs():
    q, z = Gaussian([1, -2], [0.1, 3e-3]), np.random.default_rng(0).standard_normal((5, 2))
    expected = Normal(torch.from_numpy(q.mean), torch.from_numpy(q.sigma)).log_prob(torch.from_numpy(z)).sum(1)
    np.testing.assert_allclose(q.log_density(z), expected)


def test_many_are_as_one(mnist_2d, mnist_images):
    qs = random_gaussians(12)
    many = terms_of_many(mnist_2d, mnist_images[4], qs, -150.0)
    for q, together in zip(qs, many):
        alone = terms(mnist_2d, mnist_images[4], q, -150.0)
        assert together.elbo == pytest.approx(alone.elbo, abs=1e-4)
    assert terms_of_many(mnist_2d, mnist_images[4], [], -150.0) == []


def test_the_estimated_error_is_not_too_small(mnist_2d, mnist_images):
    for row in range(4):
        qs = random_gaussians(12, evidence(mnist_2d, mnist_images[row]), seed=row)
        rough, fine = (quadrature(mnist_2d, mnist_images[row], qs, tolerance) for tolerance in (1.0, 1e-5))
        for a, b in zip(rough, fine):
            difference = a.expectation(a.log_likelihood) - b.expectation(b.log_likelihood)
            assert abs(difference) <= a.error + b.error + 5e-5  # float32


def test_a_wide_q_needs_no_decoder(mnist_2d, mnist_images, monkeypatch):
    """The points of its lattice are those of the decoded plane."""
    q, decoded = Gaussian([0.2, 0.4], [0.3, 0.4]), []
    log_joint = gaussian.log_joint
    monkeypatch.setattr(gaussian, "log_joint", lambda *args: (decoded.append(len(args[1])), log_joint(*args))[1])
    nodes = quadrature(mnist_2d, mnist_images[0], [q], tolerance=1.0)[0]
    assert not decoded and len(nodes.z) > 1000
    exact = terms(mnist_2d, mnist_images[0], q, 0.0).log_likelihood
    assert nodes.expectation(nodes.log_likelihood) == pytest.approx(exact, abs=nodes.error + 1e-3)


def test_a_q_that_leaves_the_plane_is_decoded_there(mnist_2d, mnist_images):
    x, q = mnist_images[0] / 255, Gaussian([4.8, -4.9], [0.2, 0.25])
    t = terms(mnist_2d, x, q, -91.062)
    assert t.gap == pytest.approx(independent_kl(mnist_2d, x, q, -91.062, 1.3), abs=2e-3)


def test_the_encoders_q(mnist_2d, mnist_images):
    mu, logvar = mnist_2d.encode(mnist_images[:1])
    q = encoder_gaussian(mnist_2d, mnist_images[0])
    np.testing.assert_allclose(q.mean, mu[0], atol=1e-6)
    np.testing.assert_allclose(q.sigma, np.exp(logvar[0] / 2), rtol=1e-5)


@pytest.mark.parametrize(
    "mean, sigma, says",
    [
        ([0, 0], [1, 0], "Sigma must lie between"),
        ([0, 0], [1, -1], "Sigma must lie between"),
        ([0, 0], [1, np.nan], "Sigma must lie between"),
        ([0, 0], [1, 50], "Sigma must lie between"),
        ([np.nan, 0], [1, 1], "mean must lie between"),
        ([0, 1e9], [1, 1], "mean must lie between"),
        ([0, 0], [1], "vectors of equal length"),
    ],
)
def test_impossible_parameters_are_refused(mean, sigma, says):
    with pytest.raises(ConfigError, match=says):
        Gaussian(mean, sigma)


def test_q_must_have_the_dimensions_of_the_model(mnist_2d, mnist_images):
    with pytest.raises(ConfigError, match="the 2 dimensions"):
        terms(mnist_2d, mnist_images[0], Gaussian([0.0], [1.0]), 0.0)
