"""Paths, traversals and grids in the latent space, and draws from the prior N(0, I). No torch.

Results are float32 (`path_times`: float64). Paths, norms and log priors are computed in float64; values outside the range of
float32 become its largest number instead of infinity.
"""

import numpy as np
from numpy.random import PCG64, Generator

from explorer.core.errors import ConfigError
from explorer.core.latent.arrays import LARGEST, as_vector, check_at_least, to_float32

OPPOSITE_SINE = 1e-6  # at an obtuse angle, a smaller sine is float32 rounding error: the vectors are opposite
SHORT_RATIO = 1e-3  # below this ratio of the norms, slerp blends into lerp


def lerp(a, b, t) -> np.ndarray:
    """The straight line (1 - t) a + t b: a, b (D,) and t (F,) -> (F, D).

    At t = 0 and t = 1 the result is exactly a and b, as float32; t outside [0, 1] extrapolates.
    """
    a, b, t = _ends(a, b, t)
    return _exact((1 - t)[:, None] * a + t[:, None] * b, a, b, t)


def slerp(a, b, t) -> np.ndarray:
    """Spherical interpolation from a to b: a, b (D,) and t (F,) -> (F, D), with exact ends as in `lerp`.

    The direction moves at constant angular speed on the great circle (Shoemake 1985; White 2016 for generative models) and the
    norm changes linearly, so the path stays where the prior has its mass. t outside [0, 1] extrapolates both; where the linear
    norm is negative, the path has passed through the origin.

    Special cases: parallel vectors give the line. Opposite vectors do not determine a great circle: the path then turns towards
    the coordinate axis on which a has the smallest absolute value (the first of several), made orthogonal to a. If the norm of
    one vector is less than a thousandth of the other's, its direction is unreliable and the arc is blended into the line; with
    a zero vector, and for D = 1, the result is that of `lerp`.
    """
    a, b, t = _ends(a, b, t)
    path = (1 - t)[:, None] * a + t[:, None] * b
    norm_a, norm_b = np.linalg.norm(a), np.linalg.norm(b)
    short, long = sorted((norm_a, norm_b))
    if len(a) > 1 and short > 0:
        start, end = a / norm_a, b / norm_b
        cosine = start @ end
        orthogonal = end - cosine * start
        sine = np.linalg.norm(orthogonal)
        if cosine < 0 and sine < OPPOSITE_SINE:
            axis = np.eye(len(a))[np.abs(start).argmin()]
            orthogonal = axis - (axis @ start) * start
        orthogonal /= np.linalg.norm(orthogonal) or 1
        angle = t[:, None] * np.arctan2(sine, cosine)
        arc = ((1 - t) * norm_a + t * norm_b)[:, None] * (np.cos(angle) * start + np.sin(angle) * orthogonal)
        path += min(1.0, short / (SHORT_RATIO * long)) * (arc - path)
    return _exact(path, a, b, t)


def path_times(n: int, overshoot: float = 0.0) -> np.ndarray:
    """The t (n,) float64 of the frames of a path, ascending from -overshoot to 1 + overshoot.

    0.0 and 1.0 are always among them; the spacing is even on each of the three pieces. Raises ConfigError for n < 2 (n < 4 with
    an overshoot) or an overshoot outside 0 to 0.5.
    """
    if not 0 <= overshoot <= 0.5:
        raise ConfigError(f"overshoot must be a number from 0 to 0.5, not {overshoot}.")
    check_at_least("The number of frames", n, 4 if overshoot else 2)
    outside = round((n - 1) * overshoot / (1 + 2 * overshoot))  # steps on each side
    if overshoot:
        outside = min(max(outside, 1), (n - 2) // 2)
    before = np.linspace(-overshoot, 0, outside + 1)[:-1]
    after = np.linspace(1, 1 + overshoot, outside + 1)[1:]
    return np.concatenate([before, np.linspace(0, 1, n - 2 * outside), after])


def traversal(z, dim: int, low: float, high: float, n: int) -> tuple[np.ndarray, np.ndarray, int]:
    """n points along one dimension through z (D,): (values (n,), points (n, D), at), where points[at] is z bit for bit.

    The values are evenly spaced from low to high, a range that is widened to include z[dim]; the value nearest to z[dim] is
    replaced by it (one of the two ends only if z[dim] lies there or n = 2). Raises ConfigError for an invalid dim, n < 2, or a
    range that is empty or too narrow for n float32 values.
    """
    z = to_float32(as_vector(z, dim))
    check_at_least("The number of frames", n, 2)
    if not -LARGEST <= low < high <= LARGEST:
        raise ConfigError(f"A traversal must run from a lower to a higher value, not from {low} to {high}.")
    here = float(z[dim])
    grid = np.linspace(min(low, here), max(high, here), n)
    values, at = grid.astype(np.float32), int(np.abs(grid - here).argmin())
    if n > 2 and values[at] != here:
        at = min(max(at, 1), n - 2)
    values[at] = here
    if not (values[1:] > values[:-1]).all():
        raise ConfigError(f"The span from {low} to {high} has no {n} different values.", "Widen it or ask for fewer.")
    frames = np.tile(z, (n, 1))
    frames[:, dim] = values
    return values, frames, at


def plane(z, i: int, j: int, span: float, n: int) -> np.ndarray:
    """A grid of n x n points over the dimensions i and j, from -span to span on both -> (n * n, D).

    Row by row: i increases to the right and j upwards, so the first row has the largest j. The other coordinates are those of
    z (D,). Raises ConfigError for i = j, an invalid dimension, n < 2, or a span of 0 or less.
    """
    z = to_float32(as_vector(z, i, j))
    if i == j:
        raise ConfigError(f"A plane needs two different dimensions, not {i} twice.")
    check_at_least("The number of points on a side", n, 2)
    if not 0 < span <= LARGEST:
        raise ConfigError(f"The span of a plane must be a number above 0, not {span}.")
    axis, grid = np.linspace(-span, span, n), np.tile(z, (n * n, 1))
    grid[:, i], grid[:, j] = np.tile(axis, n), np.repeat(axis[::-1], n)
    return grid


def prior_draws(n: int, latent_dim: int, seed: int) -> np.ndarray:
    """n draws (n, D) from the prior N(0, I). For a given seed, a smaller n gives the first rows of a larger n."""
    check_at_least("The number of draws", n, 0)
    check_at_least("latent_dim", latent_dim, 1)
    check_at_least("seed", seed, 0)
    return Generator(PCG64(seed)).standard_normal((n, latent_dim), dtype=np.float32)


def norm(z) -> np.ndarray:
    """The Euclidean norm of each z: (F, D) -> (F,). Draws from the prior lie near sqrt(D)."""
    return to_float32(np.linalg.norm(np.asarray(z, np.float64), axis=-1))


def log_prior(z) -> np.ndarray:
    """log N(z; 0, I) in nats: (F, D) -> (F,)."""
    z = np.asarray(z, np.float64)
    return to_float32(-0.5 * ((z**2).sum(-1) + z.shape[-1] * np.log(2 * np.pi)))


def _exact(path, a, b, t) -> np.ndarray:
    path = to_float32(path)
    path[t == 0], path[t == 1] = a, b
    return path


def _ends(a, b, t) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    a, b = as_vector(a), as_vector(b)
    if a.shape != b.shape:
        raise ConfigError(f"A path needs two points of one space, not of {len(a)} and {len(b)} dimensions.")
    return a, b, np.asarray(t, np.float64)
