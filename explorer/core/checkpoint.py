"""Bundles: a trained model, its gallery and its numbers in one folder. Knows the format and what is refused, no screen.

checkpoints/README.md describes the four files. What is read is checked whole before it is handed on, and what is
written is read back from its bytes first, so that nothing is saved that could not be loaded.
"""

import hashlib
import json
import os
import re
import textwrap
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from reprlib import repr as short

import numpy as np
import torch
from torch import Tensor

from explorer.core import errors, files
from explorer.core.config import ModelConfig, from_dict, to_dict
from explorer.core.errors import BundleError, ConfigError
from explorer.core.files import AGAIN
from explorer.core.model import VAE

FORMAT_VERSION = 1
RESERVED = ("runs",)
MAX_IMAGES = 10_000
MAX_THUMB_PX = 32
CONFIG, METRICS, MODEL, GALLERY = "config.json", "metrics.json", "model.safetensors", "gallery.safetensors"
LIMITS = {  # bytes; a forged file is refused before it fills the memory
    CONFIG: 1_000_000,
    METRICS: 20_000_000,
    MODEL: 1_000_000_000,  # 250 million weights; ours have half a million
    GALLERY: 64_000_000,  # 10,000 images with 128 dimensions and RGB thumbnails take 42 MB
}
STATE, STATE_META = "state.safetensors", "state.json"
STATE_LIMITS = {STATE: 4_000_000_000, STATE_META: 100_000_000}
_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}")
_DEVICE_NAME = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?")  # Windows opens these whatever the folder


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


# ---- names and places


def checkpoints_dir() -> Path:
    """EXPLORER_CHECKPOINTS, else checkpoints/ in the project."""
    given = os.environ.get("EXPLORER_CHECKPOINTS")
    return Path(given).expanduser() if given else Path(__file__).resolve().parents[2] / "checkpoints"


def checked_name(name: str) -> str:
    """The name itself where a bundle may have it on every system. Raises BundleError with a name that would do."""
    if _is_name(name):
        return name
    near = re.sub(r"[^A-Za-z0-9_-]+", "-", str(name)).strip("-")[:56]
    hint = f"For example '{near if _is_name(near) else f'{near}-vae'.strip('-')}'."
    if name and name.lower() in RESERVED:
        raise BundleError(f"The bundle name '{name}' is reserved.", hint)
    rule = "a name has 1 to 64 letters, digits, '.', '_' and '-', and no '.' at either end"
    raise BundleError(f"A bundle cannot be called {short(name)}: {rule}.", hint)


def _is_name(name: str) -> bool:
    good = _NAME.fullmatch(name) and not name.endswith(".") and name.lower() not in RESERVED
    return bool(good) and not _DEVICE_NAME.fullmatch(name.lower())


def _locate(name_or_path: str | os.PathLike, root: Path | None) -> Path:
    """A name is a folder of the root and may not lead out of it; a path (anything with a slash) is taken as it is."""
    root = checkpoints_dir() if root is None else Path(root)
    given = os.fspath(name_or_path)
    if (given is not name_or_path or "/" in given or os.sep in given) and "\0" not in given:
        folder = Path(os.path.realpath(os.path.expanduser(given)))
        if not files.is_there(folder):
            hint = errors.unknown("bundle", folder.name, _names(folder.parent)).hint
            raise BundleError(f"There is no bundle folder {str(folder)!r}.", hint)
        checked_name(folder.name)
        return folder
    folder = root / checked_name(given)
    if not files.is_there(folder):
        raise errors.unknown("bundle", given, _names(root), BundleError)
    if not Path(os.path.realpath(folder)).is_relative_to(os.path.realpath(root)):
        raise BundleError(f"Bundle '{folder.name}' is a link out of {root}.", "Put the folder itself there.")
    return folder


def _names(root: Path) -> list[str]:
    if not root.is_dir():
        return []
    try:
        names = {path.name for path in root.iterdir() if path.is_dir()}
    except OSError as error:
        raise BundleError(f"The folder {root} cannot be read ({error.strerror}).", "Check its permissions.") from error
    names |= {path.name for path in files.recoverable(root)}
    return sorted(name for name in names if not name.startswith(".") and name.lower() not in RESERVED)


