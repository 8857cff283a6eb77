"""The ring map, the aggregate posterior against torch.distributions and Monte Carlo, and holes that were made on purpose."""

import math

import numpy as np
import pytest
import torch
from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal

from explorer.core.engine.engine import open_bundle
from explorer.core.errors import ConfigError
from explorer.core.latent.landmarks import Landmarks
from explorer.core.latent.navigation import prior_draws
from explorer.core.theory import prior
from explorer.core.theory.prior import aggregate_posterior, find_holes, kl_parts, ring_map, unsupported_images
from tests.helpers import random_bundle

pytestmark = pytest.mark.usefixtures("one_thread")


def posteriors(n: int = 30, dims: int = 2, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, dims)), rng.uniform(-4, -0.5, (n, dims))


def mixture(mu, logvar) -> MixtureSameFamily:
    parts = Independent(Normal(torch.from_numpy(mu), torch.from_numpy(np.exp(0.5 * logvar))), 1)
    return MixtureSameFamily(Categorical(torch.ones(len(mu)).double()), parts)


# ---- the ring map


def test_the_ring_map_is_doerschs():
    np.testing.assert_allclose(ring_map([[3.0, 4.0], [0, -2]]), [[0.3 + 0.6, 0.4 + 0.8], [0, -0.2 - 1]])


def test_the_ring_map_makes_a_ring():
    radii = np.linalg.norm(ring_map(prior_draws(2000, 2, seed=0)), axis=1)
    assert radii.min() > 1 and np.quantile(radii, 0.99) < 1.35


def test_each_term_of_the_ring_map_alone():
    z = np.array([[3.0, 4.0]])
    np.testing.assert_allclose(ring_map(z, shrink=2, radius=0), z / 2)
    np.testing.assert_allclose(ring_map(z, shrink=1e12, radius=3), 3 * z / 5)


def test_the_ring_map_of_zero_is_zero():
    assert (ring_map(np.zeros((1, 3))) == 0).all()


def test_a_shrink_of_zero_is_refused():
    with pytest.raises(ConfigError):
        ring_map([[1.0, 1.0]], shrink=0)


# ---- the aggregate posterior


def test_cells_have_the_mean_density_of_the_mixture():
    mu, logvar = posteriors()
    coarse = aggregate_posterior(mu, logvar, low=-2, high=2, n=4)
    axis = -2 + (np.arange(400) + 0.5) / 100
    points = np.stack(np.meshgrid(axis, axis), 2).reshape(-1, 2)
    fine = mixture(mu, logvar).log_prob(torch.from_numpy(points)).exp().numpy()
    expected = fine.reshape(4, 100, 4, 100).mean((1, 3))
    np.testing.assert_allclose(coarse.aggregate, expected, rtol=1e-3)
    unit = np.exp(-0.5 * (points**2).sum(1)) / (2 * math.pi)
    np.testing.assert_allclose(coarse.prior, unit.reshape(4, 100, 4, 100).mean((1, 3)), rtol=1e-3)
    np.testing.assert_allclose(coarse.log_ratio, np.log(coarse.aggregate / coarse.prior))


def test_rows_are_the_second_dimension():
    found = aggregate_posterior([[0.5, 9.0, 1.5]], [[-9.0, 0, -9]], dims=(0, 2), low=-2, high=2, n=4)
    assert found.aggregate[3, 2] == pytest.approx(1) and found.aggregate.sum() == pytest.approx(1)


def test_a_bubble_narrower_than_a_cell_keeps_its_mass():
    found = aggregate_posterior([[0.03, 0.04]], [[-14.0, -14.0]], n=21)
    assert found.aggregate.sum() * (8 / 21) ** 2 == pytest.approx(1)
    assert found.prior.sum() * (8 / 21) ** 2 == pytest.approx(math.erf(4 / math.sqrt(2)) ** 2)


def test_cells_far_from_everything_have_a_finite_ratio():
    assert np.isfinite(aggregate_posterior([[0.0, 0.0]], [[-14.0, -14.0]], low=-60, high=60).log_ratio).all()


@pytest.mark.parametrize("change", [{"dims": (0, 0)}, {"dims": (0, 2)}, {"dims": (1,)}, {"n": 0}, {"low": 1.0, "high": 1.0}])
def test_impossible_planes_are_refused(change):
    with pytest.raises(ConfigError):
        aggregate_posterior(*posteriors(), **change)


def test_the_parts_of_the_kl_are_those_of_the_mixture(monkeypatch):
    monkeypatch.setattr(prior, "TABLE_SIZE", 100)  # several batches
    mu, logvar = posteriors(30, 3)
    found = kl_parts(mu, logvar, n=4000, seed=1)
    q = Normal(torch.from_numpy(mu), torch.from_numpy(np.exp(0.5 * logvar)))
    kl = torch.distributions.kl_divergence(q, Normal(0.0, 1.0)).sum(1).mean().item()
    torch.manual_seed(0)
    z = mixture(mu, logvar).sample((100_000,))
    aggregate_kl = (mixture(mu, logvar).log_prob(z) - Normal(0.0, 1.0).log_prob(z).sum(1)).mean().item()
    assert found.kl == pytest.approx(kl)
    assert found.mutual_information + found.aggregate_kl == pytest.approx(found.kl)
    assert abs(found.aggregate_kl - aggregate_kl) < 4 * found.standard_error


