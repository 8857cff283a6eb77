"""The map: support, neighbours, planes, and positions of latent points on them."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.distributions import Normal

from explorer.core.engine.engine import open_bundle
from explorer.core.errors import ConfigError
from tests.helpers import random_bundle
from tests.unit.core.engine.engines import points, with_gallery


def test_an_encoder_mean_is_supported_and_a_far_point_is_not(engine):
    np.testing.assert_allclose(engine.film(engine.gallery.mu).support, 1, atol=1e-5)
    assert engine.film(engine.gallery.mu[:1] + 50).support[0] < 1e-3


def test_support_is_that_of_its_definition(d16):
    z, mu, sigma2 = points(d16, 20), d16.gallery.mu.astype(float), np.exp(d16.gallery.logvar.astype(float))
    d2 = ((z[:, None] - mu) ** 2 / sigma2).sum(2).min(1)
    np.testing.assert_allclose(d16.film(z).support, np.exp(-d2 / 32), rtol=1e-3)


def test_neighbours_are_the_nearest(engine):
    z = points(engine, 1)[0]
    rows, distances = engine.neighbours(z, 9)
    truth = np.linalg.norm(engine.gallery.mu.astype(float) - z, axis=1)
    np.testing.assert_array_equal(rows, truth.argsort()[:9])
    np.testing.assert_allclose(distances, np.sort(truth)[:9], rtol=1e-5)
    assert engine.neighbours(engine.gallery.mu[5], 1)[0].tolist() == [5]
    assert [len(engine.neighbours(z, *k)[0]) for k in ((), (0,), (1000,))] == [8, 0, 60]
    with pytest.raises(ConfigError, match="0 or more, not -1"):
        engine.neighbours(z, -1)


def test_planes_are_offered_best_first(engines):
    assert engines["d1"].planes == [(0, 0)]
    assert engines["d2"].planes == [(0, 1), "pca"]
    assert engines["d16"].planes == ["umap", "pca", (0, 1)]


def test_planes_without_a_umap(tmp_path):
    random_bundle(tmp_path, "young", umap=False)
    engine = open_bundle("young", tmp_path)
    assert engine.umap is None and engine.planes == ["pca", (0, 1)]
    np.testing.assert_array_equal(engine.map_xy(), engine.gallery.pca)
    with pytest.raises(ConfigError, match="no plane 'umap' for 'young'"):
        engine.map_xy("umap")


def test_gallery_points_lie_where_the_map_shows_them(engine):
    mu = engine.gallery.mu
    for plane in (*engine.planes, "pca"):
        xy = engine.map_xy(plane)
        assert xy.shape == (len(mu), 2) and xy.dtype == np.float32
        between = plane in ("umap", (0, 0))  # placed between landmarks; the others are exact
        np.testing.assert_allclose(engine.place(mu, plane)[0], xy, atol=np.ptp(xy, axis=0).max() * (0.01 if between else 1e-6))
        np.testing.assert_array_equal(engine.film(mu, plane).xy, engine.place(mu, plane)[0])
    np.testing.assert_array_equal(engine.map_xy(), engine.map_xy(engine.planes[0]))


def test_a_pair_of_dimensions_is_the_raw_plane_everywhere(d16):
    z = 10 * points(d16, 20)
    np.testing.assert_array_equal(d16.place(z, (5, 2))[0], z[:, [5, 2]])
    np.testing.assert_array_equal(d16.map_xy([np.int64(5), 2]), d16.gallery.mu[:, [5, 2]])


def test_pca_places_any_point_on_the_line_through_its_neighbours(d16):
    a, b = points(d16, 2)
    (start, middle, end), _ = d16.place(np.stack([a, (a + b) / 2, b]), "pca")
    np.testing.assert_allclose(middle, (start + end) / 2, atol=1e-4)


def test_a_dead_dimension_does_not_move_the_pca_map(d16):
    gallery, chance = d16.gallery, np.random.default_rng(0)
    mu = gallery.mu.copy()
    mu[:, 7] = 1e-8 * chance.standard_normal(len(mu))
    pca = (mu - mu.mean(0)) @ np.linalg.qr(chance.standard_normal((16, 2)))[0].astype(np.float32)
    engine = with_gallery(d16, replace(gallery, mu=mu, pca=pca))
    here, moved = engine.place([np.zeros(16), 3 * np.eye(16)[7]], "pca")[0]
    np.testing.assert_allclose(moved, here, atol=1e-3)


def test_one_dimension_is_shown_against_its_log_variance(engines):
    engine = engines["d1"]
    np.testing.assert_array_equal(engine.map_xy(), np.column_stack([engine.gallery.mu, engine.gallery.logvar]))
    z = np.linspace(-4, 4, 9)[:, None]
    xy, _ = engine.place(z)
    np.testing.assert_allclose(xy[:, 0], z[:, 0])
    low, high = engine.gallery.logvar.min(), engine.gallery.logvar.max()
    assert (low <= xy[:, 1]).all() and (xy[:, 1] <= high).all()


def test_a_place_on_the_map_leads_back_to_a_point_there(engine):
    z = points(engine, 1)[0]
    for plane in (*engine.planes, "pca"):
        xy = engine.map_xy(plane)[5]
        found = engine.unplace(xy, plane, z)
        assert found.shape == z.shape and found.dtype == np.float32
        size = np.ptp(engine.map_xy(plane), axis=0).max()
        if plane == "umap":  # no inverse: a mean over the means that are shown there
            assert np.abs(engine.place(found, plane)[0] - xy).max() < 0.2 * size
        elif engine.latent_dim == 1:
            assert abs(engine.place(found, plane)[0][0, 0] - xy[0]) < 1e-3 * size
        else:  # moved within the plane and nowhere else
            np.testing.assert_allclose(engine.place(found, plane)[0][0], xy, atol=1e-3 * size)
            np.testing.assert_allclose(engine.unplace(engine.place(z, plane)[0][0], plane, z), z, atol=1e-3)


def test_what_is_no_place_leads_nowhere(d3):
    for xy in ([0, np.nan], [0], 3.0, [[0, 0]]):
        with pytest.raises(ConfigError, match="map position must be two finite numbers"):
            d3.unplace(xy, "pca", np.zeros(3))
    with pytest.raises(ConfigError, match="one latent point"):
        d3.unplace([0, 0], "pca", np.zeros((2, 3)))


@pytest.mark.parametrize("plane", ["tsne", (0, 3), (-1, 0), (1, 1), (0, 1, 2), ("umap", "pca"), 3])
def test_impossible_planes_are_refused(d3, plane):
    for question in (d3.map_xy, lambda plane: d3.place(np.zeros((1, 3)), plane)):
        with pytest.raises(ConfigError, match="no plane|no latent dimension"):
            question(plane)


def test_kl_per_dim_is_the_closed_form(engine):
    mu, logvar = (torch.from_numpy(a).double() for a in (engine.gallery.mu, engine.gallery.logvar))
    kl = torch.distributions.kl_divergence(Normal(mu, (logvar / 2).exp()), Normal(0.0, 1.0)).mean(0)
    np.testing.assert_allclose(engine.kl_per_dim, kl, rtol=1e-6)
    assert engine.encoding.elbo.mean() == pytest.approx(engine.metrics["test_elbo"], rel=1e-6)


def test_a_point_has_the_same_support_and_position_alone_and_in_a_film():
    engine = open_bundle("mnist")  # its gallery has 10,000 images
    mu = engine.gallery.mu
    between = 0.6 * mu[3] + 0.4 * mu[8]
    films = [
        *engine.traversal_films(mu[3], dims=[0, 7], n_frames=9),
        *engine.traversal_films(between, dims=[0, 7], n_frames=9),
        engine.interpolation_film(mu[3], mu[8], 16),
        engine.interpolation_film(mu[3], mu[8], 16, "slerp", overshoot=0.5),
    ]
    for film in films:
        alone = [engine.place(z) for z in film.z]
        np.testing.assert_allclose(film.support, [support[0] for _, support in alone], rtol=1e-4)
        np.testing.assert_allclose(film.xy, [xy[0] for xy, _ in alone], atol=1e-3)
