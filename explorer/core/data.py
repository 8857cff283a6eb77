"""Data sets -> ImageSet. Knows where the pictures are and how to read them; knows no model and no screen.

    mnist, fashion-mnist, kmnist   torchvision's own loaders; downloaded on first use, checksummed by torchvision
    digits                         from scikit-learn, nothing to download
    sprites                        drawn here, every factor known (sprites.py)
    folder:PATH                    any images; sub-folders are classes (folder.py)

This module owns the path: EXPLORER_DATA_DIR, else `data/` in the project. torchvision and scikit-learn are imported
only when one of their sets is loaded.
"""

import math
import os
import socket
import threading
from collections.abc import Callable
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from http.client import HTTPException
from pathlib import Path

import numpy as np

from explorer.core import sprites
from explorer.core.errors import ConfigError, DataError, unknown
from explorer.core.folder import MAX_SIDE_PX, MIN_SIDE_PX, read_folder
from explorer.core.sprites import draw_sprites

__all__ = ["DatasetInfo", "ImageSet", "data_dir", "draw_sprites", "list_datasets", "load", "split_indices",
           "stratified_draw"]

SPLITS = ("train", "test")
TEST_FRACTION = 0.2
SPLIT_SEED = 20131220  # of every split and draw made here; a bundle's gallery is positions in them, so it never changes
SPRITES_SEED, N_SPRITES = 0, 20_000
TIMEOUT_S = 30  # of a download in which nothing arrives; torchvision sets none and would wait for ever

Progress = Callable[[float, str], None]  # called with the share done, 0 to 1, and what is being done


@dataclass(frozen=True, eq=False)
class ImageSet:
    """Images of one split, with what is known of each. Raises DataError where the parts do not fit together."""

    name: str  # as on the command line: "mnist", "folder:/path"
    split: str  # "train" or "test"
    images: np.ndarray  # uint8 (N, C, H, W)
    labels: np.ndarray  # int64 (N,), positions in class_names; -1: unlabelled
    class_names: tuple[str, ...] = ()  # () where unlabelled
    factors: np.ndarray | None = None  # float32 (N, F)
    factor_names: tuple[str, ...] = ()
    title: str = ""  # for people: "MNIST"
    origin: str = ""
    licence: str = ""  # of the data
    notes: tuple[str, ...] = ()  # what a person should hear: files left out, and why
    index: np.ndarray | None = None  # int64 (N,), positions of these images in the whole split; None: 0 .. N-1

    def __post_init__(self):
        n = len(self.images)
        if self.index is None:
            object.__setattr__(self, "index", np.arange(n, dtype=np.int64))
        if self.images.ndim != 4 or self.images.dtype != np.uint8:
            raise DataError(f"Images of '{self.name}' must be uint8 (N, C, H, W), "
                            f"not {self.images.dtype} {self.images.shape}.")
        rows = {"labels": self.labels, "index": self.index}
        if self.factors is not None:
            rows |= {"factors": self.factors}
        for part, values in rows.items():
            if len(values) != n:
                raise DataError(f"'{self.name}' has {n} images but {len(values)} {part}.")
        if n and not -1 <= self.labels.min() <= self.labels.max() < max(1, len(self.class_names)):
            raise DataError(f"'{self.name}' has a label outside its {len(self.class_names)} classes.")

    def __len__(self) -> int:
        return len(self.images)

    def head(self, n: int) -> "ImageSet":
        """The first n images; 0: all. Raises ConfigError for a negative n."""
        if n < 0:
            raise ConfigError(f"The number of images must be 0 (all) or more, not {n}.")
        return self.take(np.arange(min(n, len(self)))) if n else self

    def take(self, rows: np.ndarray) -> "ImageSet":
        """The images at the given rows, in that order; `index` still says where they are in the split."""
        factors = None if self.factors is None else self.factors[rows]
        return replace(self, images=self.images[rows], labels=self.labels[rows], factors=factors,
                       index=self.index[rows])


