"""Reports of a training run: losses, snapshot and progress, as frozen dataclasses."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Losses:
    """Means over images, in nats per image."""

    recon_loss: float
    kl_per_dim: tuple[float, ...]

    @property
    def kl(self) -> float:
        """KL(q(z|x) || p(z)), the sum over dimensions."""
        return sum(self.kl_per_dim)

    @property
    def elbo(self) -> float:
        """The lower bound on log p(x), independent of beta."""
        return -(self.recon_loss + self.kl)

    def as_dict(self, kl_digits: int | None = None) -> dict:
        """Plain JSON values; kl_per_dim is rounded to `kl_digits`."""
        kl_per_dim = [kl if kl_digits is None else round(kl, kl_digits) for kl in self.kl_per_dim]
        return {"elbo": self.elbo, "recon_loss": self.recon_loss, "kl": self.kl, "kl_per_dim": kl_per_dim}


@dataclass(frozen=True)
class Snapshot:
    """The model after an epoch, shown by the same images and the same prior draws at every epoch."""

    means: np.ndarray  # (M, D) float32, of the first loop.N_MEANS test images
    logvars: np.ndarray  # (M, D) float32, of the same images
    originals: np.ndarray  # (S, C, H, W) uint8, the first loop.N_SHOWN test images
    reconstructions: np.ndarray  # (S, C, H, W) uint8, decoded from their means
    samples: np.ndarray  # (N_SHOWN, C, H, W) uint8, decoded from fixed draws of the prior


@dataclass(frozen=True)
class Report:
    """State of a run. A light report (every loop.REPORT_STEPS batches) has no test losses and no snapshot."""

    epoch: int  # finished epochs; 0 also during the first epoch
    step: int  # optimizer steps taken
    seconds: float  # of training and evaluation, without pauses
    images_per_second: float
    lr: float  # of the last step; in the untrained model's report, of the first
    beta: float
    train: Losses | None  # full report: over the epoch; light: since the last report; None before training
    test: Losses | None = None
    active_units: int | None = None
    snapshot: Snapshot | None = None

    @property
    def is_epoch(self) -> bool:
        """Whether this is a full report, at an epoch's end."""
        return self.test is not None

    def as_dict(self, kl_digits: int | None = None) -> dict:
        """Plain JSON values, without the snapshot; kl_per_dim is rounded to `kl_digits`."""
        return {
            "epoch": self.epoch,
            "step": self.step,
            "seconds": round(self.seconds, 3),
            "images_per_second": round(self.images_per_second, 1),
            "lr": self.lr,
            "beta": self.beta,
            "train": self.train and self.train.as_dict(kl_digits),
            "test": self.test and self.test.as_dict(kl_digits),
            "active_units": self.active_units,
        }
