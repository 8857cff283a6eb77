"""p(x|z) of a model of this program, as numpy arrays: log p(x|z) = a(z) . x + b(z) + c(x)."""

import numpy as np
import torch
from torch import Tensor

from explorer.core.vae import likelihood
from explorer.core.vae.model import VAE

BATCH_VALUES = 800_000  # pixels in one call to the decoder: 3 MB of logits, 1,020 points at 28 x 28 px


class PixelLikelihood:
    """The likelihood of one model. Immutable and thread-safe; log densities are float64, in nats per image.

    `name` is one of config.LIKELIHOODS. `linear_form` depends on z alone: where many images are compared with the same points,
    decode them once and take a matrix product.
    """

    def __init__(self, model: VAE):
        self.name, self.recon_loss, self._model = model.config.likelihood, model.recon_loss, model
        self.latent_dim, self.image_shape = model.config.latent_dim, model.config.image_shape
        self.batch_size = max(1, BATCH_VALUES // model.config.n_pixels)  # latent points decoded at once

    @torch.inference_mode()
    def decoder_output(self, z: np.ndarray) -> tuple[np.ndarray, float]:
        """z (N, D) -> logits (N, C, H, W) float32, and the log sigma of gaussian-learned (0 for the others)."""
        logits = self._model.decode_logits(torch.from_numpy(np.array(z, np.float32)).to(self._log_scale.device))
        return logits.contiguous().cpu().numpy(), float(self._log_scale)

    @torch.inference_mode()
    def linear_form(self, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """z (N, D) -> a (N, C*H*W) float32 and b (N,) float64."""
        parts = [(a.numpy(), b.numpy()) for a, b in self._batches(z)]
        return tuple(np.concatenate(column) for column in zip(*parts))

    @torch.inference_mode()
    def log_prob(self, z: np.ndarray, x: np.ndarray) -> np.ndarray:
        """log p(x|z), (N,), of one image x (C, H, W) in [0, 1] at many z (N, D)."""
        pixels = torch.from_numpy(np.array(x, float).reshape(-1))
        parts = [a.double() @ pixels + b for a, b in self._batches(z)]
        return torch.cat(parts).numpy() + self.log_base(x)

    @torch.inference_mode()
    def log_base(self, x: np.ndarray) -> float:
        """c(x), for one image x (C, H, W) in [0, 1]."""
        return float(likelihood.log_base(self.name, torch.from_numpy(np.array(x, float)), self._log_scale.cpu()).sum())

    @property
    def _log_scale(self) -> Tensor:
        return self._model.clamped_log_scale.detach()

    def _batches(self, z: np.ndarray):
        device = self._log_scale.device
        for part in torch.from_numpy(np.array(z, np.float32)).split(self.batch_size):
            logits = self._model.decode_logits(part.to(device))
            a, b = (t.flatten(1).cpu() for t in likelihood.linear_form(self.name, logits, self._log_scale))
            yield a, b.double().sum(1)
