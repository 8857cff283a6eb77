"""The result of `Engine.evaluate`: posterior, reconstruction and ELBO of one image, its ranks in the gallery, a verdict."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

# Two-sided 5 % test on the -ELBO: of the test images themselves, 2.5 % are called unusually simple and 2.5 % unusually hard.
SIMPLE_PERCENTILE, HARD_PERCENTILE = 2.5, 97.5
# 1 % of the test images themselves are called far from the data.
FAR_PERCENTILE = 99

Verdict = Literal["typical", "unusually simple", "unusually hard", "far from the data"]


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
    isolation: float  # `LatentMap.isolation` of mu, 0 to 100; NaN while there is no gallery

    @property
    def verdict(self) -> Verdict | None:
        """How the image compares with the gallery; None if neither its place nor its likelihood tells.

        "far from the data": mu lies farther from the gallery's means than FAR_PERCENTILE % of these from each other. Else by
        the -ELBO: "unusually hard" above HARD_PERCENTILE % of the gallery, "unusually simple" below all but
        SIMPLE_PERCENTILE %, else "typical". Support itself has no fixed threshold, because it falls with the number of
        dimensions: with 16 it is below 0.05 for most training images.

        "typical" means that the model cannot tell the image from the data, not that it is such data: deep generative models
        may give a smooth image of another kind a high likelihood (Nalisnick et al. 2019).
        """
        if self.isolation > FAR_PERCENTILE:
            return "far from the data"
        if self.percentile is None:
            return None
        loss_percentile = 100 - self.percentile
        if loss_percentile > HARD_PERCENTILE:
            return "unusually hard"
        return "unusually simple" if loss_percentile < SIMPLE_PERCENTILE else "typical"
