"""Loads, lists and saves bundles by name or path. format.py parses their contents.

`save` parses the bytes before it writes them, so every saved bundle can be loaded.
"""

import logging
import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from explorer.core import errors
from explorer.core.bundles import format as bundle_format
from explorer.core.bundles.description_cache import DescriptionCache
from explorer.core.bundles.format import (
    CONFIG,
    FORMAT_VERSION,
    GALLERY,
    LIMITS,
    METRICS,
    MODEL,
    Bundle,
    BundleInfo,
    Gallery,
    Origin,
    content_hash,
)
from explorer.core.config import to_dict
from explorer.core.errors import BundleError, NameTakenError
from explorer.core.paths import RESERVED, checked_name, checkpoints_dir, is_shipped
from explorer.core.storage import atomic, safe_read
from explorer.core.vae.model import VAE

log = logging.getLogger(__name__)

_descriptions = DescriptionCache()


def _locate(name_or_path: str | os.PathLike, root: Path | None) -> Path:
    """The folder of a bundle. A name must be a folder inside `root`; a path (anything with a slash) may be anywhere."""
    root = checkpoints_dir() if root is None else Path(root)
    given = os.fspath(name_or_path)
    if (given is not name_or_path or "/" in given or os.sep in given) and "\0" not in given:
        folder = Path(os.path.realpath(os.path.expanduser(given)))
        if not atomic.is_there(folder):
            hint = errors.unknown("model", folder.name, _names(folder.parent)).hint
            raise BundleError(f"There is no model folder {str(folder)!r}.", hint)
        checked_name(folder.name)
        return folder
    folder = root / checked_name(given)
    if not atomic.is_there(folder):
        raise errors.unknown("model", given, _names(root), BundleError)
    if not Path(os.path.realpath(folder)).is_relative_to(os.path.realpath(root)):
        raise BundleError(f"Model '{folder.name}' is a link out of {root}.", "Put the folder itself there.")
    return folder


def _names(root: Path) -> list[str]:
    if not root.is_dir():
        return []
    try:
        names = atomic.folders(root)
    except OSError as error:
        raise BundleError(f"The folder {root} cannot be read ({error.strerror}).", "Check its permissions.") from error
    return sorted(name for name in names if name.lower() not in RESERVED)


# ---- reading


def load(name_or_path: str | os.PathLike, root: Path | None = None) -> Bundle:
    """Loads a bundle by name (in `root`) or path. Raises BundleError if it does not exist or is invalid."""
    folder = _locate(name_or_path, root)
    contents, _ = safe_read.read_folder(folder, LIMITS, f"Model '{folder.name}'")
    return bundle_format.parse(folder.name, contents, folder)


def describe(name_or_path: str | os.PathLike, root: Path | None = None) -> BundleInfo:
    """Reads config.json and metrics.json, and checks that the other files exist. An invalid bundle has an `error`.

    Raises BundleError if there is no such bundle.
    """
    return _describe(_locate(name_or_path, root))[0]


def _describe(folder: Path) -> tuple[BundleInfo, bool]:
    """(description, whether it may be cached: not after a TransientError)."""
    owner, is_cacheable = f"Model '{folder.name}'", True
    try:
        contents, found = safe_read.read_folder(folder, LIMITS, owner, (CONFIG, METRICS))
        _, config, origin, content_hash = bundle_format.parse_config(contents[CONFIG], f"{owner}: {CONFIG}")
        metrics = bundle_format.parse_metrics(contents[METRICS], f"{owner}: {METRICS}")
        parts, error = (config, origin, metrics, content_hash), None
    except BundleError as problem:
        found, parts, error = safe_read.stats(folder, LIMITS), (None, None, {}, ""), str(problem)
        is_cacheable = not isinstance(problem, safe_read.TransientError)
    n_bytes = sum(s.st_size for s in found.values() if s)
    return BundleInfo(folder.name, folder, *parts, safe_read.stamp(found), n_bytes, error), is_cacheable


