"""Paths, traversals, planes and the prior: exact ends, arcs equal to the formula, ranges that contain z."""

import warnings

import numpy as np
import pytest
import torch

from explorer.core.errors import ConfigError
from explorer.core.latent import navigation as nav
from tests.unit.core.latent.sample_vectors import draws, same_bits

TIMES = np.linspace(-0.25, 1.25, 31)


def unit(v):
    return v / np.linalg.norm(v, axis=-1, keepdims=True)


@pytest.mark.parametrize("way", [nav.lerp, nav.slerp])
@pytest.mark.parametrize("dim", [1, 2, 3, 16, 128])
def test_ends_are_exact_to_the_bit(way, dim):
    for seed in range(20):
        a, b = draws(seed, 2, dim, scale=10.0 ** (seed - 10))
        a[0] = -0.0
        path = way(a, b, np.array([0.0, 0.3, 1.0, 1.0, 0.0]))
        assert path.shape == (5, dim)
        for frame, end in ((0, a), (2, b), (3, b), (4, a)):
            assert same_bits(path[frame], end)


def test_lerp_is_the_straight_line_and_goes_on_beyond_its_ends():
    a, b = draws(0, 2, 16)
    expected = [a + t * (b.astype(float) - a) for t in TIMES]
    np.testing.assert_allclose(nav.lerp(a, b, TIMES), expected, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("dim", [2, 3, 16, 128])
def test_slerp_is_shoemakes_formula_times_a_linear_norm(dim):
    for seed in range(20):
        a, b = draws(seed, 2, dim)
        omega = np.arccos(unit(a.astype(float)) @ unit(b.astype(float)))
        t = TIMES[:, None]
        closed = (np.sin((1 - t) * omega) * unit(a) + np.sin(t * omega) * unit(b)) / np.sin(omega)
        closed *= (1 - t) * np.linalg.norm(a) + t * np.linalg.norm(b)
        np.testing.assert_allclose(nav.slerp(a, b, TIMES), closed, rtol=1e-4, atol=2e-6)


def test_slerp_turns_at_a_constant_rate():
    for seed in range(20):
        a, b = draws(seed, 2, 16)
        path = unit(nav.slerp(a, b, np.linspace(0, 1, 33)).astype(float))
        turns = np.arccos((path[1:] * path[:-1]).sum(1))
        np.testing.assert_allclose(turns, turns.mean(), rtol=1e-3)
        assert turns.sum() == pytest.approx(np.arccos(unit(a) @ unit(b)), rel=1e-4)


def test_slerp_of_prior_draws_keeps_their_norm_where_lerp_loses_it():
    a, b = nav.prior_draws(2, 128, seed=3)
    middle = np.array([0.5])
    assert nav.norm(nav.slerp(a, b, middle))[0] == pytest.approx((nav.norm(a) + nav.norm(b)) / 2, rel=1e-5)
    assert nav.norm(nav.lerp(a, b, middle))[0] < 0.8 * nav.norm(a)


def test_slerp_of_parallel_vectors_is_the_line_even_through_the_origin():
    a = draws(1, 16)
    for factor in (1, 4, 0.25):
        b = np.float32(factor) * a
        np.testing.assert_allclose(nav.slerp(a, b, TIMES * 3), nav.lerp(a, b, TIMES * 3), rtol=1e-6, atol=1e-6)
    assert same_bits(nav.slerp(a, a, TIMES), np.tile(a, (len(TIMES), 1)))


def test_slerp_near_parallel_stays_near_the_line():
    a, aside = draws(2, 2, 16)
    for tiny in (1e-2, 1e-4, 1e-6, 1e-8, 1e-12):
        b = (2 * a + tiny * aside).astype(np.float32)
        assert np.abs(nav.slerp(a, b, TIMES) - nav.lerp(a, b, TIMES)).max() <= 2 * tiny + 1e-6


@pytest.mark.parametrize("dim", [2, 3, 16])
def test_slerp_of_opposite_vectors_is_one_half_circle(dim):
    for seed in range(10):
        a = draws(seed, dim)
        b = np.float32(-1) * a
        path = nav.slerp(a, b, np.linspace(0, 1, 33)).astype(float)
        np.testing.assert_allclose(np.linalg.norm(path, axis=1), np.linalg.norm(a), rtol=1e-6)
        turns = np.arccos((unit(path[1:]) * unit(path[:-1])).sum(1))
        np.testing.assert_allclose(turns, np.pi / 32, rtol=1e-3)
        middle, axis = unit(path[16]), np.abs(a).argmin()
        assert abs(middle @ unit(a)) < 1e-6
        assert middle[axis] == pytest.approx(np.sqrt(1 - unit(a)[axis] ** 2), abs=1e-6)  # the nearest to the axis
        np.testing.assert_allclose(nav.slerp(b, a, np.linspace(0, 1, 33)), path[::-1], atol=1e-5)
        scaled = nav.slerp(a, (-1.7 * a).astype(np.float32), np.array([0.5]))  # opposite up to rounding
        np.testing.assert_allclose(unit(scaled[0]), middle, atol=1e-5)


@pytest.mark.parametrize("dim", [1, 2, 16])
def test_slerp_from_or_to_zero_is_the_line_and_near_zero_almost(dim):
    a, direction = draws(4, 2, dim)
    zero = np.zeros(dim, np.float32)
    assert same_bits(nav.slerp(zero, a, TIMES), nav.lerp(zero, a, TIMES))
    assert same_bits(nav.slerp(a, zero, TIMES), nav.lerp(a, zero, TIMES))
    assert not nav.slerp(zero, zero, TIMES).any()
    size = np.linalg.norm(a)
    for tiny in (1e-5, 1e-7, 1e-12, 1e-30):
        near = (tiny * direction).astype(np.float32)
        for ends in ((near, a), (a, near)):
            gap = np.abs(nav.slerp(*ends, TIMES) - nav.lerp(*ends, TIMES)).max()
            assert gap <= 1e4 * tiny * size + 1e-6


def test_slerp_of_one_dimension_is_lerp():
    a, b = np.float32([-2.0]), np.float32([3.0])
    assert same_bits(nav.slerp(a, b, TIMES), nav.lerp(a, b, TIMES))


@pytest.mark.parametrize("way", [nav.lerp, nav.slerp])
def test_any_finite_numbers_give_finite_paths_without_a_warning(way):
    sizes = [0, 1e-45, 1e-38, 1e-20, 1e-6, 1, 1e6, 1e20, 3e38]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for dim in (1, 2, 5, 128):
            for size_a in sizes:
                for size_b in sizes:
                    a, b = np.clip(draws(dim, 2, dim), -1, 1) * np.float32([[size_a], [size_b]])
                    for end in (b, -b, np.eye(1, dim, dtype=np.float32)[0] * np.float32(size_b)):
                        assert np.isfinite(way(a, end, TIMES)).all()


def test_a_path_between_two_spaces_is_refused():
    for way in (nav.lerp, nav.slerp):
        with pytest.raises(ConfigError, match="2 and 3"):
            way(np.zeros(2), np.zeros(3), TIMES)
        with pytest.raises(ConfigError, match="shape"):
            way(np.zeros((2, 2)), np.zeros((2, 2)), TIMES)
        with pytest.raises(ConfigError, match="shape"):
            way(np.zeros(0), np.zeros(0), TIMES)


@pytest.mark.parametrize("n", [4, 5, 8, 33, 64, 241])
@pytest.mark.parametrize("overshoot", [1e-9, 0.01, 0.1, 0.25, 0.5])
def test_path_times_hold_both_ends_and_reach_as_far_as_asked(n, overshoot):
    t = nav.path_times(n, overshoot)
    assert t.shape == (n,) and t.dtype == np.float64
    assert t[0] == -overshoot and t[-1] == 1 + overshoot
    assert (t == 0).sum() == 1 and (t == 1).sum() == 1
    assert (np.diff(t) > 0).all()
    if n >= 64 and overshoot >= 0.1:
        assert np.diff(t).max() / np.diff(t).min() < 1.1  # nearly even spacing, so that the scrubber moves evenly


def test_path_times_without_overshoot_are_evenly_spaced():
    for n in (2, 3, 64):
        assert (nav.path_times(n) == np.linspace(0, 1, n)).all()


@pytest.mark.parametrize(
    "n, overshoot", [(1, 0), (0, 0), (3, 0.1), (2.0, 0), (True, 0), (8, -0.1), (8, 0.51), (8, float("nan"))]
)
def test_path_times_refuse_what_no_path_has(n, overshoot):
    with pytest.raises(ConfigError):
        nav.path_times(n, overshoot)


def test_a_traversal_holds_the_exact_point_as_one_of_its_frames():
    for seed in range(300):
        rng = np.random.default_rng(seed)
        z = draws(seed, rng.integers(1, 20), scale=rng.choice([0.1, 1, 3]))
        dim, n = int(rng.integers(len(z))), int(rng.integers(2, 60))
        values, frames, at = nav.traversal(z, dim, -3, 3, n)
        assert values.shape == (n,) and frames.shape == (n, len(z)) and values.dtype == np.float32
        assert same_bits(frames[at], z) and same_bits(frames[:, dim].copy(), values)
        assert (np.diff(values) > 0).all()
        if n > 2:
            assert values[0] == min(-3, z[dim]) and values[-1] == max(3, z[dim])
        others = np.delete(frames, dim, axis=1)
        assert (others == np.delete(z, dim)).all()
        even = np.linspace(values[0], values[-1], n)
        assert np.abs(np.delete(values - even, at)).max() < 1e-5


def test_a_traversal_widens_to_a_point_outside_its_span():
    values, frames, at = nav.traversal(np.float32([0, 5.5]), 1, -3, 3, 9)
    assert at == 8 and values[-1] == 5.5 and values[0] == -3 and frames[at].tolist() == [0, 5.5]
    values, _, at = nav.traversal(np.float32([-4, 0]), 0, -3, 3, 9)
    assert at == 0 and values[0] == -4 and values[-1] == 3


def test_a_traversal_keeps_its_ends_beside_a_point_close_to_one():
    values, _, at = nav.traversal(np.float32([2.999]), 0, -3, 3, 7)
    assert values[-1] == 3 and at == 5 and values[at] == np.float32(2.999)
    assert nav.traversal(np.float32([2.999]), 0, -3, 3, 2)[0].tolist() == [-3, np.float32(2.999)]
    assert nav.traversal(np.float32([3]), 0, -3, 3, 7)[2] == 6
    zero = nav.traversal(np.float32([-0.0]), 0, -3, 3, 7)[1][3]
    assert same_bits(zero, np.float32([-0.0]))


@pytest.mark.parametrize(
    "dim, low, high, n",
    [
        (2, -3, 3, 9),
        (-1, -3, 3, 9),
        (0, 3, 3, 9),
        (0, 3, -3, 9),
        (0, float("nan"), 3, 9),
        (0, -3, 1e39, 9),
        (0, -3, 3, 1),
        (0, -3, 3, 9.0),
        (0, 0, 1e-44, 1000),
    ],
)
def test_an_impossible_traversal_is_refused(dim, low, high, n):
    with pytest.raises(ConfigError):
        nav.traversal(np.zeros(2, np.float32), dim, low, high, n)


def test_a_plane_reads_like_a_picture():
    z = draws(5, 6)
    grid = nav.plane(z, 4, 1, 2.5, 7)
    assert grid.shape == (49, 6) and grid.dtype == np.float32
    picture = grid.reshape(7, 7, 6)
    axis = np.linspace(-2.5, 2.5, 7, dtype=np.float32)
    assert (picture[:, :, 4] == axis).all()  # i rises to the right
    assert (picture[:, :, 1] == axis[::-1, None]).all()  # j rises upward
    assert (np.delete(grid, (1, 4), axis=1) == np.delete(z, (1, 4))).all()
    assert picture[3, 3, 1] == picture[3, 3, 4] == 0


@pytest.mark.parametrize("i, j, span, n", [(0, 0, 3, 5), (0, 3, 3, 5), (-1, 0, 3, 5), (0, 1, 0, 5), (0, 1, 3, 1)])
def test_an_impossible_plane_is_refused(i, j, span, n):
    with pytest.raises(ConfigError):
        nav.plane(np.zeros(3, np.float32), i, j, span, n)


def test_prior_draws_are_standard_normal_and_reproducible():
    z = nav.prior_draws(20_000, 4, seed=7)
    assert z.dtype == np.float32 and z.shape == (20_000, 4)
    np.testing.assert_allclose(z.mean(0), 0, atol=0.03)
    np.testing.assert_allclose(np.cov(z.T), np.eye(4), atol=0.04)
    assert same_bits(z[:10].copy(), nav.prior_draws(10, 4, seed=7))
    assert not np.array_equal(z[:10], nav.prior_draws(10, 4, seed=8))
    assert nav.prior_draws(0, 4, seed=0).shape == (0, 4)
    for bad in ((-1, 4, 0), (1, 0, 0), (1, 4, -1)):
        with pytest.raises(ConfigError):
            nav.prior_draws(*bad)


def test_log_prior_and_norm_agree_with_torch():
    z = draws(6, 50, 16, scale=2)
    normal = torch.distributions.MultivariateNormal(torch.zeros(16), torch.eye(16))
    np.testing.assert_allclose(nav.log_prior(z), normal.log_prob(torch.from_numpy(z)).numpy(), rtol=1e-5)
    np.testing.assert_allclose(nav.norm(z), torch.from_numpy(z).norm(dim=1).numpy(), rtol=1e-6)
    far = np.full((1, 16), 3e38, np.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.isfinite([nav.log_prior(far), nav.norm(far)]).all()
    assert nav.log_prior(z).dtype == nav.norm(z).dtype == np.float32
