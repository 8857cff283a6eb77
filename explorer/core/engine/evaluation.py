"""The result of `Engine.evaluate`: posterior, reconstruction and ELBO of one image, and its rank in the gallery."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class ImageEvaluation:
    """`recon_loss`, `elbo` and `percentile` are None for a model whose likelihood is not known."""

    mu: np.ndarray  # (D,) float32 of q(z|x)
    logvar: np.ndarray  # (D,) float32
    recon: np.ndarray  # (C, H, W) uint8, E[x|z = mu]
    error: np.ndarray  # (C, H, W) uint8, |x - recon|
    recon_loss: float | None  # nats, mean over several draws of z
    kl: float  # nats
    elbo: float | None  # nats
    percentile: float | None  # share of the gallery with a lower ELBO, 0 to 100
    xy: np.ndarray  # (2,) float32 on the map; NaN while there is none
    support: float  # of mu, in (0, 1]; NaN while there is no gallery