def list_bundles(root: Path | None = None) -> list[BundleInfo]:
    """All bundles sorted by name; invalid ones have an `error`. Hidden folders and `runs` are skipped.

    The descriptions are cached and shared: do not modify them.
    """
    root = checkpoints_dir() if root is None else Path(root)
    names, infos = _names(root), []
    _descriptions.keep_only(root / name for name in names)
    for name in names:
        try:
            infos.append(_descriptions.get(root / name, lambda name=name: _describe(_locate(name, root))))
        except BundleError as problem:  # an invalid name, or a link out of the root
            infos.append(_invalid(root / name, str(problem)))
        except Exception:  # one bundle must not hide the others
            log.exception("The bundle in %s cannot be described", root / name)
            infos.append(_invalid(root / name, f"Model '{name}' cannot be read; see the log."))
    return infos


def _invalid(folder: Path, error: str) -> BundleInfo:
    shown = os.fsencode(folder.name).decode("utf-8", "replace")
    return BundleInfo(shown, folder, None, None, {}, "", "", 0, error)


# ---- writing


def save(
    bundle_name: str,
    model: VAE,
    origin: Origin,
    gallery: Gallery,
    metrics: Mapping,
    root: Path | None = None,
    *,
    replace: bool = False,
    own: str = "",
) -> Path:
    """Writes the bundle atomically and returns its folder.

    An existing bundle of this name is replaced with `replace`, or if its `stamp` equals `own` (the caller wrote it); otherwise
    NameTakenError is raised. Raises BundleError for an invalid name, for a bundle that `load` would refuse, and if writing
    fails; an existing bundle is then unchanged.
    """
    root = checkpoints_dir() if root is None else Path(root)
    target = root / checked_name(bundle_name)
    replace = replace or (bool(own) and own == stamp(target) and not is_shipped(bundle_name, root))
    _check_target(target, replace)
    state = model.state_dict()
    config = {"format_version": FORMAT_VERSION, "name": bundle_name, "model": to_dict(model.config), **asdict(origin)}
    config |= {"image_shape": model.config.image_shape, "content_hash": content_hash(model.config, state)}
    arrays = {name: array for name, array in vars(gallery).items() if array is not None}
    contexts = {file: f"Model '{bundle_name}': {file}" for file in LIMITS}
    try:
        contents = {
            MODEL: safe_read.dump_safetensors({k: bundle_format.as_array(v) for k, v in state.items()}, contexts[MODEL]),
            GALLERY: safe_read.dump_safetensors(arrays, contexts[GALLERY]),
            METRICS: safe_read.dump_json(metrics, contexts[METRICS]),
            CONFIG: safe_read.dump_json(config, contexts[CONFIG]),
        }
        for file, data in contents.items():
            safe_read.check_size(len(data), LIMITS[file], contexts[file])
        bundle_format.parse(bundle_name, contents, None)
    except BundleError as error:
        raise BundleError(error.message, "Nothing was written.") from error
    with atomic.saving(f"'{bundle_name}'", target.parent):
        try:
            atomic.write_folder(target, contents, replace)
        except FileExistsError:
            raise _name_taken(target) from None
    return target


def stamp(folder: Path) -> str:
    """A string that changes whenever one of the bundle's files is replaced."""
    return safe_read.stamp(safe_read.stats(folder, LIMITS))


def _name_taken(target: Path) -> NameTakenError:
    return NameTakenError(f"There is already a model '{target.name}'.", "Choose another name, or ask to replace it.")


def _check_target(target: Path, replace: bool) -> None:
    """Raises BundleError unless the target is free or an empty folder or, with `replace`, holds a file of a bundle."""
    try:
        names = set(os.listdir(target))
    except FileNotFoundError:
        return
    except OSError:  # a regular file, or an unreadable folder
        names = {""}
    if names and not replace:
        raise _name_taken(target)
    if names and not names & set(LIMITS):
        raise BundleError(f"{str(target)!r} is in the way and is not a model.", "Move it away, or choose another name.")
