"""Builds a bundle from a trained model and its test images: encodings, maps, thumbnails, metrics. store.py writes it."""

import dataclasses
import platform
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
import torch

from explorer.core import paths
from explorer.core.bundles import library, store
from explorer.core.bundles.format import Gallery, Origin
from explorer.core.data import attributes
from explorer.core.data.catalog import stratified_draw
from explorer.core.data.image_set import ImageSet
from explorer.core.data.ink import ink_layout
from explorer.core.errors import ConfigError, NameTakenError
from explorer.core.latent import projection
from explorer.core.latent.arrays import evenly_spaced
from explorer.core.vae.encoding import Encoding, as_tensor, encode_images, iwae_estimate
from explorer.core.vae.model import VAE

N_GALLERY = 10_000
MAX_GALLERY_BYTES = 8_000_000  # a gallery with thumbnails takes fewer images to stay under this
THUMB_PX = 32
TRUSTWORTHINESS_K = 15
N_LAYOUT = 256  # images that decide whether attributes can be measured


def save_bundle(name: str, model: VAE, test: ImageSet, **settings) -> Path:
    """Writes a complete bundle and returns its folder. Arguments and exceptions: see `saving`."""
    *_, path = saving(name, model, test, **settings)
    return path


def saving(
    name: str,
    model: VAE,
    test: ImageSet,
    *,
    metrics: dict | None = None,
    root: Path | None = None,
    seed: int = 0,
    umap: bool = True,
    thumbs: bool = True,
    replace: bool = False,
    own: str = "",
    or_next_free: bool = False,
) -> Iterator[Path]:
    """Writes the bundle twice and yields its folder each time: first with a PCA map, then with all that takes seconds.

    That is the UMAP, the IWAE bound, the trustworthiness, and the attributes of images for which they are defined.

    `metrics` is merged into what is measured here (ELBO, KL per
    dimension, IWAE, active units, trustworthiness). `replace` and `own`: see `store.save`. If the name is taken, the next free
    name is used with `or_next_free`, else NameTakenError is raised. Raises BundleError for an invalid name or if writing
    fails, ConfigError for images of another shape than the model's; an existing bundle is then unchanged.
    """
    paths.checked_name(name)
    if not len(test) or test.images.shape[1:] != model.config.image_shape:
        raise ConfigError(
            f"The model is for images of shape {model.config.image_shape}, and '{test.name}' has {len(test)} "
            f"of shape {test.images.shape[1:]}.",
            "Give images like those it was trained on.",
        )
    encoding = encode_images(model, test.images, seed)
    gallery = make_gallery(encoding, test, thumbs=thumbs, seed=seed)
    metrics = measure(model, encoding, seed) | (metrics or {})
    origin = Origin(test.name, test.split, test.class_names, test.factor_names, test.title, test.origin, test.licence)
    metrics["map"] = "pca" if model.config.latent_dim > 2 else "plane"
    path = _save(name, model, origin, gallery, metrics, root, replace, own, or_next_free)
    own = store.stamp(path)
    yield path
    k, n = 100, min(500, len(test))
    metrics |= {"iwae": iwae_estimate(model, test.images, k, n, seed), "iwae_k": k, "iwae_n": n}
    if has_attributes(test):
        gallery = dataclasses.replace(gallery, attributes=attributes.measure(test.images[rows_of(gallery.index, test)]))
        origin = dataclasses.replace(origin, attribute_names=attributes.NAMES)
    if umap and model.config.latent_dim > 2:
        gallery = dataclasses.replace(gallery, umap=projection.umap_map(gallery.mu, seed))
        metrics["map"] = "umap"
    if len(gallery.mu) > 2 * TRUSTWORTHINESS_K:
        trust = projection.trustworthiness(gallery.mu, _default_map(gallery), TRUSTWORTHINESS_K)
        metrics |= {"trustworthiness": trust, "trustworthiness_k": TRUSTWORTHINESS_K}
    yield _save(path.name, model, origin, gallery, metrics, root, replace, own, or_next_free)


def _save(
    name: str,
    model: VAE,
    origin: Origin,
    gallery: Gallery,
    metrics: dict,
    root: Path | None,
    replace: bool,
    own: str,
    or_next_free: bool,
) -> Path:
    while True:
        try:
            return store.save(name, model, origin, gallery, metrics, root, replace=replace, own=own)
        except NameTakenError:
            if not or_next_free:
                raise
            name = library.free_name(name, root)


def _default_map(gallery: Gallery) -> np.ndarray:
    """(N, 2): the map that is shown first. For D = 2 that is mu; for D = 1, mu against logvar."""
    if gallery.mu.shape[1] <= 2:
        return np.hstack([gallery.mu, gallery.logvar])[:, :2]
    return gallery.pca if gallery.umap is None else gallery.umap


def make_gallery(encoding: Encoding, images: ImageSet, thumbs: bool, seed: int = 0) -> Gallery:
    """At most 10,000 of the encoded images (a stratified draw), fewer if they exceed 8 MB with thumbnails."""
    small = thumbnails(images.images) if thumbs else None
    n = N_GALLERY
    if small is not None:
        n_bytes = small[0].size + 8 * encoding.mu.shape[1] + 4 * len(images.factor_names + attributes.NAMES) + 40
        n = min(n, MAX_GALLERY_BYTES // n_bytes)
    rows = np.arange(len(images)) if len(images) <= n else stratified_draw(images.labels, n, seed)
    factors = None if images.factors is None else images.factors[rows]
    return Gallery(
        images.index[rows],
        images.labels[rows],
        encoding.mu[rows],
        encoding.logvar[rows],
        encoding.recon_loss[rows],
        projection.pca(encoding.mu[rows]),
        None,
        factors,
        None if small is None else small[rows],
    )


def has_attributes(images: ImageSet) -> bool:
    """Whether `attributes.measure` suits the images: grey, bright ink on a dark background, and no known factors."""
    return images.factors is None and ink_layout(evenly_spaced(images.images, N_LAYOUT)).dark_background


def rows_of(index: np.ndarray, images: ImageSet) -> np.ndarray:
    """The rows of `images` at the positions `index` of the full split. All must be there."""
    order = np.argsort(images.index)
    return order[np.searchsorted(images.index, index, sorter=order)]


def thumbnails(images: np.ndarray) -> np.ndarray:
    """uint8 (N, C, H, W), downsampled by area averaging to at most 32 px on the longer side."""
    longest = max(images.shape[2:])
    if longest <= THUMB_PX:
        return images
    size = [max(1, round(s * THUMB_PX / longest)) for s in images.shape[2:]]
    parts = [
        torch.nn.functional.interpolate(part.float(), size, mode="area").round().to(torch.uint8)
        for part in as_tensor(images).split(1000)
    ]
    return torch.cat(parts).numpy()


def measure(model: VAE, encoding: Encoding, seed: int) -> dict:
    """The metrics of a model on a whole split (in nats per image), with the versions and the seed used."""
    kl_per_dim = encoding.kl_per_dim.mean(0)
    return {
        "test_elbo": float(encoding.elbo.mean()),
        "test_recon_loss": float(encoding.recon_loss.mean(dtype=np.float64)),
        "test_kl": float(kl_per_dim.sum()),
        "test_n": len(encoding.mu),
        "kl_per_dim": kl_per_dim.tolist(),
        "active_units": encoding.active_units,
        "n_parameters": sum(p.numel() for p in model.parameters()),
        "evaluation_seed": seed,
        "device": str(next(model.parameters()).device),
        "versions": {"python": platform.python_version()} | {p: _version(p) for p in ("torch", "numpy", "umap-learn")},
    }


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
