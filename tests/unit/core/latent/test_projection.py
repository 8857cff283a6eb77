"""The maps and the landmarks: the same every time, faithful to the latent space, right against brute force."""

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
from explorer.core.latent.projection import Landmarks, pca, procrustes, trustworthiness, umap_map, warm_umap


def cloud(n, dim, seed=0, n_clusters=3, spread=0.5):
    """Means of a few clusters, and which cluster each belongs to."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, n_clusters, n)
    means = 3 * rng.normal(size=(n_clusters, dim))[labels] + spread * rng.normal(size=(n, dim))
    return means.astype(np.float32), labels


def gallery(n, dim, seed=0, sigma=(0.05, 1.0)):
    """mu, logvar and a map as an encoder and `pca` would give them."""
    rng = np.random.default_rng(seed)
    mu = rng.normal(size=(n, dim)).astype(np.float32)
    logvar = 2 * np.log(rng.uniform(*sigma, size=(n, dim))).astype(np.float32)
    return mu, logvar, rng.normal(size=(n, 2)).astype(np.float32)


# ---------------------------------------------------------------------------------------------------------------- PCA


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


# --------------------------------------------------------------------------------------------------------------- UMAP


@pytest.fixture(scope="module")
def three():
    """600 points of three clusters, their labels and their map."""
    means, labels = cloud(600, 16)
    warm_umap()
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


def test_umap_after_warming_starts_at_once(three):
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


# ---------------------------------------------------------------------------------- trustworthiness and procrustes


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


# ---------------------------------------------------------------------------------------------------------- Landmarks


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
    marks = Landmarks(mu, logvar)
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
        index, distance = marks.nearest(z, 12)
        theirs = NearestNeighbors(n_neighbors=12).fit(mu).kneighbors(z[None])
        assert (index == theirs[1][0]).all()
        np.testing.assert_allclose(distance, theirs[0][0], rtol=1e-5)
    index, distance = marks.nearest(mu[2999], 1)
    assert index.tolist() == [2999] and distance.tolist() == [0]
    assert Landmarks(np.zeros((5, 2)), np.zeros((5, 2))).nearest(np.zeros(2), 9)[0].tolist() == [0, 1, 2, 3, 4]
    with pytest.raises(ConfigError):
        marks.nearest(np.full(16, np.nan), 3)


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
