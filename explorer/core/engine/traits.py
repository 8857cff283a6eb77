"""Traits: what is known of each gallery image as a number, and where it shows in the latent space."""

from dataclasses import dataclass

import numpy as np

from explorer.core.data import attributes
from explorer.core.latent import regression

FACTOR, ATTRIBUTE = "factor", "attribute"
MIN_CORRELATION = 0.5  # |rank correlation| from which a dimension is said to follow a trait


@dataclass(frozen=True, eq=False)
class Trait:
    """A factor of the data set or a measured attribute."""

    name: str
    kind: str  # FACTOR or ATTRIBUTE
    values: np.ndarray  # (N,) float32, of the gallery's images
    direction: np.ndarray  # (D,) float32 unit vector along which it rises; zeros if it is constant
    r2: float  # of its prediction from the encoder mean, by cross-validation
    rank_correlation: np.ndarray  # (D,) float64, Spearman's, with each dimension of the encoder means

    @property
    def key(self) -> str:
        """Distinguishes a factor and an attribute of the same name."""
        return f"{self.kind} {self.name}"

    @property
    def unit(self) -> str:
        """The unit of a measured attribute; "" for other traits."""
        return attributes.UNITS.get(self.name, "") if self.kind == ATTRIBUTE else ""


def traits_of(engine) -> dict[str, Trait]:
    """The traits of an Engine's gallery by `key`, factors first. Waits for the gallery.

    A trait with values that are not finite counts as constant.
    """
    gallery, origin = engine.gallery, engine.origin
    parts = (FACTOR, origin.factor_names, gallery.factors), (ATTRIBUTE, origin.attribute_names, gallery.attributes)
    known = [
        (kind, name, column) for kind, names, columns in parts if columns is not None for name, column in zip(names, columns.T)
    ]
    if not known:
        return {}
    columns = np.stack([column if np.isfinite(column).all() else np.zeros_like(column) for *_, column in known], 1)
    found = regression.relate(gallery.mu, columns)
    rows = zip(known, found.directions, found.r2.tolist(), found.rank_correlation)
    traits = [Trait(name, kind, column, *relation) for (kind, name, column), *relation in rows]
    return {trait.key: trait for trait in traits}


def followed(traits: dict[str, Trait], dim: int) -> tuple[Trait, float] | None:
    """The trait that a dimension follows most, with its |rank correlation|; None if that is below MIN_CORRELATION."""
    best = max(traits.values(), key=lambda trait: abs(trait.rank_correlation[dim]), default=None)
    if best is None or abs(best.rank_correlation[dim]) < MIN_CORRELATION:
        return None
    return best, abs(float(best.rank_correlation[dim]))
