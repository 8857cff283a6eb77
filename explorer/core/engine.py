"""One loaded model, ready to answer: numpy in, numpy out, safe under many threads. Knows no screen and no session.

    engine = open_bundle("mnist")
    mu, logvar = engine.encode(x)
    film = engine.traversal_films(mu[0], dims=[3], n_frames=41)[0]
"""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from explorer.core import checkpoint, data, navigation
from explorer.core import device as devices
from explorer.core.checkpoint import Gallery, Origin
from explorer.core.encoding import Encoding
from explorer.core.errors import ConfigError, ExplorerError, unknown
from explorer.core.film import Film
from explorer.core.projection import Landmarks

DEAD_KL = 0.01  # nats: below it a dimension says nothing about the image
AT_ONCE = 2048  # latent points decoded in one call; any film is shorter
KINDS = ("lerp", "slerp", "pixel")

Plane = str | tuple[int, int] | None


class Engine:
    """Built by `open_bundle` and `open_model`. Its state is fixed but for the gallery and the map of a researcher's own
    model, which arrive later (`gallery` and `umap` wait for them, `has_gallery` and `planes` do not)."""

    def __init__(
        self,
        name: str,
        encode: Callable[[Tensor], tuple[Tensor, Tensor]],
        decode: Callable[[Tensor], Tensor],
        origin: Origin,
        image_shape: tuple[int, int, int],
        latent_dim: int,
        gallery: Future,
        umap: Future,
        metrics: dict,
        content_hash: str,
        device: torch.device,
        pictures: Callable[[np.ndarray], np.ndarray | None],
    ):
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
            raise ConfigError(f"Images for '{self.name}' must have the shape (N, {', '.join(map(str, self.image_shape))}), "
                              f"not {x.shape}.", "Resize or convert them.")  # fmt: skip
        x = x.astype(np.float32) / np.float32(255) if x.dtype == np.uint8 else x.astype(np.float32, copy=False)
        if not np.isfinite(x).all():
            raise ConfigError("The images contain values that are no numbers.", "Give grey levels from 0 to 1.")
        parts = [self._encode(part.to(self.device)) for part in torch.from_numpy(np.ascontiguousarray(x)).split(AT_ONCE)]
        mu, logvar = (torch.cat(column).float().cpu().numpy() for column in zip(*parts))
        return mu, logvar

    @torch.inference_mode()
    def decode(self, z: np.ndarray) -> np.ndarray:
        """z (N, D) -> E[x|z], float32 (N, C, H, W) in [0, 1]."""
        return self._pixels(self._points(z)).cpu().numpy()

    def reconstruct(self, x: np.ndarray) -> np.ndarray:
        """x (N, C, H, W) -> E[x|z = mu(x)], float32 (N, C, H, W) in [0, 1]. The mean, never a sample."""
        return self.decode(self.encode(x)[0])

    # Films

    def film(self, z_path: np.ndarray, plane: Plane = None, values: np.ndarray | None = None, at: int = 0) -> Film:
        """z_path (F, D) -> Film: one call to the decoder, one to the map. `plane` as in `planes`; None: the best there is."""
        z = self._points(z_path)
        values = np.linspace(0, 1, len(z)) if values is None else values
        return self._film(z, self._frames(z), plane, values, at)

    def traversal_films(
        self, z: np.ndarray, dims: Sequence[int], span: tuple[float, float] | Sequence | None = None,
        n_frames: int = 33, plane: Plane = None,
    ) -> list[Film]:  # fmt: skip
        """One Film per dimension in `dims`, through z (D,), all decoded in one call.

        span: (low, high) for all, one pair per dimension, or None for `spans`. It widens to hold the current z_d, which is a
        frame of its own, `film.at`. Raises ConfigError for a dimension that the model does not have.
        """
        z = self._points(z)[0]
        spans = self.spans[list(dims)] if span is None else np.broadcast_to(np.asarray(span, float), (len(dims), 2))
        paths = [navigation.traversal(z, dim, low, high, n_frames) for dim, (low, high) in zip(dims, spans)]
        if not paths:
            return []
        points = np.concatenate([path for _, path, _ in paths])
        frames = self._frames(points)
        exact = self._frames(z[None])[0]
        place, support = self._place(points, plane)
        films = []
        for i, (dim, (values, path, at)) in enumerate(zip(dims, paths)):
            part = slice(i * n_frames, (i + 1) * n_frames)
            frames[part][at] = exact
            films.append(self._assemble(path, frames[part], place[part], support[part], values, at, int(dim)))
        return films

    def interpolation_film(
        self, a: np.ndarray, b: np.ndarray, n: int = 64, kind: str = "lerp", overshoot: float = 0.0, plane: Plane = None,
    ) -> Film:  # fmt: skip
        """From z = a to z = b, (D,) each, in n frames; t = 0 and t = 1 are frames and equal the decoded end points exactly.

        kind: "lerp", "slerp" (Shoemake 1985), or "pixel", the cross-fade of the two decoded images, whose z is what the
        encoder makes of each blend. overshoot: how far beyond both ends, up to 0.5.
        """
        if kind not in KINDS:
            raise unknown("kind of interpolation", kind, KINDS)
        t = navigation.path_times(n, overshoot)
        first, last = int(np.flatnonzero(t == 0)[0]), int(np.flatnonzero(t == 1)[0])
        a, b = self._points(a)[0], self._points(b)[0]
        if kind == "pixel":
            ends = self.decode(np.stack([a, b]))
            blend = np.clip(ends[0] + t[:, None, None, None].astype(np.float32) * (ends[1] - ends[0]), 0, 1)
            z, frames = self.encode(blend)[0], np.rint(255 * blend).astype(np.uint8)
        else:
            z = (navigation.lerp if kind == "lerp" else navigation.slerp)(a, b, t)
            frames = self._frames(z)
        # A batch of one and a batch of many may round differently in the last bit of a float.
        frames[first], frames[last] = self._frames(a[None])[0], self._frames(b[None])[0]
        return self._film(z, frames, plane, t, first)

    def sample_prior(self, n: int, seed: int) -> Film:
        """n draws of N(0, I) and what they decode to."""
        return self.film(navigation.prior_draws(n, self.latent_dim, seed))

    # The data around a point

    def neighbours(self, z: np.ndarray, k: int = 8) -> tuple[np.ndarray, np.ndarray]:
        """z (D,) -> the k nearest gallery rows by encoder mean (k,) int64, and their Euclidean distances (k,)."""
        return self._landmarks.nearest(self._points(z)[0], k)

    def place(self, z: np.ndarray, plane: Plane = None) -> tuple[np.ndarray, np.ndarray]:
        """z (F, D) -> where on the map (F, 2), and support (F,) in (0, 1], both float32."""
        return self._place(self._points(z), plane)

    @property
    def gallery(self) -> Gallery:
        """The encoded test images. For a researcher's own model the first call may wait for them."""
        return self._gallery.result()

    @property
    def has_gallery(self) -> bool:
        return self._gallery.done() and self._gallery.exception() is None

    @property
    def umap(self) -> np.ndarray | None:
        """(N, 2) float32, or None while there is no UMAP."""
        return self._umap.result() if self._umap.done() and self._umap.exception() is None else None

    @property
    def planes(self) -> list[Plane]:
        """Planes to look at the means in, the best first: "umap", "pca", and pairs of dimensions; (0, 0) is mu and logvar."""
        if self.latent_dim == 1:
            return [(0, 0)]
        if self.latent_dim == 2:
            return [(0, 1), "pca"]
        return ([] if self.umap is None else ["umap"]) + ["pca", (0, 1)]

    def map_xy(self, plane: Plane = None) -> np.ndarray:
        """The gallery's encoder means in a plane, (N, 2) float32."""
        plane, gallery = self._plane(plane), self.gallery
        if plane == "umap":
            return self.umap
        if plane == "pca":
            return gallery.pca
        if self.latent_dim == 1:
            return np.concatenate([gallery.mu, gallery.logvar], 1)
        return gallery.mu[:, list(plane)]

    @cached_property
    def spans(self) -> np.ndarray:
        """(D, 2): three standard deviations of each dimension's aggregate posterior, at least -3 to 3."""
        if not self.has_gallery:
            return np.tile(np.float32([-3, 3]), (self.latent_dim, 1))
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
        z = np.asarray(z, np.float32)
        z = z[None] if z.ndim == 1 else z
        if z.ndim != 2 or z.shape[1] != self.latent_dim:
            raise ConfigError(f"Points of '{self.name}' must have {self.latent_dim} dimensions; this has the shape {z.shape}.")
        if not np.isfinite(z).all():
            raise ConfigError("A latent point contains a value that is no number.", "Reset z and try again.")
        return z

    @torch.inference_mode()
    def _pixels(self, z: np.ndarray) -> Tensor:
        points = torch.from_numpy(np.ascontiguousarray(z)).to(self.device)
        parts = [self._decode(part) for part in points.split(AT_ONCE)]
        return parts[0] if len(parts) == 1 else torch.cat(parts)

    @torch.inference_mode()
    def _frames(self, z: np.ndarray) -> np.ndarray:
        return self._pixels(z).mul(255).round_().to(torch.uint8).cpu().numpy()

    def _film(self, z, frames, plane, values, at) -> Film:
        return self._assemble(z, frames, *self._place(z, plane), values, at, None)

    @staticmethod
    def _assemble(z, frames, xy, support, values, at, dim) -> Film:
        norm, log_prior = navigation.norm(z).astype(np.float32), navigation.log_prior(z).astype(np.float32)
        return Film(z, np.asarray(values, np.float32), at, frames, xy, support, norm, log_prior, dim)

    def _plane(self, plane: Plane) -> Plane:
        if plane is None:
            return self.planes[0]
        if isinstance(plane, tuple | list) and len(plane) == 2 and all(0 <= i < self.latent_dim for i in plane):
            return tuple(plane)
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
        solution, *_ = np.linalg.lstsq(np.c_[mu, np.ones(len(mu))], self.gallery.pca[:2000].astype(float), rcond=None)
        return solution[:-1], solution[-1]


