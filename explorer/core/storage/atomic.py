"""Atomic replacement of files and folders: after any failure either the old or the new version is complete.

Writes go to a temporary name, are synced, then renamed. A folder is replaced by two renames (old -> `.NAME.old`, new -> NAME);
if a process dies between them, the next reader or writer renames the old folder back.
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

ATTEMPTS = 5  # retries when another writer's renames get in the way
PAUSE_S = 0.02  # between retries; a writer's two renames are microseconds apart
_TEMP_NAME = re.compile(r"\..+\.(\d+)-[0-9a-f]{8}\.tmp")
_BACKUP_NAME = re.compile(r"\.(.+)\.old")
_DISK_FULL = {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)}
_writing = threading.Lock()  # one writer per process: while it is held, no other temporary folder of ours is in use


@contextmanager
def saving(what: str, folder: Path, error_type: type[ExplorerError] = BundleError):
    """Converts an OSError into an `error_type` with a message for the user."""
    try:
        yield
    except OSError as error:
        if error.errno in _DISK_FULL:
            message, hint = f"The disk is full while saving {what} in {folder}.", "Free some space and save again."
        else:
            message = f"Saving {what} in {folder} failed ({reason(error)})."
            hint = "Check that the folder can be written to, and save again."
        raise error_type(message, hint) from error


def reason(error: OSError) -> str:
    """The system's error text, without errno and path."""
    return error.strerror or type(error).__name__


