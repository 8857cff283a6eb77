"""log p(x) = log of the integral of p(x|z) p(z) dz, by adaptive quadrature (Kingma & Welling 2013, eq. 1), for D = 1 and 2.

The decoded plane shows where p(x, z) is concentrated, far from the encoder's q too. Around each such region a grid is decoded
and refined until its even and odd points give the same integral: the trapezoidal rule converges exponentially for smooth
functions that vanish at the border (Trefethen & Weideman 2014), so then the grid of all points is far more precise.
"""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage
from scipy.special import logsumexp

from explorer.core.engine.engine import Engine
from explorer.core.engine.pixel_likelihood import PixelLikelihood
from explorer.core.theory.plane import Grid, as_image, log_joint, plane_of

DEPTH = 20.0  # nats below the maximum down to which a region is integrated finely
TOLERANCE = 2e-4  # nats, between the even and the odd points of a grid
MAX_POINTS = 60_000  # of one region's grid
MAX_DECODED = 8_000  # larger grids are decoded only where they matter
MAX_HALVINGS = 6
NEGLIGIBLE = 1e-6  # share of p(x) below which a region is not refined
MODE_DEPTH = 12.0  # nats below the highest mode down to which others are reported
MAX_PEAKS = 64  # local maxima of a grid whose height between the points is estimated


@dataclass(frozen=True)
class Field:
    """log p(x, z) on a regular grid: `values` (ny, nx) float32 from the corner `low` (D,) to `high` (D,); (nx,) for D = 1."""

    low: np.ndarray
    high: np.ndarray
    values: np.ndarray

    def finer(self, factor: int = 2) -> "Field":
        """The same field with 1 / `factor` of the step, by quintic spline interpolation."""
        axes = [np.arange(factor * (n - 1) + 1) / factor for n in self.values.shape]
        values = ndimage.map_coordinates(self.values.astype(float), np.meshgrid(*axes, indexing="ij"), order=5)
        return Field(self.low, self.high, values.astype(np.float32))


@dataclass(frozen=True)
class Evidence:
    """log p(x) of one image, and the shape of its posterior p(z|x) = p(x, z) / p(x). Nats; float64.

    log_px, error   the integral, and an upper estimate of its error (comparison of two resolutions)
    mean, sd        (D,), of the posterior
    modes           (K, D), the local maxima of p(x, z), highest first
    mode_log_joint  (K,), log p(x, z) at the modes
    fields          log p(x, z): first on the whole plane, then on finer grids around the regions that contain the mass, the
                    heaviest first; in grids of more than MAX_DECODED points the values that do not matter are interpolated
    """

    log_px: float
    error: float
    mean: np.ndarray
    sd: np.ndarray
    modes: np.ndarray
    mode_log_joint: np.ndarray
    fields: tuple[Field, ...]


@dataclass(frozen=True)
class _Region:
    """log p(x, z) on a grid around one region of high density; `spread` (D,): differences of parts of its points."""

    grid: Grid
    values: np.ndarray

    @property
    def log_mass(self) -> float:
        return float(logsumexp(self.values)) + self.grid.log_cell

    @property
    def log_mass_limit(self) -> float:
        """log_mass, raised by what the highest mode may rise above the grid's points."""
        _, heights = _peaks(self.values)
        return self.log_mass + max(0.0, float(np.max(heights, initial=-np.inf)) - float(self.values.max()))

    @property
    def spread(self) -> np.ndarray:
        by_dimension = [_even_odd_difference(self.values, axis) for axis in reversed(range(self.values.ndim))]
        return np.maximum(by_dimension, _black_white_difference(self.values))

    @property
    def field(self) -> Field:
        return Field(self.grid.low, self.grid.high, self.values.astype(np.float32))


