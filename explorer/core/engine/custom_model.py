"""Opens a researcher's own model, given as two functions and a set of images, as an Engine.

EXPLORER_MODEL=package.module:function names a function that returns (encode, decode, images):

    encode  x float32 (N, C, H, W) in [0, 1] -> mu, logvar (N, D)     arrays or tensors, on any device
    decode  z float32 (N, D)                 -> images (N, C, H, W) in [0, 1]
    images  uint8 (N, C, H, W), or an ImageSet with labels and class names

Calls to encode and decode come from several threads, but never overlap. The gallery and its map are computed in a
background thread; the map is cached in the user's cache folder.
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

BATCH_SIZE = 200  # gallery images per call to encode; a visitor's call may have to wait for one such call
_model_lock = threading.Lock()  # research code is rarely thread-safe


def open_model(spec: str, umap: bool = True) -> Engine:
    """The Engine of `package.module:function`. Raises ConfigError if the function fails or returns invalid values.

    umap=False, for scripts: encodes the gallery before it returns, starts no thread and makes no UMAP. Python aborts when a
    script ends while a thread computes one.
    """
    encode, decode, images = _load_functions(spec)
    images = _image_set(images, spec)
    shape = images.images.shape[1:]
    encode, decode = _checked_encode(encode, spec), _checked_decode(decode, spec, shape)
    mu, _ = encode(torch.from_numpy(images.images[:2]).float() / 255)
    decode(mu)
    if len(images) > N_GALLERY:
        images = images.take(stratified_draw(images.labels, N_GALLERY, 0))
    gallery, umap_xy = Future(), Future()
    work = encode, images, gallery, umap_xy, umap
    if umap:
        threading.Thread(target=_compute_gallery, args=work, daemon=True, name="gallery").start()
    else:
        _compute_gallery(*work)
    origin = Origin(images.name, images.split, images.class_names, images.factor_names, images.title)
    name_hash = hashlib.sha256(spec.encode()).hexdigest()[:16]
    return Engine(
        encode=encode,
        decode=decode,
        latent_map=LatentMap(spec, mu.shape[1], gallery, umap_xy),
        origin=origin,
        image_shape=shape,
        content_hash=name_hash,
        device=torch.device("cpu"),
        pictures=lambda rows: images.images[rows],
        metrics={},
    )


def _load_functions(spec: str) -> tuple:
    module, colon, function = spec.partition(":")
    if not (module and colon and function):
        raise ConfigError(f"EXPLORER_MODEL is '{spec}'.", "Write it as package.module:function.")
    try:
        result = getattr(importlib.import_module(module), function)()
    except Exception as error:  # the code may raise anything
        raise ConfigError(
            f"EXPLORER_MODEL={spec} failed with {_one_line(error)}.", "Run it in Python to see the full error."
        ) from error
    if not (isinstance(result, tuple | list) and len(result) == 3 and callable(result[0]) and callable(result[1])):
        raise ConfigError(f"EXPLORER_MODEL={spec} must return (encode, decode, images).", "The README has an example.")
    return result


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
        result = _run(encode, x, spec, "encode")
        if not (isinstance(result, tuple | list) and len(result) == 2):
            raise ConfigError(f"encode of EXPLORER_MODEL={spec} must return (mu, logvar).")
        mu, logvar = (_tensor(part, spec, "encode") for part in result)
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


def _run(function, argument: Tensor, spec: str, name: str):
    try:
        with _model_lock:
            return function(argument.numpy().copy())  # a copy, so that the function may modify it
    except Exception as error:  # the code may raise anything
        raise ConfigError(f"{name} of EXPLORER_MODEL={spec} failed with {_one_line(error)}.") from error


def _one_line(error: Exception) -> str:
    """The error as one line of at most 300 characters."""
    return textwrap.shorten(f"{type(error).__name__}: {error}", 300).rstrip(".")


def _tensor(values, spec: str, name: str) -> Tensor:
    """Converts tensors and arrays to a float32 CPU tensor. Raises ConfigError for anything else, NaN and infinity."""
    if isinstance(values, Tensor):
        tensor = values.detach().float().cpu()
    else:
        array = _array(values)
        if array.dtype.kind not in "fiub":
            raise ConfigError(f"{name} of EXPLORER_MODEL={spec} must return arrays of numbers, not {type(values).__name__}.")
        tensor = torch.from_numpy(np.array(array, np.float32))
    if not torch.isfinite(tensor).all():
        raise ConfigError(f"{name} of EXPLORER_MODEL={spec} returned NaN or infinite values.", "Check the weights.")
    return tensor


def _array(values) -> np.ndarray:
    """Converts to a numpy array; ragged rows become an empty object array, which the caller rejects."""
    try:
        return values.cpu().numpy() if isinstance(values, Tensor) else np.asarray(values)
    except (TypeError, ValueError):
        return np.empty(0, object)


@torch.inference_mode()
def _compute_gallery(encode, images: ImageSet, gallery: Future, umap: Future, with_umap: bool) -> None:
    try:
        parts = []
        for part in torch.from_numpy(images.images).split(BATCH_SIZE):
            parts.append(encode(part.float() / 255))
            time.sleep(0.001)  # lets a waiting thread take the lock
        mu, logvar = (torch.cat(column).numpy() for column in zip(*parts))
        unknown_loss = np.full(len(mu), np.nan, np.float32)  # the likelihood of the model is unknown
        gallery.set_result(
            Gallery(images.index, images.labels, mu, logvar, unknown_loss, projection.pca(mu), None, images.factors)
        )
        umap.set_result(_cached_umap(mu) if with_umap and mu.shape[1] > 2 else None)
    except Exception as error:  # any error must reach the futures, or readers would wait forever
        reported = (
            error
            if isinstance(error, ExplorerError)
            else ConfigError(f"The gallery could not be computed: {_one_line(error)}.")
        )
        for future in (gallery, umap):
            if not future.done():
                future.set_exception(reported)


def _cached_umap(mu: np.ndarray) -> np.ndarray:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "latent-explorer"
    path = cache / f"umap-{hashlib.sha256(mu.tobytes()).hexdigest()[:16]}.npy"
    with suppress(OSError, ValueError, EOFError):
        xy = np.load(path, allow_pickle=False)
        if xy.shape == (len(mu), 2) and xy.dtype == np.float32 and np.isfinite(xy).all():
            return xy
    xy = projection.umap_map(mu)
    temporary = path.with_suffix(f".{os.getpid()}.tmp")
    with suppress(OSError):  # without the cache the map is computed again next time
        cache.mkdir(parents=True, exist_ok=True)
        try:
            with temporary.open("wb") as file:
                np.save(file, xy, allow_pickle=False)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    return xy
