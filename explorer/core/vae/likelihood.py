"""The likelihoods p(x|z): log probability and mean, as functions of the decoder's output.

Every function takes the name of a likelihood from config.LIKELIHOODS and `logits` (N, C, H, W), any real numbers:

- bernoulli             p = sigmoid(logits). On grey levels the cross-entropy is a loss, not a likelihood.
- gaussian              mean = sigmoid(logits), variance 1: squared error up to a constant (Kingma & Welling 2013, C.2).
- gaussian-learned      the same with one learned variance for all pixels (sigma-VAE: Rybkin et al. 2021, eq. 5).
- continuous-bernoulli  lambda = sigmoid(logits), a density on [0, 1] (Loaiza-Ganem & Cunningham 2019, eq. 2-8).
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

LOG_2PI = math.log(2 * math.pi)
SERIES_LIMIT = 0.05  # |logit| below which the continuous Bernoulli's closed forms lose precision and a series is used


def log_prob(name: str, logits: Tensor, x: Tensor, log_scale: Tensor | float = 0.0) -> Tensor:
    """log p(x|z) in nats per pixel, shaped like x. `log_scale` is log sigma, used by gaussian-learned only."""
    if name == "bernoulli":
        return -F.binary_cross_entropy_with_logits(logits, x, reduction="none")
    if name == "continuous-bernoulli":
        return -F.binary_cross_entropy_with_logits(logits, x, reduction="none") + _log_norm(logits)
    squared = (x - torch.sigmoid(logits)) ** 2
    if name == "gaussian":
        return -0.5 * (squared + LOG_2PI)
    log_scale = torch.as_tensor(log_scale, dtype=x.dtype, device=x.device)
    return -0.5 * (squared * torch.exp(-2 * log_scale) + LOG_2PI) - log_scale


def mean(name: str, logits: Tensor) -> Tensor:
    """E[x|z] in [0, 1], shaped like logits: the probability, the Gaussian's mean, or the continuous Bernoulli's mean."""
    if name != "continuous-bernoulli":
        return torch.sigmoid(logits)
    near = logits.abs() < SERIES_LIMIT
    safe = torch.where(near, 1.0, logits)
    far = torch.sigmoid(safe) / torch.tanh(safe / 2) - 1 / safe
    return torch.where(near, 0.5 + logits / 12 - logits**3 / 720, far).clamp(0, 1)


def _log_norm(logits: Tensor) -> Tensor:
    """log C(lambda) in nats. With lambda = sigmoid(l), C = 2 atanh(1 - 2 lambda) / (1 - 2 lambda) = l / tanh(l / 2)."""
    near = logits.abs() < SERIES_LIMIT
    safe = torch.where(near, 1.0, logits)
    return torch.where(near, math.log(2) + logits**2 / 12, torch.log(safe / torch.tanh(safe / 2)))


def linear_form(name: str, logits: Tensor, log_scale: Tensor | float = 0.0) -> tuple[Tensor, Tensor]:
    """a (N, C, H, W) and b (N, C, H, W) with log p(x|z) = a x + b + log_base(x) in nats per pixel.

    Every likelihood here is an exponential family in x: Bernoulli densities with natural parameter a = logits, Gaussians with
    a = mean / variance.
    """
    if name in ("bernoulli", "continuous-bernoulli"):
        b = -F.softplus(logits)
        return logits, b + _log_norm(logits) if name == "continuous-bernoulli" else b
    mean, precision = torch.sigmoid(logits), _precision(name, log_scale, logits)
    return mean * precision, -0.5 * precision * mean**2


def log_base(name: str, x: Tensor, log_scale: Tensor | float = 0.0) -> Tensor:
    """The part of log p(x|z) that does not depend on z, in nats per pixel, shaped like x (see `linear_form`)."""
    if name in ("bernoulli", "continuous-bernoulli"):
        return torch.zeros_like(x)
    precision = _precision(name, log_scale, x)
    return -0.5 * (precision * x**2 + LOG_2PI - torch.log(precision))


def _precision(name: str, log_scale: Tensor | float, like: Tensor) -> Tensor:
    """1 / sigma^2 of the Gaussians: 1, or learned."""
    log_scale = torch.as_tensor(log_scale if name == "gaussian-learned" else 0.0, dtype=like.dtype, device=like.device)
    return torch.exp(-2 * log_scale)