def test_equal_posteriors_carry_no_information():
    found = kl_parts(np.zeros((20, 2)), np.zeros((20, 2)))
    assert (found.kl, found.mutual_information, found.aggregate_kl) == pytest.approx((0, 0, 0), abs=1e-9)


def test_separate_posteriors_carry_log_n():
    mu = 100.0 * np.arange(16)[:, None] * np.ones(2)
    assert kl_parts(mu, np.zeros((16, 2))).mutual_information == pytest.approx(math.log(16))


# ---- holes


def half_plane(z):
    """Support for a model that covers only the half where the first coordinate is positive."""
    return None, np.where(z[:, 0] > 0, 1.0, 0.01).astype(np.float32)


def test_the_share_of_holes_is_the_mass_of_the_uncovered_part():
    holes = find_holes(half_plane, 2, n=4000, seed=0)
    assert abs(holes.share - 0.5) < 3 * holes.standard_error
    assert holes.standard_error == pytest.approx(math.sqrt(0.25 / 4000), rel=0.01)
    assert (holes.centres[:, 0] <= 0).all() and (holes.support == np.float32(0.01)).all()


def test_the_largest_hole_is_where_the_prior_has_most_mass():
    """Two uncovered discs: one near the origin, one where the prior is thin."""

    def two_discs(z):
        inside = [np.linalg.norm(z - centre, axis=1) < 0.45 for centre in ([0.3, 0.2], [-2.0, 1.0])]
        return None, np.where(np.any(inside, 0), 0.05, 0.9)

    holes = find_holes(two_discs, 2, seed=3)
    assert np.linalg.norm(holes.centres[0] - [0.3, 0.2]) < 0.35
    assert (np.diff(holes.masses) <= 0).all() and 0 < holes.masses.sum() <= holes.share + 1e-12
    distances = np.linalg.norm(holes.centres[:, None] - holes.centres, axis=2) + 9 * np.eye(len(holes.centres))
    assert distances.min() > 0.5  # a centre is in no other hole


def test_a_model_without_holes():
    holes = find_holes(lambda z: (None, np.ones(len(z))), 3)
    assert holes.share == holes.standard_error == 0 and holes.centres.shape == (0, 3) and holes.masses.shape == (0,)


def test_support_may_come_from_landmarks():
    rng = np.random.default_rng(0)
    wide = Landmarks(rng.normal(size=(500, 2)), np.full((500, 2), -2.0))
    narrow = Landmarks(rng.normal(size=(500, 2)), np.full((500, 2), -9.0))
    assert find_holes(wide.query, 2).share < 0.1 < 0.8 < find_holes(narrow.query, 2).share


def test_the_holes_of_a_loaded_model(tmp_path):
    random_bundle(tmp_path, "model", latent_dim=3)
    engine = open_bundle("model", tmp_path)
    holes = find_holes(engine.place, 3, n=500, seed=1)
    support = Landmarks(engine.gallery.mu, engine.gallery.logvar).query(prior_draws(500, 3, seed=1))[1]
    assert holes.share == (support < prior.HOLE_SUPPORT).mean()
    assert engine.decode(holes.centres).shape == (len(holes.centres), *engine.image_shape)


def test_holes_of_many_draws_are_scaled(monkeypatch):
    monkeypatch.setattr(prior, "MAX_HOLE_DRAWS", 200)
    few = find_holes(half_plane, 2, seed=0, n_centres=1)
    monkeypatch.setattr(prior, "MAX_HOLE_DRAWS", 4000)
    many = find_holes(half_plane, 2, seed=0, n_centres=1)
    assert few.share == many.share and few.masses[0] == pytest.approx(many.masses[0], rel=0.3)


def test_images_among_others_are_supported_and_lonely_ones_are_not():
    rng = np.random.default_rng(0)
    mu, wide, narrow = rng.normal(size=(800, 2)), np.full((800, 2), -2.0), np.full((800, 2), -9.0)
    (supported, _), (alone, error) = unsupported_images(mu, wide), unsupported_images(mu, narrow)
    assert supported < 0.1 < 0.5 < alone
    assert error == pytest.approx(math.sqrt(alone * (1 - alone) / 400))
    with pytest.raises(ConfigError):
        unsupported_images(mu[:1], wide[:1])


def test_an_image_does_not_support_itself():
    """Unlike its posterior's own draws, or its mean among all: those always have support."""
    mu, logvar = 100.0 * np.arange(40)[:, None] * np.ones(2), np.zeros((40, 2))
    assert (Landmarks(mu, logvar).query(mu)[1] > 0.99).all()
    assert unsupported_images(mu, logvar)[0] == 1
