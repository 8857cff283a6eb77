"""Landmarks: support and positions against brute force, the nearest points, extreme input and many threads."""

import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from sklearn.neighbors import NearestNeighbors

from explorer.core.errors import ConfigError
from explorer.core.latent.landmarks import Landmarks
from explorer.core.latent.projection import pca
from tests.unit.core.latent.sample_vectors import gallery


def brute_force_support(z, mu, logvar):
    """From torch.distributions: log q(mu) - log q(z) is half the squared distance in units of sigma."""
    q = torch.distributions.Normal(torch.from_numpy(mu).double(), torch.from_numpy(logvar).double().div(2).exp())
    z = torch.from_numpy(z).double()[:, None]
    d2 = 2 * (q.log_prob(q.mean) - q.log_prob(z)).sum(-1).min(1).values
    return torch.exp(-d2 / (2 * z.shape[-1])).numpy()


@pytest.mark.parametrize("dim", [1, 2, 16, 64, 128])
@pytest.mark.parametrize("offset", [0, 1000])
def test_support_is_that_of_the_definition(dim, offset):
    mu, logvar, _ = gallery(600, dim, seed=dim)
    rng = np.random.default_rng(1)
    z = np.concatenate([1.5 * rng.normal(size=(60, dim)), mu[:60] + 0.1 * rng.normal(size=(60, dim))])
    mu, z = mu + np.float32(offset), (z + offset).astype(np.float32)
    support = Landmarks(mu, logvar).query(z)[1]
    assert support.dtype == np.float32 and support.shape == (120,)
    np.testing.assert_allclose(support, brute_force_support(z, mu, logvar), rtol=2e-3 if offset else 2e-5, atol=1e-30)


@pytest.mark.parametrize("sigma", [(1e-3, 2e-3), (1e-3, 10), (30, 100)])
def test_support_with_any_sigma_is_one_at_a_landmark_and_never_above_the_definition(sigma):
    mu, logvar, xy = gallery(500, 16, sigma=sigma)
    marks = Landmarks(mu, logvar)
    place, support = marks.query(mu, xy)
    assert (support >= 0.999).all() and (support <= 1).all()
    np.testing.assert_allclose(place, xy, atol=1e-4)
    z = (mu + np.exp(logvar / 2) * np.random.default_rng(2).normal(size=mu.shape)).astype(np.float32)
    support, exact = marks.query(z)[1], brute_force_support(z, mu, logvar)
    assert (support <= exact * 1.001).all()
    np.testing.assert_allclose(support, exact, rtol=5e-3)


def test_a_point_is_placed_between_its_eight_nearest_by_inverse_square_distance():
    mu, logvar, xy = gallery(300, 4)
    z = np.random.default_rng(3).normal(size=(40, 4)).astype(np.float32)
    place = Landmarks(mu, logvar).query(z, xy)[0]
    assert place.shape == (40, 2) and place.dtype == np.float32
    distance, index = NearestNeighbors(n_neighbors=8).fit(mu).kneighbors(z)
    expected = [np.average(xy[i], axis=0, weights=1 / d**2) for i, d in zip(index, distance)]
    np.testing.assert_allclose(place, expected, atol=1e-4)


def test_a_cursor_glides_when_z_does():
    mu, logvar, _ = gallery(2000, 2)
    a, b = mu[0], mu[1]
    path = a + np.linspace(0, 1, 400, dtype=np.float32)[:, None] * (b - a)
    place = Landmarks(mu, logvar).query(path, mu)[0]  # the raw plane: the place of z is about z itself
    assert np.abs(place - path).max() < 0.5
    assert np.linalg.norm(np.diff(place, axis=0), axis=1).max() < 0.1


def test_one_weighing_serves_every_map():
    mu, logvar, xy = gallery(2500, 3)
    marks = Landmarks(mu, logvar, n=2000)
    z = np.random.default_rng(4).normal(size=(10, 3)).astype(np.float32)
    index, weight, support = marks.weigh(z)
    assert set(index.ravel()) <= set(marks.index) and len(marks.index) == 2000
    np.testing.assert_allclose(weight.sum(1), 1, atol=1e-5)
    for other in (xy, mu[:, :2], pca(mu)):
        place, same = marks.query(z, other)
        assert (place == marks.place(index, weight, other)).all() and (same == support).all()
    assert marks.query(z)[0] is None
    with pytest.raises(ConfigError, match="map"):
        marks.query(z, xy[:-1])


