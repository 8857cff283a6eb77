"""The Engine: encoding, decoding, missing galleries, concurrent use and opening, with random weights."""

import threading
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import fields, replace

import numpy as np
import pytest
import torch

import explorer
from explorer.core.engine.engine import open_bundle
from explorer.core.errors import BundleError, ConfigError
from tests.helpers import noise_set, random_bundle, random_vae, sprite_set
from tests.unit.core.engine.engines import MODELS, calls, pictures, points, with_gallery

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
