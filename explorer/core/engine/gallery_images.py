"""Loads the gallery's images at full size, from its thumbnails, its factors or the data set."""

import threading

import numpy as np

from explorer.core.bundles.format import Gallery, Origin
from explorer.core.data import catalog, sprites, torchvision_sets
from explorer.core.errors import ExplorerError


class GalleryImages:
    """Callable: gallery rows (n,) -> images uint8 (n, C, H, W), or None if the data set is not on this machine.

    The data set is loaded by the first call that needs it and finds it; if that fails, again when its files have changed.
    """

    def __init__(self, origin: Origin, gallery: Gallery, image_shape: tuple[int, int, int]):
        self._origin, self._gallery, self._shape = origin, gallery, tuple(image_shape)
        self._lock, self._images, self._tried = threading.Lock(), None, None

    def __call__(self, rows: np.ndarray) -> np.ndarray | None:
        gallery = self._gallery
        if gallery.thumbs is not None and gallery.thumbs.shape[1:] == self._shape:
            return gallery.thumbs[rows]
        if gallery.factors is not None and self._origin.dataset == "sprites":
            return sprites.draw_sprites(gallery.factors[rows])
        with self._lock:
            if self._images is None and (stamp := self._files_stamp()) not in (None, self._tried):
                self._tried = stamp
                self._load()
        return None if self._images is None else self._images[gallery.index[rows]]

    def _files_stamp(self) -> tuple | None:
        """A value that changes with the files of the data set; None if it can be downloaded and is not here."""
        info = catalog.find(self._origin.dataset)
        return torchvision_sets.stamp(info, catalog.data_dir()) if info is not None and info.folder else ()

    def _load(self) -> None:
        origin, gallery = self._origin, self._gallery
        size = self._shape[1] if catalog.is_folder(origin.dataset) else None
        try:
            dataset = catalog.load(origin.dataset, origin.split, size=size, download=False)
        except ExplorerError:
            dataset = None
        matches = dataset is not None and dataset.images.shape[1:] == self._shape and len(dataset) > gallery.index.max()
        if matches and np.array_equal(dataset.labels[gallery.index], gallery.labels):  # otherwise the data set has changed
            self._images = dataset.images