# ---- reading


def load(name_or_path: str | os.PathLike, root: Path | None = None) -> Bundle:
    """Raises BundleError for anything odd: what is wrong, in which bundle and file, and what to do."""
    folder = _locate(name_or_path, root)
    contents, _ = files.read_folder(folder, LIMITS, f"Bundle '{folder.name}'")
    return _parse(folder.name, contents, folder)


def describe(name_or_path: str | os.PathLike, root: Path | None = None) -> BundleInfo:
    """Reads config.json and metrics.json only; of the other files, that they are there. A bad bundle has an `error`.

    Raises BundleError where there is no such bundle.
    """
    folder = _locate(name_or_path, root)
    owner = f"Bundle '{folder.name}'"
    try:
        contents, found = files.read_folder(folder, LIMITS, owner, (CONFIG, METRICS))
        config, origin, content_hash = _parse_config(contents[CONFIG], f"{owner}: {CONFIG}")
        metrics = _parse_metrics(contents[METRICS], f"{owner}: {METRICS}")
        parts, error = (config, origin, metrics, content_hash), None
    except BundleError as problem:
        found, parts, error = files.stats(folder, LIMITS), (None, None, {}, ""), str(problem)
    n_bytes = sum(s.st_size for s in found.values() if s)
    return BundleInfo(folder.name, folder, *parts, files.stamp(found), n_bytes, error)


def list_bundles(root: Path | None = None) -> list[BundleInfo]:
    """All bundles by name, bad ones with their `error`. Folders only; hidden ones and `runs` are passed over."""
    root = checkpoints_dir() if root is None else Path(root)
    infos = []
    for name in _names(root):
        try:
            infos.append(describe(name, root))
        except BundleError as problem:  # a name that no bundle may have, or a link out of the root
            shown = os.fsencode(name).decode("utf-8", "replace")
            infos.append(BundleInfo(shown, root / name, None, None, {}, "", "", 0, str(problem)))
    return infos


def _parse(name: str, contents: Mapping[str, bytes], path: Path | None) -> Bundle:
    where = {file: f"Bundle '{name}': {file}" for file in LIMITS}
    config, origin, stated_hash = _parse_config(contents[CONFIG], where[CONFIG])
    metrics = _parse_metrics(contents[METRICS], where[METRICS])
    with torch.device("meta"):  # shapes without memory and without a draw
        model = VAE(config)
    weights = files.parse_safetensors(contents[MODEL], where[MODEL])
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


def _parse_config(data: bytes, where: str) -> tuple[ModelConfig, Origin, str]:
    values = files.parse_json(data, where)
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


def _parse_metrics(data: bytes, where: str) -> dict:
    metrics = files.parse_json(data, where)
    elbo = metrics.get("test_elbo")
    if elbo is not None and (isinstance(elbo, bool) or not isinstance(elbo, (int, float))):
        raise BundleError(f"{where} has {short(elbo)} for test_elbo, which must be a number.", AGAIN)
    return metrics


def _parse_gallery(data: bytes, config: ModelConfig, origin: Origin, where: str) -> Gallery:
    arrays = files.parse_safetensors(data, where)
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
        array = _array(state_dict[name])
        digest.update(f"\n{name} {array.dtype.name} {array.shape}\n".encode())
        digest.update(array.data)
    return digest.hexdigest()[:16]


def _array(tensor: Tensor) -> np.ndarray:
    """Row-major numpy; bfloat16, which numpy has not, widened to float32 without loss."""
    tensor = tensor.detach().cpu()
    return np.asarray((tensor.float() if tensor.dtype == torch.bfloat16 else tensor).numpy(), order="C")


# ---- writing


