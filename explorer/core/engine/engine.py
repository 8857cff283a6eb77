"""The Engine: encodes, decodes and makes films with one loaded model. Numpy arrays in and out; thread-safe.

engine = open_bundle("mnist")
mu, logvar = engine.encode(x)
film = engine.traversal_films(mu[0], dims=[3], n_frames=41)[0]
"""

from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from explorer.core import device as devices
from explorer.core.bundles import store
from explorer.core.bundles.format import Origin
from explorer.core.data.ink import InkLayout, ink_layout
from explorer.core.engine.evaluation import ImageEvaluation, edge_strength
from explorer.core.engine.film import Film, Traversals
from explorer.core.engine.gallery_images import GalleryImages
from explorer.core.engine.latent_map import LatentMap, Plane, done
from explorer.core.engine.pixel_likelihood import PixelLikelihood
from explorer.core.engine.traits import traits_of
from explorer.core.errors import ConfigError, unknown
from explorer.core.latent import navigation
from explorer.core.latent.arrays import evenly_spaced
from explorer.core.vae.encoding import Encoding

BATCH_SIZE = 2048  # images or latent points in one call to the model
N_RECONS = 500  # reconstructions per call to the model, so that films of other visitors are not delayed
KINDS = ("lerp", "slerp", "pixel")
N_LOSS_DRAWS = 16  # draws of z averaged for the reconstruction loss of one image
N_SAMPLES = 256  # images of the gallery from which the ink layout and the strength of edges are estimated


def _from_map(name: str) -> property:
    """Exposes an attribute or method of the Engine's LatentMap."""
    return property(lambda engine: getattr(engine.latent_map, name), doc=getattr(LatentMap, name).__doc__)


