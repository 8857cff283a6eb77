"""The latent space of a model with D = 1 or 2, decoded once and shared by all visitors.

log p(x|z) = a(z) . x + b(z) + c(x), and a(z) and b(z) do not depend on the image: on a fixed grid of z they are computed once
per model, and log p(x, z) of a new image is one matrix product.
"""

import threading
from collections import OrderedDict
from dataclasses import dataclass

import numpy as np

from explorer.core.engine.engine import Engine
from explorer.core.engine.pixel_likelihood import PixelLikelihood
from explorer.core.errors import ConfigError

STEPS = {1: 1 / 256, 2: 1 / 16}  # grid step by D; in the shipped mnist-2d the smallest sigma of a posterior is 0.008
HALF_WIDTHS = 5.0, 8.0  # least (prior mass outside: 1e-6) and largest half width of the plane
MARGIN = 0.5  # of the plane around the gallery's encoder means
MAX_PIXELS = 1024  # up to this size of images a(z) is stored as it is: 4 kB per grid point, 120 MB for 171 x 171 points
RANK = 256  # larger images: projections on this many principal components of a(z), 1 kB per grid point
N_SAMPLES = 512  # grid points from which the components are computed
MAX_PLANES = 3  # kept in memory; the one used least recently is dropped
LOG_2PI = float(np.log(2 * np.pi))


