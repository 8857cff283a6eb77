"""Encodes a whole split: means, log variances and the terms of each image's ELBO; and the IWAE estimate of log p(x)."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch

from explorer.core.vae import objective
from explorer.core.vae.model import VAE

ACTIVE_VARIANCE = 0.01  # a dimension is active where the variance of its mean exceeds this (Burda et al. 2015, 2.4)


@dataclass(frozen=True)
class Encoding:
    """N encoded images: mu, logvar (N, D) float32; recon_loss (N,) float32 in nats, from one sample of z each."""

    mu: np.ndarray
    logvar: np.ndarray
    recon_loss: np.ndarray

    @cached_property
    def kl_per_dim(self) -> np.ndarray:
        """KL of each image and dimension, (N, D) float64 in nats."""
        return objective.kl_per_dim(torch.from_numpy(self.mu).double(), torch.from_numpy(self.logvar).double()).numpy()

    @property
    def elbo(self) -> np.ndarray:
        """(N,) float64 in nats."""
        return -(self.recon_loss.astype(np.float64) + self.kl_per_dim.sum(1))

    @property
    def active_units(self) -> int:
        """The number of dimensions in which mu has a variance over the images above 0.01 (Burda et al. 2015)."""
        return int((self.mu.var(0) > ACTIVE_VARIANCE).sum())


def as_tensor(images: np.ndarray) -> torch.Tensor:
    """A tensor that shares the array's memory; an array that is read-only or not C-contiguous is copied."""
    return torch.from_numpy(np.require(images, requirements=["C", "W"]))


def to_float(images: torch.Tensor, device: torch.device) -> torch.Tensor:
    """uint8 (N, C, H, W) -> float32 in [0, 1] on the device; copies bytes to the device and converts there."""
    return images.to(device, non_blocking=True).float().div_(255)


@torch.inference_mode()
def encode_images(model: VAE, images: np.ndarray, seed: int, batch_size: int = 1000) -> Encoding:
    """Encodes uint8 images (N, C, H, W) with one sample of z per image. eps is drawn from the seed on the CPU."""
    device = next(model.parameters()).device
    images = as_tensor(images)
    generator = torch.Generator().manual_seed(seed)
    parts = []
    for start in range(0, len(images), batch_size):
        x = to_float(images[start : start + batch_size], device)
        mu, logvar = model.encode(x)
        eps = torch.randn(mu.shape, generator=generator).to(device)
        recon_loss = model.recon_loss(mu + torch.exp(0.5 * logvar) * eps, x)
        parts.append([part.cpu() for part in (mu, logvar, recon_loss)])
    return Encoding(*(torch.cat(column).numpy() for column in zip(*parts)))


@torch.inference_mode()
def iwae_estimate(model: VAE, images: np.ndarray, k: int = 100, n: int = 500, seed: int = 0) -> float:
    """The importance-weighted bound with K = k samples (Burda et al. 2015), in nats, averaged over n random images.

    Random, because the first 500 test images of MNIST are 2 nats easier than the whole test set.
    """
    device = next(model.parameters()).device
    chosen = np.random.default_rng(seed).choice(len(images), min(n, len(images)), replace=False)
    generator = torch.Generator(device).manual_seed(seed)
    total = 0.0
    for start in range(0, len(chosen), 50):
        x = to_float(torch.from_numpy(images[chosen[start : start + 50]]), device)
        total += objective.iwae(model, x, k, generator).cpu().double().sum().item()
    return total / len(chosen)
