"""One loaded model, ready to answer: numpy in, numpy out, safe under many threads. Knows no screen and no session.

    engine = open_bundle("mnist")
    mu, logvar = engine.encode(x)
    film = engine.traversal_films(mu[0], dims=[3], n_frames=41)[0]
"""

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from explorer.core import checkpoint, navigation
from explorer.core import device as devices
from explorer.core.checkpoint import Gallery, Origin
from explorer.core.encoding import Encoding
from explorer.core.errors import ConfigError, unknown
from explorer.core.film import Film
from explorer.core.pictures import Pictures
from explorer.core.projection import Landmarks

DEAD_KL = 0.01  # nats: below it a dimension says nothing about the image
AT_ONCE = 2048  # images or latent points in one call to the model; any film is shorter
FARTHEST = 1e6  # a coordinate of z beyond this is a mistake, and would leave float32 on its way through the decoder
N_INVERSE = 8  # encoder means that say together which z lies at a place of the map
KINDS = ("lerp", "slerp", "pixel")

Plane = str | tuple[int, int] | None


class Engine:
    """Built by `open_bundle` and `open_model`. Its state is fixed but for the gallery and the map of a researcher's own
    model, which arrive later (`gallery` and `umap` wait for them, `has_gallery` and `planes` do not)."""

    def __init__(
        self, name: str, encode: Callable[[Tensor], tuple[Tensor, Tensor]], decode: Callable[[Tensor], Tensor], origin: Origin,
        image_shape: tuple[int, int, int], latent_dim: int, gallery: Future, umap: Future, metrics: dict, content_hash: str,
        device: torch.device, pictures: Callable[[np.ndarray], np.ndarray | None],
    ):  # fmt: skip
        self.name, self.origin, self.metrics, self.content_hash = name, origin, metrics, content_hash
        self.image_shape, self.latent_dim, self.device = tuple(image_shape), latent_dim, device
        self._encode, self._decode, self._pictures = encode, decode, pictures
        self._gallery, self._umap = gallery, umap

    # Pictures and points

    @torch.inference_mode()
    def encode(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """x (N, C, H, W), uint8 or float32 in [0, 1] -> mu, logvar of q(z|x), float32 (N, D) each."""
        x = np.asarray(x)
        if x.ndim != 4 or x.shape[1:] != self.image_shape:
            wanted = ", ".join(map(str, self.image_shape))
            raise ConfigError(f"Images for '{self.name}' must have the shape (N, {wanted}), not {x.shape}.", "Resize them.")
        x = x / np.float32(255) if x.dtype == np.uint8 else np.array(x, np.float32)  # never the caller's own memory
        if x.size and not 0 <= x.min() <= x.max() <= 1:  # false for NaN too
            raise ConfigError("The images contain values outside 0 to 1.", "Divide grey levels by 255, or give them as uint8.")
        parts = [self._encode(part.to(self.device)) for part in torch.from_numpy(x).split(AT_ONCE)]
        mu, logvar = (torch.cat(column).float().cpu().numpy() for column in zip(*parts))
        return mu, logvar

    @torch.inference_mode()
    def decode(self, z: np.ndarray) -> np.ndarray:
        """z (N, D) -> E[x|z], float32 (N, C, H, W) in [0, 1]."""
        return self._pixels(self._points(z)).contiguous().cpu().numpy()

    def reconstruct(self, x: np.ndarray) -> np.ndarray:
        """x (N, C, H, W) -> E[x|z = mu(x)], float32 (N, C, H, W) in [0, 1]. The mean, never a sample."""
        return self.decode(self.encode(x)[0])

    # Films

    def film(self, z_path: np.ndarray, plane: Plane = None, values: np.ndarray | None = None, at: int = 0) -> Film:
        """z_path (F, D) -> Film: one call to the decoder, one to the map. `plane` as in `planes`; None: the best there is.

        values: (F,), what each frame stands for, 0 to 1 by default. at: the frame on which the film rests.
        """
        z = self._points(z_path)
        values = np.linspace(0, 1, len(z)) if values is None else values
        if not 0 <= at < len(z) or np.shape(values) != (len(z),):
            raise ConfigError(f"A film of {len(z)} frames cannot rest on frame {at} with values of shape {np.shape(values)}.")
        frames = self._frames(z)
        frames[at] = self._frame(z[at])
        return self._assemble(z, frames, *self._place(z, plane), values, at)

    def traversal_films(
        self, z: np.ndarray, dims: Sequence[int], span: tuple[float, float] | Sequence | None = None,
        n_frames: int = 33, plane: Plane = None,
    ) -> list[Film]:  # fmt: skip
        """One Film per dimension in `dims`, through z (D,), all decoded in one call.

        span: (low, high) for all, one pair per dimension, or None for `spans`. It widens to hold the current z_d, which is a
        frame of its own, `film.at`. Raises ConfigError for a dimension that the model does not have.
        """
        z, dims = self._point(z), [self._dim(dim) for dim in dims]
        if not dims:
            return []
        spans = self.spans[dims] if span is None else np.asarray(span, float)
        if spans.shape not in ((2,), (len(dims), 2)):
            raise ConfigError(f"span must be (low, high), or one such pair for each of {len(dims)} dimensions.")
        spans = np.broadcast_to(spans, (len(dims), 2))
        paths = [navigation.traversal(z, dim, low, high, n_frames) for dim, (low, high) in zip(dims, spans)]
        points = np.concatenate([path for _, path, _ in paths])
        frames, resting, (xy, support) = self._frames(points), self._frame(z), self._place(points, plane)
        films = []
        for i, (dim, (values, path, at)) in enumerate(zip(dims, paths)):
            part = slice(i * n_frames, (i + 1) * n_frames)
            frames[part][at] = resting
            films.append(self._assemble(path, frames[part], xy[part], support[part], values, at, dim))
        return films

    def interpolation_film(
        self, a: np.ndarray, b: np.ndarray, n: int = 64, kind: str = "lerp", overshoot: float = 0.0, plane: Plane = None,
    ) -> Film:  # fmt: skip
        """From z = a to z = b, (D,) each, in n frames; t = 0 and t = 1 are frames and equal the decoded end points exactly.

        kind: "lerp", "slerp" (Shoemake 1985), or "pixel", the cross-fade of the two decoded images, whose z is what the
        encoder makes of each blend. overshoot: how far beyond both ends, up to 0.5 (n is then at least 4).
        """
        if kind not in KINDS:
            raise unknown("kind of interpolation", kind, KINDS)
        t = navigation.path_times(n, overshoot)
        first, last = int(np.flatnonzero(t == 0)[0]), int(np.flatnonzero(t == 1)[0])
        a, b = self._point(a), self._point(b)
        if kind == "pixel":
            ends = self.decode(np.stack([a, b]))
            blend = np.clip(ends[0] + t[:, None, None, None].astype(np.float32) * (ends[1] - ends[0]), 0, 1)
            z, frames = self.encode(blend)[0], np.rint(255 * blend).astype(np.uint8)
        else:
            z = (navigation.lerp if kind == "lerp" else navigation.slerp)(a, b, t)
            frames = self._frames(z)
        frames[first], frames[last] = self._frame(a), self._frame(b)
        return self._assemble(z, frames, *self._place(z, plane), t, first)

    def sample_prior(self, n: int, seed: int) -> Film:
        """n draws of N(0, I) and what they decode to."""
        return self.film(navigation.prior_draws(n, self.latent_dim, seed))

    # The data around a point

    def neighbours(self, z: np.ndarray, k: int = 8) -> tuple[np.ndarray, np.ndarray]:
        """z (D,) -> the k nearest gallery rows by encoder mean (k,) int64, and their Euclidean distances (k,)."""
        if k < 0:
            raise ConfigError(f"The number of neighbours must be 0 or more, not {k}.")
        return self._landmarks.nearest(self._point(z), k)

    def place(self, z: np.ndarray, plane: Plane = None) -> tuple[np.ndarray, np.ndarray]:
        """z (F, D) -> where on the map (F, 2), and support (F,) in (0, 1], both float32."""
        return self._place(self._points(z), plane)

    def unplace(self, xy: np.ndarray, plane: Plane, z: np.ndarray) -> np.ndarray:
        """A z (D,) that lies near xy (2,) on the map. In a linear plane: z itself, moved within the plane, exact. On the
        UMAP, which has no inverse: the distance-weighted mean of the encoder means shown nearest to xy, an approximation."""
        plane, z, xy = self._plane(plane), self._points(z)[0].copy(), np.asarray(xy, float)
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

    @property
    def gallery(self) -> Gallery:
        """The encoded test images. For a researcher's own model the first call may wait for them."""
        return self._gallery.result()

    @property
    def has_gallery(self) -> bool:
        """Whether `gallery` answers at once. Raises what went wrong where a researcher's own model fails on its images."""
        return self._gallery.done() and self._gallery.result() is not None

    @property
    def umap(self) -> np.ndarray | None:
        """(N, 2) float32, or None while there is no UMAP."""
        return self._umap.result() if self._umap.done() and self._umap.exception() is None else None

    @property
    def planes(self) -> list[Plane]:
        """Planes to look at the means in, the best first: "umap", "pca", and pairs of dimensions; (0, 0) is mu and logvar."""
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
        """(D, 2): three standard deviations of each dimension's aggregate posterior, -3 to 3 at least, or without a gallery."""
        return self._spans if self.has_gallery else np.tile([-3.0, 3.0], (self.latent_dim, 1))

    @cached_property
    def _spans(self) -> np.ndarray:
        mu, logvar = self.gallery.mu.astype(float), self.gallery.logvar.astype(float)
        centre, spread = mu.mean(0), np.sqrt(mu.var(0) + np.exp(logvar).mean(0))
        return np.stack([np.minimum(-3, centre - 3 * spread), np.maximum(3, centre + 3 * spread)], 1)

    @cached_property
    def encoding(self) -> Encoding:
        """The gallery's means, log variances and reconstruction losses, with each image's KL and ELBO."""
        return Encoding(self.gallery.mu, self.gallery.logvar, self.gallery.recon_loss)

    @property
    def kl_per_dim(self) -> np.ndarray:
        """(D,) mean over the gallery, in nats. Below DEAD_KL a dimension is dead."""
        return self.encoding.kl_per_dim.mean(0)

    def pictures(self, rows: np.ndarray) -> np.ndarray | None:
        """Gallery images at `rows`, uint8 (n, C, H, W) at full size, or None where they are not on this machine."""
        return self._pictures(np.asarray(rows))

    # Inside

    def _points(self, z: np.ndarray) -> np.ndarray:
        z = np.atleast_2d(z)
        if z.ndim != 2 or z.shape[1] != self.latent_dim:
            raise ConfigError(f"Points of '{self.name}' must have {self.latent_dim} dimensions; this has the shape {z.shape}.")
        if not (np.abs(z) <= FARTHEST).all():  # false for NaN too
            raise ConfigError("A latent point contains a value that is no number, or too large.", "Reset z and try again.")
        return np.array(z, np.float32, order="C")  # a copy: what a film holds is not the caller's to change

    def _point(self, z: np.ndarray) -> np.ndarray:
        points = self._points(z)
        if len(points) != 1:
            raise ConfigError(f"One latent point is needed here, not {len(points)}.")
        return points[0]

    def _dim(self, dim: int) -> int:
        if dim not in range(self.latent_dim):
            raise ConfigError(f"'{self.name}' has no latent dimension {dim}.", f"They run from 0 to {self.latent_dim - 1}.")
        return int(dim)

    @torch.inference_mode()
    def _pixels(self, z: np.ndarray) -> Tensor:
        parts = [self._decode(part) for part in torch.from_numpy(z).to(self.device).split(AT_ONCE)]
        return parts[0] if len(parts) == 1 else torch.cat(parts)

    @torch.inference_mode()
    def _frames(self, z: np.ndarray) -> np.ndarray:
        return self._pixels(z).mul(255).round_().to(torch.uint8).contiguous().cpu().numpy()

    def _frame(self, z: np.ndarray) -> np.ndarray:
        """The exact frame of one point: a batch of one and a batch of many may differ in the last bit of a float."""
        return self._frames(z[None])[0]

    @staticmethod
    def _assemble(z, frames, xy, support, values, at, dim=None) -> Film:
        return Film(z, np.array(values, np.float32), at, frames, xy, support, navigation.norm(z), navigation.log_prior(z), dim)

    def _plane(self, plane: Plane) -> Plane:
        if plane is None:
            return self.planes[0]
        if isinstance(plane, tuple | list) and len(plane) == 2 and (self.latent_dim == 1 or plane[0] != plane[1]):
            return tuple(self._dim(i) for i in plane)
        if plane == "pca" or (plane == "umap" and self.umap is not None):
            return plane
        raise ConfigError(f"There is no plane {plane!r} for '{self.name}'.", f"Choose one of {self.planes}.")

    def _place(self, z: np.ndarray, plane: Plane) -> tuple[np.ndarray, np.ndarray]:
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

    @cached_property
    def _landmarks(self) -> Landmarks:
        return Landmarks(self.gallery.mu, self.gallery.logvar)

    @cached_property
    def _pca_map(self) -> tuple[np.ndarray, np.ndarray]:
        """PCA is linear, so the gallery's own coordinates tell where any other z falls."""
        mu = self.gallery.mu[:2000].astype(float)
        # A dead dimension varies less than the coordinates are rounded: below rcond it gets no weight instead of noise.
        solution, *_ = np.linalg.lstsq(np.c_[mu, np.ones(len(mu))], self.gallery.pca[:2000].astype(float), rcond=1e-6)
        return solution[:-1], solution[-1]


def done(value) -> Future:
    """A Future that already holds its value."""
    future = Future()
    future.set_result(value)
    return future


def open_bundle(path: str | Path, root: Path | None = None, device: str = "auto") -> Engine:
    """The Engine of a bundle, by name (in `root`, else the checkpoints folder) or by path.

    Raises BundleError for a bundle that is not there or not sound, ConfigError for a device that this machine lacks.
    """
    where = devices.choose(device)
    bundle = checkpoint.load(path, root)
    model = bundle.model.to(where, memory_format=torch.channels_last)  # loading has laid the weights out anew
    gallery = bundle.gallery
    return Engine(bundle.name, model.encode, model.decode, bundle.origin, bundle.config.image_shape,
                  bundle.config.latent_dim, done(gallery), done(gallery.umap), bundle.metrics, bundle.content_hash, where,
                  Pictures(bundle.origin, gallery, bundle.config.image_shape))  # fmt: skip
