"""ImageSet (the images of one split with labels and factors) and DatasetInfo (the description of a data set)."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from explorer.core.errors import ConfigError, DataError

Progress = Callable[[float, str], None]  # called with the share done, 0 to 1, and a description of the work


@dataclass(frozen=True, eq=False)
class ImageSet:
    """Images of one split with their labels and factors. Raises DataError if dtypes, shapes or labels do not match."""

    name: str  # as on the command line: "mnist", "folder:/path"
    split: str  # "train" or "test"
    images: np.ndarray  # uint8 (N, C, H, W)
    labels: np.ndarray  # int64 (N,), positions in class_names; -1: unlabelled
    class_names: tuple[str, ...] = ()  # () if unlabelled
    factors: np.ndarray | None = None  # float32 (N, F)
    factor_names: tuple[str, ...] = ()
    title: str = ""  # for display: "MNIST"
    origin: str = ""
    licence: str = ""  # of the images
    notes: tuple[str, ...] = ()  # for the user: which files were skipped, and why
    index: np.ndarray | None = None  # int64 (N,), positions of these images in the full split; None: 0 .. N-1

    def __post_init__(self):
        n = len(self.images)
        if self.index is None:
            object.__setattr__(self, "index", np.arange(n, dtype=np.int64))
        if self.images.ndim != 4 or self.images.dtype != np.uint8:
            raise DataError(f"Images of '{self.name}' must be uint8 (N, C, H, W), not {self.images.dtype} {self.images.shape}.")
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
        """The images at the given rows, in that order; `index` keeps their positions in the full split."""
        factors = None if self.factors is None else self.factors[rows]
        return replace(self, images=self.images[rows], labels=self.labels[rows], factors=factors, index=self.index[rows])


@dataclass(frozen=True)
class DatasetInfo:
    """Description of a data set, available without loading it."""

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
    folder: str = ""  # in data_dir(); also the name of the torchvision class. "": needs no files
