"""Files that may be cut short, forged or half written. Knows bytes, JSON and named arrays, but no bundle.

Reading never runs what it reads: JSON and safetensors only, each file regular, inside its folder and under a size.
Writing leaves the old or the new, never a mixture: temporary name, sync, rename.
"""

import errno
import json
import math
import os
import re
import secrets
import shutil
import stat
import threading
import time
from collections.abc import Iterable, Mapping
from contextlib import contextmanager
from pathlib import Path
from reprlib import repr as short

import numpy as np
import safetensors
from safetensors.numpy import save as pack_arrays

from explorer.core.errors import BundleError

AGAIN = "Restore it from a copy, or save it again."
DTYPES = {"F64": "f8", "F32": "f4", "F16": "f2", "I64": "i8", "I32": "i4", "U8": "u1", "BOOL": "?"}
ATTEMPTS = 5  # of a reader or a writer that meets another writer's renames
PAUSE_S = 0.02  # the two renames of a writer lie microseconds apart
_TEMP = re.compile(r"\..+\.(\d+)-[0-9a-f]{8}\.tmp")
_FULL = {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)}
_writing = threading.Lock()  # writers of one process take turns, so no temporary folder of ours is in use


# ---- reading


def read_folder(folder: Path, limits: Mapping[str, int], owner: str, wanted: Iterable[str] | None = None):
    """The bytes of the `wanted` files (default: all), all of one save.

    `limits` names the files that must be there and the most bytes of each; `owner` opens every sentence. Returns
    ({name: bytes}, {name: os.stat_result}). Raises BundleError. When the folder is swapped for another meanwhile, it
    is read again.
    """
    wanted = list(limits if wanted is None else wanted)
    for attempt in range(ATTEMPTS):
        time.sleep(PAUSE_S * attempt)
        recover(folder)
        before, problem, contents = stats(folder, limits), None, {}
        try:
            for name, limit in limits.items():
                contents[name] = _read(folder, name, limit, f"{owner}: {name}", name in wanted)
        except BundleError as error:
            problem = error
        if os.path.isdir(folder) and stamp(before) == stamp(stats(folder, limits)):
            if problem:
                raise problem
            return {name: contents[name] for name in wanted}, before
    raise BundleError(f"{owner} is being saved or removed just now.", "Try again in a moment.") from problem


def _read(folder: Path, name: str, limit: int, where: str, wanted: bool) -> bytes:
    path = os.path.realpath(folder / name)
    if not Path(path).is_relative_to(os.path.realpath(folder)):
        raise BundleError(f"{where} is a link to a place outside the folder.", "Put the file itself there.")
    try:
        found = os.stat(path)
        if not stat.S_ISREG(found.st_mode):  # asked before opening: opening a pipe would wait for ever
            raise BundleError(f"{where} is not a regular file.", AGAIN)
        check_size(found.st_size, limit, where)
        if not wanted:
            return b""
        with open(path, "rb") as file:  # read, never mapped: a mapped file that is cut short kills the process
            return file.read(found.st_size)
    except FileNotFoundError:
        raise BundleError(f"{where} is missing.", AGAIN) from None
    except OSError as error:
        raise BundleError(f"{where} cannot be read ({_reason(error)}).", "Check its permissions.") from error


def check_size(n_bytes: int, limit: int, where: str) -> None:
    if n_bytes > limit:
        raise BundleError(f"{where} is too large ({n_bytes:,} bytes, at most {limit:,} are allowed).", AGAIN)


def stats(folder: Path, names: Iterable[str]) -> dict[str, os.stat_result | None]:
    """What the file system says of each file; None where it is missing."""

    def one(path):
        try:
            return os.stat(path)
        except OSError:
            return None

    return {name: one(folder / name) for name in names}


def stamp(found: Mapping[str, os.stat_result | None]) -> str:
    """Changes when any of the files does: size, mtime in ns and inode of each."""
    return "-".join(f"{s.st_size}.{s.st_mtime_ns}.{s.st_ino}" if s else "0" for s in found.values())


