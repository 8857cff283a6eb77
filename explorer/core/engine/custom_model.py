"""A researcher's own model behind the Engine's interface. Knows callables; knows nothing of the model inside them.

EXPLORER_MODEL=package.module:function names a function that returns (encode, decode, images):

    encode  x float32 (N, C, H, W) in [0, 1] -> mu, logvar (N, D)     arrays or tensors, on any device
    decode  z float32 (N, D)                 -> images (N, C, H, W) in [0, 1]
    images  uint8 (N, C, H, W), or an ImageSet with labels and class names

The two are called from several threads, one call at a time. The gallery and its map are made in the background on first
use; the map is kept in the user's cache folder.
"""

import hashlib
import importlib
import os
import textwrap
import threading
import time
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from explorer.core.bundles.build import N_GALLERY
from explorer.core.bundles.format import Gallery, Origin
from explorer.core.data.catalog import stratified_draw
from explorer.core.data.image_set import ImageSet
from explorer.core.engine.engine import Engine
from explorer.core.engine.latent_map import LatentMap
from explorer.core.errors import ConfigError, ExplorerError
from explorer.core.latent import projection

BATCH_SIZE = 200  # images of the gallery in one call; a visitor's call may have to wait for it
_one_call = threading.Lock()  # research code is seldom thread-safe


def open_model(spec: str) -> Engine:
    """The Engine of `package.module:function`. Raises ConfigError, naming what the function returned, where it does not fit."""
    encode, decode, images = _call(spec)
    images = _image_set(images, spec)
    shape = images.images.shape[1:]
    encode, decode = _checked_encode(encode, spec), _checked_decode(decode, spec, shape)
    mu, _ = encode(torch.from_numpy(images.images[:2]).float() / 255)
    decode(mu)
    if len(images) > N_GALLERY:
        images = images.take(stratified_draw(images.labels, N_GALLERY, 0))
    gallery, umap = Future(), Future()
    threading.Thread(target=_prepare, args=(encode, images, gallery, umap), daemon=True, name="gallery").start()
    origin = Origin(images.name, images.split, images.class_names, images.factor_names, images.title)
    name_hash = hashlib.sha256(spec.encode()).hexdigest()[:16]
    return Engine(
        encode=encode,
        decode=decode,
        latent_map=LatentMap(spec, mu.shape[1], gallery, umap),
        origin=origin,
        image_shape=shape,
        content_hash=name_hash,
        device=torch.device("cpu"),
        pictures=lambda rows: images.images[rows],
        metrics={},
    )


def _call(spec: str) -> tuple:
    module, colon, function = spec.partition(":")
    if not (module and colon and function):
        raise ConfigError(f"EXPLORER_MODEL is '{spec}'.", "Write it as package.module:function.")
    try:
        made = getattr(importlib.import_module(module), function)()
    except Exception as error:  # whatever a researcher's code may raise
        raise ConfigError(
            f"EXPLORER_MODEL={spec} failed with {_one_line(error)}.", "Run it in Python to see the whole error."
        ) from error
    if not (isinstance(made, tuple | list) and len(made) == 3 and callable(made[0]) and callable(made[1])):
        raise ConfigError(f"EXPLORER_MODEL={spec} must return (encode, decode, images).", "The README has an example.")
    return made


def _image_set(images, spec: str) -> ImageSet:
    pixels = images.images if isinstance(images, ImageSet) else _array(images)
    if pixels.dtype != np.uint8 or pixels.ndim != 4 or len(pixels) < 2 or pixels.shape[1] not in (1, 3):
        raise ConfigError(
            f"The images of EXPLORER_MODEL={spec} must be uint8 (N, C, H, W) with C 1 or 3 and N at least 2, "
            f"not {pixels.dtype} {pixels.shape}.",
            "Convert them, or return an explorer.ImageSet.",
        )
    if isinstance(images, ImageSet):
        return images
    return ImageSet(spec, "test", pixels, np.full(len(pixels), -1, np.int64), title=spec)