def evidence(engine: Engine, x: np.ndarray) -> Evidence:
    """log p(x) of one image x (C, H, W), uint8 or float in [0, 1], exact to Evidence.error.

    Raises ConfigError for a model with more than 2 latent dimensions or an unknown likelihood, and for anything but an image.
    """
    plane, x = plane_of(engine), as_image(engine, x)
    coarse = plane.log_joint(x)
    boxes, outside = _boxes(coarse)
    regions = [_decoded(plane.likelihood, x, plane.grid.part(*box)) for box in boxes]
    least = max(region.log_mass for region in regions) + np.log(NEGLIGIBLE)
    regions = [_refined(plane.likelihood, x, region) if region.log_mass_limit > least else region for region in regions]
    regions.sort(key=lambda region: -region.log_mass)
    log_masses = np.array([region.log_mass for region in regions])
    log_rest = float(logsumexp(coarse[outside])) + plane.grid.log_cell if outside.any() else -np.inf
    log_px = float(logsumexp([*log_masses, log_rest]))
    shares = np.exp(log_masses - log_px)
    error = shares @ [region.spread.max() for region in regions] + np.exp(log_rest - log_px)
    mean, sd = _moments(regions, log_px)
    modes, heights = _modes(plane.likelihood, x, regions)
    whole = Field(plane.grid.low, plane.grid.high, coarse.astype(np.float32))
    fields = (whole, *(region.field for region, share in zip(regions, shares) if share > NEGLIGIBLE))
    return Evidence(log_px, float(error), mean, sd, modes, heights, fields)


def _boxes(coarse: np.ndarray) -> tuple[list[tuple[np.ndarray, np.ndarray]], np.ndarray]:
    """Index boxes (first (D,), last (D,)) around the regions that matter, and the mask of all other points.

    A box is larger than its region by one point on each side, so that the flanks of a mode between two points are inside.
    """
    inside = ndimage.binary_dilation(_matters(coarse), np.ones((3,) * coarse.ndim))
    while True:  # boxes that overlap become one
        found = ndimage.find_objects(ndimage.label(inside, np.ones((3,) * coarse.ndim))[0])
        before = inside.sum()
        for box in found:
            inside[box] = True
        if inside.sum() == before:
            break
    boxes = []
    for box in found:
        first = np.array([s.start - (s.start == 0) for s in box])
        last = np.array([s.stop - 1 + (s.stop == n) for s, n in zip(box, coarse.shape)])
        boxes.append((first[::-1], last[::-1]))
    return boxes, ~inside


def _decoded(likelihood: PixelLikelihood, x: np.ndarray, grid: Grid) -> _Region:
    return _Region(grid, log_joint(likelihood, grid.points, x).reshape(grid.shape))


def _refined(likelihood: PixelLikelihood, x: np.ndarray, region: _Region) -> _Region:
    """Halves the step in the dimensions that need it, and keeps the part of the grid that matters."""
    for _ in range(MAX_HALVINGS):
        coarse = region.spread > TOLERANCE
        region = _cropped(region)
        if not coarse.any() or np.prod(region.grid.halved(coarse).size) > MAX_POINTS:
            break
        region = _halved(likelihood, x, region, coarse)
    return region


def _cropped(region: _Region) -> _Region:
    """The smallest grid around the points that matter, larger by one point on each side."""
    rows = np.argwhere(_matters(region.values))
    first, last = np.maximum(rows.min(0) - 1, 0), np.minimum(rows.max(0) + 1, np.array(region.values.shape) - 1)
    values = region.values[tuple(slice(a, b + 1) for a, b in zip(first, last))]
    return _Region(region.grid.part(first[::-1], last[::-1]), values)


def _halved(likelihood: PixelLikelihood, x: np.ndarray, region: _Region, dims: np.ndarray) -> _Region:
    """The region with half the step in the dimensions of a mask.

    In a grid of more than MAX_DECODED points those far from the ones that matter are interpolated.
    """
    grid, factor = region.grid.halved(dims), np.where(dims, 2, 1)[::-1]
    index = np.stack([axis / f for axis, f in zip(np.indices(grid.shape), factor)])
    values = ndimage.map_coordinates(region.values, index, order=1, mode="nearest")
    near = ndimage.binary_dilation(_matters(region.values), np.ones((3,) * values.ndim))
    decoded = ndimage.map_coordinates(near.astype(float), index, order=1, mode="nearest") > 0
    decoded |= decoded.size <= MAX_DECODED
    known = tuple(slice(None, None, f) for f in factor)
    values[known], decoded[known] = region.values, False
    values[decoded] = log_joint(likelihood, grid.points[decoded.ravel()], x)
    return _Region(grid, values)


def _even_odd_difference(values: np.ndarray, axis: int) -> float:
    """|log of the sum over even points - log of the sum over odd points| along an axis, in nats."""
    values = np.moveaxis(values, axis, 0)
    return float(abs(logsumexp(values[::2]) - logsumexp(values[1::2])))


