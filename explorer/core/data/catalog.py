"""Catalogue of the data sets: lists them and loads one split of one as an ImageSet.

    mnist, fashion-mnist, kmnist   downloaded on first use, checksummed by torchvision (torchvision_sets.py)
    digits                         from scikit-learn, nothing to download
    sprites                        drawn by sprites.py, with known factors
    folder:PATH                    any images; sub-folders are classes (image_folder.py)
    upload:NAME                    images that were uploaded on the page (zip_upload.py); once called folder:PATH

torchvision and scikit-learn take seconds to import, so they are imported when one of their sets is loaded.
"""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np

from explorer.core import paths
from explorer.core.data import sprites, torchvision_sets
from explorer.core.data.image_folder import MAX_SIDE_PX, read_folder
from explorer.core.data.image_folder import fit_of as fit_of_folder
from explorer.core.data.image_set import DatasetInfo, ImageSet, Progress
from explorer.core.data.preparation import MIN_SIDE_PX, Fit
from explorer.core.data.sprites import draw_sprites
from explorer.core.errors import ConfigError, DataError, unknown

SPLITS = ("train", "test")
IMPORTED = "imported"  # data set of an imported model or run whose images are in a folder of another machine
TEST_FRACTION = 0.2
SPLIT_SEED = 20131220  # must never change: the gallery of a bundle stores positions in these splits
SPRITES_SEED, N_SPRITES = 0, 20_000

_SETS = {
    info.name: info
    for info in (
        DatasetInfo(
            "mnist",
            "MNIST",
            (1, 28, 28),
            60_000,
            10_000,
            10,
            "LeCun, Cortes and Burges, from NIST Special Databases 1 and 3",
            "none stated by the authors; commonly given as CC BY-SA 3.0",
            11.6,
            folder="MNIST",
        ),
        DatasetInfo(
            "fashion-mnist",
            "Fashion-MNIST",
            (1, 28, 28),
            60_000,
            10_000,
            10,
            "Xiao, Rasul and Vollgraf 2017, Zalando Research",
            "MIT",
            30.9,
            folder="FashionMNIST",
        ),
        DatasetInfo(
            "kmnist",
            "KMNIST",
            (1, 28, 28),
            60_000,
            10_000,
            10,
            "Clanuwat et al. 2018 (CODH), from the Kuzushiji Dataset of NIJL and others",
            "CC BY-SA 4.0",
            21.2,
            folder="KMNIST",
        ),
        DatasetInfo(
            "digits",
            "Digits 8x8",
            (1, 8, 8),
            1_438,
            359,
            10,
            "Alpaydin and Kaynak 1998, UCI, as shipped with scikit-learn",
            "CC BY 4.0",
        ),
        DatasetInfo(
            "sprites",
            "Sprites",
            (1, 32, 32),
            16_000,
            4_000,
            3,
            "drawn by this program, after dSprites (Matthey et al. 2017)",
            "MIT, as this program",
        ),
    )
}


def data_dir() -> Path:
    """The data folder: EXPLORER_DATA_DIR, read at each call, else `data/` in the project."""
    given = os.environ.get("EXPLORER_DATA_DIR")
    return Path(given).expanduser() if given else paths.PROJECT / "data"


def list_datasets() -> list[DatasetInfo]:
    """The data sets with a fixed name, and whether they are on this machine. Checks that files exist, but reads none."""
    found = []
    for info in _SETS.values():
        present = not info.folder or torchvision_sets.is_present(info, data_dir())
        found.append(replace(info, present=present, download_mb=0.0 if present else info.download_mb))
    return found


def find(name: str) -> DatasetInfo | None:
    """The set with this fixed name, as if nothing of it were here; None if there is no such set."""
    return _SETS.get(name)


def uploads_dir() -> Path:
    """The folder of uploaded data sets, one sub-folder each."""
    return data_dir() / "uploads"


def upload_name(folder: Path) -> str:
    """The name of the data set in a folder of `uploads_dir()`."""
    return f"upload:{folder.name}"


def current_name(name: str) -> str:
    """The current name of a data set: the old name folder:PATH of an upload becomes upload:NAME."""
    folder = _upload_folder(name)
    return name if folder is None else upload_name(folder)


def is_folder(name: str) -> bool:
    """Whether the data set is a folder of images, an upload included."""
    return str(name).startswith(("folder:", "upload:"))


def is_upload(name: str) -> bool:
    """Whether the data set is a folder that lies directly in the uploads folder once links and `..` are resolved."""
    return _upload_folder(name) is not None


def fit_of(name: str) -> Fit | None:
    """How the images of a folder or an upload are made square; None for a set whose images are not prepared.

    "crop", the default, for images that are on another machine.
    """
    if name == IMPORTED:
        return "crop"
    if not is_folder(name):
        return None
    path = _upload_folder(name) or Path(name.partition(":")[2]).expanduser()
    return fit_of_folder(path)


def _upload_folder(name: str) -> Path | None:
    """The folder of an upload, called upload:NAME or folder:PATH; None for any other name."""
    kind, _, path = str(name).partition(":")
    if kind not in ("upload", "folder") or not path or "\0" in path:
        return None
    root = Path(os.path.realpath(uploads_dir()))
    folder = Path(os.path.realpath(root / path if kind == "upload" else os.path.expanduser(path)))
    return folder if folder.parent == root and not folder.name.startswith(".") else None


