"""Reads a folder of image files as one array, with sub-folders as classes. Pillow is imported when it is needed."""

import os
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np

from explorer.core.data.preparation import FORMATS, MIN_SIDE_PX, Fit, Preparation, PreparedImage, prepare
from explorer.core.errors import DataError

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp")
MAX_SIDE_PX = 128
MAX_DEFAULT_SIDE_PX = 64  # upper limit without a `size`: a training step at 128 px costs four times as much
MAX_PIXELS = 50_000_000  # 200 MB decoded; larger images (decompression bombs among them) are skipped before decoding
MAX_FILES_NAMED = 5  # of the skipped files in a note
FIT_FILE = ".fit"  # in the folder: "pad" if its images are padded to a square instead of cropped

# Reasons to skip a file, for one file and for several.
NO_IMAGE = ("is not an image", "are not images")
TOO_SMALL = (f"is smaller than {MIN_SIDE_PX} px", f"are smaller than {MIN_SIDE_PX} px")
TOO_LARGE = ("is larger than 50 megapixels", "are larger than 50 megapixels")
OUTSIDE = ("is a link out of the folder", "are links out of the folder")

_latest: dict = {}  # the last folder read, decoded: training loads both splits of a folder one after the other


class _SkipFile(Exception):
    """A file is skipped, for one of the reasons above."""


def read_folder(folder: Path, size: int | None = None, report: Callable[[float, str], None] = lambda *_: None):
    """All images under `folder`, sorted by relative path, without hidden files.

    Returns images uint8 (N, C, side, side), labels int64 (N,), class names and notes. C is 1 if all images are grey, else 3.
    Images are prepared as in preparation.py, made square as `fit_of` the folder says, and resized to `size` px; without it, to
    the median of their shorter sides, limited to 8 to 64 px. Classes are the immediate sub-folders that contain an image; an
    image in none has the label -1. The notes say how many images were made square, and which files were skipped.

    Raises DataError if the folder does not exist or has fewer than two images.
    """
    if not folder.is_dir():
        if folder.exists():
            raise DataError(f"{folder} is a file, not a folder.", "Name a folder of images; unpack an archive first.")
        raise DataError(f"There is no folder {folder}.", "Check the path; sub-folders of it become classes.")
    root = Path(os.path.realpath(folder))
    files = _files(root)
    fit = fit_of(root)
    key = (root, size, fit, tuple((name, *_stamp(root / name)) for name in files))
    result = _latest.get(key)
    if result is None:
        result = _read(root, files, size, fit, report)
        _latest.clear()
        _latest[key] = result
    return result


def count_by_class(folder: Path) -> dict[str, int]:
    """The number of files with the name of an image in each immediate sub-folder, "" for those in none."""
    files = [Path(file) for file in _files(folder) if Path(file).suffix.lower() in SUFFIXES]
    return dict(Counter(file.parts[0] if len(file.parts) > 1 else "" for file in files))


def fit_of(folder: Path) -> Fit:
    """How the images of a folder are made square: "pad" if the folder's file `.fit` says so, else "crop"."""
    path = folder / FIT_FILE
    if not path.is_file():
        return "crop"
    with open(path, "rb") as file:
        return "pad" if file.read(8).strip() == b"pad" else "crop"


