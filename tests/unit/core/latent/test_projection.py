"""The maps: deterministic, faithful to the latent space, and equal to reference implementations."""

import subprocess
import sys
import time
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA
from sklearn.neighbors import NearestNeighbors
from tqdm import tqdm

from explorer.core.errors import ConfigError
from explorer.core.latent import projection
from explorer.core.latent.landmarks import Landmarks
from explorer.core.latent.projection import pca, procrustes, trustworthiness, umap_map
from tests.unit.core.latent.sample_vectors import cloud


def test_pca_is_scikit_learns_up_to_the_sign():
    means, _ = cloud(400, 8)
    xy = pca(means)
    assert xy.shape == (400, 2) and xy.dtype == np.float32
    theirs = PCA(2).fit_transform(means.astype(float))
    np.testing.assert_allclose(np.abs(xy), np.abs(theirs), atol=1e-4)
    assert xy.tobytes() == pca(means.copy()).tobytes()
    np.testing.assert_allclose(pca(means + 5), xy, atol=1e-4)


def test_pca_of_hardly_any_data():
    one = np.linspace(-1, 1, 9)[:, None]
    xy = pca(one)
    np.testing.assert_allclose(xy[:, 0], one[:, 0], atol=1e-6)
    assert not xy[:, 1].any()
    for n in (1, 2):
        assert pca(cloud(n, 5)[0]).shape == (n, 2)
    assert not pca(np.full((20, 3), 7.0)).any()


@pytest.mark.parametrize("bad", [np.full((9, 3), np.nan), np.full((9, 3), np.inf), np.zeros((0, 3)), np.zeros(9)])
def test_maps_of_no_numbers_are_refused(bad):
    for make in (pca, umap_map, lambda x: Landmarks(x, x), lambda x: trustworthiness(x, x), lambda x: procrustes(x, x)):
        with pytest.raises(ConfigError):
            make(bad)


@pytest.fixture(scope="module")
def three():
    """600 points of three clusters, their labels and their map."""
    means, labels = cloud(600, 16)
    return means, labels, umap_map(means)


def test_umap_keeps_neighbours_and_separates_clusters(three):
    means, labels, xy = three
    assert xy.shape == (600, 2) and xy.dtype == np.float32 and np.isfinite(xy).all()
    assert trustworthiness(means, xy) > 0.9
    assert trustworthiness(means, np.random.default_rng(0).permutation(xy)) < 0.6
    near = NearestNeighbors(n_neighbors=2).fit(xy).kneighbors(xy)[1][:, 1]
    assert (labels[near] == labels).mean() > 0.99


def test_umap_is_the_same_for_the_same_seed_and_only_then(three):
    means, _, xy = three
    assert umap_map(means, seed=0).tobytes() == xy.tobytes()
    assert umap_map(means, seed=1).tobytes() != xy.tobytes()


def test_a_later_umap_does_not_compile_again(three):
    started = time.perf_counter()
    umap_map(cloud(40, 3)[0])
    assert time.perf_counter() - started < 5  # compiling takes longer than that


def test_two_threads_may_ask_for_a_map_at_once(three):
    means, _, xy = three
    with ThreadPoolExecutor(2) as pool:
        for other in pool.map(umap_map, [means, means]):
            assert other.tobytes() == xy.tobytes()


def test_umap_reports_progress_and_can_be_cancelled(three, capfd):
    means, _, xy = three
    shares = []
    assert umap_map(means, progress=shares.append).tobytes() == xy.tobytes()
    assert shares[0] == 0 and shares[-1] == 1 and shares == sorted(shares) and len(shares) > 100

    class Cancelled(Exception):
        pass

    def stop_early(share):
        if share > 0.1:
            raise Cancelled

    with pytest.raises(Cancelled):
        umap_map(means, progress=stop_early)
    lock = tqdm.get_lock().th_lock
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(lambda: lock.acquire(timeout=5) and not lock.release()).result(), "bars of other threads can go on"
    assert not projection.UMAP_LOCK.locked()
    assert "".join(capfd.readouterr()) == ""


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 6, 16])
def test_umap_of_few_points(n, three):
    means, _ = cloud(n, 4)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        xy = umap_map(means)
    assert xy.shape == (n, 2) and np.isfinite(xy).all()
    assert (n >= 5) or xy.tobytes() == pca(means).tobytes()


