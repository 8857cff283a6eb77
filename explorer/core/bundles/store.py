"""Bundles on disk: places, names, load, list, save. Knows folders; bundle.py knows what is in them.

What is written is read back from its bytes first, so that nothing is saved that could not be loaded.
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
    """A name is a folder of the root and may not lead out of it; a path (anything with a slash) is taken as it is."""
    root = checkpoints_dir() if root is None else Path(root)
    given = os.fspath(name_or_path)
    if (given is not name_or_path or "/" in given or os.sep in given) and "\0" not in given:
        folder = Path(os.path.realpath(os.path.expanduser(given)))
        if not atomic.is_there(folder):
            hint = errors.unknown("bundle", folder.name, _names(folder.parent)).hint
            raise BundleError(f"There is no bundle folder {str(folder)!r}.", hint)
        checked_name(folder.name)
        return folder
    folder = root / checked_name(given)
    if not atomic.is_there(folder):
        raise errors.unknown("bundle", given, _names(root), BundleError)
    if not Path(os.path.realpath(folder)).is_relative_to(os.path.realpath(root)):
        raise BundleError(f"Bundle '{folder.name}' is a link out of {root}.", "Put the folder itself there.")
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
    """Raises BundleError for anything odd: what is wrong, in which bundle and file, and what to do."""
    folder = _locate(name_or_path, root)
    contents, _ = safe_read.read_folder(folder, LIMITS, f"Bundle '{folder.name}'")
    return bundle_format.parse(folder.name, contents, folder)


def describe(name_or_path: str | os.PathLike, root: Path | None = None) -> BundleInfo:
    """Reads config.json and metrics.json only; of the other files, that they are there. A bad bundle has an `error`.

    Raises BundleError where there is no such bundle.
    """
    return _describe(_locate(name_or_path, root))[0]


def _describe(folder: Path) -> tuple[BundleInfo, bool]:
    """(description, whether it follows from the files alone: not where reading them failed)."""
    owner, is_lasting = f"Bundle '{folder.name}'", True
    try:
        contents, found = safe_read.read_folder(folder, LIMITS, owner, (CONFIG, METRICS))
        config, origin, content_hash = bundle_format.parse_config(contents[CONFIG], f"{owner}: {CONFIG}")
        metrics = bundle_format.parse_metrics(contents[METRICS], f"{owner}: {METRICS}")
        parts, error = (config, origin, metrics, content_hash), None
    except BundleError as problem:
        found, parts, error = safe_read.stats(folder, LIMITS), (None, None, {}, ""), str(problem)
        is_lasting = not isinstance(problem, safe_read.TransientError)
    n_bytes = sum(s.st_size for s in found.values() if s)
    return BundleInfo(folder.name, folder, *parts, safe_read.stamp(found), n_bytes, error), is_lasting


def list_bundles(root: Path | None = None) -> list[BundleInfo]:
    """All bundles by name, bad ones with their `error`. Folders only; hidden ones and `runs` are passed over.

    The descriptions are cached and shared: do not modify them.
    """
    root = checkpoints_dir() if root is None else Path(root)
    names, infos = _names(root), []
    _descriptions.keep_only(root / name for name in names)
    for name in names:
        try:
            infos.append(_descriptions.get(root / name, lambda name=name: _describe(_locate(name, root))))
        except BundleError as problem:  # a name that no bundle may have, or a link out of the root
            infos.append(_bad(root / name, str(problem)))
        except Exception:  # one bundle, whatever is wrong with it, hides none of the others
            log.exception("The bundle in %s cannot be described", root / name)
            infos.append(_bad(root / name, f"Bundle '{name}' cannot be read; the log says why."))
    return infos


def _bad(folder: Path, error: str) -> BundleInfo:
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
    """Write the bundle and return its folder.

    An older bundle of the name is replaced with `replace`, or where `own` is its `stamp`: the caller wrote it. Whatever
    fails, it stays whole. Raises NameTakenError for any other, BundleError for a name that cannot be, for what `load` would
    refuse, and for a disk that is full.
    """
    root = checkpoints_dir() if root is None else Path(root)
    target = root / checked_name(bundle_name)
    replace = replace or (bool(own) and own == stamp(target) and not is_shipped(bundle_name, root))
    _check_in_the_way(target, replace)
    state = model.state_dict()
    config = {"format_version": FORMAT_VERSION, "name": bundle_name, "model": to_dict(model.config), **asdict(origin)}
    config |= {"image_shape": model.config.image_shape, "content_hash": content_hash(model.config, state)}
    arrays = {name: array for name, array in vars(gallery).items() if array is not None}
    where = {file: f"Bundle '{bundle_name}': {file}" for file in LIMITS}
    try:
        contents = {
            MODEL: safe_read.dump_safetensors({k: bundle_format.as_array(v) for k, v in state.items()}, where[MODEL]),
            GALLERY: safe_read.dump_safetensors(arrays, where[GALLERY]),
            METRICS: safe_read.dump_json(metrics, where[METRICS]),
            CONFIG: safe_read.dump_json(config, where[CONFIG]),
        }
        for file, data in contents.items():
            safe_read.check_size(len(data), LIMITS[file], where[file])
        bundle_format.parse(bundle_name, contents, None)
    except BundleError as error:
        raise BundleError(error.message, "Nothing was written; mend what is given to save.") from error
    with atomic.saving(f"'{bundle_name}'", target.parent):
        try:
            atomic.write_folder(target, contents, replace)
        except FileExistsError:
            raise _taken(target) from None
    return target


def stamp(folder: Path) -> str:
    """Identifies the bundle in the folder as it is now: another one whenever a file of it was replaced."""
    return safe_read.stamp(safe_read.stats(folder, LIMITS))


def _taken(target: Path) -> NameTakenError:
    return NameTakenError(f"There is already a model '{target.name}'.", "Choose another name, or ask to replace it.")


def _check_in_the_way(target: Path, replace: bool) -> None:
    """An empty folder may be replaced, and with `replace` one that holds a file of a bundle."""
    try:
        names = set(os.listdir(target))
    except FileNotFoundError:
        return
    except OSError:  # a plain file, or a folder that is closed to us
        names = {""}
    if names and not replace:
        raise _taken(target)
    if names and not names & set(LIMITS):
        raise BundleError(f"{str(target)!r} is in the way and is no bundle.", "Move it away, or choose another name.")