def write_file(path: Path, data: bytes) -> None:
    """Writes and syncs the file. Raises OSError."""
    with open(path, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def replace_file(path: Path, data: bytes) -> None:
    """Replaces one file atomically; several writers may do so at once. Not synced: a power cut may lose it. Raises OSError."""
    new = _temp_path(path)
    try:
        new.write_bytes(data)
        os.replace(new, path)
    finally:
        new.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Syncs the folder's entries (creations and renames), not the files' contents. Does nothing on Windows."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def write_folder(target: Path, contents: Mapping[str, bytes], replace: bool = True) -> None:
    """Writes the folder atomically; after a failure an existing one is unchanged. Raises OSError.

    With replace=False an existing folder is never replaced: FileExistsError, also if another process creates it meanwhile.
    """
    with _writing:
        target.parent.mkdir(parents=True, exist_ok=True)
        _remove_leftovers(target.parent)
        recover(target)
        new = _temp_path(target)
        try:
            new.mkdir()
            for name, data in contents.items():
                write_file(new / name, data)
            sync_folder(new)
            if replace:
                _swap(new, target)
            else:
                _rename_if_free(new, target)
            sync_folder(target.parent)
        finally:
            shutil.rmtree(new, ignore_errors=True)
        _discard(_backup_path(target))


@contextmanager
def new_folder(target: Path):
    """Yields a hidden folder, which is renamed to `target` when the block ends, or removed if it fails. Raises OSError.

    The files are not synced, so use it for data that can be recreated. `target` must not exist.
    """
    with _writing:
        target.parent.mkdir(parents=True, exist_ok=True)
        _remove_leftovers(target.parent)
        new = _temp_path(target)
        try:
            new.mkdir()
            yield new
            os.rename(new, target)
        finally:
            shutil.rmtree(new, ignore_errors=True)


def move_folder(target: Path, new: Path) -> None:
    """Renames a folder, or a link to one, within its parent folder. Raises OSError."""
    with _writing:
        recover(target)
        _discard(_backup_path(target))  # a crash can leave one, and `recover` would restore it under the old name
        os.rename(target, new)
        sync_folder(new.parent)


def remove_folder(target: Path) -> None:
    """Removes a folder, or a link to one. It is renamed first, so no reader sees it half deleted. Raises OSError."""
    with _writing:
        recover(target)
        _discard(_backup_path(target))
        trash = _temp_path(target)
        os.rename(target, trash)
        sync_folder(target.parent)
        trash.unlink() if trash.is_symlink() else shutil.rmtree(trash, ignore_errors=True)


def write_files(folder: Path, contents: Mapping[str, bytes]) -> None:
    """Replaces each file atomically, in the given order; all are written and synced before the first rename. Raises OSError.

    A crash between the renames leaves the later files under their `pending` names; the next call finishes the renames.
    One writer per folder.
    """
    folder.mkdir(parents=True, exist_ok=True)
    waiting = {folder / pending(name): folder / name for name in contents}
    if not next(iter(waiting)).exists():  # the first rename was done: finish the others
        for path in filter(os.path.lexists, waiting):
            os.replace(path, waiting[path])
    try:
        for path, data in zip(waiting, contents.values()):
            write_file(path, data)
        sync_folder(folder)
    except BaseException:
        for path in reversed(waiting):  # the first one last: without it, the others look like unfinished renames
            path.unlink(missing_ok=True)
        raise
    for path, final in waiting.items():
        os.replace(path, final)
    sync_folder(folder)


def pending(name: str) -> str:
    """The name under which `write_files` writes a file before it is renamed."""
    return f".{name}.new"


def _rename_if_free(new: Path, target: Path) -> None:
    """Renames `new` to `target` unless that exists. On POSIX an existing empty folder is replaced."""
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
                _discard(_backup_path(target))  # left by a crash after the second rename
                os.rename(target, _backup_path(target))
            return os.rename(new, target)
        except BaseException as error:
            _restore(target)
            # another process may have saved the same name, or run `recover` between the two renames: try again
            if not isinstance(error, OSError) or attempt + 1 == ATTEMPTS:
                raise


def is_there(target: Path) -> bool:
    """Whether the folder exists; waits for a writer that is between its two renames."""
    for _ in range(ATTEMPTS):
        recover(target)
        if os.path.isdir(target):
            return True
    return False


def recover(target: Path) -> None:
    """Renames the old folder back after a crash between two renames; first waits, in case a writer is still at work."""
    for _ in range(ATTEMPTS):
        if os.path.lexists(target) or not os.path.lexists(_backup_path(target)):
            return
        time.sleep(PAUSE_S)
    _restore(target)


def folders(parent: Path) -> set[str]:
    """The names of the folders in `parent`, without hidden ones; `.NAME.old` counts as NAME. Raises OSError.

    One scan sees both names, so a folder is not missed while a writer is between its two renames.
    """
    with os.scandir(parent) as entries:  # knows the type of each entry without another stat call
        names = {entry.name for entry in entries if entry.is_dir()}
    names = {backup[1] if (backup := _BACKUP_NAME.fullmatch(name)) else name for name in names}
    return {name for name in names if not name.startswith(".")}


def _restore(target: Path) -> None:
    if not os.path.lexists(target):
        try:
            os.rename(_backup_path(target), target)
        except OSError:
            pass  # another process restored it, or the disk is read-only: the caller reports a missing folder


def _backup_path(target: Path) -> Path:
    return target.with_name(f".{target.name}.old")


def _temp_path(target: Path) -> Path:
    return target.with_name(f".{target.name}.{os.getpid()}-{secrets.token_hex(4)}.tmp")


def _discard(path: Path) -> None:
    """Removes a folder or link if it can. Renames it first, so that a crash leaves nothing half deleted under its name."""
    if os.path.lexists(path):
        trash = _temp_path(path.with_name(path.name.strip(".")))
        try:
            os.rename(path, trash)
            trash.unlink() if trash.is_symlink() else shutil.rmtree(trash)
        except OSError:
            pass  # it has a hidden temporary name, and a later save removes it


def _remove_leftovers(parent: Path) -> None:
    """Removes temporary folders of processes that have ended."""
    for path in parent.glob(".*.tmp"):
        if (match := _TEMP_NAME.fullmatch(path.name)) and not _is_other_process(int(match[1])):
            shutil.rmtree(path, ignore_errors=True)


def _is_other_process(pid: int) -> bool:
    """Whether the pid is that of another running process. Not our own: `_writing` is held, so our folders are leftovers."""
    if os.name != "posix":
        return pid != os.getpid()  # on Windows os.kill(pid, 0) sends CTRL_C_EVENT
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return pid != os.getpid()