def _checked_encode(encode, spec: str):
    def checked(x: Tensor) -> tuple[Tensor, Tensor]:
        made = _run(encode, x, spec, "encode")
        if not (isinstance(made, tuple | list) and len(made) == 2):
            raise ConfigError(f"encode of EXPLORER_MODEL={spec} must return (mu, logvar).")
        mu, logvar = (_tensor(part, spec, "encode") for part in made)
        if mu.ndim != 2 or mu.shape != logvar.shape or len(mu) != len(x) or not mu.shape[1]:
            raise ConfigError(
                f"encode of EXPLORER_MODEL={spec} must return mu and logvar of shape ({len(x)}, D) each, "
                f"not {tuple(mu.shape)} and {tuple(logvar.shape)}."
            )
        return mu, logvar

    return checked


def _checked_decode(decode, spec: str, image_shape: tuple[int, ...]):
    def checked(z: Tensor) -> Tensor:
        images = _tensor(_run(decode, z, spec, "decode"), spec, "decode")
        if images.shape != (len(z), *image_shape):
            raise ConfigError(
                f"decode of EXPLORER_MODEL={spec} must return images of shape {(len(z), *image_shape)}, "
                f"not {tuple(images.shape)}."
            )
        return images.clamp(0, 1)

    return checked


def _run(function, argument: Tensor, spec: str, which: str):
    try:
        with _one_call:
            return function(argument.numpy().copy())  # a copy, which it may change
    except Exception as error:  # as above
        raise ConfigError(f"{which} of EXPLORER_MODEL={spec} failed with {_one_line(error)}.") from error


def _one_line(error: Exception) -> str:
    """An error in one line."""
    return textwrap.shorten(f"{type(error).__name__}: {error}", 300).rstrip(".")


def _tensor(values, spec: str, which: str) -> Tensor:
    """float32 on the CPU, whatever kind of array it was."""
    if isinstance(values, Tensor):
        tensor = values.detach().float().cpu()
    else:
        array = _array(values)
        if array.dtype.kind not in "fiub":
            raise ConfigError(f"{which} of EXPLORER_MODEL={spec} must return arrays of numbers, not {type(values).__name__}.")
        tensor = torch.from_numpy(np.array(array, np.float32))
    if not torch.isfinite(tensor).all():
        raise ConfigError(f"{which} of EXPLORER_MODEL={spec} returned NaN or infinite values.", "Check the weights.")
    return tensor


def _array(values) -> np.ndarray:
    """An empty array of objects where the rows have several lengths."""
    try:
        return values.cpu().numpy() if isinstance(values, Tensor) else np.asarray(values)
    except (TypeError, ValueError):
        return np.empty(0, object)


@torch.inference_mode()
def _prepare(encode, images: ImageSet, gallery: Future, umap: Future) -> None:
    try:
        parts = []
        for part in torch.from_numpy(images.images).split(BATCH_SIZE):
            parts.append(encode(part.float() / 255))
            time.sleep(0.001)  # lets a waiting call take the lock
        mu, logvar = (torch.cat(column).numpy() for column in zip(*parts))
        none = np.full(len(mu), np.nan, np.float32)  # its likelihood is not known
        gallery.set_result(Gallery(images.index, images.labels, mu, logvar, none, projection.pca(mu), None, images.factors))
        umap.set_result(_cached_map(mu) if mu.shape[1] > 2 else None)
    except Exception as error:  # the page shows sentences
        known = (
            error if isinstance(error, ExplorerError) else ConfigError(f"The gallery could not be made: {_one_line(error)}.")
        )
        for future in (gallery, umap):
            if not future.done():
                future.set_exception(known)


def _cached_map(mu: np.ndarray) -> np.ndarray:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "latent-explorer"
    path = cache / f"umap-{hashlib.sha256(mu.tobytes()).hexdigest()[:16]}.npy"
    with suppress(OSError, ValueError, EOFError):
        xy = np.load(path, allow_pickle=False)
        if xy.shape == (len(mu), 2) and xy.dtype == np.float32 and np.isfinite(xy).all():
            return xy
    xy = projection.umap_map(mu)
    part = path.with_suffix(f".{os.getpid()}.tmp")
    with suppress(OSError):  # without the cache the map is made again next time
        cache.mkdir(parents=True, exist_ok=True)
        try:
            with part.open("wb") as file:
                np.save(file, xy, allow_pickle=False)
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
    return xy
