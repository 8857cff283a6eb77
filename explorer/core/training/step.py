"""One training step, and sums of the losses over steps."""

from dataclasses import dataclass

import torch
from torch import Tensor

from explorer.core.config import TrainConfig
from explorer.core.training.report import Losses
from explorer.core.training.state import State
from explorer.core.vae import objective


@dataclass(frozen=True)
class Sums:
    """Sums over n images. They stay on the device, so that only reading them waits for it."""

    n: int
    recon_loss: Tensor  # ()
    kl_per_dim: Tensor  # (D,)

    @classmethod
    def zeros(cls, state: State) -> "Sums":
        """Zero sums."""
        latent_dim = state.model_config.latent_dim
        return cls(0, torch.zeros((), device=state.device), torch.zeros(latent_dim, device=state.device))

    @classmethod
    def of(cls, terms: objective.Terms) -> "Sums":
        """The sums over the images of one batch."""
        return cls(len(terms.recon_loss), terms.recon_loss.detach().sum(), terms.kl_per_dim.detach().sum(0))

    def __add__(self, other: "Sums") -> "Sums":
        return Sums(self.n + other.n, self.recon_loss + other.recon_loss, self.kl_per_dim + other.kl_per_dim)

    def losses(self) -> Losses:
        """The means over the images."""
        return Losses(self.recon_loss.item() / self.n, tuple((self.kl_per_dim / self.n).tolist()))


class Meter:
    """The sums over the batches from now on, and the images per second."""

    def __init__(self, state: State):
        self._stopwatch, self._began = state.stopwatch, state.stopwatch.seconds
        self.sums = Sums.zeros(state)

    @property
    def images_per_second(self) -> float:
        """Images per second since the meter was created."""
        return self.sums.n / max(self._stopwatch.seconds - self._began, 1e-9)


def set_lr(state: State, lr: float) -> None:
    """The learning rate of the next step."""
    for group in state.optimizer.param_groups:
        group["lr"] = lr


def loss_weights(config: TrainConfig) -> dict[str, float]:
    """The weights in the loss that do not change while a run trains, as arguments of `Terms.loss`."""
    return {name: getattr(config, name) for name in ("recon_weight", "kl_variance_weight", "kl_mean_weight")}


def train_step(state: State, x: Tensor, eps: torch.Generator) -> Sums:
    """One step of the optimizer on the images x (N, C, H, W)."""
    state.optimizer.zero_grad(set_to_none=True)
    with torch.autocast(state.device.type, torch.bfloat16, enabled=state.precision == "bf16"):
        terms = objective.terms(state.model, x, eps)
    terms.loss(state.live.beta, **loss_weights(state.config)).backward()
    state.optimizer.step()
    return Sums.of(terms)