def test_umap_of_odd_data(three):
    rng = np.random.default_rng(0)
    twins, outlier = np.repeat(rng.normal(size=(5, 3)), 20, axis=0), rng.normal(size=(50, 3))
    outlier[0] = 1e30
    for means in (np.ones((60, 4)), twins, outlier, 1e-30 * outlier[1:], rng.normal(size=(50, 1))):
        xy = umap_map(means)
        assert xy.shape == (len(means), 2) and np.isfinite(xy).all()


def test_umap_refuses_impossible_settings():
    for bad in ({"seed": -1}, {"n_neighbors": 1}):
        with pytest.raises(ConfigError):
            umap_map(np.eye(20), **bad)


def test_the_neighbour_graph_is_exact_and_begins_with_the_point_itself():
    means, _ = cloud(700, 5)
    means[100:110] = means[7]
    index, distance = projection.neighbour_graph(torch.from_numpy(means), 12)
    theirs = NearestNeighbors(n_neighbors=12, algorithm="brute").fit(means.astype(float)).kneighbors(means)[0]
    np.testing.assert_allclose(distance, theirs, atol=1e-5)
    assert (index[:, 0] == np.arange(700)).all() and not distance[:, 0].any()
    exact = np.linalg.norm(means[index].astype(float) - means[:, None], axis=2)
    np.testing.assert_allclose(distance, exact, atol=1e-5)


def test_importing_imports_nothing_heavy():
    code = "import sys, explorer.core.latent.projection; print(sorted({'umap', 'numba', 'sklearn'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_trustworthiness_of_a_perfect_map_is_one_whatever_the_size():
    for n in (1, 2, 3, 4, 30, 200):
        xy = np.random.default_rng(n).normal(size=(n, 2))
        assert trustworthiness(xy, xy) == 1
    with pytest.raises(ConfigError, match="positions"):
        trustworthiness(np.zeros((9, 3)), np.zeros((8, 2)))


def test_trustworthiness_of_a_sample_is_near_that_of_all():
    means, _ = cloud(1500, 6)
    xy = pca(means)
    everything = trustworthiness(means, xy)
    sample = trustworthiness(means, xy, k=6, n=600)
    assert sample == pytest.approx(everything, abs=0.03) and sample != everything
    assert sample == trustworthiness(means, xy, k=6, n=600)


@pytest.mark.parametrize("mirror", [1, -1])
def test_procrustes_undoes_a_turn_a_mirror_and_a_move(mirror):
    reference = np.random.default_rng(0).normal(size=(50, 2))
    turn = np.array([[np.cos(2), -np.sin(2)], [np.sin(2), np.cos(2)]]) * [mirror, 1]
    np.testing.assert_allclose(procrustes(reference @ turn + [4, -9], reference), reference, atol=1e-5)


def test_procrustes_never_scales_and_no_other_turn_fits_better():
    rng = np.random.default_rng(1)
    xy, reference = rng.normal(size=(40, 2)), rng.normal(size=(40, 2))
    aligned = procrustes(3 * xy, reference)
    assert aligned.dtype == np.float32
    assert np.linalg.norm(aligned[0] - aligned[1]) == pytest.approx(3 * np.linalg.norm(xy[0] - xy[1]), rel=1e-5)
    best = ((aligned - reference) ** 2).sum()
    for angle in np.linspace(0, 2 * np.pi, 50):
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        for other in (turn, turn * [-1, 1]):
            moved = (aligned - aligned.mean(0)) @ other + reference.mean(0)
            assert ((moved - reference) ** 2).sum() >= best - 1e-3
    with pytest.raises(ConfigError, match="aligned"):
        procrustes(xy, reference[:-1])