def done(value) -> Future:
    """A Future that already holds its value."""
    future = Future()
    future.set_result(value)
    return future


def open_bundle(path: str | Path, root: Path | None = None, device: str = "auto") -> Engine:
    """The Engine of a bundle, by name (in `root`, else the checkpoints folder) or by path. Raises BundleError."""
    bundle = checkpoint.load(path, root)
    where = devices.choose(device)
    model = bundle.model.to(where)
    gallery = bundle.gallery
    return Engine(bundle.name, model.encode, model.decode, bundle.origin, bundle.config.image_shape,
                  bundle.config.latent_dim, done(gallery), done(gallery.umap), bundle.metrics, bundle.content_hash, where,
                  Pictures(bundle.origin, gallery, bundle.config.image_shape))  # fmt: skip


class Pictures:
    """The gallery's pictures: its thumbnails where they are whole, drawn again from factors, or from the data set."""

    def __init__(self, origin: Origin, gallery: Gallery, image_shape: tuple[int, int, int]):
        self._origin, self._gallery, self._shape = origin, gallery, tuple(image_shape)
        self._lock, self._loaded, self._absent = threading.Lock(), None, False

    def __call__(self, rows: np.ndarray) -> np.ndarray | None:
        gallery = self._gallery
        if gallery.thumbs is not None and gallery.thumbs.shape[1:] == self._shape:
            return gallery.thumbs[rows]
        if self._origin.dataset == "sprites" and gallery.factors is not None:
            return data.draw_sprites(gallery.factors[rows])
        with self._lock:
            if self._loaded is None and not self._absent:
                self._load()
        return None if self._loaded is None else self._loaded[gallery.index[rows]]

    def _load(self) -> None:
        try:
            size = self._shape[1] if self._origin.dataset.startswith("folder:") else None
            images = data.load(self._origin.dataset, self._origin.split, size=size, download=False).images
        except ExplorerError:
            images = None
        fits = images is not None and images.shape[1:] == self._shape and len(images) > self._gallery.index.max()
        self._loaded, self._absent = (images, False) if fits else (None, True)