def parse_json(data: bytes, where: str) -> dict:
    """A strict JSON object: no NaN, no infinity, no text that cannot be shown. Raises BundleError."""
    try:
        value = json.loads(data.decode("utf-8"))
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode("utf-8")
    except (ValueError, RecursionError):
        raise BundleError(f"{where} is not valid JSON.", AGAIN) from None
    if not isinstance(value, dict):
        raise BundleError(f"{where} is not a JSON object.", AGAIN)
    return value


def parse_safetensors(data: bytes, where: str) -> dict[str, np.ndarray]:
    """The arrays of a safetensors file, each owning its memory. Raises BundleError."""
    arrays = {}
    try:
        for name, entry in safetensors.deserialize(data):
            if entry["dtype"] not in DTYPES:
                raise BundleError(f"{where} holds {short(name)} as {entry['dtype']}, which is not read here.", AGAIN)
            flat = np.frombuffer(entry["data"], np.dtype(DTYPES[entry["dtype"]]).newbyteorder("<"))
            arrays[name] = flat.astype(flat.dtype.newbyteorder("=")).reshape(entry["shape"])
        return arrays
    except (safetensors.SafetensorError, ValueError, OverflowError):
        pickled = data[:4] == b"PK\3\4" or data[:1] == b"\x80" or data[-1:] == b"."
        if pickled and data[8:9] != b"{":
            what = "is not a safetensors file (it looks like a Python pickle, which is never opened)"
            raise BundleError(f"{where} {what}.", "Convert it where you trust it, and save it again.") from None
        raise BundleError(f"{where} is damaged or cut short (not a readable safetensors file).", AGAIN) from None


# ---- writing


def dump_json(value: dict, where: str) -> bytes:
    """Strict JSON. Arrays become lists, NaN and infinities null. Raises BundleError for what JSON cannot say."""
    try:
        return (json.dumps(_plain(value), indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode("utf-8")
    except (TypeError, ValueError, RecursionError) as error:
        raise BundleError(f"{where} cannot be written as JSON ({error}).", "Give numbers, text, lists.") from error


def _plain(value):
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    if isinstance(value, (np.ndarray, np.generic)):
        return _plain(value.tolist())
    return None if isinstance(value, float) and not math.isfinite(value) else value


def dump_safetensors(arrays: Mapping[str, np.ndarray], where: str) -> bytes:
    """Raises BundleError for an array of a kind that safetensors cannot hold."""
    try:
        # the library reads the memory of an array as it lies; np.ascontiguousarray would turn a scalar into a vector
        return pack_arrays({name: np.asarray(array, order="C") for name, array in arrays.items()})
    except (safetensors.SafetensorError, TypeError, ValueError) as error:
        raise BundleError(f"{where} cannot be written ({error}).", "Give arrays of numbers.") from error


@contextmanager
def saving(what: str, folder: Path):
    """Turns an OSError into one sentence."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            message, hint = f"The disk is full while saving {what} in {folder}.", "Free some space and save again."
        else:
            message = f"Saving {what} in {folder} failed ({_reason(error)})."
            hint = "Check that the folder can be written to, and save again."
        raise BundleError(message, hint) from error


def _reason(error: OSError) -> str:
    return error.strerror or type(error).__name__


def write_file(path: Path, data: bytes) -> None:
    """Written and on the disk when it returns. Raises OSError."""
    with open(path, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Puts the names in the folder, not only the files, on the disk. A no-op on Windows."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def write_folder(target: Path, contents: Mapping[str, bytes]) -> None:
    """Replaces the folder whole: whatever fails, the old one stays or comes back. Raises OSError."""
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
            _swap(new, target)
            sync_folder(target.parent)
        finally:
            shutil.rmtree(new, ignore_errors=True)
        _discard(_aside(target))


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
    return f".{name}.new"


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


def recoverable(parent: Path) -> list[Path]:
    """The folders in `parent` of which only the one moved aside is there."""
    hidden = (path for path in parent.glob(".*.old"))
    return [target for path in hidden if not os.path.lexists(target := parent / path.name[1:-4])]


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