def _moments(regions: list[_Region], log_px: float) -> tuple[np.ndarray, np.ndarray]:
    weights = np.concatenate([np.exp(r.values.ravel() + r.grid.log_cell - log_px) for r in regions])
    points = np.concatenate([r.grid.points for r in regions])
    mean = weights @ points / weights.sum()
    return mean, np.sqrt(weights @ (points - mean) ** 2 / weights.sum())


def _black_white_difference(values: np.ndarray) -> float:
    """The same for the two colours of a chess board, which also shows a narrow diagonal ridge."""
    black = np.indices(values.shape).sum(0) % 2 == 0
    return float(abs(logsumexp(values[black]) - logsumexp(values[~black])))


def _matters(values: np.ndarray) -> np.ndarray:
    """The mask of points within DEPTH of the highest, and of local maxima that may rise so far between the points."""
    least = values.max() - DEPTH
    mask = values > least
    for index, height in zip(*_peaks(values)):
        mask[tuple(np.rint(index).astype(int))] |= height > least
    return mask


def _modes(likelihood: PixelLikelihood, x: np.ndarray, regions: list[_Region]) -> tuple[np.ndarray, np.ndarray]:
    """The local maxima of all regions, highest first: points (K, D) and log p(x, z) there (K,).

    Each comes from the grid of its region and is improved by one Newton step, with differences of a quarter of the grid's step.
    """
    points, heights, steps = [], [], []
    for region in regions:
        index, height = _peaks(region.values)
        points.append(region.grid.low + region.grid.step * index[:, ::-1])
        heights.append(height)
        steps.append(np.broadcast_to(region.grid.step / 4, points[-1].shape))
    points, heights, steps = map(np.concatenate, (points, heights, steps))
    chosen = np.argsort(-heights)[:MAX_PEAKS]
    chosen = chosen[heights[chosen] > heights.max(initial=-np.inf) - MODE_DEPTH]
    if not len(chosen):
        return points[chosen], heights[chosen]
    points, steps, d = points[chosen], steps[chosen], points.shape[1]
    stencil = np.stack([axis.ravel() for axis in np.indices((3,) * d)], 1)[:, ::-1] - 1
    z = points[:, None] + steps[:, None] * stencil
    values = log_joint(likelihood, z.reshape(-1, d), x).reshape(-1, *(3,) * d)
    vertices = [_vertex(cube, reach=4) for cube in values]
    points = points + steps * np.array([offset[::-1] for offset, _ in vertices])
    heights = np.array([height for _, height in vertices])
    order = np.argsort(-heights)
    return points[order], heights[order]


def _peaks(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The local maxima inside a grid, at most MAX_PEAKS: positions between the points (K, D), in indices, and heights (K,).

    Each is the vertex of a quadratic through a point and its neighbours: exact for a Gaussian that is narrower than the step.
    """
    inner = np.zeros(values.shape, bool)
    inner[(slice(1, -1),) * values.ndim] = True
    found = np.argwhere((values == ndimage.maximum_filter(values, 3)) & inner)
    found = found[np.argsort(-values[tuple(found.T)])[:MAX_PEAKS]]
    vertices = [_vertex(values[tuple(slice(i - 1, i + 2) for i in index)]) for index in found]
    offsets = np.array([offset for offset, _ in vertices]).reshape(-1, values.ndim)
    return found + offsets, np.array([height for _, height in vertices], float)


def _vertex(values: np.ndarray, reach: float = 0.5) -> tuple[np.ndarray, float]:
    """The maximum of the quadratic through the 3^D `values` around a point: offset (D,), at most `reach` steps, and height."""
    d, here = values.ndim, values[(1,) * values.ndim]
    unit = np.eye(d, dtype=int)

    def at(shift: np.ndarray) -> float:
        return values[tuple(1 + shift)]

    gradient = np.array([(at(a) - at(-a)) / 2 for a in unit])
    hessian = np.array(
        [[(at(a + b) - at(a - b) - at(b - a) + at(-a - b)) / 4 if (a != b).any() else 0 for b in unit] for a in unit]
    )
    np.fill_diagonal(hessian, [at(a) - 2 * here + at(-a) for a in unit])
    if np.linalg.eigvalsh(hessian).max() >= 0:
        return np.zeros(d), float(here)
    offset = np.clip(-np.linalg.solve(hessian, gradient), -reach, reach)
    return offset, float(here + gradient @ offset + 0.5 * offset @ hessian @ offset)
