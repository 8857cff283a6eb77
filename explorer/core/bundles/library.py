"""Operations on a folder of bundles: rename, duplicate, remove; and reading and adding bundles for a zip.

Each function validates its arguments before it changes the disk, and raises BundleError.
"""

import json
import os
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from explorer.core import errors
from explorer.core.bundles import format as bundle_format
from explorer.core.bundles.format import CONFIG, LIMITS, BundleInfo
from explorer.core.bundles.store import list_bundles
from explorer.core.data import catalog
from explorer.core.errors import BundleError, NameTakenError
from explorer.core.paths import checked_name, checkpoints_dir, is_shipped
from explorer.core.storage import atomic, safe_read

_changing = threading.Lock()  # held from the check that a name is free until it is taken


def rename(old: str, new: str, root: Path | None = None) -> None:
    """Renames a bundle. Raises BundleError if it does not exist or is a shipped one, or the new name is invalid or taken."""
    with _changing:
        info = _find(old, root)
        _check_not_shipped(info, root, "renamed")
        _check_free(new, root, own_name=info.path.name)
        with atomic.saving(f"'{new}'", info.path.parent):
            atomic.move_folder(info.path, info.path.with_name(new))


def duplicate(name: str, new: str, root: Path | None = None) -> None:
    """Copies a bundle. Raises BundleError if it does not exist or is damaged, or the new name is invalid or taken."""
    contents = _contents(_find(name, root))
    with _changing:
        _check_free(new, root)
        _write(new, contents, root)


def remove(name: str, root: Path | None = None) -> None:
    """Deletes a bundle, valid or damaged, permanently; of a link, the link alone. Raises BundleError for a shipped one."""
    with _changing:
        info = _find(name, root)
        _check_not_shipped(info, root, "deleted")
        try:
            _check_only_a_bundle(info.path)
            atomic.remove_folder(info.path)
        except OSError as error:
            what = f"Model '{name}' could not be deleted ({atomic.reason(error)})."
            raise BundleError(what, "Check the permissions of its folder.") from error


def free_name(name: str, root: Path | None = None) -> str:
    """The name, or the first of name-2, name-3 ... that is free."""
    return safe_read.free_name(name, _taken(root))


# ---- for zips (core/transfer.py)


def contents(name: str, root: Path | None = None) -> dict[str, bytes]:
    """The four files of a bundle. Raises BundleError if there is no such bundle or it cannot be loaded."""
    return _contents(_find(name, root))


def check(name: str, found: Mapping[str, bytes]) -> None:
    """Validates the files of a bundle from a zip as `store.load` does. Raises BundleError."""
    owner = f"Model '{checked_name(name)}' in the zip"
    if missing := [file for file in LIMITS if file not in found]:
        raise BundleError(f"{owner} lacks {', '.join(missing)}.", "Export it again.")
    for file, content in found.items():
        safe_read.check_size(len(content), LIMITS[file], f"{owner}: {file}")
    bundle_format.parse(name, dict(found), None)


def bring_in(found: Mapping[str, Mapping[str, bytes]], replace: bool = False, root: Path | None = None) -> list[str]:
    """Writes bundles that passed `check`, {name: files}. Returns the names under which they were written.

    A name that is taken becomes name-2; with `replace` the existing bundle is replaced. Raises BundleError if one cannot be
    written; bundles added before it are removed again.
    """
    found = {name: _with_local_data(contents) for name, contents in found.items()}
    with _changing:
        new_names, taken = {}, set() if replace else _taken(root)
        for name in found:
            new_names[name] = safe_read.free_name(name, taken)
            taken.add(new_names[name])
        for new_name in new_names.values() if replace else ():
            _check_replaceable(new_name, root)
        added = {new_name for new_name in new_names.values() if not os.path.lexists(_root(root) / new_name)}
        try:
            for name, new_name in new_names.items():
                _write(new_name, found[name], root, replace)
        except BundleError:
            for new_name in added:
                with suppress(OSError):  # it was not written yet
                    atomic.remove_folder(_root(root) / new_name)
            raise
    return list(new_names.values())


def _with_local_data(contents: Mapping[str, bytes]) -> dict[str, bytes]:
    """The files with `dataset` replaced if it names a folder of this machine. The content hash does not cover `dataset`."""
    config = json.loads(contents[CONFIG])
    config["dataset"] = catalog.after_import(config["dataset"])
    return {**contents, CONFIG: safe_read.dump_json(config, CONFIG)}


# ---- checks


def _root(root: Path | None) -> Path:
    return checkpoints_dir() if root is None else Path(root)


def _find(name: str, root: Path | None) -> BundleInfo:
    infos = list_bundles(root)
    for info in infos:
        if info.name == name:
            return info
    raise errors.unknown("model", name, [info.name for info in infos], BundleError)


def _contents(info: BundleInfo) -> dict[str, bytes]:
    contents, _ = safe_read.read_folder(info.path, LIMITS, f"Model '{info.name}'")
    bundle_format.parse(info.name, contents, info.path)
    return contents


def _taken(root: Path | None) -> set[str]:
    """All names in the folder, of bundles and of anything else."""
    try:
        return set(os.listdir(_root(root))) | {info.name for info in list_bundles(root)}
    except FileNotFoundError:
        return set()


def _check_not_shipped(info: BundleInfo, root: Path | None, what: str) -> None:
    if is_shipped(info.name, root):
        raise BundleError(f"Model '{info.name}' comes with Latent Explorer and cannot be {what}.", "Duplicate it instead.")


def _check_free(new: str, root: Path | None, own_name: str | None = None) -> None:
    """Raises BundleError if `new` is invalid or taken, ignoring case. A bundle may change the case of its `own_name`."""
    taken = _taken(root) - {own_name}
    clash = next((name for name in sorted(taken) if name.casefold() == checked_name(new).casefold()), None)
    if clash is not None or new == own_name:
        other = safe_read.free_name(new, taken | {new})
        raise BundleError(f"The name '{clash or new}' is taken.", f"For example '{other}' is free.")


def _check_replaceable(name: str, root: Path | None) -> None:
    if is_shipped(name, root):
        raise BundleError(f"Model '{name}' comes with Latent Explorer and cannot be replaced.", "Import without replacing.")
    clash = next((other for other in _taken(root) - {name} if other.casefold() == name.casefold()), None)
    if clash:
        raise BundleError(f"The names '{name}' and '{clash}' differ only in upper and lower case.", "Rename that one first.")
    _check_only_a_bundle(_root(root) / name)


def _check_only_a_bundle(folder: Path) -> None:
    """Raises BundleError for a folder that may hold something else: it is not empty and has no file of a bundle."""
    if os.path.islink(folder) or not os.path.lexists(folder):
        return
    inside = set(os.listdir(folder)) if os.path.isdir(folder) else {""}
    if inside and not inside & set(LIMITS):
        raise BundleError(
            f"'{folder.name}' holds no file of a model, so it may be something else.", f"Look into {folder} first."
        )


def _write(name: str, contents: Mapping[str, bytes], root: Path | None, replace: bool = False) -> None:
    target = _root(root) / name
    with atomic.saving(f"'{name}'", target.parent):
        try:
            atomic.write_folder(target, contents, replace)
        except FileExistsError:  # another process took the name meanwhile
            raise NameTakenError(f"The name '{name}' is taken.", "Try again, or choose another one.") from None
