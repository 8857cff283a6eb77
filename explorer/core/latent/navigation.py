"""Ways through the latent space: z -> z. Knows vectors and the prior N(0, I); knows no model, no picture and no torch.

Arrays come in and go out as float32 and are computed in float64; a result that float32 cannot hold is its largest
number instead of infinity. Arguments of the wrong shape raise ConfigError.
"""

import numpy as np
from numpy.random import PCG64, Generator

from explorer.core.errors import ConfigError

LARGEST = float(np.finfo(np.float32).max)
OPPOSITE = 1e-6  # sine of the angle to the opposite under which float32 alone decided the side
SHORT = 1e-3  # a vector shorter than this share of the other has hardly a direction


def lerp(a, b, t) -> np.ndarray:
    """The straight line (1 - t) a + t b: a, b (D,) and t (F,) -> (F, D).

    t = 0 is exactly a and t = 1 exactly b, bit for bit; t outside [0, 1] goes on along the line.
    """
    a, b, t = _ends(a, b, t)
    return _exact((1 - t)[:, None] * a + t[:, None] * b, a, b, t)


def slerp(a, b, t) -> np.ndarray:
    """The arc from a to b: a, b (D,) and t (F,) -> (F, D), ends as exact as those of `lerp`.

    The direction turns at a constant rate on the great circle (Shoemake 1985; White 2016 for generative models) and
    the norm changes linearly, so the path stays where the prior has its mass. t outside [0, 1] goes on turning, and
    where the linear norm falls below zero the path goes on through the origin, as a line does.
    Parallel vectors give the line. Opposite ones single out no great circle: the half circle then runs through the
    axis on which a is smallest (the first of equals), made orthogonal to a. Where one vector is under a thousandth of
    the other its direction means little, and the arc fades into the line: at zero, and for D = 1, this is `lerp`.
    """
    a, b, t = _ends(a, b, t)
    path = (1 - t)[:, None] * a + t[:, None] * b
    norm_a, norm_b = np.linalg.norm(a), np.linalg.norm(b)
    short, long = sorted((norm_a, norm_b))
    if len(a) > 1 and short > 0:
        start, end = a / norm_a, b / norm_b
        cosine = start @ end
        aside = end - cosine * start
        sine = np.linalg.norm(aside)
        if cosine < 0 and sine < OPPOSITE:
            axis = np.eye(len(a))[np.abs(start).argmin()]
            aside = axis - (axis @ start) * start
        aside /= np.linalg.norm(aside) or 1
        angle = t[:, None] * np.arctan2(sine, cosine)
        arc = ((1 - t) * norm_a + t * norm_b)[:, None] * (np.cos(angle) * start + np.sin(angle) * aside)
        path += min(1.0, short / (SHORT * long)) * (arc - path)
    return _exact(path, a, b, t)


