"""Autoencoder, VAE and beta-VAE in numbers: KL per dimension, active units, holes, and collapse in its two senses.

The three differ in the weight of the KL alone (Higgins et al. 2017, eq. 4): beta = 0 is an autoencoder with noise that it may
switch off, beta = 1 the VAE.

- Collapse of the variance (beta = 0): without the KL, the encoder makes its noise vanish beside the distances between the
  means, and q(z|x) becomes a point.
- Collapse of the posterior (beta too large): q(z_d|x) is the prior for every x, and z_d says nothing about the image (Bowman
  et al. 2016; Lucas et al. 2019).
"""

from dataclasses import dataclass

import numpy as np

from explorer.core.engine.latent_map import DEAD_KL
from explorer.core.latent.landmarks import Landmarks
from explorer.core.theory.prior import Holes, find_holes
from explorer.core.vae.encoding import Encoding

POINT_WIDTH = 0.02  # sigma over the spread of the means; below it a bubble on a map of 400 px is smaller than 3 px


@dataclass(frozen=True, eq=False)
class LatentSummary:
    """What a model does with its latent space, measured on the test images. In nats per image."""

    recon_loss: float
    kl_per_dim: np.ndarray  # (D,) float64, means over the images
    active_units: int  # dimensions in which the mean varies with the image (Burda et al. 2015, section 2.4)
    relative_width: np.ndarray  # (D,) float64: root mean square sigma over the standard deviation of mu
    holes: Holes  # of the prior

    @property
    def kl(self) -> float:
        """KL(q(z|x) || p(z))."""
        return float(self.kl_per_dim.sum())

    @property
    def elbo(self) -> float:
        """The lower bound on log p(x), for every beta."""
        return -(self.recon_loss + self.kl)

    @property
    def n_point_dims(self) -> int:
        """Collapse of the variance: dimensions in which the posteriors are points."""
        return int((self.relative_width < POINT_WIDTH).sum())

    @property
    def n_prior_dims(self) -> int:
        """Collapse of the posterior: dimensions in which the posteriors are the prior (mean KL below DEAD_KL)."""
        return int((self.kl_per_dim < DEAD_KL).sum())


def summarize(encoding: Encoding, seed: int = 0, n_draws: int = 2000) -> LatentSummary:
    """The summary of encoded test images; holes are measured with n_draws draws from the prior."""
    mu, sigma2 = encoding.mu.astype(np.float64), np.exp(encoding.logvar.astype(np.float64))
    spread = np.maximum(mu.std(0), 1e-30)  # 0 if the dimension is the same for all images
    landmarks = Landmarks(encoding.mu, encoding.logvar)
    return LatentSummary(
        float(encoding.recon_loss.mean(dtype=np.float64)),
        encoding.kl_per_dim.mean(0),
        encoding.active_units,
        np.sqrt(sigma2.mean(0)) / spread,
        find_holes(landmarks.query, encoding.mu.shape[1], n_draws, seed),
    )
