"""The evidence lower bound (ELBO), its terms and the importance-weighted bound, in nats per image.

Terms and bounds are per image, summed over pixels, channels and dimensions; only `Terms.loss` averages over images.
Cross-entropy on grey levels (bernoulli) is a loss, not a likelihood: the entropy of the targets alone is 45.5 nats per image
on MNIST, a lower bound on the loss of every model.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from explorer.core.vae.likelihood import LOG_2PI
from explorer.core.vae.model import VAE, reparameterize


@dataclass(frozen=True)
class Terms:
    """The terms of the objective for N images: recon_loss (N,), kl_per_dim (N, D), both in nats.

    `kl_mean_per_dim` (N, D) is the half mu^2 / 2 of kl_per_dim; only losses that weigh the two halves differently need it.
    """

    recon_loss: Tensor
    kl_per_dim: Tensor
    kl_mean_per_dim: Tensor | None = None

    @property
    def kl(self) -> Tensor:
        """KL(q(z|x) || p(z)), (N,) in nats."""
        return self.kl_per_dim.sum(1)

    @property
    def elbo(self) -> Tensor:
        """The lower bound of log p(x), (N,) in nats (Kingma & Welling 2013, eq. 3), independent of beta."""
        return -(self.recon_loss + self.kl)

    def loss(
        self, beta: float = 1.0, recon_weight: float = 1.0, kl_variance_weight: float = 1.0, kl_mean_weight: float = 1.0
    ) -> Tensor:
        """The training loss: the mean over images of recon_loss + beta * kl (Higgins et al. 2017, eq. 4).

        `recon_weight` multiplies recon_loss; 0 trains the KL alone. `kl_mean_weight` multiplies the half mu^2 / 2 of the KL,
        `kl_variance_weight` the other, (sigma^2 - log sigma^2 - 1) / 2.
        """
        kl = self.kl
        if (kl_variance_weight, kl_mean_weight) != (1, 1):
            mean_half = self.kl_mean_per_dim.sum(1)
            kl = kl_variance_weight * (kl - mean_half) + kl_mean_weight * mean_half
        return (recon_weight * self.recon_loss + beta * kl).mean()


def kl_per_dim(mu: Tensor, logvar: Tensor) -> Tensor:
    """KL(N(mu, sigma^2) || N(0, 1)) of each dimension, (N, D) in nats (Kingma & Welling 2013, appendix B)."""
    return 0.5 * (mu**2 + logvar.exp() - 1 - logvar)


def terms(model: VAE, x: Tensor, generator: torch.Generator | None = None) -> Terms:
    """The single-sample estimate of the ELBO's terms, one z per image (Kingma & Welling 2013, eq. 10 with L = 1)."""
    mu, logvar = model.encode(x)
    return Terms(model.recon_loss(reparameterize(mu, logvar, generator), x), kl_per_dim(mu, logvar), 0.5 * mu**2)


def iwae(model: VAE, x: Tensor, k: int, generator: torch.Generator | None = None, max_points: int = 2000) -> Tensor:
    """The importance-weighted bound with k samples from q, (N,) in nats (Burda et al. 2015, eq. 8).

    With k = 1 it is the ELBO with a sampled KL; its expectation increases with k towards log p(x).
    At most `max_points` latent points are decoded at once (N, if that is more), so memory does not grow with k.
    """
    mu, logvar = model.encode(x)
    chunk = max(1, max_points // len(x))
    log_weights = []
    for start in range(0, k, chunk):
        n = min(chunk, k - start)
        many_mu, many_logvar = mu.repeat(n, 1), logvar.repeat(n, 1)
        z = reparameterize(many_mu, many_logvar, generator)
        log_p_x = -model.recon_loss(z, x.repeat(n, 1, 1, 1))
        log_p_z = -0.5 * (z**2 + LOG_2PI).sum(1)
        log_q_z = -0.5 * ((z - many_mu) ** 2 * torch.exp(-many_logvar) + many_logvar + LOG_2PI).sum(1)
        log_weights.append((log_p_x + log_p_z - log_q_z).view(n, len(x)))
    return torch.logsumexp(torch.cat(log_weights), 0) - math.log(k)
