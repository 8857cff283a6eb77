"""Helpers for tests: small models with random weights, bundles of them, a drawn digit, torch with few threads."""

from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw

from explorer.core.bundles import build, store
from explorer.core.bundles import format as bundle_format
from explorer.core.bundles.format import Origin
from explorer.core.config import ModelConfig
from explorer.core.data import sprites
from explorer.core.data.image_set import ImageSet
from explorer.core.vae.encoding import encode_images
from explorer.core.vae.model import VAE

CLASSES = ("circle", "square", "heart")


def random_vae(
    latent_dim: int = 3, image_shape=(1, 16, 16), arch: str = "conv", seed: int = 0, gain: float = 1.7, **more
) -> VAE:
    """An untrained VAE. `gain` scales its weights, so that its images depend visibly on z and its means on x."""
    generator_state = torch.get_rng_state()
    torch.manual_seed(seed)
    model = VAE(ModelConfig(image_shape, latent_dim, arch, hidden=32, **more)).eval()
    torch.set_rng_state(generator_state)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(gain)
    return model


def sprite_set(n: int = 60, seed: int = 0) -> ImageSet:
    """The first n drawn sprites of a seed, (n, 1, 32, 32), with their factors."""
    factors = sprites.random_factors(n, seed)
    return ImageSet(
        "sprites",
        "test",
        sprites.draw_sprites(factors),
        factors[:, 0].astype(np.int64),
        sprites.SHAPES,
        factors,
        sprites.FACTOR_NAMES,
        title="Sprites",
    )


def noise_set(n: int = 60, image_shape=(1, 16, 16), name: str = "noise", seed: int = 0) -> ImageSet:
    """Random pixels in three classes."""
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 256, (n, *image_shape), np.uint8)
    return ImageSet(name, "test", images, np.arange(n) % 3, CLASSES, title="Noise")


def random_bundle(
    root: Path,
    name: str = "random",
    images: ImageSet | None = None,
    *,
    thumbs: bool = False,
    umap: bool = True,
    replace: bool = False,
    **model,
) -> Path:
    """A complete bundle in `root`, made quickly: instead of a UMAP it has two columns of its means."""
    images = noise_set(image_shape=model.get("image_shape", (1, 16, 16))) if images is None else images
    vae = random_vae(**{"image_shape": images.images.shape[1:]} | model)
    encoding = encode_images(vae, images.images, 0)
    gallery = build.make_gallery(encoding, images, thumbs)
    arrays = vars(gallery) | ({"umap": encoding.mu[gallery.index, 1:3].copy()} if umap and vae.config.latent_dim > 2 else {})
    origin = Origin(images.name, images.split, images.class_names, images.factor_names, images.title)
    return store.save(
        name, vae, origin, bundle_format.Gallery(**arrays), build.measure(vae, encoding, 0), root, replace=replace
    )


def digit(side: int = 280, shift: tuple[int, int] = (0, 0), size: int = 140) -> np.ndarray:
    """A drawn 5, white on black, uint8 (side, side, 1)."""
    image = Image.new("L", (side, side))
    corner = (side - size) // 2
    points = [(0.9, 0.05), (0.2, 0.05), (0.15, 0.45), (0.6, 0.4), (0.85, 0.65), (0.6, 0.95), (0.1, 0.9)]
    at = [(corner + shift[0] + size * x, corner + shift[1] + size * y) for x, y in points]
    ImageDraw.Draw(image).line(at, fill=255, width=max(2, size // 8), joint="curve")
    return np.asarray(image)[..., None]


@contextmanager
def torch_threads(n: int):
    """torch with n threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(n)
    try:
        yield
    finally:
        torch.set_num_threads(before)
