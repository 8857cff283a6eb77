"""Aligned maps: neighbours stay together, images keep their positions from map to map, extreme input is handled."""

from functools import cache
from types import SimpleNamespace

import numpy as np
import pytest

from explorer.core.errors import ConfigError
from explorer.core.latent import aligned_umap, projection

N, DIM = 90, 6


@pytest.fixture(scope="module", autouse=True)
def compiled_once():
    """umap compiles its layout again at every fit, which takes about ten seconds."""
    from umap import layouts

    real, njit = layouts.numba, cache(layouts.numba.njit)
    layouts.numba = SimpleNamespace(**{**vars(real), "njit": njit})
    yield
    layouts.numba = real


def turn(seed: int) -> np.ndarray:
    """A rotation of the latent space, under which no distance changes."""
    return np.linalg.qr(np.random.default_rng(seed).normal(size=(DIM, DIM)))[0]


@pytest.fixture(scope="module")
def means() -> list[np.ndarray]:
    """Three epochs: clusters that drift a little, then a latent space that was only rotated."""
    chance = np.random.default_rng(0)
    first = np.repeat(chance.normal(size=(6, DIM)) * 4, N // 6, 0) + chance.normal(size=(N, DIM))
    second = first + 0.1 * chance.normal(size=first.shape)
    return [table.astype(np.float32) for table in (first, second, second @ turn(1))]


@pytest.fixture(scope="module")
def maps(means) -> np.ndarray:
    return aligned_umap.fit(means)


def moved(before: np.ndarray, after: np.ndarray) -> float:
    """How far a point moves on average, in units of the map's size (the root of its mean squared radius)."""
    return np.linalg.norm(after - before, axis=1).mean() / np.sqrt(np.square(before - before.mean(0)).sum(1).mean())


def test_neighbours_of_the_latent_space_are_neighbours_on_every_map(means, maps):
    assert maps.shape == (3, N, 2) and maps.dtype == np.float32
    np.testing.assert_allclose(maps.mean((0, 1)), 0, atol=1e-4)
    for table, xy in zip(means, maps):
        assert projection.trustworthiness(table, xy, k=8) > 0.9


def test_points_stay_where_they_were_which_maps_made_apart_do_not(means, maps):
    glides = [moved(*pair) for pair in zip(maps, maps[1:])]
    apart = [aligned_umap.fit([table])[0] for table in means]
    assert max(glides) < 0.15
    assert moved(apart[1], apart[2]) > 3 * max(glides), "nothing but a turn of the latent space lies between these two"


def test_the_same_seed_gives_the_same_maps_and_another_gives_others(means, maps):
    np.testing.assert_array_equal(aligned_umap.fit(means), maps)
    assert not np.array_equal(aligned_umap.fit(means, seed=1), maps)


def test_the_layout_tells_how_far_it_is_and_can_be_ended(means):
    shares = []

    def progress(share: float) -> None:
        shares.append(share)
        if share > 0.3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        aligned_umap.fit(means, progress=progress)
    assert shares == sorted(shares) and shares[0] == 0 and 0.3 < shares[-1] < 0.32
    assert not projection.UMAP_LOCK.locked()


def test_a_latent_space_that_is_hardly_one_has_maps_too():
    chance = np.random.default_rng(0)
    one_place, hardly_apart = np.full((40, 8), 3.0), chance.normal(0, 1e-12, (40, 8))
    twins, far = np.repeat(np.eye(4), 10, 0), 1e30 * chance.normal(size=(40, 8))
    maps = aligned_umap.fit([np.zeros((40, 8)), one_place, hardly_apart, chance.normal(size=(40, 1)), twins, far])
    assert maps.shape == (6, 40, 2) and np.isfinite(maps).all() and np.abs(maps).max() < 100


@pytest.mark.parametrize("n", [1, 2, 4, 5, 7])
def test_a_few_points_have_maps_too(n):
    maps = aligned_umap.fit([np.random.default_rng(seed).normal(size=(n, 8)) for seed in range(2)])
    assert maps.shape == (2, n, 2) and np.isfinite(maps).all()


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_numbers_that_are_not_finite_are_refused(means, bad):
    broken = means[1].copy()
    broken[3, 2] = bad
    with pytest.raises(ConfigError, match="Encoder means hold numbers that are not finite."):
        aligned_umap.fit([means[0], broken])


@pytest.mark.parametrize("cut", [[], [slice(None), slice(5, None)]], ids=["none", "two lengths"])
def test_tables_that_do_not_match_are_refused(means, cut):
    with pytest.raises(ConfigError, match="Aligned maps need the same images at every epoch."):
        aligned_umap.fit([means[0][rows] for rows in cut])
