"""The networks of the variational autoencoder (Kingma & Welling 2013), fully connected or convolutional.

x (N, C, H, W) float32 in [0, 1] -> encode -> mu, logvar (N, D) -> reparameterize -> z (N, D) -> decode -> recon_x
"""

import math

import torch
from torch import Tensor, nn

from explorer.core.config import ModelConfig
from explorer.core.vae import likelihood

LOGVAR_LIMIT = 15.0  # limits sigma to 5e-4 ... 1,800; exp(15) is finite in float32 and bfloat16
LOG_SCALE_LIMIT = 6.0  # the sigma of gaussian-learned is at least exp(-6), less than one grey level


def reparameterize(mu: Tensor, logvar: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """z = mu + sigma * eps with eps ~ N(0, I), (N, D) (Kingma & Welling 2013, section 2.4)."""
    eps = torch.randn(mu.shape, generator=generator, device=mu.device, dtype=mu.dtype)
    return mu + torch.exp(0.5 * logvar) * eps


class VAE(nn.Module):
    """Encoder and decoder for one ModelConfig. No layer is random: train and eval mode give the same results."""

    def __init__(self, config: ModelConfig):
        super().__init__()
        self.config = config
        build = _conv if config.arch == "conv" else _mlp
        self.encoder, self.decoder = build(config)
        # log sigma of gaussian-learned; a constant 0 for other likelihoods, so that all bundles hold the same tensors
        self.log_scale = nn.Parameter(torch.zeros(()), requires_grad=config.likelihood == "gaussian-learned")
        self.to(memory_format=torch.channels_last)  # halves the time a convolutional model takes to decode 528 frames on a CPU

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """x (N, C, H, W) -> mu, logvar of q(z|x), (N, D) each; logvar within +-LOGVAR_LIMIT."""
        mu, logvar = self.encoder(x).float().chunk(2, dim=1)
        return mu, logvar.clamp(-LOGVAR_LIMIT, LOGVAR_LIMIT)

    def decode_logits(self, z: Tensor) -> Tensor:
        """z (N, D) -> logits (N, C, H, W), the natural parameter of p(x|z)."""
        return self.decoder(z).float()

    def decode(self, z: Tensor) -> Tensor:
        """z (N, D) -> E[x|z] (N, C, H, W) in [0, 1]."""
        return likelihood.mean(self.config.likelihood, self.decode_logits(z))

    def recon_loss(self, z: Tensor, x: Tensor) -> Tensor:
        """-log p(x|z) in nats per image, (N,): summed over pixels and channels."""
        log_scale = self.clamped_log_scale
        return -likelihood.log_prob(self.config.likelihood, self.decode_logits(z), x, log_scale).flatten(1).sum(1)

    @property
    def clamped_log_scale(self) -> Tensor:
        """log sigma of gaussian-learned, a scalar, at least -LOG_SCALE_LIMIT."""
        return self.log_scale.clamp(min=-LOG_SCALE_LIMIT)


def _mlp(config: ModelConfig) -> tuple[nn.Module, nn.Module]:
    down = (config.n_pixels, *config.widths)
    up = (config.latent_dim, *reversed(config.widths))
    encoder = [nn.Flatten()]
    for n_in, n_out in zip(down, down[1:]):
        encoder += [nn.Linear(n_in, n_out), nn.SiLU()]
    decoder = []
    for n_in, n_out in zip(up, up[1:]):
        decoder += [nn.Linear(n_in, n_out), nn.SiLU()]
    encoder += [nn.Linear(down[-1], 2 * config.latent_dim)]
    decoder += [nn.Linear(up[-1], config.n_pixels), nn.Unflatten(1, config.image_shape)]
    return nn.Sequential(*encoder), nn.Sequential(*decoder)


def _conv(config: ModelConfig) -> tuple[nn.Module, nn.Module]:
    """Stride-2 convolutions in the encoder, sub-pixel convolutions (Shi et al. 2016, section 2.2) in the decoder."""
    channels, height, width = config.image_shape
    down = (channels, *config.widths)
    n_halvings = len(config.widths)
    bottom_in = (down[-1], height >> n_halvings, width >> n_halvings)
    bottom_out = (
        down[-1],
        -(-height >> n_halvings),
        -(-width >> n_halvings),
    )  # rounded up; _Crop removes the surplus of odd sizes
    encoder, decoder = [], []
    for n_in, n_out in zip(down, down[1:]):
        encoder += [nn.Conv2d(n_in, n_out, 4, stride=2, padding=1), nn.SiLU()]
        decoder = [nn.SiLU(), nn.Conv2d(n_out, 4 * n_in, 3, padding=1), nn.PixelShuffle(2), *decoder]
    encoder += [nn.Flatten(), nn.Linear(math.prod(bottom_in), config.hidden), nn.SiLU()]
    encoder += [nn.Linear(config.hidden, 2 * config.latent_dim)]
    head = [nn.Linear(config.latent_dim, config.hidden), nn.SiLU(), nn.Linear(config.hidden, math.prod(bottom_out))]
    return nn.Sequential(*encoder), nn.Sequential(*head, nn.Unflatten(1, bottom_out), *decoder, _Crop(height, width))


class _Crop(nn.Module):
    def __init__(self, height: int, width: int):
        super().__init__()
        self.height, self.width = height, width

    def forward(self, x: Tensor) -> Tensor:
        return x[..., : self.height, : self.width]