@dataclass(frozen=True)
class DatasetInfo:
    """What can be said of a data set before it is loaded."""

    name: str
    title: str
    shape: tuple[int, int, int]  # (C, H, W)
    n_train: int
    n_test: int
    n_classes: int
    origin: str
    licence: str
    download_mb: float = 0.0  # still to be downloaded
    present: bool = True
    folder: str = ""  # below data_dir(); also the name of torchvision's class


_SETS = {info.name: info for info in (
    DatasetInfo("mnist", "MNIST", (1, 28, 28), 60_000, 10_000, 10,
                "LeCun, Cortes and Burges, from NIST Special Databases 1 and 3",
                "none stated by the authors; commonly given as CC BY-SA 3.0", 11.6, folder="MNIST"),
    DatasetInfo("fashion-mnist", "Fashion-MNIST", (1, 28, 28), 60_000, 10_000, 10,
                "Xiao, Rasul and Vollgraf 2017, Zalando Research", "MIT", 30.9, folder="FashionMNIST"),
    DatasetInfo("kmnist", "KMNIST", (1, 28, 28), 60_000, 10_000, 10,
                "Clanuwat et al. 2018 (CODH), from the Kuzushiji Dataset of NIJL and others", "CC BY-SA 4.0", 21.2,
                folder="KMNIST"),
    DatasetInfo("digits", "Digits 8x8", (1, 8, 8), 1_438, 359, 10,
                "Alpaydin and Kaynak 1998, UCI, as shipped with scikit-learn", "CC BY 4.0"),
    DatasetInfo("sprites", "Sprites", (1, 32, 32), 16_000, 4_000, 3,
                "drawn by this program, after dSprites (Matthey et al. 2017)", "MIT, as this program"),
)}
_RAW_FILES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")
_downloading = threading.Lock()


def data_dir() -> Path:
    """Where data sets are kept: EXPLORER_DATA_DIR, read at each call, else `data/` in the project."""
    given = os.environ.get("EXPLORER_DATA_DIR")
    return Path(given).expanduser() if given else Path(__file__).resolve().parents[2] / "data"


def list_datasets() -> list[DatasetInfo]:
    """The sets with a fixed name. Fast: looks whether files exist, imports nothing."""
    found = []
    for info in _SETS.values():
        raw = data_dir() / info.folder / "raw"
        present = not info.folder or all((raw / f).is_file() or (raw / f"{f}.gz").is_file() for f in _RAW_FILES)
        found.append(replace(info, present=present, download_mb=0.0 if present else info.download_mb))
    return found


def load(name: str, split: str, *, size: int | None = None, download: bool = True,
         progress: Progress | None = None) -> ImageSet:
    """One split ("train" or "test") of a data set, whole, in an order that is always the same.

    `size`, for `folder:PATH` only: the side in px, 8 to 128, to which images are resized; None: chosen from them.
    `download`: whether a set that is not on this machine may be fetched. `progress` hears of slow work.
    A set without its own split is split 80/20, stratified by class, by a fixed seed.

    Raises DataError for an unknown name and for data that is missing, damaged or out of reach; ConfigError for an
    unknown split or an impossible size.
    """
    report = progress or (lambda share, doing: None)
    if split not in SPLITS:
        raise unknown("split", split, SPLITS)
    kind, _, path = str(name).partition(":")
    if kind == "folder" and path:
        return _load_folder(name, path, split, size, report)
    if name not in _SETS:
        raise unknown("data set", name, [*_SETS, "folder:PATH"], DataError)
    if size is not None:
        raise ConfigError(f"The images of '{name}' have their own size.", "Give a size with folder:PATH only.")
    info = _SETS[name]
    if info.folder:
        return _load_torchvision(info, split, download, report)
    return {"digits": _load_digits, "sprites": _load_sprites}[name](info, split)