def save(
    bundle_name: str, model: VAE, origin: Origin, gallery: Gallery, metrics: Mapping, root: Path | None = None
) -> Path:
    """Write the bundle and return its folder. An older one of the name is replaced whole, or stays whole.

    Raises BundleError for a name that cannot be, for what `load` would refuse, and for a disk that is full.
    """
    target = (checkpoints_dir() if root is None else Path(root)) / checked_name(bundle_name)
    _check_in_the_way(target)
    state = model.state_dict()
    config = {"format_version": FORMAT_VERSION, "name": bundle_name, "model": to_dict(model.config), **asdict(origin)}
    config |= {"image_shape": model.config.image_shape, "content_hash": content_hash(model.config, state)}
    arrays = {name: array for name, array in vars(gallery).items() if array is not None}
    where = {file: f"Bundle '{bundle_name}': {file}" for file in LIMITS}
    try:
        contents = {
            MODEL: files.dump_safetensors({k: _array(v) for k, v in state.items()}, where[MODEL]),
            GALLERY: files.dump_safetensors(arrays, where[GALLERY]),
            METRICS: files.dump_json(metrics, where[METRICS]),
            CONFIG: files.dump_json(config, where[CONFIG]),
        }
        for file, data in contents.items():
            files.check_size(len(data), LIMITS[file], where[file])
        _parse(bundle_name, contents, None)
    except BundleError as error:
        raise BundleError(error.message, "Nothing was written; mend what is given to save.") from error
    with files.saving(f"'{bundle_name}'", target.parent):
        files.write_folder(target, contents)
    return target


def _check_in_the_way(target: Path) -> None:
    """A folder that holds a file of a bundle, or nothing, may be replaced; anything else is somebody's."""
    try:
        names = set(os.listdir(target))
    except FileNotFoundError:
        return
    except OSError:  # a plain file, or a folder that is closed to us
        names = {""}
    if names and not names & set(LIMITS):
        raise BundleError(f"{str(target)!r} is in the way and is no bundle.", "Move it away, or choose another name.")


def save_state(folder: Path, tensors: Mapping[str, Tensor], meta: Mapping) -> None:
    """The resumable state of a run: state.safetensors and state.json; NaN in `meta` becomes null. Raises BundleError.

    Whenever the process dies, either the old pair or the new one can be loaded: both lie synced beside the old pair
    before the first is renamed, and state.json carries the hash of its tensors. One writer per folder.
    """
    folder = Path(folder)
    owner = f"Run '{folder.name}'"
    data = files.dump_safetensors({k: _array(v) for k, v in tensors.items()}, f"{owner}: {STATE}")
    values = {"meta": dict(meta), "tensors_sha256": hashlib.sha256(data).hexdigest()}
    contents = {STATE: data, STATE_META: files.dump_json(values, f"{owner}: {STATE_META}")}
    with files.saving(f"the state of '{folder.name}'", folder):
        files.write_files(folder, contents)


def load_state(folder: Path) -> tuple[dict[str, Tensor], dict]:
    """Raises BundleError where the state is missing, torn or of two different saves."""
    folder = Path(folder)
    owner = f"Run '{folder.name}'"
    if not folder.is_dir():
        raise BundleError(f"There is no run '{folder.name}' in {folder.parent}.", "See the names with --list.")
    # where a crash came between the two renames, the new state.json still has its pending name
    metas = [name for name in (STATE_META, files.pending(STATE_META)) if (folder / name).is_file()] or [STATE_META]
    limits = {STATE: STATE_LIMITS[STATE]} | {name: STATE_LIMITS[STATE_META] for name in metas}
    contents, _ = files.read_folder(folder, limits, owner)
    sha = hashlib.sha256(contents[STATE]).hexdigest()
    for file in metas:
        values = files.parse_json(contents[file], f"{owner}: {file}")
        if values.get("tensors_sha256") == sha and isinstance(values.get("meta"), dict):
            arrays = files.parse_safetensors(contents[STATE], f"{owner}: {STATE}")
            return {k: torch.tensor(v) for k, v in arrays.items()}, values["meta"]
    raise BundleError(f"{owner}: {STATE} and {STATE_META} are of two saves, or cut short.", "Start the run again.")
