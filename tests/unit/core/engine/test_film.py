"""Films: shapes, exact resting frames, traversals, interpolations and the number of decoder calls."""

import numpy as np
import pytest

from explorer.core.errors import ConfigError
from tests.unit.core.engine.engines import calls, check_film, grey, pictures, points


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
