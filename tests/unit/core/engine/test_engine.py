"""The Engine: what it promises of points, pictures, films and maps, with random weights and numpy alone."""

import threading
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import fields, replace

import numpy as np
import pytest
import torch
from torch.distributions import Normal

import explorer
from explorer.core.bundles import format as bundle_format
from explorer.core.data import catalog
from explorer.core.engine.engine import Engine, open_bundle
from explorer.core.engine.gallery_images import GalleryImages
from explorer.core.engine.latent_map import LatentMap
from explorer.core.errors import BundleError, ConfigError, DataError
from tests.helpers import noise_set, random_bundle, random_vae, sprite_set

MODELS = {
    "d1": {"latent_dim": 1},
    "d2": {"latent_dim": 2, "arch": "mlp"},
    "d3-rgb": {"latent_dim": 3, "image_shape": (3, 16, 12)},
    "d16": {"latent_dim": 16},
    "continuous-bernoulli": {"latent_dim": 4, "likelihood": "continuous-bernoulli"},
}


@pytest.fixture(scope="module")
def engines(tmp_path_factory) -> dict[str, Engine]:
    root = tmp_path_factory.mktemp("checkpoints")
    for name, model in MODELS.items():
        random_bundle(root, name, **model)
    random_bundle(root, "sprites", sprite_set(), latent_dim=5)
    return {name: open_bundle(name, root, device="cpu") for name in (*MODELS, "sprites")}


@pytest.fixture(params=MODELS)
def engine(request, engines) -> Engine:
    return engines[request.param]


@pytest.fixture
def d3(engines) -> Engine:
    return engines["d3-rgb"]


@pytest.fixture
def d16(engines) -> Engine:
    return engines["d16"]