def check_for_page(name: str) -> None:
    """Raises DataError for a data set that no page may open: anything but the known sets and the uploads."""
    if name == IMPORTED:
        raise DataError("The images of this imported run are not on this machine.", "Start a run on a data set that is.")
    if name not in _SETS and not is_upload(name):
        what = "The page trains on the listed data sets and on uploaded images, and on no other folder."
        raise DataError(what, "In a terminal any folder can be used: python -m explorer.train --dataset folder:PATH.")


def after_import(name: str) -> str:
    """The name here of the data set of an imported model or run: IMPORTED for a folder that is no upload of this machine."""
    if not is_folder(name):
        return name
    folder = _upload_folder(name)
    return IMPORTED if folder is None or not folder.is_dir() else upload_name(folder)


def load(
    name: str, split: str, *, size: int | None = None, download: bool = True, progress: Progress | None = None
) -> ImageSet:
    """All images of one split ("train" or "test") of a data set, always in the same order.

    `size`, for a folder of images only: the side in px, 8 to 128, to which images are resized; None: derived from the images.
    `download`: whether a set that is not on this machine may be downloaded. `progress` is called during slow work.
    A set without its own split is split 80/20, stratified by class, with a fixed seed.

    Raises DataError for an unknown name and for data that is missing, damaged or cannot be downloaded; ConfigError for an
    unknown split or an invalid size.
    """
    report = progress or (lambda share, doing: None)
    if split not in SPLITS:
        raise unknown("split", split, SPLITS)
    kind, _, path = str(name).partition(":")
    if kind == "upload":
        folder = _upload_folder(name)
        if folder is None:
            raise DataError(f"There is no upload named {path!r}.", "Choose another data set.")
        return _load_folder(name, folder, split, size, report)
    if kind == "folder" and path:
        return _load_folder(name, Path(path).expanduser(), split, size, report)
    if name == IMPORTED:
        raise DataError("The images of an imported model are not on this machine.", "Its reconstructions are shown instead.")
    if name not in _SETS:
        raise unknown("data set", name, [*_SETS, "folder:PATH"], DataError)
    if size is not None:
        raise ConfigError(f"The images of '{name}' have their own size.", "Give a size with folder:PATH only.")
    info = _SETS[name]
    if info.folder:
        return _of_split(info, split, *torchvision_sets.read(info, split, data_dir(), download, report))
    return {"digits": _load_digits, "sprites": _load_sprites}[name](info, split)


def split_indices(
    labels: np.ndarray | None, n: int, fraction: float = TEST_FRACTION, seed: int = SPLIT_SEED
) -> tuple[np.ndarray, np.ndarray]:
    """(train, test): sorted int64 positions of n images, with `fraction` of each class in the test split.

    A class of two or more images has at least one in each split; neither split is empty if n >= 2. `labels` (n,); None:
    all of one class.
    """
    labels = np.zeros(n, np.int64) if labels is None else np.asarray(labels)
    in_test = np.zeros(n, bool)
    in_test[stratified_draw(labels, min(max(1, round(fraction * n)), n - 1), seed)] = True
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        if len(members) > 1 and len(set(in_test[members])) == 1:  # too few images for a share of `fraction`
            in_test[members[0]] ^= True
    return np.flatnonzero(~in_test), np.flatnonzero(in_test)


def stratified_draw(labels: np.ndarray, n: int, seed: int = SPLIT_SEED) -> np.ndarray:
    """Sorted int64 positions of n of the N images, each class in proportion (within one image); all if n >= N."""
    labels = np.asarray(labels)
    order = np.random.RandomState(seed).permutation(len(labels))  # legacy, but its stream is guaranteed not to change
    quantile = np.empty(len(labels))  # rank within the class in a random order; the images with the lowest are drawn
    for label in np.unique(labels):
        members = order[labels[order] == label]
        quantile[members] = (np.arange(len(members)) + 0.5) / len(members)
    return np.sort(order[np.argsort(quantile[order], kind="stable")[:n]])


def _of_split(info: DatasetInfo, split: str, images, labels, class_names, **more) -> ImageSet:
    return ImageSet(
        info.name, split, images, labels, tuple(class_names), title=info.title, origin=info.origin, licence=info.licence, **more
    )


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
    return _of_split(
        info,
        split,
        draw_sprites(factors),
        factors[:, 0].astype(np.int64),
        sprites.SHAPES,
        factors=factors,
        factor_names=sprites.FACTOR_NAMES,
    )


def _load_folder(name: str, folder: Path, split: str, size: int | None, report: Progress) -> ImageSet:
    if size is not None and not (type(size) is int and MIN_SIDE_PX <= size <= MAX_SIDE_PX):
        raise ConfigError(f"size must be a whole number from {MIN_SIDE_PX} to {MAX_SIDE_PX} px, not {size}.")
    images, labels, class_names, notes = read_folder(folder, size, report)
    rows = _rows(labels, split)
    title = folder.resolve().name
    return ImageSet(
        name,
        split,
        images[rows],
        labels[rows],
        class_names,
        title=title,
        origin=f"the folder '{title}'",
        licence="that of its images",
        notes=notes,
    )
