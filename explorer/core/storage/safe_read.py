"""Reads folders of JSON and safetensors files that may be cut short, forged or being replaced; serialises them.

`read_folder` accepts only regular files inside their folder. Every file has a size limit. Nothing is unpickled.
"""

import json
import math
import os
import stat
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from reprlib import repr as short

import numpy as np
import safetensors
from safetensors.numpy import save as pack_arrays

from explorer.core.errors import BundleError
from explorer.core.storage import atomic

RESTORE_HINT = "Restore it from a copy, or save it again."
NUMPY_DTYPES = {  # safetensors name -> numpy name
    "F64": "f8",
    "F32": "f4",
    "F16": "f2",
    "I64": "i8",
    "I32": "i4",
    "U8": "u1",
    "BOOL": "?",
}


class TransientError(BundleError):
    """The files could not be accessed (permissions, too many open files, a link, a save in progress); they may be valid."""


# ---- files


def read_folder(folder: Path, limits: Mapping[str, int], owner: str, wanted: Iterable[str] | None = None):
    """The bytes of the `wanted` files (default: all), all from one save.

    `limits` maps each required file to its maximal number of bytes; every error message begins with `owner`.
    Returns ({name: bytes}, {name: os.stat_result}). Starts again if the folder is replaced while it is read. Raises
    BundleError.
    """
    wanted = list(limits if wanted is None else wanted)
    for attempt in range(atomic.ATTEMPTS):
        time.sleep(atomic.PAUSE_S * attempt)
        atomic.recover(folder)
        before, problem, contents, is_torn = stats(folder, limits), None, {}, False
        try:
            for name, limit in limits.items():
                contents[name] = _read(folder, name, limit, f"{owner}: {name}", name in wanted)
        except FileNotFoundError:
            problem, is_torn = BundleError(f"{owner}: {name} is missing.", RESTORE_HINT), before[name] is not None
        except BundleError as error:
            problem = error
        if not is_torn and os.path.isdir(folder) and stamp(before) == stamp(stats(folder, limits)):
            if problem:
                raise problem
            return {name: contents[name] for name in wanted}, before
    raise TransientError(f"{owner} is being saved or removed just now.", "Try again in a moment.") from problem


def _read(folder: Path, name: str, limit: int, context: str, wanted: bool) -> bytes:
    path = os.path.realpath(folder / name)
    if not Path(path).is_relative_to(os.path.realpath(folder)):
        raise TransientError(f"{context} is a link to a place outside the folder.", "Put the file itself there.")
    try:
        found = os.stat(path)
        if not stat.S_ISREG(found.st_mode):  # checked before opening: opening a pipe blocks
            raise BundleError(f"{context} is not a regular file.", RESTORE_HINT)
        check_size(found.st_size, limit, context)
        if not wanted:
            return b""
        with open(path, "rb") as file:  # not mmap: truncating a mapped file kills the process
            return file.read(found.st_size)
    except FileNotFoundError:
        raise  # read_folder decides whether the file is missing or the folder was just replaced
    except OSError as error:
        raise TransientError(f"{context} cannot be read ({atomic.reason(error)}).", "Check its permissions.") from error


def check_size(n_bytes: int, limit: int, context: str) -> None:
    """Raises BundleError for more bytes than the limit."""
    if n_bytes > limit:
        raise BundleError(f"{context} is too large ({n_bytes:,} bytes, at most {limit:,} are allowed).", RESTORE_HINT)


def stats(folder: Path, names: Iterable[str]) -> dict[str, os.stat_result | None]:
    """The os.stat result of each file; None if it has none."""

    def stat_or_none(path):
        try:
            return os.stat(path)
        except OSError:
            return None

    return {name: stat_or_none(os.path.join(folder, name)) for name in names}


def stamp(found: Mapping[str, os.stat_result | None]) -> str:
    """A string that changes with the size, mtime or inode of any of the files."""
    return "-".join(f"{s.st_size}.{s.st_mtime_ns}.{s.st_ino}" if s else "0" for s in found.values())


def free_name(name: str, taken: Iterable[str], longest: int = 64) -> str:
    """The name, or the first of name-2, name-3 ... that is not taken. Ignores case, as many file systems do."""
    taken, stem = {other.casefold() for other in taken}, name
    for number in range(2, len(taken) + 3):
        if name.casefold() not in taken:
            break
        name = f"{stem[: longest - len(str(number)) - 1]}-{number}"
    return name


# ---- contents


def parse_json(data: bytes, context: str) -> dict:
    """A strict JSON object: no NaN, no infinity, no unpaired surrogates. Raises BundleError."""
    try:
        value = json.loads(data.decode("utf-8"))
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode("utf-8")
    except (ValueError, RecursionError):
        raise BundleError(f"{context} is not valid JSON.", RESTORE_HINT) from None
    if not isinstance(value, dict):
        raise BundleError(f"{context} is not a JSON object.", RESTORE_HINT)
    return value


def parse_safetensors(data: bytes, context: str) -> dict[str, np.ndarray]:
    """The arrays of a safetensors file, each owning its memory. Raises BundleError."""
    arrays = {}
    try:
        for name, entry in safetensors.deserialize(data):
            if entry["dtype"] not in NUMPY_DTYPES:
                raise BundleError(f"{context} holds {short(name)} as {entry['dtype']}, which is not supported.", RESTORE_HINT)
            flat = np.frombuffer(entry["data"], np.dtype(NUMPY_DTYPES[entry["dtype"]]).newbyteorder("<"))
            arrays[name] = flat.astype(flat.dtype.newbyteorder("=")).reshape(entry["shape"])
        return arrays
    except (safetensors.SafetensorError, ValueError, OverflowError):
        pickled = data[:4] == b"PK\3\4" or data[:1] == b"\x80" or data[-1:] == b"."
        if pickled and data[8:9] != b"{":
            what = "is not a safetensors file (it looks like a Python pickle, which is never opened)"
            raise BundleError(f"{context} {what}.", "If you trust its source, convert it and save it again.") from None
        raise BundleError(f"{context} is damaged or cut short (not a readable safetensors file).", RESTORE_HINT) from None


def dump_json(value: dict, context: str) -> bytes:
    """Strict JSON: arrays become lists, NaN and infinities null. Raises BundleError for values that JSON cannot represent."""
    try:
        return (json.dumps(_plain(value), indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode("utf-8")
    except (TypeError, ValueError, RecursionError) as error:
        raise BundleError(f"{context} cannot be written as JSON ({error}).", "Use numbers, text and lists.") from error


def _plain(value):
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    if isinstance(value, (np.ndarray, np.generic)):
        return _plain(value.tolist())
    return None if isinstance(value, float) and not math.isfinite(value) else value


def dump_safetensors(arrays: Mapping[str, np.ndarray], context: str) -> bytes:
    """Raises BundleError for an array of a dtype that safetensors does not have."""
    try:
        # safetensors copies an array's memory and ignores its strides; np.ascontiguousarray would make a scalar 1-D
        return pack_arrays({name: np.asarray(array, order="C") for name, array in arrays.items()})
    except (safetensors.SafetensorError, TypeError, ValueError) as error:
        raise BundleError(f"{context} cannot be written ({error}).", "Use arrays of numbers.") from error