@dataclass(frozen=True)
class Grid:
    """A regular grid of latent points: first corner `low` (D,), spacing `step` (D,), and number of points per dimension `size`.

    Arrays over a grid have the shape `shape`: (ny, nx) for D = 2, with z = (x, y); (nx,) for D = 1.
    """

    low: np.ndarray
    step: np.ndarray
    size: tuple[int, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        """`size` in the order of an array's axes."""
        return self.size[::-1]

    @property
    def high(self) -> np.ndarray:
        """(D,), the last corner."""
        return self.low + self.step * (np.array(self.size) - 1)

    @property
    def log_cell(self) -> float:
        """log of the volume of a cell."""
        return float(np.log(self.step).sum())

    @property
    def points(self) -> np.ndarray:
        """(N, D) float64, in the order of the flattened array."""
        axes = [low + step * np.arange(n) for low, step, n in zip(self.low, self.step, self.size)]
        return np.stack([axis.T.ravel() for axis in np.meshgrid(*axes, indexing="ij")], 1)

    def part(self, first: np.ndarray, last: np.ndarray) -> "Grid":
        """The grid from index `first` (D,) to `last` (D,) inclusive; they may lie outside this one."""
        return Grid(self.low + self.step * first, self.step, tuple(int(n) for n in last - first + 1))

    def halved(self, dims: np.ndarray) -> "Grid":
        """The same extent, with half the step in the dimensions where the mask `dims` (D,) is true."""
        factor = np.where(dims, 2, 1)
        return Grid(self.low, self.step / factor, tuple(int(n) for n in factor * (np.array(self.size) - 1) + 1))


def log_prior(z: np.ndarray) -> np.ndarray:
    """log N(z; 0, I), (N,) float64, for z (N, D)."""
    return -0.5 * (z**2 + LOG_2PI).sum(1)


def log_joint(likelihood: PixelLikelihood, z: np.ndarray, x: np.ndarray) -> np.ndarray:
    """log p(x, z) = log p(x|z) + log p(z), (N,) float64, for one image x (C, H, W) and z (N, D)."""
    return likelihood.log_prob(z, x) + log_prior(z)


class DecodedPlane:
    """a(z) and b(z) on a grid over the latent space. Immutable and thread-safe; `n_bytes` says what it holds in memory."""

    def __init__(self, likelihood: PixelLikelihood, half_width: float):
        self.likelihood, self.latent_dim = likelihood, likelihood.latent_dim
        step = STEPS[self.latent_dim]
        n = 2 * int(np.ceil(half_width / step)) + 1
        low = np.full(self.latent_dim, -step * (n // 2))
        self.grid = Grid(low, np.full(self.latent_dim, step), (n,) * self.latent_dim)
        points = self.grid.points
        self._basis, self._mean = self._components(points)
        self.is_exact = self._basis is None  # up to float32
        n = likelihood.batch_size
        parts = [self._decoded(points[start : start + n]) for start in range(0, len(points), n)]
        self._a, self._b = (np.concatenate(column) for column in zip(*parts))
        self._log_prior = log_prior(points)
        self.n_bytes = self._a.nbytes + self._b.nbytes + self._log_prior.nbytes

    def log_joint(self, x: np.ndarray) -> np.ndarray:
        """log p(x, z) of one image x (C, H, W) on the grid, float64 in its shape.

        Float32 inside: off by up to 1e-3 nats, and by up to some tenths for images of more than MAX_PIXELS values.
        """
        pixels = np.array(x, np.float32).reshape(-1)
        scalar = float(self._mean @ pixels) + self.likelihood.log_base(x)
        weights = pixels if self._basis is None else self._basis @ pixels
        return ((self._a @ weights).astype(float) + self._b + self._log_prior + scalar).reshape(self.grid.shape)

    def _components(self, points: np.ndarray) -> tuple[np.ndarray | None, np.ndarray]:
        """The basis (RANK, P) in which a(z) is stored, None for all P values, and the mean (P,) that is subtracted."""
        n_pixels = int(np.prod(self.likelihood.image_shape))
        if n_pixels <= MAX_PIXELS:
            return None, np.zeros(n_pixels, np.float32)
        rows = np.random.default_rng(0).choice(len(points), min(N_SAMPLES, len(points)), replace=False)
        a, _ = self.likelihood.linear_form(points[rows])
        mean = a.mean(0)
        centred = (a - mean).astype(float)
        _, vectors = np.linalg.eigh(centred @ centred.T)
        basis, _ = np.linalg.qr(centred.T @ vectors[:, -RANK:])
        return basis.T.astype(np.float32), mean

    def _decoded(self, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        a, b = self.likelihood.linear_form(z)
        return (a if self._basis is None else (a - self._mean) @ self._basis.T), b


_planes: OrderedDict[tuple[str, str], DecodedPlane] = OrderedDict()
_lock = threading.Lock()
_decoding = threading.Lock()  # one plane at a time; meanwhile those that are there can be used


def plane_of(engine: Engine) -> DecodedPlane:
    """The decoded plane of a model: built by the first call (1 to 2 s at 28 x 28 px), then shared by all.

    Raises ConfigError if log p(x) of the model cannot be integrated.
    """
    check_integrable(engine)
    key = engine.name, engine.content_hash
    if (plane := _kept(key)) is not None:
        return plane
    with _decoding:
        if (plane := _kept(key)) is not None:
            return plane
        plane = DecodedPlane(engine.likelihood, _half_width(engine))
        with _lock:
            _planes[key] = plane
            while len(_planes) > MAX_PLANES:
                _planes.popitem(last=False)
        return plane


def _kept(key: tuple[str, str]) -> DecodedPlane | None:
    with _lock:
        if key in _planes:
            _planes.move_to_end(key)
        return _planes.get(key)


def check_likelihood(engine: Engine) -> PixelLikelihood:
    """The likelihood of a model. Raises ConfigError if it is unknown."""
    if engine.likelihood is None:
        raise ConfigError(f"The likelihood p(x|z) of '{engine.name}' is unknown.", "Choose a model trained in this app.")
    return engine.likelihood


def check_integrable(engine: Engine) -> None:
    """Raises ConfigError, with one sentence for the visitor, unless D is 1 or 2 and the likelihood is known."""
    check_likelihood(engine)
    if engine.latent_dim not in STEPS:
        raise ConfigError(
            f"log p(x) can be integrated for models with 1 or 2 latent dimensions; '{engine.name}' has {engine.latent_dim}.",
            "Choose a model with 2, such as mnist-2d.",
        )


def as_image(engine: Engine, x: np.ndarray) -> np.ndarray:
    """One image (C, H, W), uint8 or float in [0, 1], as float64 in [0, 1]. Raises ConfigError for anything else."""
    x = np.asarray(x)
    if x.shape != engine.image_shape:
        expected = ", ".join(map(str, engine.image_shape))
        raise ConfigError(f"An image for '{engine.name}' must have the shape ({expected}), not {x.shape}.", "Resize it.")
    x = x / 255 if x.dtype == np.uint8 else np.array(x, float)
    if not 0 <= x.min() <= x.max() <= 1:  # false for NaN too
        raise ConfigError("The image contains values outside 0 to 1.", "Divide grey levels by 255, or pass them as uint8.")
    return x


def _half_width(engine: Engine) -> float:
    farthest = float(np.abs(engine.gallery.mu).max()) if engine.has_gallery else 0.0
    return float(np.clip(farthest + MARGIN, *HALF_WIDTHS))
