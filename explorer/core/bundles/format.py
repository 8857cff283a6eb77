"""What a bundle is and what is refused: four files as bytes -> model, gallery and numbers. Knows no folder.

checkpoints/README.md describes the format. What is read is checked whole before it is handed on.
"""

import hashlib
import json
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from reprlib import repr as short

import numpy as np
import torch
from torch import Tensor

from explorer.core.config import ModelConfig, from_dict, to_dict
from explorer.core.errors import BundleError, ConfigError
from explorer.core.storage import safe_read
from explorer.core.storage.safe_read import AGAIN
from explorer.core.vae.model import VAE

FORMAT_VERSION = 1
MAX_IMAGES = 10_000
MAX_THUMB_PX = 32
MAX_METRIC = 1e12
SHOWN_METRICS = ("test_elbo", "active_units", "trustworthiness", "trustworthiness_k")  # on the pages
CONFIG, METRICS, MODEL, GALLERY = "config.json", "metrics.json", "model.safetensors", "gallery.safetensors"
LIMITS = {  # bytes; a forged file is refused before it fills the memory
    CONFIG: 1_000_000,
    METRICS: 20_000_000,
    MODEL: 1_000_000_000,  # 250 million weights; ours have half a million
    GALLERY: 64_000_000,  # 10,000 images with 128 dimensions and RGB thumbnails take 42 MB
}


@dataclass(frozen=True, eq=False)
class Gallery:
    """N test images as the model sees them: numpy only.

    index (N,) int64 into the split; labels (N,) int64, -1: unlabelled; mu, logvar (N, D) float32 of q(z|x);
    recon_loss (N,) float32 in nats; pca, umap (N, 2) float32; factors (N, F) float32; thumbs (N, C, h, w) uint8.
    """

    index: np.ndarray
    labels: np.ndarray
    mu: np.ndarray
    logvar: np.ndarray
    recon_loss: np.ndarray
    pca: np.ndarray
    umap: np.ndarray | None = None
    factors: np.ndarray | None = None
    thumbs: np.ndarray | None = None


@dataclass(frozen=True)
class Origin:
    """Where the gallery's images come from, and what their labels and factors are called."""

    dataset: str
    split: str = "test"
    class_names: tuple[str, ...] = ()
    factor_names: tuple[str, ...] = ()
    title: str = ""
    origin: str = ""
    licence: str = ""


@dataclass(frozen=True, eq=False)
class Bundle:
    """A loaded bundle. The model is on the CPU, in eval mode; `name` is the folder's."""

    name: str
    config: ModelConfig
    origin: Origin
    model: VAE
    gallery: Gallery
    metrics: dict
    content_hash: str
    path: Path | None


@dataclass(frozen=True)
class BundleInfo:
    """What a list shows, without the weights. Where `error` says what is wrong, config and origin are None."""

    name: str
    path: Path
    config: ModelConfig | None
    origin: Origin | None
    metrics: dict
    content_hash: str
    stamp: str  # changes when any file of the bundle does
    n_bytes: int
    error: str | None = None


def parse(name: str, contents: Mapping[str, bytes], path: Path | None) -> Bundle:
    """The bundle in the bytes of its four files. `path`: where they were. Raises BundleError for anything odd."""
    where = {file: f"Bundle '{name}': {file}" for file in LIMITS}
    config, origin, stated_hash = parse_config(contents[CONFIG], where[CONFIG])
    metrics = parse_metrics(contents[METRICS], where[METRICS])
    with torch.device("meta"):  # shapes without memory and without a draw
        model = VAE(config)
    weights = safe_read.parse_safetensors(contents[MODEL], where[MODEL])
    _check_arrays(weights, {k: ("float32", tuple(v.shape)) for k, v in model.state_dict().items()}, (), where[MODEL])
    gallery = _parse_gallery(contents[GALLERY], config, origin, where[GALLERY])
    state = {k: torch.tensor(v) for k, v in weights.items()}
    if content_hash(config, state) != stated_hash:
        raise BundleError(f"{where[MODEL]} and {CONFIG} do not belong together: one was changed after saving.", AGAIN)
    model.load_state_dict(state, strict=True, assign=True)
    model.to(memory_format=torch.channels_last)  # as it was trained; assigning took the plain order of the file
    return Bundle(name, config, origin, model.eval(), gallery, metrics, stated_hash, path)


def _is_text(value) -> bool:
    return isinstance(value, str)


def _is_names(value) -> bool:
    return isinstance(value, list) and all(isinstance(v, str) for v in value)


_CONFIG_KEYS = {  # key: (is it good, what it must be)
    "format_version": (lambda v: True, ""),  # checked before anything else
    "name": (_is_text, "text"),
    "model": (lambda v: isinstance(v, dict), "a table of settings"),
    "dataset": (lambda v: _is_text(v) and v, "the name of a data set"),
    "split": (_is_text, "text"),
    "class_names": (_is_names, "a list of names"),
    "factor_names": (_is_names, "a list of names"),
    "image_shape": (lambda v: isinstance(v, list), "a list of three whole numbers"),
    "title": (_is_text, "text"),
    "origin": (_is_text, "text"),
    "licence": (_is_text, "text"),
    "content_hash": (_is_text, "text"),
}