class Engine:
    """A model and the LatentMap of its gallery, built by `open_bundle`, `open_run` and `open_model`.

    Immutable, except that the gallery and the map of a custom model become ready later.
    """

    def __init__(
        self,
        *,
        encode: Callable[[Tensor], tuple[Tensor, Tensor]],
        decode: Callable[[Tensor], Tensor],
        latent_map: LatentMap,
        origin: Origin,
        image_shape: tuple[int, int, int],
        content_hash: str,
        device: torch.device,
        pictures: Callable[[np.ndarray], np.ndarray | None],
        metrics: dict,
        likelihood: PixelLikelihood | None = None,
        is_live: bool = False,
    ):
        """`pictures`: gallery rows -> their images, or None if the images are not on this machine.

        `likelihood`: p(x|z), None if that of the model is unknown.
        `is_live`: whether the model is still being trained and will be replaced by a later state of the same name.
        """
        self.name, self.latent_dim, self.latent_map = latent_map.name, latent_map.latent_dim, latent_map
        self.origin, self.metrics, self.content_hash = origin, metrics, content_hash
        self.image_shape, self.device, self.is_live = tuple(image_shape), device, is_live
        self._encode, self._decode, self._pictures, self.likelihood = encode, decode, pictures, likelihood
        self._recon_loss = likelihood and likelihood.recon_loss

    gallery, has_gallery, encoding, kl_per_dim = map(_from_map, ("gallery", "has_gallery", "encoding", "kl_per_dim"))
    umap, planes, map_xy, spans = map(_from_map, ("umap", "planes", "map_xy", "spans"))
    neighbours, nearest_row, place, unplace = map(_from_map, ("neighbours", "nearest_row", "place", "unplace"))
    path_xy = _from_map("path_xy")
    traits = cached_property(traits_of)

    # Images and points

    @torch.inference_mode()
    def encode(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """x (N, C, H, W), uint8 or float32 in [0, 1] -> mu, logvar of q(z|x), float32 (N, D) each.

        Raises ConfigError for another shape and for values outside [0, 1].
        """
        x = np.asarray(x)
        if x.ndim != 4 or x.shape[1:] != self.image_shape:
            expected = ", ".join(map(str, self.image_shape))
            raise ConfigError(f"Images for '{self.name}' must have the shape (N, {expected}), not {x.shape}.", "Resize them.")
        # Both branches copy: torch must not share the caller's memory.
        x = x / np.float32(255) if x.dtype == np.uint8 else np.array(x, np.float32)
        if x.size and not 0 <= x.min() <= x.max() <= 1:  # false for NaN too
            raise ConfigError("The images contain values outside 0 to 1.", "Divide grey levels by 255, or pass them as uint8.")
        parts = [self._encode(part.to(self.device)) for part in torch.from_numpy(x).split(BATCH_SIZE)]
        mu, logvar = (torch.cat(column).float().cpu().numpy() for column in zip(*parts))
        return mu, logvar

    @torch.inference_mode()
    def decode(self, z: np.ndarray) -> np.ndarray:
        """z (N, D) -> E[x|z], float32 (N, C, H, W) in [0, 1]."""
        return self._pixels(self.latent_map.points(z)).contiguous().cpu().numpy()

    def reconstruct(self, x: np.ndarray) -> np.ndarray:
        """x (N, C, H, W) -> E[x|z = mu(x)], float32 (N, C, H, W) in [0, 1]: decodes the encoder mean, not a sample."""
        return self.decode(self.encode(x)[0])

    @torch.inference_mode()
    def evaluate(self, x: np.ndarray, seed: int = 0, plane: Plane = None) -> ImageEvaluation:
        """Encodes, reconstructs and scores one image x, uint8 (1, C, H, W), with its position in `plane`.

        The reconstruction loss is the mean over N_LOSS_DRAWS draws of z. `percentile` compares the resulting ELBO with the
        gallery's, which use one draw per image: the same expectation, with more variance. `seed` seeds the draws.
        Raises ConfigError for another shape or type.
        """
        x = np.asarray(x)
        if len(x) != 1 or x.dtype != np.uint8:
            raise ConfigError(f"Expected one uint8 image of shape (1, C, H, W), not {x.dtype} {x.shape}.")
        mu, logvar = self.encode(x)
        recon = self._frame(mu[0])
        xy, support = self.place(mu, plane)
        loss = None if self._recon_loss is None else self._mean_loss(x, mu, logvar, seed)
        encoding = Encoding(mu, logvar, np.array([np.nan if loss is None else loss]))
        elbo = None if loss is None else float(encoding.elbo[0])
        rank = None if elbo is None or not self.has_gallery else 100 * float((self.encoding.elbo < elbo).mean())
        error, kl = np.abs(x[0].astype(int) - recon).astype(np.uint8), float(encoding.kl_per_dim.sum())
        sharpness = 100 * float((self._edges < edge_strength(x)).mean()) if self.has_gallery else np.nan
        places = xy[0], float(support[0]), self.latent_map.isolation(mu[0]), sharpness
        return ImageEvaluation(mu[0], logvar[0], recon, error, loss, kl, elbo, rank, *places)

    def _mean_loss(self, x: np.ndarray, mu: np.ndarray, logvar: np.ndarray, seed: int) -> float:
        eps = torch.randn((N_LOSS_DRAWS, self.latent_dim), generator=torch.Generator().manual_seed(seed))
        z = torch.from_numpy(mu) + torch.from_numpy(np.exp(0.5 * logvar)) * eps
        x = torch.from_numpy(x / np.float32(255)).expand(N_LOSS_DRAWS, *self.image_shape)
        return float(self._recon_loss(z.to(self.device), x.to(self.device)).double().mean())

    @cached_property
    def _edges(self) -> np.ndarray:
        """The edge strengths of reconstructions of the gallery."""
        return edge_strength(self._frames(evenly_spaced(self.gallery.mu, N_SAMPLES)))

    @cached_property
    def ink_layout(self) -> InkLayout:
        """The ink layout of the data set, estimated from thumbnails, or from reconstructions if there are none."""
        mu, thumbs = (
            part if part is None else evenly_spaced(part, N_SAMPLES) for part in (self.gallery.mu, self.gallery.thumbs)
        )
        return ink_layout(self._frames(mu) if thumbs is None else thumbs)

    # Films

    def film(self, z_path: np.ndarray, plane: Plane = None, values: np.ndarray | None = None, at: int = 0) -> Film:
        """Decodes z_path (F, D) as one film. `plane` as in `planes`; None: the first of them.

        values: (F,), the coordinate of each frame, 0 to 1 by default. at: index of the resting frame, decoded exactly.
        Raises ConfigError if `at` or the shape of `values` does not fit.
        """
        z = self.latent_map.points(z_path)
        values = np.linspace(0, 1, len(z)) if values is None else values
        if not 0 <= at < len(z) or np.shape(values) != (len(z),):
            raise ConfigError(f"A film of {len(z)} frames cannot have at={at} and values of shape {np.shape(values)}.")
        frames = self._frames(z)
        if len(z) > 1:
            frames[at] = self._frame(z[at])
        return self._assemble(z, frames, *self.place(z, plane), values, at)

    def traversals(
        self,
        z: np.ndarray,
        dims: Sequence[int],
        span: tuple[float, float] | Sequence | None = None,
        n_frames: int = 33,
        plane: Plane = None,
    ) -> Traversals:
        """Like `traversal_films`, as stacked arrays. `dims` must not be empty."""
        z, dims = self.latent_map.point(z), [self.latent_map.dim(dim) for dim in dims]
        spans = self.spans[dims] if span is None else np.asarray(span, float)
        if not dims or spans.shape not in ((2,), (len(dims), 2)):
            raise ConfigError(f"span must be (low, high), or one pair for each of {len(dims)} dimensions.")
        spans = np.broadcast_to(spans, (len(dims), 2))
        paths = [navigation.traversal(z, dim, low, high, n_frames) for dim, (low, high) in zip(dims, spans)]
        values, points, at = (np.stack(column) for column in zip(*paths))
        flat = points.reshape(-1, self.latent_dim)
        xy, support = self.place(flat, plane)
        frames = self._frames(flat).reshape(len(dims), n_frames, *self.image_shape)
        frames[np.arange(len(dims)), at] = self._frame(z)
        shape = len(dims), n_frames
        return Traversals(points, values.astype(np.float32), at, frames, xy.reshape(*shape, 2), support.reshape(shape))

    def traversal_films(
        self,
        z: np.ndarray,
        dims: Sequence[int],
        span: tuple[float, float] | Sequence | None = None,
        n_frames: int = 33,
        plane: Plane = None,
    ) -> list[Film]:
        """One Film per dimension in `dims`, through z (D,), all decoded in one call.

        span: (low, high) for all, one pair per dimension, or None for `spans`. It is widened to include the current z_d, which
        is exactly the frame `film.at`. Raises ConfigError for a dimension that the model does not have.
        """
        if not len(dims):
            return []
        t = self.traversals(z, dims, span, n_frames, plane)
        parts = zip(t.z, t.frames, t.xy, t.support, t.values, t.at.tolist())
        return [self._assemble(*part) for part in parts]

    def interpolation_film(
        self,
        a: np.ndarray,
        b: np.ndarray,
        n: int = 64,
        kind: str = "lerp",
        overshoot: float = 0.0,
        plane: Plane = None,
    ) -> Film:
        """Interpolates from a to b, (D,) each, in n frames. The frames at t = 0 and t = 1 equal the decoded end points exactly.

        kind: "lerp", "slerp" (Shoemake 1985), or "pixel": a cross-fade of the two decoded images, where z is the encoder mean
        of each blend. overshoot: extrapolation beyond both ends in units of t, up to 0.5 (needs n >= 4).
        """
        if kind not in KINDS:
            raise unknown("kind of interpolation", kind, KINDS)
        t = navigation.path_times(n, overshoot)
        first, last = int(np.flatnonzero(t == 0)[0]), int(np.flatnonzero(t == 1)[0])
        a, b = self.latent_map.point(a), self.latent_map.point(b)
        if kind == "pixel":
            ends = self.decode(np.stack([a, b]))
            blend = np.clip(ends[0] + t[:, None, None, None].astype(np.float32) * (ends[1] - ends[0]), 0, 1)
            z, frames = self.encode(blend)[0], np.rint(255 * blend).astype(np.uint8)
        else:
            z = (navigation.lerp if kind == "lerp" else navigation.slerp)(a, b, t)
            frames = self._frames(z)
        frames[first], frames[last] = self._frame(a), self._frame(b)
        return self._assemble(z, frames, *self.place(z, plane), t, first)

    def draw(self, seed: int) -> np.ndarray:
        """One draw z (D,) from the prior N(0, I)."""
        return navigation.prior_draws(1, self.latent_dim, seed)[0]

    def sample_prior(self, n: int, seed: int) -> Film:
        """A film of n draws from the prior N(0, I)."""
        return self.film(navigation.prior_draws(n, self.latent_dim, seed))

    def pictures(self, rows: np.ndarray) -> np.ndarray | None:
        """Gallery images at `rows`, uint8 (n, C, H, W) at full size, or None if they are not on this machine."""
        return self._pictures(np.asarray(rows))

    def images_or_recons(self, rows: np.ndarray) -> tuple[np.ndarray, bool]:
        """(uint8 (n, C, H, W), is_recon): gallery images at `rows`, or reconstructions if they are not on this machine."""
        rows = np.asarray(rows, int)
        if not len(rows):
            return np.zeros((0, *self.image_shape), np.uint8), False
        images = self._pictures(rows)
        if images is not None:
            return images, False
        mu = self.gallery.mu[rows]
        return np.concatenate([self._frames(part) for part in np.array_split(mu, -(-len(mu) // N_RECONS))]), True

    @torch.inference_mode()
    def _pixels(self, z: np.ndarray) -> Tensor:
        parts = [self._decode(part) for part in torch.from_numpy(z).to(self.device).split(BATCH_SIZE)]
        return parts[0] if len(parts) == 1 else torch.cat(parts)

    @torch.inference_mode()
    def _frames(self, z: np.ndarray) -> np.ndarray:
        return self._pixels(z).mul(255).round_().to(torch.uint8).contiguous().cpu().numpy()

    def _frame(self, z: np.ndarray) -> np.ndarray:
        """The exact frame of one point. Decoding it in a larger batch may change the last bit of a float."""
        return self._frames(z[None])[0]

    @staticmethod
    def _assemble(z, frames, xy, support, values, at) -> Film:
        return Film(z, np.array(values, np.float32), at, frames, xy, support, navigation.norm(z), navigation.log_prior(z))


def open_bundle(path: str | Path, root: Path | None = None, device: str = "auto") -> Engine:
    """Opens a bundle by name (in `root`, by default the checkpoints folder) or by path.

    Raises BundleError if the bundle does not exist or is invalid, ConfigError if this machine lacks the device.
    """
    device = devices.choose(device)
    bundle = store.load(path, root)
    model, gallery = bundle.model.to(device), bundle.gallery
    return Engine(
        encode=model.encode,
        decode=model.decode,
        likelihood=PixelLikelihood(model),
        latent_map=LatentMap(bundle.name, bundle.config.latent_dim, done(gallery), done(gallery.umap)),
        origin=bundle.origin,
        image_shape=bundle.config.image_shape,
        content_hash=bundle.content_hash,
        device=device,
        pictures=GalleryImages(bundle.origin, gallery, bundle.config.image_shape),
        metrics=bundle.metrics,
    )
