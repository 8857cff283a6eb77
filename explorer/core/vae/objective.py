"""The evidence lower bound and its parts, in nats per image. Knows the model's interface; knows no data set.

One reduction everywhere: sum over pixels, channels and dimensions, then the mean over images. A mean over many batches
is the sum over images divided by their number, never a mean of batch means. Cross-entropy on grey levels (bernoulli) is a
loss and no likelihood: the targets alone give 45.5 nats on MNIST, which no model can undercut.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from explorer.core.vae.likelihood import LOG_2PI
from explorer.core.vae.model import VAE, reparameterize


@dataclass(frozen=True)
class Terms:
    """The parts of the objective for N images: recon_loss (N,), kl_per_dim (N, D), both in nats."""

    recon_loss: Tensor
    kl_per_dim: Tensor

    @property
    def kl(self) -> Tensor:
        """KL(q(z|x) || p(z)), (N,) in nats."""
        return self.kl_per_dim.sum(1)

    @property
    def elbo(self) -> Tensor:
        """The lower bound of log p(x), (N,) in nats: whatever beta the model was trained with (eq. 3)."""
        return -(self.recon_loss + self.kl)

    def loss(self, beta: float = 1.0, recon_weight: float = 1.0) -> Tensor:
        """What is minimised: the mean over images of recon_loss + beta * kl (Higgins et al. 2017, eq. 4).

        Another weight of the reconstruction loss than 1 is for teaching: with 0 the KL is left alone.
        """
        return (recon_weight * self.recon_loss + beta * self.kl).mean()


def kl_per_dim(mu: Tensor, logvar: Tensor) -> Tensor:
    """KL(N(mu, sigma^2) || N(0, 1)) of each dimension, (N, D) in nats (Kingma & Welling 2013, appendix B)."""
    return 0.5 * (mu**2 + logvar.exp() - 1 - logvar)


def terms(model: VAE, x: Tensor, generator: torch.Generator | None = None) -> Terms:
    """One pass with one z per image: the single-sample estimate of the ELBO's parts (eq. 10 with L = 1)."""
    mu, logvar = model.encode(x)
    return Terms(model.recon_loss(reparameterize(mu, logvar, generator), x), kl_per_dim(mu, logvar))


def iwae(model: VAE, x: Tensor, k: int, generator: torch.Generator | None = None, at_once: int = 2000) -> Tensor:
    """log p-hat_K(x), (N,) in nats: the importance-weighted bound with q as proposal (Burda et al. 2015, eq. 8).

    K = 1 is the ELBO with the KL sampled; it rises with K towards log p(x) on average, not for each draw.
    At most `at_once` latent points are decoded together, so memory does not grow with K.
    """
    mu, logvar = model.encode(x)
    chunk = max(1, at_once // len(x))
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