def split_indices(labels: np.ndarray | None, n: int, fraction: float = TEST_FRACTION,
                  seed: int = SPLIT_SEED) -> tuple[np.ndarray, np.ndarray]:
    """(train, test): sorted int64 positions of n images, a `fraction` of each class in the test split.

    A class of two or more has an image in each split, and from two images on neither split is empty. `labels` (n,)
    may be None: one class.
    """
    labels = np.zeros(n, np.int64) if labels is None else np.asarray(labels)
    in_test = np.zeros(n, bool)
    in_test[stratified_draw(labels, min(max(1, round(fraction * n)), n - 1), seed)] = True
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        if len(members) > 1 and len(set(in_test[members])) == 1:  # a class too small for its share
            in_test[members[0]] ^= True
    return np.flatnonzero(~in_test), np.flatnonzero(in_test)


def stratified_draw(labels: np.ndarray, n: int, seed: int = SPLIT_SEED) -> np.ndarray:
    """Sorted int64 positions of n of the N images, each class in proportion to within one image; all if n >= N."""
    labels = np.asarray(labels)
    order = np.random.RandomState(seed).permutation(len(labels))  # a frozen stream; default_rng's may change
    quantile = np.empty(len(labels))  # of each image among its class, in a random order; the lowest are drawn
    for label in np.unique(labels):
        members = order[labels[order] == label]
        quantile[members] = (np.arange(len(members)) + 0.5) / len(members)
    return np.sort(order[np.argsort(quantile[order], kind="stable")[:n]])


def _of_split(info: DatasetInfo, split: str, images, labels, class_names, **more) -> ImageSet:
    return ImageSet(info.name, split, images, labels, tuple(class_names), title=info.title, origin=info.origin,
                    licence=info.licence, **more)


def _rows(labels: np.ndarray, split: str) -> np.ndarray:
    return split_indices(labels, len(labels))[SPLITS.index(split)]


def _load_digits(info: DatasetInfo, split: str) -> ImageSet:
    from sklearn.datasets import load_digits

    digits = load_digits()
    labels = digits.target.astype(np.int64)
    rows = _rows(labels, split)
    images = np.rint(digits.images[rows, None] * (255 / 16)).astype(np.uint8)
    return _of_split(info, split, images, labels[rows], map(str, range(10)))


def _load_sprites(info: DatasetInfo, split: str) -> ImageSet:
    factors = sprites.random_factors(N_SPRITES, SPRITES_SEED)
    factors = factors[_rows(factors[:, 0], split)]
    return _of_split(info, split, draw_sprites(factors), factors[:, 0].astype(np.int64), sprites.SHAPES,
                     factors=factors, factor_names=sprites.FACTOR_NAMES)


def _load_folder(name: str, path: str, split: str, size: int | None, report: Progress) -> ImageSet:
    if size is not None and not (type(size) is int and MIN_SIDE_PX <= size <= MAX_SIDE_PX):
        raise ConfigError(f"size must be a whole number from {MIN_SIDE_PX} to {MAX_SIDE_PX} px, not {size}.")
    folder = Path(path).expanduser()
    images, labels, class_names, notes = read_folder(folder, size, report)
    rows = _rows(labels, split)
    title = folder.resolve().name
    return ImageSet(name, split, images[rows], labels[rows], class_names, title=title,
                    origin=f"the folder '{title}'", licence="that of its images", notes=notes)


def _load_torchvision(info: DatasetInfo, split: str, download: bool, report: Progress) -> ImageSet:
    raw = data_dir() / info.folder / "raw"
    _check_raw(raw)  # before the slow import: what is wrong is said at once
    from torchvision import datasets

    torchvision_set = getattr(datasets, info.folder)
    if not all((raw / f).is_file() for f in _RAW_FILES):
        _fetch(torchvision_set, info, raw, download, report)
        _check_raw(raw)
    try:
        whole = torchvision_set(data_dir(), train=split == "train")
    except Exception as error:  # files that changed under us, or the broken cache of an old torchvision
        raise DataError(f"{info.title} in {raw.parent} cannot be read ({_reason(error)}).",
                        "Delete that folder and start again.") from None
    class_names = [c.split(" - ")[0] for c in whole.classes]  # MNIST's are "0 - zero"
    return _of_split(info, split, whole.data.numpy()[:, None], whole.targets.numpy(), class_names)


