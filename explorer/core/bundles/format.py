"""The bundle format: dataclasses, and the parser that validates the bytes of the four files. Reads no files itself.

checkpoints/README.md specifies the format.
"""

import hashlib
import json
import re
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
from explorer.core.storage.safe_read import RESTORE_HINT
from explorer.core.vae.model import VAE

FORMAT_VERSION = 2  # of what is written; format 1 can be read
MAX_IMAGES = 10_000
MAX_ATTRIBUTES = 64
MAX_THUMB_PX = 32
FINGERPRINT_BYTES = 8
MAX_METRIC = 1e12
SHOWN_METRICS = ("test_elbo", "active_units", "trustworthiness", "trustworthiness_k")  # the metrics that the pages show
CONFIG, METRICS, MODEL, GALLERY = "config.json", "metrics.json", "model.safetensors", "gallery.safetensors"
LIMITS = {  # maximal bytes of each file, checked before it is read
    CONFIG: 1_000_000,
    METRICS: 20_000_000,
    MODEL: 1_000_000_000,  # 250 million weights; ours have half a million
    GALLERY: 64_000_000,  # 10,000 images with 128 dimensions and RGB thumbnails take 42 MB
}


@dataclass(frozen=True, eq=False)
class Gallery:
    """The encodings of N test images, as numpy arrays.

    index (N,) int64, positions in the split; labels (N,) int64, -1 if unlabelled; mu, logvar (N, D) float32 of q(z|x);
    recon_loss (N,) float32 in nats; pca, umap (N, 2) float32; factors (N, F) float32; thumbs (N, C, h, w) uint8;
    attributes (N, A) float32; fingerprint (N, 8) uint8, see checkpoints/README.md.
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
    attributes: np.ndarray | None = None
    fingerprint: np.ndarray | None = None


@dataclass(frozen=True)
class Origin:
    """The data set of the gallery's images, with the names of its classes, its factors and the gallery's attributes."""

    dataset: str
    split: str = "test"
    class_names: tuple[str, ...] = ()
    factor_names: tuple[str, ...] = ()
    title: str = ""
    origin: str = ""
    licence: str = ""
    attribute_names: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Bundle:
    """A loaded bundle. The model is on the CPU, in eval mode; `name` is the name of the folder."""

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
    """A bundle without its weights and gallery, for lists. If invalid, `error` is the reason; config and origin are None."""

    name: str
    path: Path
    config: ModelConfig | None
    origin: Origin | None
    metrics: dict
    content_hash: str
    stamp: str  # see `store.stamp`
    n_bytes: int
    error: str | None = None


def parse(name: str, contents: Mapping[str, bytes], path: Path | None) -> Bundle:
    """Builds the bundle from the bytes of its four files, read from `path`. Raises BundleError if anything is invalid."""
    contexts = {file: f"Model '{name}': {file}" for file in LIMITS}
    version, config, origin, stated_hash = parse_config(contents[CONFIG], contexts[CONFIG])
    metrics = parse_metrics(contents[METRICS], contexts[METRICS])
    with torch.device("meta"):  # the shapes alone: allocates nothing and leaves torch's random state unchanged
        model = VAE(config)
    weights = safe_read.parse_safetensors(contents[MODEL], contexts[MODEL])
    _check_arrays(weights, {k: ("float32", tuple(v.shape)) for k, v in model.state_dict().items()}, (), contexts[MODEL])
    gallery = _parse_gallery(contents[GALLERY], config, origin, version, contexts[GALLERY])
    state = {k: torch.tensor(v) for k, v in weights.items()}
    if content_hash(config, state) != stated_hash:
        what = f"{contexts[MODEL]} and {CONFIG} do not belong together: one was changed after saving."
        raise BundleError(what, RESTORE_HINT)
    model.load_state_dict(state, strict=True, assign=True)
    model.to(memory_format=torch.channels_last)  # as in VAE.__init__; assign=True replaced it by the file's
    return Bundle(name, config, origin, model.eval(), gallery, metrics, stated_hash, path)


def _is_text(value) -> bool:
    return isinstance(value, str)


def _is_names(value) -> bool:
    return isinstance(value, list) and all(isinstance(v, str) for v in value)


def _is_attribute_names(value) -> bool:
    return _is_names(value) and all(value) and len(value) == len(set(value)) <= MAX_ATTRIBUTES


_CONFIG_KEYS = {  # key: (is the value valid, what it must be)
    "format_version": (lambda v: True, ""),  # checked first, by parse_config
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
_OPTIONAL_KEYS = {  # from format 2 on
    "id": (lambda v: _is_text(v) and re.fullmatch("[A-Za-z0-9_-]{1,64}", v), "1 to 64 letters, digits, - and _"),
    "attribute_names": (_is_attribute_names, f"a list of at most {MAX_ATTRIBUTES} different names"),
}


def parse_config(data: bytes, context: str) -> tuple[int, ModelConfig, Origin, str]:
    """(format version, model settings, origin, content hash). `context` begins every error message. Raises BundleError."""
    values = safe_read.parse_json(data, context)
    version = values.get("format_version")
    optional = {} if version == 1 else _OPTIONAL_KEYS
    if type(version) is int and version > FORMAT_VERSION:
        raise BundleError(f"{context} was made by a newer Latent Explorer (format {version}).", "Update Latent Explorer.")
    if type(version) is not int or version < 1:
        raise BundleError(f"{context} has the format_version {short(version)}, which is unknown.", RESTORE_HINT)
    for key in values:
        if key not in _CONFIG_KEYS and key not in optional:
            raise BundleError(f"{context} has the unknown entry {short(key)}.", RESTORE_HINT)
    for key, (is_valid, what) in (_CONFIG_KEYS | optional).items():
        if key in optional and key not in values:
            continue
        if key not in values:
            raise BundleError(f"{context} lacks {key}.", RESTORE_HINT)
        if not is_valid(values[key]):
            raise BundleError(f"{context} has {short(values[key])} for {key}, which must be {what}.", RESTORE_HINT)
    try:
        config = from_dict(ModelConfig, values["model"])
    except ConfigError as error:
        reason = textwrap.shorten(error.message, 300, placeholder=" ...")
        raise BundleError(f"{context} describes an invalid model: {reason}", RESTORE_HINT) from None
    if values["image_shape"] != list(config.image_shape):
        what = f"{context} has the image_shape {short(values['image_shape'])}, but its model has {config.image_shape}."
        raise BundleError(what, RESTORE_HINT)
    given = {field.name: values[field.name] for field in fields(Origin) if field.name in values}
    origin = Origin(**{k: tuple(v) if isinstance(v, list) else v for k, v in given.items()})
    return version, config, origin, values["content_hash"]


def parse_metrics(data: bytes, context: str) -> dict:
    """The metrics. Those in SHOWN_METRICS must be numbers, null or missing; others may be anything. Raises BundleError."""
    metrics = safe_read.parse_json(data, context)
    for name in SHOWN_METRICS:
        value = metrics.get(name)
        is_number = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= MAX_METRIC
        if value is not None and not is_number:
            raise BundleError(f"{context} has {short(value)} for {name}, which must be a number.", RESTORE_HINT)
    return metrics


def _parse_gallery(data: bytes, config: ModelConfig, origin: Origin, version: int, context: str) -> Gallery:
    arrays = safe_read.parse_safetensors(data, context)
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
    if version > 1:
        spec["fingerprint"] = ("uint8", (n, FINGERPRINT_BYTES))
    if origin.attribute_names:  # then the tensor is not optional
        spec["attributes"] = ("float32", (n, len(origin.attribute_names)))
    _check_arrays(arrays, spec, ("umap", "factors", "thumbs", "fingerprint"), context)
    index, labels, n_classes = arrays["index"], arrays["labels"], len(origin.class_names)
    for is_valid, what in (
        (1 <= n <= MAX_IMAGES, f"has {n:,} images; 1 to {MAX_IMAGES:,} are allowed"),
        ((index >= 0).all(), "has a negative index"),
        (np.unique(index).size == n, "has an image twice (index)"),
        (((labels >= -1) & (labels < n_classes)).all(), f"has labels outside the {n_classes} classes of {CONFIG}"),
    ):
        if not is_valid:
            raise BundleError(f"{context} {what}.", RESTORE_HINT)
    return Gallery(**arrays)


def _check_arrays(arrays: dict[str, np.ndarray], spec: dict, optional: tuple[str, ...], context: str) -> None:
    """spec: {name: (dtype, shape)}. Raises BundleError for missing or unknown arrays, wrong dtypes or shapes, NaN, infinity."""
    for name in spec:
        if name not in arrays and name not in optional:
            raise BundleError(f"{context} lacks the tensor {name}.", RESTORE_HINT)
    for name, array in arrays.items():
        if name not in spec:
            raise BundleError(f"{context} has the unknown tensor {short(name)}.", RESTORE_HINT)
        dtype, shape = spec[name]
        for is_valid, what in (
            (array.dtype == dtype, f"is {array.dtype}, not {dtype}"),
            (array.shape == shape, f"has the shape {short(array.shape)}, not {shape}"),
            (np.isfinite(array).all(), "has NaN or infinite values"),
        ):
            if not is_valid:
                raise BundleError(f"{context}: {name} {what}.", RESTORE_HINT)


def content_hash(model_config: ModelConfig, state_dict: Mapping[str, Tensor]) -> str:
    """The first 16 hex digits of SHA-256 over the config and the names, dtypes, shapes and bytes of the tensors."""
    digest = hashlib.sha256(json.dumps(to_dict(model_config), sort_keys=True).encode())
    for name in sorted(state_dict):
        array = as_array(state_dict[name])
        digest.update(f"\n{name} {array.dtype.name} {array.shape}\n".encode())
        digest.update(array.data)
    return digest.hexdigest()[:16]


def as_array(tensor: Tensor) -> np.ndarray:
    """A C-ordered numpy array; bfloat16, which numpy lacks, becomes float32."""
    tensor = tensor.detach().cpu()
    return np.asarray((tensor.float() if tensor.dtype == torch.bfloat16 else tensor).numpy(), order="C")