def points(engine: Engine, n: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((n, engine.latent_dim)).astype(np.float32)


def pictures(engine: Engine, n: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random((n, *engine.image_shape), np.float32)


def grey(engine: Engine, z: np.ndarray) -> np.ndarray:
    """The exact frame of one point, by way of `decode`."""
    return np.rint(np.float32(255) * engine.decode(z)[0]).astype(np.uint8)


def calls(engine: Engine, monkeypatch) -> list[int]:
    """The batch sizes with which the decoder is called from now on."""
    sizes, decode = [], engine._decode
    monkeypatch.setattr(engine, "_decode", lambda z: (sizes.append(len(z)), decode(z))[1])
    return sizes


# Pictures and points


@pytest.mark.parametrize("n", [0, 1, 7])
def test_encode_and_decode_keep_their_shapes_and_ranges(engine, n):
    mu, logvar = engine.encode(pictures(engine, n))
    assert mu.shape == logvar.shape == (n, engine.latent_dim) and mu.dtype == logvar.dtype == np.float32
    x = engine.decode(3 * points(engine, n))
    assert x.shape == (n, *engine.image_shape) and x.dtype == np.float32 and x.flags.c_contiguous
    assert not n or 0 <= x.min() < x.max() <= 1


def test_grey_levels_and_floats_are_the_same_picture(d3):
    x = np.random.default_rng(0).integers(0, 256, (4, *d3.image_shape), np.uint8)
    for ours, theirs in zip(d3.encode(x), d3.encode((x / 255).astype(np.float32))):
        np.testing.assert_array_equal(ours, theirs)
    np.testing.assert_array_equal(d3.encode(x / 255)[0], d3.encode(x)[0])  # float64 is welcome too


def test_the_model_answers_what_the_module_answers(d3, tmp_path):
    x, z = pictures(d3, 5), points(d3, 5)
    model = random_vae(**MODELS["d3-rgb"])
    with torch.inference_mode():
        np.testing.assert_allclose(d3.decode(z), model.decode(torch.from_numpy(z)), atol=1e-6)
        for ours, theirs in zip(d3.encode(x), model.encode(torch.from_numpy(x))):
            np.testing.assert_allclose(ours, theirs, atol=1e-5)
    np.testing.assert_array_equal(d3.reconstruct(x), d3.decode(d3.encode(x)[0]))
    np.testing.assert_array_equal(d3.reconstruct(x), d3.reconstruct(x))  # the mean, not a draw


def test_more_points_than_fit_one_call_are_split(engines, monkeypatch):
    engine = engines["d2"]
    sizes = calls(engine, monkeypatch)
    z = points(engine, 5000)
    np.testing.assert_allclose(engine.decode(z)[4990:], engine.decode(z[4990:]), atol=1e-6)
    assert sum(sizes) == 5010 and max(sizes) == 2048
    assert engine.encode(pictures(engine, 2049))[0].shape == (2049, 2)


@pytest.mark.parametrize(
    "x, says",
    [
        (np.zeros((2, 3, 16, 16), np.float32), "(N, 3, 16, 12), not (2, 3, 16, 16)"),
        (np.zeros((3, 16, 12), np.float32), "must have the shape"),
        (np.full((1, 3, 16, 12), np.nan), "outside 0 to 1"),
        (np.full((1, 3, 16, 12), 255.0), "Divide grey levels by 255"),
        (np.full((1, 3, 16, 12), -0.1), "outside 0 to 1"),
        (np.full((1, 3, 16, 12), 200), "uint8"),
    ],
)
def test_impossible_images_are_refused(d3, x, says):
    with pytest.raises(ConfigError, match=says.replace("(", r"\(").replace(")", r"\)")):
        d3.encode(x)


@pytest.mark.parametrize(
    "z, says",
    [
        (np.zeros((2, 4)), "3 dimensions"),
        (np.zeros(2), "3 dimensions"),
        (np.zeros((1, 2, 3)), "3 dimensions"),
        (0.0, "3 dimensions"),
        ([0, np.nan, 0], "NaN or too large"),
        ([0, np.inf, 0], "NaN or too large"),
        ([0, 1e39, 0], "too large"),
    ],
)
def test_impossible_points_are_refused_everywhere(d3, z, says):
    asked = (
        d3.decode,
        d3.film,
        d3.place,
        d3.neighbours,
        lambda z: d3.traversal_films(z, [0]),
        lambda z: d3.interpolation_film(z, np.zeros(3)),
        lambda z: d3.interpolation_film(np.zeros(3), z),
    )
    for question in asked:
        with pytest.raises(ConfigError, match=says):
            question(z)


def test_where_one_point_is_meant_two_are_refused(d3):
    two = np.zeros((2, 3))
    for question in (d3.neighbours, lambda z: d3.traversal_films(z, [0]), lambda z: d3.interpolation_film(z, two[0])):
        with pytest.raises(ConfigError, match="Expected one latent point, not 2"):
            question(two)


def test_a_point_may_be_a_list_or_a_row(d3):
    np.testing.assert_array_equal(d3.decode([1, 0, -1]), d3.decode(np.array([[1, 0, -1]])))


# Films


def check_film(engine, film, n):
    """What every film promises."""
    d = engine.latent_dim
    shapes = {
        "z": (n, d),
        "values": (n,),
        "frames": (n, *engine.image_shape),
        "xy": (n, 2),
        "support": (n,),
        "norm": (n,),
        "log_prior": (n,),
    }
    for name, shape in shapes.items():
        array = getattr(film, name)
        assert type(array) is np.ndarray and array.shape == shape, name
        assert array.dtype == (np.uint8 if name == "frames" else np.float32), name
    assert len(film) == n and 0 <= film.at < n and film.frames.flags.c_contiguous
    assert np.isfinite(film.xy).all() and (0 < film.support).all() and (film.support <= 1).all()
    np.testing.assert_allclose(film.norm, np.sqrt((film.z.astype(float) ** 2).sum(1)), rtol=1e-6)
    prior = Normal(0.0, 1.0).log_prob(torch.from_numpy(film.z).double()).sum(1)
    np.testing.assert_allclose(film.log_prior, prior, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("n", [1, 2, 70])
def test_a_film_rests_on_an_exact_frame(engine, n):
    z = points(engine, n)
    film = engine.film(z, at=n - 1)
    check_film(engine, film, n)
    np.testing.assert_array_equal(film.z, z)
    np.testing.assert_array_equal(film.frames[film.at], grey(engine, z[-1]))
    assert np.abs(film.frames.astype(int) - np.rint(255 * engine.decode(z))).max() <= 1
    np.testing.assert_array_equal(film.values, np.linspace(0, 1, n, dtype=np.float32))
    np.testing.assert_array_equal(engine.film(z, values=np.arange(n)).values, np.arange(n))


@pytest.mark.parametrize("how", [{"at": 3}, {"at": -1}, {"values": np.zeros(2)}])
def test_a_film_of_three_rests_on_one_of_three(d3, how):
    with pytest.raises(ConfigError, match="A film of 3 frames"):
        d3.film(points(d3, 3), **how)
    with pytest.raises(ConfigError, match="A film of 0 frames"):
        d3.film(np.empty((0, 3)))


@pytest.mark.parametrize("span", [None, (-2, 2), (0.5, 1.5)])
def test_a_traversal_holds_the_current_point_as_a_frame_of_its_own(engine, span):
    z = 2.7 * points(engine, 1)[0]  # some coordinates lie outside the span
    dims = list(range(engine.latent_dim))[::-1]
    films = engine.traversal_films(z, dims, span, 17)
    assert len(films) == len(dims)
    for film, dim in zip(films, dims):
        check_film(engine, film, 17)
        np.testing.assert_array_equal(film.z[film.at], z)
        assert film.values[film.at] == z[dim]
        np.testing.assert_array_equal(film.values, film.z[:, dim])
        assert (np.diff(film.values) > 0).all()
        np.testing.assert_array_equal(np.delete(film.z, dim, 1), np.delete(np.tile(z, (17, 1)), dim, 1))
        np.testing.assert_array_equal(film.frames[film.at], grey(engine, z))
        low, high = engine.spans[dim] if span is None else span
        assert film.values[0] <= np.float32(low) and film.values[-1] >= np.float32(high)
        assert np.abs(film.frames[0].astype(int) - grey(engine, film.z[0])).max() <= 1


def test_a_traversal_takes_a_span_for_each_dimension(d3):
    films = d3.traversal_films(np.zeros(3), np.array([2, 0]), [(-1, 1), (-4, 4)], 5)
    assert [tuple(film.values[[0, -1]]) for film in films] == [(-1, 1), (-4, 4)]
    assert d3.traversal_films(np.zeros(3), []) == []


@pytest.mark.parametrize(
    "dims, more, says",
    [
        ([3], {}, "no latent dimension 3.*0 to 2"),
        ([-1], {}, "no latent dimension -1"),
        ([0.5], {}, "no latent dimension 0.5"),
        ([0], {"span": (3, -3)}, "lower to a higher"),
        ([0], {"span": (0, np.nan)}, "lower to a higher"),
        ([0], {"span": (1, 2, 3)}, "span must be"),
        ([0, 1], {"span": [(0, 1)] * 3}, "span must be"),
        ([0], {"n_frames": 1}, "whole number from 2"),
        ([0], {"plane": (0, 5)}, "no latent dimension 5"),
    ],
)
def test_impossible_traversals_are_refused(d3, dims, more, says):
    with pytest.raises(ConfigError, match=says):
        d3.traversal_films(np.zeros(3), dims, **more)


def test_spans_reach_three_deviations_of_the_aggregate_posterior(engine):
    assert engine.spans.shape == (engine.latent_dim, 2)
    mu, sigma = engine.gallery.mu, np.exp(0.5 * engine.gallery.logvar)
    draws = mu + sigma * np.random.default_rng(0).standard_normal((500, *mu.shape))
    inside = (engine.spans[:, 0] < draws) & (draws < engine.spans[:, 1])
    assert inside.mean() > 0.98 and (engine.spans[:, 0] <= -3).all() and (engine.spans[:, 1] >= 3).all()


@pytest.mark.parametrize("overshoot", [0, 0.25, 0.5])
@pytest.mark.parametrize("kind", ["lerp", "slerp", "pixel"])
def test_both_ends_of_an_interpolation_are_frames_at_any_length(engines, kind, overshoot):
    engine = engines["d2"]
    a, b = 1.5 * points(engine, 2, seed=3)
    ends = grey(engine, a), grey(engine, b)
    for n in range(4 if overshoot else 2, 71):
        film = engine.interpolation_film(a, b, n, kind, overshoot)
        first, last = np.flatnonzero(film.values == 0), np.flatnonzero(film.values == 1)
        assert len(film) == n and first.tolist() == [film.at] and len(last) == 1
        assert film.values[0] == np.float32(-overshoot) and film.values[-1] == np.float32(1 + overshoot)
        np.testing.assert_array_equal(film.frames[film.at], ends[0])
        np.testing.assert_array_equal(film.frames[last[0]], ends[1])
        if kind != "pixel":
            np.testing.assert_array_equal(film.z[[film.at, last[0]]], [a, b])


@pytest.mark.parametrize("kind", ["lerp", "slerp", "pixel"])
def test_an_interpolation_is_a_film_in_every_model(engine, kind):
    x = pictures(engine, 2)
    a, b = (engine.encode(x[i : i + 1])[0][0] for i in (0, 1))
    film = engine.interpolation_film(a, b, 9, kind)
    check_film(engine, film, 9)
    for at, i in ((0, 0), (8, 1)):
        np.testing.assert_array_equal(film.frames[at], np.rint(np.float32(255) * engine.reconstruct(x[i : i + 1])[0]))
    assert film.at == 0


def test_a_lerp_is_straight_and_a_slerp_keeps_its_length(d16):
    a, b = points(d16, 2)
    b *= np.linalg.norm(a) / np.linalg.norm(b)
    t = np.linspace(0, 1, 11)[:, None]
    np.testing.assert_allclose(d16.interpolation_film(a, b, 11).z, (1 - t) * a + t * b, atol=1e-6)
    slerp = d16.interpolation_film(a, b, 11, "slerp")
    np.testing.assert_allclose(slerp.norm, np.linalg.norm(a), rtol=1e-5)
    assert d16.interpolation_film(a, b, 11).norm.min() < 0.95 * slerp.norm.min()


def test_a_pixel_cross_fade_blends_pictures_and_says_where_the_encoder_sees_them(d3):
    a, b = 2 * points(d3, 2)
    film = d3.interpolation_film(a, b, 5, "pixel")
    ends = d3.decode(np.stack([a, b]))
    np.testing.assert_array_equal(film.frames[2], np.rint(255 * np.float32(0.5) * (ends[0] + ends[1])))
    np.testing.assert_allclose(film.z[2:3], d3.encode(0.5 * (ends[:1] + ends[1:]))[0], atol=1e-5)
    beyond = d3.interpolation_film(a, b, 8, "pixel", 0.5)
    assert beyond.frames.dtype == np.uint8 and np.isfinite(beyond.z).all()


@pytest.mark.parametrize("kind", ["lerp", "slerp", "pixel"])
@pytest.mark.parametrize("b", [1.0, -1.0, 0.0, 2.5, -0.5], ids=lambda b: f"{b:g}a")
def test_parallel_opposite_and_zero_vectors_are_no_trouble(engines, kind, b):
    engine = engines["d3-rgb"]
    a = points(engine, 1)[0]
    for start, end in ((a, b * a), (b * a, a), (0 * a, 0 * a)):
        film = engine.interpolation_film(start, end, 9, kind, 0.25)
        check_film(engine, film, 9)
        np.testing.assert_array_equal(film.frames[film.at], grey(engine, start))
        np.testing.assert_array_equal(film.frames[np.flatnonzero(film.values == 1)[0]], grey(engine, end))


@pytest.mark.parametrize(
    "how, says",
    [
        ({"kind": "slurp"}, "no kind of interpolation 'slurp'. Did you mean 'slerp'"),
        ({"n": 1}, "whole number from 2"),
        ({"n": 3, "overshoot": 0.5}, "whole number from 4"),
        ({"overshoot": 0.6}, "from 0 to 0.5"),
        ({"overshoot": np.nan}, "from 0 to 0.5"),
    ],
)
def test_impossible_interpolations_are_refused(d3, how, says):
    with pytest.raises(ConfigError, match=says):
        d3.interpolation_film(np.zeros(3), np.ones(3), **how)


def test_a_film_is_one_call_to_the_decoder(d16, monkeypatch):
    sizes, z = calls(d16, monkeypatch), points(d16, 64)
    encoded, encode = [], d16._encode
    monkeypatch.setattr(d16, "_encode", lambda x: (encoded.append(len(x)), encode(x))[1])
    for make, large in (
        (lambda: d16.film(z), [64]),
        (lambda: d16.traversal_films(z[0], range(16), n_frames=33), [528]),
        (lambda: d16.interpolation_film(z[0], z[1], 64), [64]),
        (lambda: d16.interpolation_film(z[0], z[1], 64, "slerp", 0.5), [64]),
        (lambda: d16.interpolation_film(z[0], z[1], 64, "pixel"), [2]),
        (lambda: d16.sample_prior(100, 0), [100]),
    ):
        sizes.clear()
        make()
        assert [n for n in sizes if n > 1] == large and sizes.count(1) <= 2, sizes
    assert encoded == [64]  # the blends of the cross-fade


def test_prior_draws_repeat_with_their_seed(d16):
    one, again, other = d16.sample_prior(50, 7), d16.sample_prior(50, 7), d16.sample_prior(50, 8)
    check_film(d16, one, 50)
    np.testing.assert_array_equal(one.z, again.z)
    np.testing.assert_array_equal(one.frames, again.frames)
    assert not np.allclose(one.z, other.z)
    many = d16.sample_prior(2000, 1).z
    assert abs(many.mean()) < 0.03 and abs(many.std() - 1) < 0.02


# The data around a point


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


# Pictures of the gallery


def with_gallery(engine: Engine, gallery, umap=None) -> Engine:
    """The same model with another gallery, which may still be a Future."""
    futures = []
    for value in (gallery, umap):
        futures.append(value if isinstance(value, Future) else Future())
        if futures[-1] is not value:
            futures[-1].set_result(value)
    return Engine(
        encode=engine._encode,
        decode=engine._decode,
        latent_map=LatentMap(engine.name, engine.latent_dim, *futures),
        origin=engine.origin,
        image_shape=engine.image_shape,
        content_hash=engine.content_hash,
        device=engine.device,
        pictures=engine._pictures,
        metrics=engine.metrics,
    )


def test_sprites_are_drawn_again(engines):
    rows = np.array([3, 0, 59])
    np.testing.assert_array_equal(engines["sprites"].pictures(rows), sprite_set().images[rows])


def test_whole_thumbnails_are_the_pictures(tmp_path):
    images = noise_set()
    random_bundle(tmp_path, "with", images, thumbs=True)
    np.testing.assert_array_equal(open_bundle("with", tmp_path).pictures([4, 4, 1]), images.images[[4, 4, 1]])


def test_smaller_thumbnails_are_not_passed_off_as_pictures(tmp_path):
    random_bundle(tmp_path, "large", noise_set(image_shape=(1, 48, 48)), thumbs=True)
    engine = open_bundle("large", tmp_path)
    assert engine.gallery.thumbs.shape[2:] == (32, 32) and engine.pictures(np.arange(3)) is None


def test_pictures_come_from_the_data_set_once(tmp_path, monkeypatch):
    images = noise_set(name="digits")
    random_bundle(tmp_path, "d", images)
    asked = []
    monkeypatch.setattr(catalog, "load", lambda *args, **more: (asked.append((args, more)), images)[1])
    engine = open_bundle("d", tmp_path)
    with ThreadPoolExecutor(4) as pool:
        for found in pool.map(engine.pictures, [np.array([i, 2]) for i in range(20)]):
            np.testing.assert_array_equal(found[1], images.images[2])
    assert asked == [(("digits", "test"), {"size": None, "download": False})]


def test_a_folder_is_asked_for_at_the_size_of_the_model(tmp_path, monkeypatch):
    images, sizes = noise_set(name="folder:/there"), []
    random_bundle(tmp_path, "f", images)
    monkeypatch.setattr(catalog, "load", lambda *args, size, download: (sizes.append(size), images)[1])
    assert open_bundle("f", tmp_path).pictures(np.arange(2)) is not None and sizes == [16]


def test_the_real_digits_are_found(tmp_path):
    test = catalog.load("digits", "test")
    random_bundle(tmp_path, "digits", test.head(50))
    np.testing.assert_array_equal(open_bundle("digits", tmp_path).pictures([0, 49]), test.images[[0, 49]])


@pytest.mark.parametrize("found", ["none", "other shape", "fewer", "other labels"])
def test_pictures_that_are_not_those_are_none(tmp_path, monkeypatch, found):
    images = noise_set(name="folder:/gone")
    asked = []

    def load(*args, **more):
        asked.append(args)
        if found == "none":
            raise DataError("It is not there.")
        return {
            "other shape": noise_set(image_shape=(1, 8, 8)),
            "fewer": noise_set(20),
            "other labels": replace(images, labels=images.labels[::-1]),
        }[found]

    monkeypatch.setattr(catalog, "load", load)
    random_bundle(tmp_path, "g", images)
    engine = open_bundle("g", tmp_path)
    assert engine.pictures(np.arange(3)) is None and engine.pictures(np.arange(3)) is None
    assert len(asked) == 1


def test_sprites_without_factors_are_looked_for_as_data(d3, monkeypatch):
    monkeypatch.setattr(catalog, "load", lambda *args, **more: (_ for _ in ()).throw(DataError("no")))
    origin = bundle_format.Origin("sprites")
    assert GalleryImages(origin, replace(d3.gallery, factors=None), d3.image_shape)(np.arange(2)) is None


# A gallery that is not there yet


def test_a_film_without_a_gallery_says_that_it_does_not_know(d3):
    gallery, umap = Future(), Future()
    engine = with_gallery(d3, gallery, umap)
    film = engine.film(points(d3, 3))
    assert not engine.has_gallery and engine.umap is None and np.isnan(film.xy).all() and np.isnan(film.support).all()
    np.testing.assert_array_equal(film.frames, d3.film(points(d3, 3)).frames)
    np.testing.assert_array_equal(engine.spans, [[-3, 3]] * 3)
    assert engine.traversal_films(np.zeros(3), [1])[0].values[0] == -3
    assert engine.planes == ["pca", (0, 1)]

    wide = replace(d3.gallery, mu=100 * d3.gallery.mu)
    gallery.set_result(wide)
    assert engine.has_gallery and engine.spans.max() > 6 and np.isfinite(engine.film(points(d3, 3)).xy).all()
    umap.set_result(d3.gallery.umap)
    assert engine.planes[0] == "umap" and engine.umap is d3.gallery.umap


def test_a_gallery_or_map_that_failed(d3):
    gallery, umap = Future(), Future()
    umap.set_exception(MemoryError())
    assert with_gallery(d3, d3.gallery, umap).planes == ["pca", (0, 1)]
    gallery.set_exception(ConfigError("The images cannot be encoded."))
    engine = with_gallery(d3, gallery, umap)
    for question in (lambda: engine.has_gallery, lambda: engine.gallery, lambda: engine.film(np.zeros((1, 3)))):
        with pytest.raises(ConfigError, match="cannot be encoded"):
            question()
    assert engine.decode(np.zeros((1, 3))).shape == (1, 3, 16, 12)


# Under many sessions


def test_eight_threads_get_the_answers_of_one(tmp_path):
    random_bundle(tmp_path, "shared", sprite_set(), latent_dim=6)

    def session(engine, seed):
        """50 films of all kinds, as bytes."""
        z, answers = points(engine, 50, seed), []
        for i in range(0, 50, 5):
            answers += [
                engine.film(z[: i + 1]),
                engine.sample_prior(3, i),
                engine.interpolation_film(z[i], z[i + 1], 8),
                engine.interpolation_film(z[i], z[i + 1], 8, ("slerp", "pixel")[i % 2]),
                engine.traversal_films(z[i], [i % 6, 0], n_frames=9, plane=engine.planes[i % 3])[1],
            ]
        answers = [getattr(film, field.name) for film in answers for field in fields(film)]
        extra = [engine.encode(engine.pictures(np.arange(4)))[0], *engine.neighbours(z[0]), engine.spans, engine.kl_per_dim]
        return [a.tobytes() if isinstance(a, np.ndarray) else a for a in answers + extra]

    alone = [session(open_bundle("shared", tmp_path), seed) for seed in range(8)]
    engine, start = open_bundle("shared", tmp_path), threading.Barrier(8)

    def visitor(seed):
        start.wait()  # all eight meet the cached properties at once
        return session(engine, seed)

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(visitor, range(8))) == alone


def test_the_callers_arrays_are_neither_changed_nor_kept(d3):
    x, z, span = pictures(d3, 3), points(d3, 3), np.array([-1.0, 1.0])
    given = [x, z, span, (255 * x).astype(np.uint8)]
    before = [a.copy() for a in given]
    for a in given:
        a.setflags(write=False)  # and no warning that they are read-only
    d3.encode(x), d3.encode(given[3]), d3.reconstruct(x), d3.decode(z), d3.neighbours(z[0]), d3.place(z)
    films = [
        d3.film(z, values=z[:, 0]),
        *d3.traversal_films(z[0], [0, 2], span),
        d3.interpolation_film(z[0], z[1], 5, "pixel"),
        d3.interpolation_film(z[0], z[1], 5),
    ]
    for a, b in zip(given, before):
        np.testing.assert_array_equal(a, b)
    for film in films:
        assert not any(np.shares_memory(a, v) for a in given for v in vars(film).values() if isinstance(v, np.ndarray))


# Opening


def test_a_saved_model_opens_by_name_and_by_path(tmp_path, monkeypatch):
    model, images = random_vae(2), noise_set(40)
    path = explorer.save_bundle("mine", model, images, metrics={"note": "x"}, root=tmp_path, umap=False, thumbs=False)
    monkeypatch.setenv("EXPLORER_CHECKPOINTS", str(tmp_path))
    z = np.zeros((1, 2), np.float32)
    with torch.inference_mode():
        truth = model.decode(torch.from_numpy(z)).numpy()
    for engine in (explorer.open_bundle("mine"), explorer.open_bundle(path), explorer.open_bundle("mine", root=tmp_path)):
        assert engine.name == "mine" and engine.metrics["note"] == "x" and engine.origin.class_names == images.class_names
        np.testing.assert_allclose(engine.decode(z), truth, atol=1e-6)
        assert engine.image_shape == (1, 16, 16) and engine.latent_dim == 2 and len(engine.content_hash) == 16


def test_what_cannot_be_opened_is_said(tmp_path, monkeypatch):
    random_bundle(tmp_path, "mnist")
    with pytest.raises(BundleError, match="Did you mean 'mnist'"):
        open_bundle("mnits", tmp_path)
    with pytest.raises(ConfigError, match="no device 'gpu9'"):
        open_bundle("mnist", tmp_path, device="gpu9")
    monkeypatch.setenv("EXPLORER_DEVICE", "cpu")
    assert open_bundle("mnist", tmp_path).device.type == "cpu"


def test_a_loaded_convolution_lies_in_memory_as_a_trained_one(tmp_path):
    random_bundle(tmp_path, "fast")
    engine, trained = open_bundle("fast", tmp_path), random_vae()
    ours = [p.stride() for p in engine._decode.__self__.parameters()]
    assert ours == [p.stride() for p in trained.parameters()]


def test_the_line_from_a_to_b_lies_where_the_film_of_it_does(engine):
    a, b = engine.gallery.mu[:2]
    film = engine.interpolation_film(a, b, 64, "lerp", overshoot=0.5)
    np.testing.assert_array_equal(engine.path_xy(a, b, 64, 0.5), film.xy)
    assert np.allclose(film.xy[film.at], engine.map_xy()[0], atol=1e-2)  # A lies on its own point
    rows = [engine.neighbours(z, 1)[0][0] for z in film.z]
    assert engine.nearest_row(film.z).tolist() == rows


def test_one_seed_is_one_draw(engine):
    assert np.array_equal(engine.draw(3), engine.draw(3)) and not np.array_equal(engine.draw(3), engine.draw(4))
    assert engine.draw(0).shape == (engine.latent_dim,)
