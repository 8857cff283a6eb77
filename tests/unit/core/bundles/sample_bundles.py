"""Small random bundles for the tests of bundles and storage, and comparisons of what was loaded."""

from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import torch

from explorer.core.bundles import store
from explorer.core.bundles.format import Gallery, Origin
from explorer.core.config import ModelConfig
from explorer.core.errors import BundleError
from explorer.core.vae.model import VAE

N, D = 12, 3
ORIGIN = Origin("digits", "test", ("nought", "one"), ("x", "y"), "Ciphers", "drawn by hand", "CC0", ("slant", "ink"))
METRIC_VALUES = {"test_elbo": -12.5, "history": [{"epoch": 1, "elbo": -20.25}]}


def make_model(seed=0, **settings) -> VAE:
    settings = {"image_shape": (1, 8, 8), "latent_dim": D, "arch": "mlp", "widths": (5,)} | settings
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return VAE(ModelConfig(**settings))


def make_gallery(seed=0, **arrays) -> Gallery:
    rng = np.random.default_rng(seed)

    def normal(*shape):
        return rng.standard_normal(shape, np.float32)

    labels = rng.integers(-1, 2, N)
    good = Gallery(np.arange(N) * 2, labels, normal(N, D), normal(N, D), normal(N), normal(N, 2))
    return replace(good, **arrays)


def full_gallery(seed=0) -> Gallery:
    rng = np.random.default_rng(seed)
    thumbs = rng.integers(0, 256, (N, 1, 8, 8)).astype(np.uint8)
    umap, factors, attributes = (rng.standard_normal((N, 2), np.float32) for _ in range(3))
    fingerprint = rng.integers(0, 256, (N, 8)).astype(np.uint8)
    return make_gallery(seed, umap=umap, factors=factors, thumbs=thumbs, attributes=attributes, fingerprint=fingerprint)


def origin_of(gallery: Gallery) -> Origin:
    return ORIGIN if gallery.attributes is not None else replace(ORIGIN, attribute_names=())


def save(root, name="good", seed=0, **changes) -> Path:
    gallery = changes.get("gallery", full_gallery(seed))
    given = {
        "model": make_model(seed),
        "origin": origin_of(gallery),
        "gallery": gallery,
        "metrics": METRIC_VALUES,
        "replace": True,
    }
    return store.save(name, root=root, **given | changes)


def same_weights(a: VAE, b: VAE) -> bool:
    a, b = a.state_dict(), b.state_dict()
    return list(a) == list(b) and all(torch.equal(a[k], b[k]) and a[k].dtype == b[k].dtype for k in a)


def same_gallery(a: Gallery, b: Gallery) -> bool:
    pairs = [(getattr(a, f.name), getattr(b, f.name)) for f in fields(Gallery)]
    return all(x is y if x is None or y is None else x.dtype == y.dtype and np.array_equal(x, y) for x, y in pairs)


def names_in(root) -> set[str]:
    return {path.name for path in root.iterdir()}


def assert_one_sentence(error: BundleError, *words: str) -> None:
    """The error has one sentence with the given words and a hint, and no technical details."""
    assert error.message.endswith(".") and error.hint.endswith((".", "?", "'", "s")), str(error)
    assert len(str(error)) < 600 and "\n" not in str(error)
    assert not any(noise in str(error) for noise in ("Traceback", "Error(", "SafetensorError", "line ", "object at 0x"))
    for word in words:
        assert word in str(error), f"{word!r} is not in {str(error)!r}"
