"""The gallery's images at full size: from its thumbnails, its factors, or the data set."""

import threading

import numpy as np

from explorer.core.bundles.format import Gallery, Origin
from explorer.core.data import catalog, sprites
from explorer.core.errors import ExplorerError


class GalleryImages:
    """Gallery rows -> images, or None where they are not on this machine. Loads a data set at the first call that needs it."""

    def __init__(self, origin: Origin, gallery: Gallery, image_shape: tuple[int, int, int]):
        self._origin, self._gallery, self._shape = origin, gallery, tuple(image_shape)
        self._lock, self._loaded, self._absent = threading.Lock(), None, False

    def __call__(self, rows: np.ndarray) -> np.ndarray | None:
        gallery = self._gallery
        if gallery.thumbs is not None and gallery.thumbs.shape[1:] == self._shape:
            return gallery.thumbs[rows]
        if gallery.factors is not None and self._origin.dataset == "sprites":
            return sprites.draw_sprites(gallery.factors[rows])
        with self._lock:
            if self._loaded is None and not self._absent:
                self._load()
        return None if self._loaded is None else self._loaded[gallery.index[rows]]

    def _load(self) -> None:
        origin, gallery = self._origin, self._gallery
        size = self._shape[1] if catalog.is_folder(origin.dataset) else None
        try:
            found = catalog.load(origin.dataset, origin.split, size=size, download=False)
        except ExplorerError:
            found = None
        fits = found is not None and found.images.shape[1:] == self._shape and len(found) > gallery.index.max()
        if fits and np.array_equal(found.labels[gallery.index], gallery.labels):  # else the data set has changed
            self._loaded = found.images
        self._absent = self._loaded is None