def parse_config(data: bytes, where: str) -> tuple[ModelConfig, Origin, str]:
    """The model's settings, where its images come from, and the content hash. `where` opens every sentence."""
    values = safe_read.parse_json(data, where)
    version = values.get("format_version")
    if type(version) is int and version > FORMAT_VERSION:
        raise BundleError(f"{where} was made by a newer Latent Explorer (format {version}).", "Update Latent Explorer.")
    if type(version) is not int or version != FORMAT_VERSION:
        raise BundleError(f"{where} has the format_version {short(version)}, which is unknown.", AGAIN)
    for key in values:
        if key not in _CONFIG_KEYS:
            raise BundleError(f"{where} has the unknown entry {short(key)}.", AGAIN)
    for key, (is_good, what) in _CONFIG_KEYS.items():
        if key not in values:
            raise BundleError(f"{where} lacks {key}.", AGAIN)
        if not is_good(values[key]):
            raise BundleError(f"{where} has {short(values[key])} for {key}, which must be {what}.", AGAIN)
    try:
        config = from_dict(ModelConfig, values["model"])
    except ConfigError as error:
        reason = textwrap.shorten(error.message, 300, placeholder=" ...")
        raise BundleError(f"{where} describes no possible model: {reason}", AGAIN) from None
    if values["image_shape"] != list(config.image_shape):
        raise BundleError(f"{where} gives image_shape {short(values['image_shape'])}, but the model another.", AGAIN)
    given = {field.name: values[field.name] for field in fields(Origin)}
    origin = Origin(**{k: tuple(v) if isinstance(v, list) else v for k, v in given.items()})
    return config, origin, values["content_hash"]


def parse_metrics(data: bytes, where: str) -> dict:
    """What was measured, of which only the SHOWN_METRICS have a meaning here. Each may be missing or null."""
    metrics = safe_read.parse_json(data, where)
    for name in SHOWN_METRICS:
        value = metrics.get(name)
        is_number = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= MAX_METRIC
        if value is not None and not is_number:
            raise BundleError(f"{where} has {short(value)} for {name}, which must be a number.", AGAIN)
    return metrics


def _parse_gallery(data: bytes, config: ModelConfig, origin: Origin, where: str) -> Gallery:
    arrays = safe_read.parse_safetensors(data, where)
    n, d, f = np.size(arrays.get("index", ())), config.latent_dim, len(origin.factor_names)
    sides = (*np.shape(arrays.get("thumbs")), 1, 1, 1, 1)[2:4]
    thumb = (n, config.image_shape[0], *(min(max(side, 1), MAX_THUMB_PX) for side in sides))
    spec = {
        "index": ("int64", (n,)),
        "labels": ("int64", (n,)),
        "mu": ("float32", (n, d)),
        "logvar": ("float32", (n, d)),
        "recon_loss": ("float32", (n,)),
        "pca": ("float32", (n, 2)),
        "umap": ("float32", (n, 2)),
        "factors": ("float32", (n, f)),
        "thumbs": ("uint8", thumb),
    }
    _check_arrays(arrays, spec, ("umap", "factors", "thumbs"), where)
    index, labels, n_classes = arrays["index"], arrays["labels"], len(origin.class_names)
    for is_good, what in (
        (1 <= n <= MAX_IMAGES, f"has {n:,} images; 1 to {MAX_IMAGES:,} are allowed"),
        ((index >= 0).all(), "has a negative index"),
        (np.unique(index).size == n, "has an image twice (index)"),
        (((labels >= -1) & (labels < n_classes)).all(), f"has labels outside the {n_classes} classes of {CONFIG}"),
    ):
        if not is_good:
            raise BundleError(f"{where} {what}.", AGAIN)
    return Gallery(**arrays)


def _check_arrays(arrays: dict[str, np.ndarray], spec: dict, optional: tuple[str, ...], where: str) -> None:
    """spec: {name: (dtype, shape)}. Raises BundleError for what is missing, unknown, of another kind or not finite."""
    for name in spec:
        if name not in arrays and name not in optional:
            raise BundleError(f"{where} lacks the tensor {name}.", AGAIN)
    for name, array in arrays.items():
        if name not in spec:
            raise BundleError(f"{where} has the unknown tensor {short(name)}.", AGAIN)
        dtype, shape = spec[name]
        for is_good, what in (
            (array.dtype == dtype, f"is {array.dtype}, not {dtype}"),
            (array.shape == shape, f"has the shape {short(array.shape)}, not {shape}"),
            (np.isfinite(array).all(), "has NaN or infinite values"),
        ):
            if not is_good:
                raise BundleError(f"{where}: {name} {what}.", AGAIN)


def content_hash(model_config: ModelConfig, state_dict: Mapping[str, Tensor]) -> str:
    """16 hex digits of SHA-256 over the config and the names, dtypes, shapes and bytes of the tensors."""
    digest = hashlib.sha256(json.dumps(to_dict(model_config), sort_keys=True).encode())
    for name in sorted(state_dict):
        array = as_array(state_dict[name])
        digest.update(f"\n{name} {array.dtype.name} {array.shape}\n".encode())
        digest.update(array.data)
    return digest.hexdigest()[:16]


def as_array(tensor: Tensor) -> np.ndarray:
    """Row-major numpy; bfloat16, which numpy has not, widened to float32 without loss."""
    tensor = tensor.detach().cpu()
    return np.asarray((tensor.float() if tensor.dtype == torch.bfloat16 else tensor).numpy(), order="C")
