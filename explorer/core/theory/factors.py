"""First fix the factors, then draw: ancestral sampling of p(x, z) = p(z) p(x|z), and what can be read off the images.

A trait (see `core.engine.traits`) is a measured attribute of an image or a factor of the data set. An attribute is measured on
the decoded image; a factor cannot be, so that of the gallery image whose encoder mean is nearest to z stands for it.
"""

from dataclasses import dataclass

import numpy as np

from explorer.core.data import attributes
from explorer.core.engine.engine import Engine
from explorer.core.engine.traits import ATTRIBUTE, Trait
from explorer.core.errors import ConfigError
from explorer.core.latent import navigation

HALF_SPAN = 3.0  # of a film along a direction, in standard deviations of the prior


@dataclass(frozen=True)
class Draws:
    """n latent points z (n, D) float32, their decoded images uint8 (n, C, H, W), and the traits (n, T) read off them."""

    z: np.ndarray
    frames: np.ndarray
    traits: np.ndarray


def ancestral_draws(engine: Engine, n: int, seed: int) -> Draws:
    """n draws of z from the prior N(0, I), each decoded to the mean of p(x|z) (Kingma & Welling 2013, section 2.1)."""
    return _draws(engine, navigation.prior_draws(n, engine.latent_dim, seed))


def along_trait(engine: Engine, z: np.ndarray, trait: Trait, n: int) -> Draws:
    """n points on the line through z (D,) in the direction in which the trait rises, from -HALF_SPAN to HALF_SPAN around z."""
    steps = np.linspace(-HALF_SPAN, HALF_SPAN, n, dtype=np.float32)
    return _draws(engine, z + steps[:, None] * trait.direction)


def correlations(engine: Engine) -> np.ndarray:
    """|Spearman's rank correlation| of each dimension of the encoder means with each trait, (D, T)."""
    return np.abs(np.stack([trait.rank_correlation for trait in engine.traits.values()], 1))


def check_traits(engine: Engine) -> None:
    """Raises ConfigError, with one sentence for the visitor, for a model whose images have no traits."""
    if not engine.traits:
        raise ConfigError(f"The images of '{engine.name}' have neither factors nor measured attributes.", "Choose mnist.")


def _draws(engine: Engine, z: np.ndarray) -> Draws:
    frames = engine.film(z).frames
    columns = []
    measured = attributes.measure(frames)
    nearest = engine.nearest_row(z)
    for trait in engine.traits.values():
        is_measured = trait.kind == ATTRIBUTE
        columns.append(measured[:, attributes.NAMES.index(trait.name)] if is_measured else trait.values[nearest])
    return Draws(z, frames, np.stack(columns, 1).astype(np.float32))
