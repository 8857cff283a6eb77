"""A folder or file replaced whole: whatever fails, the old or the new is there, never a mixture. Knows no contents.

Temporary name, sync, rename. What a crash leaves is put back by whoever comes next, reader or writer.
"""

import errno
import os
import re
import secrets
import shutil
import threading
import time
from collections.abc import Mapping
from contextlib import contextmanager
from pathlib import Path

from explorer.core.errors import BundleError, ExplorerError

ATTEMPTS = 5  # of a reader or a writer that meets another writer's renames
PAUSE_S = 0.02  # the two renames of a writer lie microseconds apart
_TEMP = re.compile(r"\..+\.(\d+)-[0-9a-f]{8}\.tmp")
_ASIDE = re.compile(r"\.(.+)\.old")
_FULL = {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)}
_writing = threading.Lock()  # writers of one process take turns, so no temporary folder of ours is in use


@contextmanager
def saving(what: str, folder: Path, error_type: type[ExplorerError] = BundleError):
    """Turns an OSError into one sentence."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            message, hint = f"The disk is full while saving {what} in {folder}.", "Free some space and save again."
        else:
            message = f"Saving {what} in {folder} failed ({reason(error)})."
            hint = "Check that the folder can be written to, and save again."
        raise error_type(message, hint) from error


def reason(error: OSError) -> str:
    """What the system says, without numbers and paths."""
    return error.strerror or type(error).__name__


def write_file(path: Path, data: bytes) -> None:
    """Written and on the disk when it returns. Raises OSError."""
    with open(path, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def replace_file(path: Path, data: bytes) -> None:
    """One file replaced whole, by any number of writers; not synced: for what a crash may take back. Raises OSError."""
    new = _temp(path)
    try:
        new.write_bytes(data)
        os.replace(new, path)
    finally:
        new.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Puts the names in the folder, not only the files, on the disk. A no-op on Windows."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def write_folder(target: Path, contents: Mapping[str, bytes], replace: bool = True) -> None:
    """Writes the folder whole: whatever fails, an older one stays or comes back. Raises OSError.

    Without `replace` an older one stays in any case: FileExistsError, even where another process takes the name meanwhile.
    """
    with _writing:
        target.parent.mkdir(parents=True, exist_ok=True)
        _sweep(target.parent)
        recover(target)
        new = _temp(target)
        try:
            new.mkdir()
            for name, data in contents.items():
                write_file(new / name, data)
            sync_folder(new)
            if replace:
                _swap(new, target)
            else:
                _take_name(new, target)
            sync_folder(target.parent)
        finally:
            shutil.rmtree(new, ignore_errors=True)
        _discard(_aside(target))


@contextmanager
def new_folder(target: Path):
    """A hidden folder to be filled, which becomes `target` at the end; whatever fails, nothing of it stays. Raises OSError.

    For what can be had again: the files in it are not synced. There must be no `target` yet.
    """
    with _writing:
        target.parent.mkdir(parents=True, exist_ok=True)
        _sweep(target.parent)
        new = _temp(target)
        try:
            new.mkdir()
            yield new
            os.rename(new, target)
        finally:
            shutil.rmtree(new, ignore_errors=True)


def move_folder(target: Path, new: Path) -> None:
    """Gives a folder, or a link to one, another name beside it. Raises OSError."""
    with _writing:
        recover(target)
        _discard(_aside(target))  # left by a crash: it would come back under the old name
        os.rename(target, new)
        sync_folder(new.parent)


def remove_folder(target: Path) -> None:
    """Removes a folder, or a link to one: it is gone from its name at once and whole. Raises OSError."""
    with _writing:
        recover(target)
        _discard(_aside(target))
        trash = _temp(target)
        os.rename(target, trash)
        sync_folder(target.parent)
        trash.unlink() if trash.is_symlink() else shutil.rmtree(trash, ignore_errors=True)


def write_files(folder: Path, contents: Mapping[str, bytes]) -> None:
    """Replaces each file whole, in the order given, all of them written before the first is renamed. Raises OSError.

    A crash between the renames leaves the later files under their `pending` names; the next call puts them in place.
    One writer per folder.
    """
    folder.mkdir(parents=True, exist_ok=True)
    waiting = {folder / pending(name): folder / name for name in contents}
    if not next(iter(waiting)).exists():  # the first rename was done: so finish
        for path in filter(os.path.lexists, waiting):
            os.replace(path, waiting[path])
    try:
        for path, data in zip(waiting, contents.values()):
            write_file(path, data)
        sync_folder(folder)
    except BaseException:
        for path in reversed(waiting):  # the first goes last: without it the others would pass for unfinished renames
            path.unlink(missing_ok=True)
        raise
    for path, final in waiting.items():
        os.replace(path, final)
    sync_folder(folder)


def pending(name: str) -> str:
    """What `write_files` calls a file until it is renamed."""
    return f".{name}.new"


def _take_name(new: Path, target: Path) -> None:
    """Renames `new` to a name that is free. POSIX replaces an empty folder, which nobody misses, and nothing else."""
    try:
        os.rename(new, target)
    except OSError as error:
        if os.path.lexists(target):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target)) from error
        raise


def _swap(new: Path, target: Path) -> None:
    for attempt in range(ATTEMPTS):
        time.sleep(PAUSE_S * attempt)
        try:
            if os.path.lexists(target):
                _discard(_aside(target))  # left by a crash after its second rename
                os.rename(target, _aside(target))
            return os.rename(new, target)
        except BaseException as error:
            _restore(target)
            # another process may save the same name, or have taken the gap for a crash and filled it: once more
            if not isinstance(error, OSError) or attempt + 1 == ATTEMPTS:
                raise


def is_there(target: Path) -> bool:
    """Whether the folder exists, not fooled by a writer between its two renames."""
    for _ in range(ATTEMPTS):
        recover(target)
        if os.path.isdir(target):
            return True
    return False


def recover(target: Path) -> None:
    """Puts the old folder back where a crash between two renames left none; a writer at work gets its moment first."""
    for _ in range(ATTEMPTS):
        if os.path.lexists(target) or not os.path.lexists(_aside(target)):
            return
        time.sleep(PAUSE_S)
    _restore(target)


def folders(parent: Path) -> set[str]:
    """The names of the folders in `parent`, hidden ones left out; one that a writer or a crash has moved aside counts.

    Both names are taken from one reading, so that no folder is missed between a writer's two renames. Raises OSError.
    """
    with os.scandir(parent) as entries:  # its entries say what they are without being looked at again
        names = {entry.name for entry in entries if entry.is_dir()}
    names = {aside[1] if (aside := _ASIDE.fullmatch(name)) else name for name in names}
    return {name for name in names if not name.startswith(".")}


def _restore(target: Path) -> None:
    if not os.path.lexists(target):
        try:
            os.rename(_aside(target), target)
        except OSError:
            pass  # another reader was quicker, or the disk is read-only: what follows says what is missing


def _aside(target: Path) -> Path:
    return target.with_name(f".{target.name}.old")


def _temp(target: Path) -> Path:
    return target.with_name(f".{target.name}.{os.getpid()}-{secrets.token_hex(4)}.tmp")


def _discard(path: Path) -> None:
    """Removes a folder or link; it loses its name first, so that a crash cannot leave half of it under that name."""
    if os.path.lexists(path):
        trash = _temp(path.with_name(path.name.strip(".")))
        try:
            os.rename(path, trash)
            trash.unlink() if trash.is_symlink() else shutil.rmtree(trash)
        except OSError:
            pass  # hidden, harmless, swept at the next save


def _sweep(parent: Path) -> None:
    """Removes what dead processes left."""
    for path in parent.glob(".*.tmp"):
        if (match := _TEMP.fullmatch(path.name)) and not _at_work(int(match[1])):
            shutil.rmtree(path, ignore_errors=True)


def _at_work(pid: int) -> bool:
    """Whether another process of this number lives. Our own folders of this kind are leftovers: writers take turns."""
    if os.name != "posix":
        return pid != os.getpid()  # there, signal 0 would not ask but interrupt
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return pid != os.getpid()
