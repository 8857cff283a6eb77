"""The result of `Engine.evaluate`: posterior, reconstruction and ELBO of one image, its ranks in the gallery, a verdict."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

# Two-sided 5 % test on the -ELBO: of the test images themselves, 2.5 % are called unusually simple and 2.5 % unusually hard.
SIMPLE_PERCENTILE, HARD_PERCENTILE = 2.5, 97.5
# 1 % of the test images themselves are called far from the data, and 1 % at most blurred.
FAR_PERCENTILE, BLURRED_PERCENTILE = 99, 1
EDGE_QUANTILE = 0.99

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
    sharpness: float  # share of the gallery's reconstructions with weaker edges, 0 to 100; NaN while there is no gallery

    @property
    def is_blurred(self) -> bool:
        """Whether the strongest edges are weaker than those of nearly all reconstructions, which are themselves soft."""
        return self.sharpness < BLURRED_PERCENTILE  # false for NaN

    @property
    def verdict(self) -> Verdict | None:
        """How the image compares with the gallery; None if neither its place, its edges nor its likelihood tells.

        "far from the data": mu lies farther from the gallery's means than FAR_PERCENTILE % of these from each other. Else by
        the -ELBO: "unusually hard" above HARD_PERCENTILE % of the gallery, "unusually simple" below all but
        SIMPLE_PERCENTILE %. An image without a single sharp edge is "unusually simple" too: it may have any -ELBO, because
        smooth images are easy for a model even if they are of another kind (Nalisnick et al. 2019; Serra et al. 2020). Else
        "typical": the model cannot tell the image from the data, which does not prove that it is one.

        Support has no fixed threshold, because it falls with the number of dimensions: with 16 it is below 0.05 for most
        training images.
        """
        if self.isolation > FAR_PERCENTILE:
            return "far from the data"
        if self.percentile is not None and 100 - self.percentile > HARD_PERCENTILE:
            return "unusually hard"
        if self.is_blurred or (self.percentile is not None and 100 - self.percentile < SIMPLE_PERCENTILE):
            return "unusually simple"
        return None if self.percentile is None else "typical"


def edge_strength(images: np.ndarray) -> np.ndarray:
    """(N,) of images (N, C, H, W) uint8: the EDGE_QUANTILE of the differences between neighbouring pixels.

    Of horizontal and vertical neighbours, the larger.
    """
    pixels = images.astype(np.int16)
    parts = [np.abs(np.diff(pixels, axis=axis)).reshape(len(pixels), -1) for axis in (2, 3)]
    return np.max([np.quantile(part, EDGE_QUANTILE, axis=1) for part in parts], 0)