def _read(root: Path, files: list[str], size: int | None, fit: Fit, report):
    skipped: dict[tuple[str, str], list[str]] = {}

    def attempt(action, name, *args):
        try:
            return action(root / name, *args)
        except _SkipFile as skip:
            skipped.setdefault(skip.args[0], []).append(name)

    with warnings.catch_warnings():  # Pillow's warnings; the notes report the files
        warnings.simplefilter("ignore")
        sides = {name: side for name in files if (side := attempt(_shorter_side, name, root))}
        if size is None:
            size = int(np.clip(np.median(list(sides.values()) or [0]), MIN_SIDE_PX, MAX_DEFAULT_SIDE_PX))
        images, names, n_trimmed = np.empty((len(sides), 3, size, size), np.uint8), [], 0
        for i, name in enumerate(sides):
            if i % 64 == 0:
                report(i / len(sides), f"reading {len(sides)} images")
            prepared = attempt(_prepared, name, size, fit)
            if prepared is not None:
                images[len(names)] = prepared.image[0]
                n_trimmed += prepared.is_trimmed
                names.append(name)
    report(1.0, f"read {len(names)} images")

    notes = [_note(reason, sorted(file_names), len(files)) for reason, file_names in skipped.items()]
    if len(names) < 2:
        found = "one image only" if names else "no image that can be read"
        need = f"Put two or more there ({', '.join(s[1:] for s in SUFFIXES)})."
        raise DataError(f"{root} holds {found}.", " ".join([*(f"{note}." for note in notes), need]))
    if n_trimmed:
        how = "cropped to the middle" if fit == "crop" else "padded with the colour of the border"
        notes.append(f"{n_trimmed} of {len(names)} images are not square and were {how}")
    images = images[: len(names)]
    if (images[:, 0] == images[:, 1]).all() and (images[:, 1] == images[:, 2]).all():
        images = np.ascontiguousarray(images[:, :1])
    classes = sorted({name.split("/")[0] for name in names if "/" in name})
    labels = np.array([classes.index(name.split("/")[0]) if "/" in name else -1 for name in names], np.int64)
    if classes and (labels < 0).any():
        notes.append(f"{(labels < 0).sum()} of {len(names)} images are in no sub-folder and have no class")
    return images, labels, tuple(classes), tuple(notes)


def _files(root: Path) -> list[str]:
    found = []
    for base, folders, files in os.walk(root):  # does not follow links to folders
        folders[:] = [f for f in folders if not f.startswith(".")]
        found += [(Path(base) / f).relative_to(root).as_posix() for f in files if not f.startswith(".")]
    return sorted(found)


def _stamp(path: Path) -> tuple[int, int]:
    try:
        stat = path.stat()
        return stat.st_size, stat.st_mtime_ns
    except OSError:  # a dangling link
        return 0, 0


def _shorter_side(path: Path, root: Path) -> int:
    """The shorter side in px, from the header of the file."""
    from PIL import Image

    if not Path(os.path.realpath(path)).is_relative_to(root):
        raise _SkipFile(OUTSIDE)
    if path.suffix.lower() not in SUFFIXES or not path.is_file():
        raise _SkipFile(NO_IMAGE)
    try:
        with Image.open(path, formats=FORMATS) as image:
            width, height = image.size
    except Image.DecompressionBombError:
        raise _SkipFile(TOO_LARGE) from None
    except Exception:  # Pillow's plugins raise many exception types on damaged files
        raise _SkipFile(NO_IMAGE) from None
    if width * height > MAX_PIXELS:
        raise _SkipFile(TOO_LARGE)
    if min(width, height) < MIN_SIDE_PX:
        raise _SkipFile(TOO_SMALL)
    return min(width, height)


def _prepared(path: Path, side: int, fit: Fit) -> PreparedImage:
    """The image in colour, (1, 3, side, side)."""
    from PIL import Image

    try:
        with Image.open(path, formats=FORMATS) as opened:
            return prepare(opened, (3, side, side), Preparation(fit))
    except Exception:  # truncated or damaged after a valid header
        raise _SkipFile(NO_IMAGE) from None


def _note(reason: tuple[str, str], names: list[str], n_files: int) -> str:
    more = f" and {len(names) - MAX_FILES_NAMED} more" if len(names) > MAX_FILES_NAMED else ""
    were_skipped = f"{reason[0]} and was" if len(names) == 1 else f"{reason[1]} and were"
    return f"{len(names)} of {n_files} files {were_skipped} left out: {', '.join(names[:MAX_FILES_NAMED])}{more}"
