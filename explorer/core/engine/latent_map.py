"""2-D maps of a gallery: the positions of its encoder means, and of any other z among them. Needs no model."""

import math
from concurrent.futures import Future
from functools import cached_property

import numpy as np

from explorer.core.bundles.format import Gallery
from explorer.core.errors import ConfigError
from explorer.core.latent import navigation
from explorer.core.latent.arrays import evenly_spaced
from explorer.core.latent.landmarks import Landmarks
from explorer.core.vae.encoding import Encoding

DEAD_KL = 0.01  # nats; a dimension with a lower mean KL carries no information about the image
MAX_ABS_Z = 1e6  # largest allowed |z_d|; beyond it the decoder could overflow float32
K_ISOLATION = 5  # the isolation of a point is measured by its distance to this nearest mean: one alone may be an outlier
N_ISOLATION = 512  # means of the gallery with which it is compared
N_INVERSE = 8  # encoder means averaged to invert the UMAP

Plane = str | tuple[int, int] | None


def done(value) -> Future:
    """A Future that already holds its value."""
    future = Future()
    future.set_result(value)
    return future


class LatentMap:
    """Maps the latent space of a model to planes: UMAP, PCA or pairs of dimensions.

    Immutable, except that the gallery and the UMAP may become ready later: `gallery` waits, `has_gallery`, `umap` and
    `planes` describe what is ready now.
    """

    def __init__(self, name: str, latent_dim: int, gallery: Future, umap: Future):
        self.name, self.latent_dim = name, latent_dim
        self._gallery, self._umap = gallery, umap

    @property
    def gallery(self) -> Gallery:
        """The encoded test images. With a custom model the first call may wait for them, and raises if encoding them failed."""
        return self._gallery.result()

    @property
    def has_gallery(self) -> bool:
        """Whether `gallery` is available without waiting. Raises ExplorerError if encoding the images failed."""
        return self._gallery.done() and self._gallery.result() is not None

    @property
    def umap(self) -> np.ndarray | None:
        """(N, 2) float32, or None while there is no UMAP."""
        return self._umap.result() if self._umap.done() and self._umap.exception() is None else None

    @property
    def planes(self) -> list[Plane]:
        """The available planes, best first: "umap", "pca", pairs of dimensions. For D = 1, (0, 0) plots mu against logvar."""
        if self.latent_dim <= 2:
            return [(0, 0)] if self.latent_dim == 1 else [(0, 1), "pca"]
        return ([] if self.umap is None else ["umap"]) + ["pca", (0, 1)]

    def map_xy(self, plane: Plane = None) -> np.ndarray:
        """The gallery's encoder means in a plane, (N, 2) float32."""
        plane, gallery = self._plane(plane), self.gallery
        if isinstance(plane, str):
            return self.umap if plane == "umap" else gallery.pca
        return np.hstack([gallery.mu, gallery.logvar]) if self.latent_dim == 1 else gallery.mu[:, list(plane)]

    @property
    def spans(self) -> np.ndarray:
        """(D, 2): mean +- 3 standard deviations of the aggregate posterior, at least -3 to 3; -3 to 3 without a gallery."""
        return self._spans if self.has_gallery else np.tile([-3.0, 3.0], (self.latent_dim, 1))

    @cached_property
    def _spans(self) -> np.ndarray:
        mu, logvar = self.gallery.mu.astype(float), self.gallery.logvar.astype(float)
        centre, spread = mu.mean(0), np.sqrt(mu.var(0) + np.exp(logvar).mean(0))
        return np.stack([np.minimum(-3, centre - 3 * spread), np.maximum(3, centre + 3 * spread)], 1)

    @cached_property
    def encoding(self) -> Encoding:
        """The gallery's mu, logvar and reconstruction losses, from which KL and ELBO follow."""
        return Encoding(self.gallery.mu, self.gallery.logvar, self.gallery.recon_loss)

    @property
    def kl_per_dim(self) -> np.ndarray:
        """(D,) mean KL over the gallery, in nats per image. A dimension below DEAD_KL is dead."""
        return self.encoding.kl_per_dim.mean(0)

    def neighbours(self, z: np.ndarray, k: int = 8) -> tuple[np.ndarray, np.ndarray]:
        """z (D,) -> the k nearest gallery rows by encoder mean (k,) int64, and their Euclidean distances (k,)."""
        if k < 0:
            raise ConfigError(f"The number of neighbours must be 0 or more, not {k}.")
        return self._landmarks.k_nearest(self.point(z), k)

    def isolation(self, z: np.ndarray) -> float:
        """The share in percent of the gallery's means that are closer to others than z (D,) is; NaN without a gallery.

        Compares the distance to the K_ISOLATION-th nearest mean with the same distance of N_ISOLATION means.
        """
        if not self.has_gallery:
            return math.nan
        _, distances = self.neighbours(z, K_ISOLATION)
        return 100 * float((self._spacing < distances[-1]).mean())

    @cached_property
    def _spacing(self) -> np.ndarray:
        """Distance of each of at most N_ISOLATION means of the gallery to its K_ISOLATION-th nearest other mean."""
        means = evenly_spaced(self.gallery.mu, N_ISOLATION)
        return np.array([self.neighbours(mu, K_ISOLATION + 1)[1][-1] for mu in means])

    def nearest_row(self, z: np.ndarray) -> np.ndarray:
        """The gallery row nearest by encoder mean to each z (F, D): (F,) int64."""
        return self._landmarks.nearest_row(self.points(z))

    def place(self, z: np.ndarray, plane: Plane = None) -> tuple[np.ndarray, np.ndarray]:
        """z (F, D) -> map position (F, 2) and support (F,) in (0, 1], both float32; NaN while there is no gallery.

        Each is a function of its z alone, and an encoder mean of the gallery is placed exactly on its point.
        """
        z = self.points(z)
        if not self.has_gallery:
            return np.full((len(z), 2), np.nan, np.float32), np.full(len(z), np.nan, np.float32)
        plane = self._plane(plane)
        xy, support = self._landmarks.query(z, self.map_xy(plane) if plane == "umap" or self.latent_dim == 1 else None)
        if plane == "pca":
            weights, offset = self._pca_map
            xy = (z @ weights + offset).astype(np.float32)
        elif self.latent_dim == 1:
            xy[:, 0] = z[:, 0]
        elif plane != "umap":
            xy = z[:, list(plane)]
        return xy, support

    def path_xy(
        self, a: np.ndarray, b: np.ndarray, n: int, overshoot: float = 0.0, plane: Plane = None, kind: str = "lerp"
    ) -> np.ndarray:
        """Map positions (n, 2) of the path from a to b, (D,) each, without decoding it. kind: "lerp" or "slerp"."""
        path = navigation.slerp if kind == "slerp" else navigation.lerp
        return self.place(path(self.point(a), self.point(b), navigation.path_times(n, overshoot)), plane)[0]

    def unplace(self, xy: np.ndarray, plane: Plane, z: np.ndarray) -> np.ndarray:
        """A latent point (D,) at the map position xy (2,).

        In a linear plane this is z, moved within the plane to xy. The UMAP has no inverse: the result is the mean of the
        encoder means nearest to xy on the map, weighted by inverse squared distance.
        """
        plane, z, xy = self._plane(plane), self.point(z), np.asarray(xy, float)
        if xy.shape != (2,) or not np.isfinite(xy).all():
            raise ConfigError("A map position must be two finite numbers.")
        if plane == "umap":
            d2 = ((self.map_xy(plane) - xy) ** 2).sum(1)
            near = np.argsort(d2, kind="stable")[:N_INVERSE]
            weight = 1 / (d2[near] + 1e-6)
            return (weight @ self.gallery.mu[near] / weight.sum()).astype(np.float32)
        if plane == "pca":
            weights, offset = self._pca_map
            return (z + (xy - z @ weights - offset) @ np.linalg.pinv(weights)).astype(np.float32)
        z[list(plane)] = xy[:1] if self.latent_dim == 1 else xy
        return z

    def points(self, z: np.ndarray) -> np.ndarray:
        """A checked copy of z, float32 (F, D)."""
        z = np.atleast_2d(z)
        if z.ndim != 2 or z.shape[1] != self.latent_dim:
            raise ConfigError(
                f"Latent points of '{self.name}' must have {self.latent_dim} dimensions, not the shape {z.shape}."
            )
        if not (np.abs(z) <= MAX_ABS_Z).all():  # false for NaN too
            raise ConfigError("A latent point contains a value that is NaN or too large.", "Reset z and try again.")
        return np.array(z, np.float32, order="C")  # a copy, which the caller cannot change

    def point(self, z: np.ndarray) -> np.ndarray:
        """A checked copy of one z, float32 (D,)."""
        points = self.points(z)
        if len(points) != 1:
            raise ConfigError(f"Expected one latent point, not {len(points)}.")
        return points[0]

    def dim(self, dim: int) -> int:
        """A checked index of a latent dimension."""
        if dim not in range(self.latent_dim):
            raise ConfigError(
                f"'{self.name}' has no latent dimension {dim}.", f"Dimensions run from 0 to {self.latent_dim - 1}."
            )
        return int(dim)

    def _plane(self, plane: Plane) -> Plane:
        if plane is None:
            return self.planes[0]
        if isinstance(plane, tuple | list) and len(plane) == 2 and (self.latent_dim == 1 or plane[0] != plane[1]):
            return tuple(self.dim(i) for i in plane)
        if plane == "pca" or (plane == "umap" and self.umap is not None):
            return plane
        raise ConfigError(f"There is no plane {plane!r} for '{self.name}'.", f"Choose one of {self.planes}.")

    @cached_property
    def _landmarks(self) -> Landmarks:
        return Landmarks(self.gallery.mu, self.gallery.logvar)

    @cached_property
    def _pca_map(self) -> tuple[np.ndarray, np.ndarray]:
        """(weights (D, 2), offset (2,)) of the PCA map, recovered from the gallery's PCA coordinates by least squares."""
        mu = self.gallery.mu[:2000].astype(float)
        # A dead dimension varies less than the rounding error of the coordinates; rcond gives it no weight instead of noise.
        solution, *_ = np.linalg.lstsq(np.c_[mu, np.ones(len(mu))], self.gallery.pca[:2000].astype(float), rcond=1e-6)
        return solution[:-1], solution[-1]