def path_times(n: int, overshoot: float = 0.0) -> np.ndarray:
    """Times t (n,) float64 of the frames of a path, rising from -overshoot to 1 + overshoot.

    0.0 and 1.0 are always among them; the spacing is even on each of the three pieces, and over all of them where n
    allows. Raises ConfigError for n < 2 (n < 4 with an overshoot) or an overshoot outside 0 to 0.5.
    """
    if not 0 <= overshoot <= 0.5:
        raise ConfigError(f"overshoot must be a number from 0 to 0.5, not {overshoot}.")
    _at_least("The number of frames", n, 4 if overshoot else 2)
    outside = round((n - 1) * overshoot / (1 + 2 * overshoot))  # steps on each side
    if overshoot:
        outside = min(max(outside, 1), (n - 2) // 2)
    before = np.linspace(-overshoot, 0, outside + 1)[:-1]
    after = np.linspace(1, 1 + overshoot, outside + 1)[1:]
    return np.concatenate([before, np.linspace(0, 1, n - 2 * outside), after])


def traversal(z, dim: int, low: float, high: float, n: int) -> tuple[np.ndarray, np.ndarray, int]:
    """n frames along one dimension through z (D,): (values (n,), z's (n, D), at).

    The values rise evenly from low to high, a span that widens to include z[dim]; the one nearest to z[dim] (an end
    only where it must be) gives way to it, so `z's[at]` is z bit for bit. The other coordinates stay. Raises
    ConfigError for a dim that z has not, n < 2, or a span that is empty or too narrow for n float32 values.
    """
    z = _float32(_vector(z, dim))
    _at_least("The number of frames", n, 2)
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
    """A grid of n x n points over the dimensions i and j, -span to span on both, through z (D,) -> (n * n, D).

    Row by row as one reads a picture: i grows to the right, j upward, so the first row has the highest j. The other
    coordinates are those of z. Raises ConfigError for i = j, a dimension that z has not, n < 2, or a span not above 0.
    """
    z = _float32(_vector(z, i, j))
    if i == j:
        raise ConfigError(f"A plane needs two different dimensions, not {i} twice.")
    _at_least("The number of points on a side", n, 2)
    if not 0 < span <= LARGEST:
        raise ConfigError(f"The span of a plane must be a number above 0, not {span}.")
    axis, grid = np.linspace(-span, span, n), np.tile(z, (n * n, 1))
    grid[:, i], grid[:, j] = np.tile(axis, n), np.repeat(axis[::-1], n)
    return grid


def prior_draws(n: int, latent_dim: int, seed: int) -> np.ndarray:
    """n draws (n, D) from the prior N(0, I). One seed gives one sequence, of which fewer draws are the beginning."""
    _at_least("The number of draws", n, 0)
    _at_least("latent_dim", latent_dim, 1)
    _at_least("seed", seed, 0)
    return Generator(PCG64(seed)).standard_normal((n, latent_dim), dtype=np.float32)


def norm(z) -> np.ndarray:
    """The Euclidean norm of each z: (F, D) -> (F,). Draws from the prior lie near sqrt(D)."""
    return _float32(np.linalg.norm(np.asarray(z, np.float64), axis=-1))


def log_prior(z) -> np.ndarray:
    """log N(z; 0, I) in nats: (F, D) -> (F,)."""
    z = np.asarray(z, np.float64)
    return _float32(-0.5 * ((z**2).sum(-1) + z.shape[-1] * np.log(2 * np.pi)))


def arithmetic(a, b, c) -> np.ndarray:
    """a - b + c: what a has and b lacks, given to c (Radford et al. 2016)."""
    a, b, c = (np.asarray(v, np.float64) for v in (a, b, c))
    return _float32(a - b + c)


def class_means(means, labels, n_classes: int) -> np.ndarray:
    """The mean of the encoder means (N, D) of each class -> (n_classes, D).

    A class without a point has no mean: its row is NaN, for the caller to leave out. Labels outside 0 to
    n_classes - 1 (-1: unlabelled) belong to no class.
    """
    means, labels = _array(means, 2), np.asarray(labels)
    if labels.shape != means.shape[:1]:
        raise ConfigError(f"{len(means)} points need as many labels, not {labels.size}.")
    result = np.full((n_classes, means.shape[1]), np.nan)
    for label in np.intersect1d(labels, np.arange(n_classes)):
        result[label] = means[labels == label].mean(0)
    return _float32(result)


def direction(from_mean, to_mean) -> np.ndarray:
    """The unit vector (D,) from one mean to the other; zeros where they are the same."""
    step = _vector(to_mean) - _vector(from_mean)
    return _float32(step / (np.linalg.norm(step) or 1))


def principal_directions(means, k: int) -> tuple[np.ndarray, np.ndarray]:
    """The k orthogonal directions along which the means (N, D) vary most: (unit rows (k, D), deviations (k,)).

    Eigenvectors of the covariance (Pearson 1901; divided by N), the largest first, with their standard deviations; the
    sign makes the largest entry of each positive. Raises ConfigError for no points or a k outside 1 to D.
    """
    means = _array(means, 2)
    if not 1 <= k <= means.shape[1]:
        raise ConfigError(f"{means.shape[1]} dimensions have 1 to {means.shape[1]} principal directions, not {k}.")
    centred = means - means.mean(0)
    variance, columns = np.linalg.eigh(centred.T @ centred / len(means))
    rows = columns.T[::-1][:k]
    largest = np.take_along_axis(rows, np.abs(rows).argmax(1)[:, None], axis=1)
    return _float32(rows * np.where(largest < 0, -1, 1)), _float32(np.sqrt(variance[::-1][:k].clip(0)))


def _exact(path, a, b, t) -> np.ndarray:
    path = _float32(path)
    path[t == 0], path[t == 1] = a, b
    return path


def _float32(x) -> np.ndarray:
    return np.clip(x, -LARGEST, LARGEST).astype(np.float32)


def _ends(a, b, t) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    a, b = _vector(a), _vector(b)
    if a.shape != b.shape:
        raise ConfigError(f"A path needs two points of one space, not of {len(a)} and {len(b)} dimensions.")
    return a, b, np.asarray(t, np.float64)


def _vector(z, *dims: int) -> np.ndarray:
    z = _array(z, 1)
    for dim in dims:
        if dim not in range(len(z)):
            raise ConfigError(f"There is no latent dimension {dim}.", f"They run from 0 to {len(z) - 1}.")
    return z


def _array(x, n_axes: int) -> np.ndarray:
    x = np.asarray(x, np.float64)
    if x.ndim != n_axes or not x.size:
        shape = ["", "(D,)", "(N, D)"][n_axes]
        raise ConfigError(f"Latent points must come as numbers of shape {shape}, not {x.shape}.")
    return x


def _at_least(name: str, value, low: int) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < low:
        raise ConfigError(f"{name} must be a whole number from {low}, not {value}.")