def test_landmarks_are_chosen_by_the_seed():
    mu, logvar, _ = gallery(300, 3)
    chosen = Landmarks(mu, logvar, n=100).index
    assert len(set(chosen)) == 100 and (np.diff(chosen) > 0).all()
    assert (chosen == Landmarks(mu, logvar, n=100).index).all()
    assert (chosen != Landmarks(mu, logvar, n=100, seed=1).index).any()
    assert (Landmarks(mu, logvar, n=300).index == np.arange(300)).all()


@pytest.mark.parametrize("n", [1, 2, 7])
def test_a_gallery_smaller_than_the_neighbourhood(n):
    mu, logvar, xy = gallery(n, 5)
    place, support = Landmarks(mu, logvar).query(mu, xy)
    np.testing.assert_allclose(place, xy, atol=1e-4)
    assert (support == 1).all()


@pytest.mark.parametrize("dim", [1, 2, 16, 128])
def test_extreme_input_gives_numbers_in_range_and_no_warning(dim):
    mu, logvar, xy = gallery(200, dim)
    logvar[:100], logvar[100:] = -300, 300
    far = np.float32([[1e6], [-1e6], [1e18], [3e38], [-3e38], [0]]) * np.ones((1, dim), np.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for means in (mu, 1e6 * mu, np.zeros_like(mu), 1e30 * mu):
            for spread in (logvar, np.full_like(mu, -14), np.full_like(mu, 20)):
                place, support = Landmarks(means, spread).query(far, xy)
                assert np.isfinite(place).all() and (np.abs(place) <= np.abs(xy).max() + 1e-4).all()
                assert ((support > 0) & (support <= 1)).all()


def test_landmarks_refuse_what_does_not_fit():
    mu, logvar, _ = gallery(20, 3)
    with pytest.raises(ConfigError, match="shape"):
        Landmarks(mu, logvar[:-1])
    marks = Landmarks(mu, logvar)
    for bad in (np.zeros((4, 2)), np.zeros(3), np.full((1, 3), np.nan)):
        with pytest.raises(ConfigError):
            marks.query(bad)


def test_nearest_are_the_nearest_of_the_whole_gallery_in_order():
    mu, logvar, _ = gallery(3000, 16)
    marks = Landmarks(mu, logvar)
    for z in np.random.default_rng(5).normal(size=(10, 16)).astype(np.float32):
        index, distance = marks.k_nearest(z, 12)
        theirs = NearestNeighbors(n_neighbors=12).fit(mu).kneighbors(z[None])
        assert (index == theirs[1][0]).all()
        np.testing.assert_allclose(distance, theirs[0][0], rtol=1e-5)
    index, distance = marks.k_nearest(mu[2999], 1)
    assert index.tolist() == [2999] and distance.tolist() == [0]
    assert Landmarks(np.zeros((5, 2)), np.zeros((5, 2))).k_nearest(np.zeros(2), 9)[0].tolist() == [0, 1, 2, 3, 4]
    with pytest.raises(ConfigError):
        marks.k_nearest(np.full(16, np.nan), 3)


def test_landmarks_answer_many_threads_and_change_nothing():
    mu, logvar, xy = gallery(2500, 16)
    for array in (mu, logvar, xy):
        array.flags.writeable = False
    marks = Landmarks(mu, logvar)
    paths = [np.random.default_rng(i).normal(size=(33, 16)).astype(np.float32) for i in range(16)]
    alone = [marks.query(z, xy) for z in paths]
    with ThreadPoolExecutor(4) as pool:
        for (place, support), (place0, support0) in zip(pool.map(lambda z: marks.query(z, xy), paths), alone):
            assert (place == place0).all() and (support == support0).all()
