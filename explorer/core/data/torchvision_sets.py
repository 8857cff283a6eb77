"""Loads MNIST, Fashion-MNIST and KMNIST through torchvision, which has the loaders, URLs and checksums.

Added here: detection of truncated files, a download timeout, progress through a callback instead of a bar on stderr, and
error messages for users. torchvision is imported when it is needed.
"""

import math
import os
import socket
import threading
from contextlib import contextmanager, suppress
from http.client import HTTPException
from pathlib import Path

import numpy as np

from explorer.core.data.image_set import DatasetInfo, Progress
from explorer.core.errors import DataError

TIMEOUT_S = 30  # for a download in which nothing arrives; torchvision sets none
_RAW_FILES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")
_downloading = threading.Lock()


def is_present(info: DatasetInfo, root: Path) -> bool:
    """Whether all files exist, as .gz or decompressed. Does not read them."""
    raw = root / info.folder / "raw"
    return all((raw / f).is_file() or (raw / f"{f}.gz").is_file() for f in _RAW_FILES)


def stamp(info: DatasetInfo, root: Path) -> tuple | None:
    """A value that changes with the files of the set; None while some are missing."""
    raw, found = root / info.folder / "raw", []
    if not is_present(info, root):
        return None
    for name in (*_RAW_FILES, *(f"{f}.gz" for f in _RAW_FILES)):
        with suppress(OSError):
            status = (raw / name).stat()
            found.append((name, status.st_size, status.st_mtime_ns))
    return tuple(found)


def read(info: DatasetInfo, split: str, root: Path, download: bool, report: Progress):
    """One split of the set in `root`/`info.folder`: images uint8 (N, 1, 28, 28), labels int64 (N,), class names.

    Raises DataError for files that are missing, damaged or cannot be downloaded.
    """
    raw = root / info.folder / "raw"
    _check_raw(raw)  # before the slow import, so that errors appear at once
    from torchvision import datasets

    torchvision_set = getattr(datasets, info.folder)
    if not all((raw / f).is_file() for f in _RAW_FILES):
        _fetch(torchvision_set, info, root, download, report)
        _check_raw(raw)
    try:
        dataset = torchvision_set(root, train=split == "train")
    except Exception as error:  # files that just changed, or a damaged cache of an old torchvision
        raise DataError(
            f"{info.title} in {raw.parent} cannot be read ({reason(error)}).", "Delete that folder and start again."
        ) from None
    class_names = [c.split(" - ")[0] for c in dataset.classes]  # MNIST's are "0 - zero"
    return dataset.data.numpy()[:, None], dataset.targets.numpy(), class_names


def _check_raw(raw: Path) -> None:
    """Raises DataError for a file that is truncated or damaged: torchvision only checks that it exists."""
    count = {f: _count(raw / f, (28, 28) if "images" in f else ()) for f in _RAW_FILES if (raw / f).is_file()}
    for images, labels in (_RAW_FILES[:2], _RAW_FILES[2:]):
        if images in count and labels in count and count[images] != count[labels]:
            raise DataError(
                f"{raw / labels} has {count[labels]} labels for {count[images]} images.", "Delete both files and start again."
            )


def _count(path: Path, shape: tuple[int, ...]) -> int:
    """The number of items of `shape` in an idx file. Raises DataError if its header does not match its size."""
    n_header = 8 + 4 * len(shape)
    try:
        with path.open("rb") as file:
            header, size = file.read(n_header), os.fstat(file.fileno()).st_size
    except OSError as error:
        raise DataError(f"{path} cannot be read ({reason(error)}).") from None
    magic, n, *found = np.frombuffer(header.ljust(n_header, b"\0"), ">u4").tolist()
    if magic != 0x801 + len(shape) or tuple(found) != shape or not n or size != n_header + n * math.prod(shape):
        raise DataError(f"{path} is damaged or incomplete ({size:,} bytes).", "Delete it and start again.")
    return n