def _check_raw(raw: Path) -> None:
    """Raises DataError for a file that is there but not whole: torchvision looks no further than its name."""
    count = {f: _count(raw / f, (28, 28) if "images" in f else ()) for f in _RAW_FILES if (raw / f).is_file()}
    for images, labels in (_RAW_FILES[:2], _RAW_FILES[2:]):
        if images in count and labels in count and count[images] != count[labels]:
            raise DataError(f"{raw / labels} has {count[labels]} labels for {count[images]} images.",
                            "Delete both files and start again.")


def _count(path: Path, shape: tuple[int, ...]) -> int:
    """How many items of `shape` an idx file holds. Raises DataError where its header does not fit its size."""
    n_header = 8 + 4 * len(shape)
    try:
        with path.open("rb") as file:
            header, size = file.read(n_header), os.fstat(file.fileno()).st_size
    except OSError as error:
        raise DataError(f"{path} cannot be read ({_reason(error)}).") from None
    magic, n, *found = np.frombuffer(header.ljust(n_header, b"\0"), ">u4").tolist()
    if magic != 0x801 + len(shape) or tuple(found) != shape or not n or size != n_header + n * math.prod(shape):
        raise DataError(f"{path} is damaged or only half there ({size:,} bytes).", "Delete it and start again.")
    return n


def _fetch(torchvision_set, info: DatasetInfo, raw: Path, download: bool, report: Progress) -> None:
    """Unpacks what is there as .gz, and downloads the rest if it may."""
    from torchvision.datasets.utils import check_integrity, extract_archive

    def whole():
        return all((raw / f).is_file() for f in _RAW_FILES)

    failed, made = "", [folder for folder in (raw, raw.parent, data_dir()) if not folder.exists()]
    try:
        for archive, md5 in torchvision_set.resources:
            if not (raw / archive).with_suffix("").is_file() and check_integrity(raw / archive, md5):
                extract_archive(raw / archive, raw)
        if download and not whole():
            with _downloads(info, report):
                torchvision_set(data_dir(), download=True)
            report(1.0, f"{info.title} is here")
    except (RuntimeError, OSError, HTTPException) as error:
        failed = f" and could not be fetched ({_reason(error)})"
        for folder in made:
            with suppress(OSError):
                folder.rmdir()  # only if nothing came
    if failed or not whole():
        half = [f"{f}.gz" for f in _RAW_FILES if not (raw / f).is_file() and (raw / f"{f}.gz").is_file()]
        raise DataError(f"{info.title} is not on this machine{failed}.",
                        (f"{', '.join(half)} in {raw} is damaged or only half there. " if half else "")
                        + f"Put {', '.join(_RAW_FILES)} into {raw} (unpacked or as .gz), or set EXPLORER_DATA_DIR to "
                        f"a folder that has {info.folder}/raw.")


@contextmanager
def _downloads(info: DatasetInfo, report: Progress):
    """One download at a time, by torchvision, with its bytes going to `report` instead of a bar on stderr."""
    from torchvision.datasets import utils

    with _downloading:
        bar, timeout = getattr(utils, "tqdm", None), socket.getdefaulttimeout()
        utils.tqdm = _Bar(info, report)
        socket.setdefaulttimeout(TIMEOUT_S)
        try:
            yield
        finally:
            utils.tqdm = bar
            socket.setdefaulttimeout(timeout)


class _Bar:
    """Stands in for the tqdm of torchvision, which makes one for each file; this one counts them together."""

    def __init__(self, info: DatasetInfo, report: Progress):
        self.info, self.report, self.done_mb = info, report, 0.0

    def __call__(self, *_, **__) -> "_Bar":
        return self

    __enter__ = __call__

    def __exit__(self, *_) -> None:
        pass

    def update(self, n_bytes: int) -> None:
        self.done_mb += n_bytes / 1e6
        share = min(1.0, self.done_mb / self.info.download_mb)
        self.report(share, f"downloading {self.info.title}: {self.done_mb:.1f} of {self.info.download_mb} MB")


def _reason(error: Exception) -> str:
    """The last line of what an error says; torchvision lists every mirror it tried."""
    return (str(error).strip().splitlines() or [type(error).__name__])[-1].strip("<>").removeprefix("urlopen error ")
