"""A researcher's own model behind the Engine's interface. Knows callables; knows nothing of the model inside them.

EXPLORER_MODEL=package.module:function names a function that returns (encode, decode, images):

    encode  x float32 (N, C, H, W) in [0, 1] -> mu, logvar (N, D)     arrays or tensors, on any device
    decode  z float32 (N, D)                 -> images (N, C, H, W) in [0, 1]
    images  uint8 (N, C, H, W), or an ImageSet with labels and class names

The gallery and its map are made in the background on first use; the map is kept in the user's cache folder.
"""

import hashlib
import importlib
import os
import threading
from concurrent.futures import Future
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from explorer.core import projection
from explorer.core.bundling import N_GALLERY
from explorer.core.checkpoint import Gallery, Origin
from explorer.core.data import ImageSet, stratified_draw
from explorer.core.engine import Engine
from explorer.core.errors import ConfigError

AT_ONCE = 500


def open_model(spec: str) -> Engine:
    """The Engine of `package.module:function`. Raises ConfigError, naming what the function returned, where it does not fit."""
    encode, decode, images = _call(spec)
    images = _image_set(images, spec)
    mu, logvar = _checked_encode(encode, spec)(torch.from_numpy(images.images[:2]).float() / 255)
    encode, latent_dim = _checked_encode(encode, spec), mu.shape[1]
    decode = _checked_decode(decode, spec, images.images.shape[1:])
    decode(mu)
    rows = np.arange(len(images)) if len(images) <= N_GALLERY else stratified_draw(images.labels, N_GALLERY, 0)
    images = images.take(rows)
    gallery, umap = Future(), Future()
    threading.Thread(target=_prepare, args=(encode, images, gallery, umap), daemon=True, name="gallery").start()
    origin = Origin(images.name, images.split, images.class_names, images.factor_names, images.title)
    return Engine(spec.split(":")[-1], encode, decode, origin, images.images.shape[1:], latent_dim, gallery, umap, {},
                  hashlib.sha256(spec.encode()).hexdigest()[:16], torch.device("cpu"), lambda at: images.images[at])  # fmt: skip


def _call(spec: str):
    module, colon, function = spec.partition(":")
    if not (module and colon and function):
        raise ConfigError(f"EXPLORER_MODEL is '{spec}'.", "Write it as package.module:function.")
    try:
        made = getattr(importlib.import_module(module), function)()
    except Exception as error:  # whatever a researcher's code may raise
        raise ConfigError(f"EXPLORER_MODEL={spec} failed with {type(error).__name__}: {error}.",
                          "Run it in Python to see the whole error.") from error  # fmt: skip
    if not (isinstance(made, tuple) and len(made) == 3 and callable(made[0]) and callable(made[1])):
        raise ConfigError(f"EXPLORER_MODEL={spec} must return (encode, decode, images).", "The README has an example.")
    return made


def _image_set(images, spec: str) -> ImageSet:
    if isinstance(images, ImageSet):
        return images
    images = np.asarray(images)
    if images.dtype != np.uint8 or images.ndim != 4 or len(images) < 2 or images.shape[1] not in (1, 3):
        raise ConfigError(f"The images of EXPLORER_MODEL={spec} must be uint8 (N, C, H, W) with C 1 or 3 and N at least 2, "
                          f"not {images.dtype} {images.shape}.", "Convert them, or return an explorer.ImageSet.")  # fmt: skip
    return ImageSet(spec, "test", images, np.full(len(images), -1, np.int64), title=spec)


def _checked_encode(encode, spec: str):
    def checked(x: Tensor) -> tuple[Tensor, Tensor]:
        made = _run(encode, x.numpy(), spec, "encode")
        if not (isinstance(made, tuple | list) and len(made) == 2):
            raise ConfigError(f"encode of EXPLORER_MODEL={spec} must return (mu, logvar).")
        mu, logvar = (_tensor(part) for part in made)
        if mu.ndim != 2 or mu.shape != logvar.shape or len(mu) != len(x):
            raise ConfigError(f"encode of EXPLORER_MODEL={spec} must return mu and logvar of shape ({len(x)}, D) each, "
                              f"not {tuple(mu.shape)} and {tuple(logvar.shape)}.")  # fmt: skip
        return mu, logvar

    return checked


def _checked_decode(decode, spec: str, image_shape: tuple[int, ...]):
    def checked(z: Tensor) -> Tensor:
        images = _tensor(_run(decode, z.numpy(), spec, "decode"))
        if images.shape != (len(z), *image_shape):
            raise ConfigError(f"decode of EXPLORER_MODEL={spec} must return images of shape {(len(z), *image_shape)}, "
                              f"not {tuple(images.shape)}.")  # fmt: skip
        return images.clamp(0, 1)

    return checked


def _run(function, argument: np.ndarray, spec: str, which: str):
    try:
        return function(argument)
    except Exception as error:  # as above
        raise ConfigError(f"{which} of EXPLORER_MODEL={spec} failed with {type(error).__name__}: {error}.") from error


def _tensor(values) -> Tensor:
    tensor = values.detach() if isinstance(values, Tensor) else torch.from_numpy(np.array(values))
    if not torch.isfinite(tensor).all():
        raise ConfigError("EXPLORER_MODEL returned values that are no numbers.", "Check the weights for NaN.")
    return tensor.float().cpu()


@torch.inference_mode()
def _prepare(encode, images: ImageSet, gallery: Future, umap: Future) -> None:
    try:
        parts = [encode(part.float() / 255) for part in torch.from_numpy(images.images).split(AT_ONCE)]
        mu, logvar = (torch.cat(column).numpy() for column in zip(*parts))
        none = np.full(len(mu), np.nan, np.float32)  # its likelihood is not ours to know
        gallery.set_result(Gallery(images.index, images.labels, mu, logvar, none, projection.pca(mu), None, images.factors))
        umap.set_result(_cached_map(mu) if mu.shape[1] > 2 else None)
    except Exception as error:
        for future in (gallery, umap):
            if not future.done():
                future.set_exception(error)


def _cached_map(mu: np.ndarray) -> np.ndarray:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "latent-explorer"
    path = cache / f"umap-{hashlib.sha256(mu.tobytes()).hexdigest()[:16]}.npy"
    try:
        xy = np.load(path, allow_pickle=False)
        if xy.shape == (len(mu), 2) and xy.dtype == np.float32 and np.isfinite(xy).all():
            return xy
    except (OSError, ValueError, EOFError):
        pass
    xy = projection.umap_map(mu)
    try:
        cache.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(f".{os.getpid()}.tmp")
        with part.open("wb") as file:
            np.save(file, xy, allow_pickle=False)
        part.replace(path)
    except OSError:
        pass  # a full or read-only disk costs a minute next time, nothing else
    return xy