def _fetch(torchvision_set, info: DatasetInfo, root: Path, download: bool, report: Progress) -> None:
    """Decompresses the .gz files that are there; downloads the others if `download`. Raises DataError."""
    raw, failed = root / info.folder / "raw", ""
    try:
        _complete(torchvision_set, info, root, download, report)
    except (RuntimeError, OSError, HTTPException) as error:
        failed = f" and could not be fetched ({reason(error)})"
    if failed or not _is_complete(raw):
        damaged = [f"{f}.gz" for f in _RAW_FILES if not (raw / f).is_file() and (raw / f"{f}.gz").is_file()]
        raise DataError(
            f"{info.title} is not on this machine{failed}.",
            (f"{', '.join(damaged)} in {raw} is damaged or incomplete. " if damaged else "")
            + f"Put {', '.join(_RAW_FILES)} into {raw} (unpacked or as .gz), or set EXPLORER_DATA_DIR to "
            f"a folder that has {info.folder}/raw.",
        )


def download(info: DatasetInfo, root: Path, report: Progress) -> None:
    """Downloads the files of a set that are missing; if that fails, what it has left unfinished is deleted.

    Raises OSError, RuntimeError or HTTPException, and what `report` raises.
    """
    from torchvision import datasets

    raw = root / info.folder / "raw"
    before = set(raw.iterdir()) if raw.is_dir() else set()
    try:
        _complete(getattr(datasets, info.folder), info, root, True, report)
        _check_raw(raw)
    except BaseException:
        for name in _RAW_FILES:
            is_whole = (raw / name).is_file() and _is_whole(raw / name)
            for path in {raw / name, raw / f"{name}.gz"} - before if not is_whole else ():
                path.unlink(missing_ok=True)
        _remove_empty(raw, raw.parent)
        raise


def _complete(torchvision_set, info: DatasetInfo, root: Path, download: bool, report: Progress) -> None:
    """Decompresses the .gz files that are there; downloads the others if `download`."""
    from torchvision.datasets.utils import check_integrity, extract_archive

    raw = root / info.folder / "raw"
    created = [folder for folder in (raw, raw.parent, root) if not folder.exists()]
    try:
        for archive, md5 in torchvision_set.resources:
            if not (raw / archive).with_suffix("").is_file() and check_integrity(raw / archive, md5):
                extract_archive(raw / archive, raw)
        if download and not _is_complete(raw):
            with _patched_downloads(info, report):
                torchvision_set(root, download=True)
            report(1.0, f"{info.title} is here")
    except (RuntimeError, OSError, HTTPException):
        _remove_empty(*created)
        raise


def _is_complete(raw: Path) -> bool:
    return all((raw / f).is_file() for f in _RAW_FILES)


def _is_whole(path: Path) -> bool:
    try:
        return bool(_count(path, (28, 28) if "images" in path.name else ()))
    except DataError:
        return False


def _remove_empty(*folders: Path) -> None:
    for folder in folders:
        with suppress(OSError):
            folder.rmdir()  # removes it only if it is empty


@contextmanager
def _patched_downloads(info: DatasetInfo, report: Progress):
    """While inside, torchvision's downloads time out and call `report` instead of drawing a bar. One thread at a time."""
    from torchvision.datasets import utils

    with _downloading:
        bar, timeout = getattr(utils, "tqdm", None), socket.getdefaulttimeout()
        utils.tqdm = _ProgressBar(info, report)
        socket.setdefaulttimeout(TIMEOUT_S)
        try:
            yield
        finally:
            utils.tqdm = bar
            socket.setdefaulttimeout(timeout)


class _ProgressBar:
    """Replaces the tqdm class in torchvision, which creates a bar for each file; this one sums over all files."""

    def __init__(self, info: DatasetInfo, report: Progress):
        self.info, self.report, self.done_mb = info, report, 0.0

    def __call__(self, *_, **__) -> "_ProgressBar":
        return self

    __enter__ = __call__

    def __exit__(self, *_) -> None:
        pass

    def update(self, n_bytes: int) -> None:
        self.done_mb += n_bytes / 1e6
        share = min(1.0, self.done_mb / self.info.download_mb)
        self.report(share, f"downloading {self.info.title}: {self.done_mb:.1f} of {self.info.download_mb} MB")


def reason(error: Exception) -> str:
    """The last line of the error's message; torchvision lists every mirror it tried."""
    return (str(error).strip().splitlines() or [type(error).__name__])[-1].strip("<>").removeprefix("urlopen error ")
