"""The visitor's own image, and an anchor that is it instead of an image of the gallery."""

from dataclasses import dataclass, replace

import numpy as np

from explorer.core.data.preparation import Fit, PreparedImage
from explorer.core.engine.evaluation import ImageEvaluation

OWN = -1  # in place of a gallery row: the own image is A, B or the picked image


@dataclass(frozen=True, eq=False)
class OwnImage:
    """A visitor's own image. It is kept in the tab only: neither in the link nor on disk."""

    data: bytes | None = None  # the picture file; a drawing is a PNG
    error: str = ""  # why it could not be read or prepared
    fit: Fit | None = None  # None: as usual for the data set, see `preparation_for`
    invert: bool | None = None  # None: as usual
    prepared: PreparedImage | None = None  # this and the next: once the model of the session has evaluated it
    evaluation: ImageEvaluation | None = None
    version: int = 0  # increases with every change of the data or the settings

    @property
    def mu(self) -> np.ndarray | None:
        """(D,) float32 of q(z|x), or None while it is not evaluated."""
        return None if self.evaluation is None else self.evaluation.mu

    def changed(self, **changes) -> "OwnImage":
        """With other data or settings, not evaluated yet."""
        return replace(self.not_evaluated(), **changes, version=self.version + 1)

    def not_evaluated(self) -> "OwnImage":
        """For another model."""
        return replace(self, prepared=None, evaluation=None, error="" if self.data is not None else self.error)


def posterior_of(engine, session, anchor: int | None) -> tuple[np.ndarray, np.ndarray] | None:
    """mu and logvar (D,) of a gallery row or of OWN; None for no anchor and for an own image that is not evaluated."""
    if anchor is None:
        return None
    if anchor != OWN:
        return engine.gallery.mu[anchor], engine.gallery.logvar[anchor]
    evaluation = session.own.evaluation
    return None if evaluation is None else (evaluation.mu, evaluation.logvar)


def place_of(engine, session, anchor: int | None) -> list[float] | None:
    """Position [x, y] of an anchor in the session's plane, or None."""
    if anchor is None:
        return None
    if anchor != OWN:
        return engine.map_xy(session.plane)[anchor].tolist()
    return None if session.own.mu is None else engine.place(session.own.mu, session.plane)[0][0].tolist()


def images_of(engine, session, anchors: list[int]) -> np.ndarray:
    """The pictures of anchors, uint8 (n, C, H, W); reconstructions where the gallery's images are not on this machine."""
    rows = [anchor for anchor in anchors if anchor != OWN]
    found = iter(engine.images_or_recons(rows)[0])
    pictures = [session.own.prepared.image[0] if anchor == OWN else next(found) for anchor in anchors]
    return np.stack(pictures) if pictures else np.zeros((0, *engine.image_shape), np.uint8)


def key_of(session, anchor: int | None):
    """What a content that shows an anchor depends on."""
    own = session.own
    return anchor if anchor != OWN else (OWN, own.evaluation.mu.tobytes(), own.prepared.image.tobytes())


def name_of(engine, anchor: int) -> str:
    """A gallery image, with its class if it has one, such as "image 42 (3)"; or "your image"."""
    if anchor == OWN:
        return "your image"
    label, names = int(engine.gallery.labels[anchor]), engine.origin.class_names
    return f"image {anchor}" + (f" ({names[label]})" if 0 <= label < len(names) else "")
