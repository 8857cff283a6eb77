"""The length of a run in batches and seconds (`Schedule`, `Stopwatch`), and the one-cycle learning rate."""

import math
import time
from dataclasses import dataclass

from explorer.core.config import TrainConfig


@dataclass
class Schedule:
    """The number of batches of a run: as many as its epochs have, unless a time budget has planned another number."""

    epochs: int
    batch_size: int
    planned: int | None = None
    budget_s: float = 0.0  # seconds of training; 0: the run has no time budget
    used_s: float = 0.0  # seconds of the budget that were used before the current batch

    @classmethod
    def of(cls, config: TrainConfig, planned: int | None = None) -> "Schedule":
        """The schedule of a run with these settings."""
        return cls(config.epochs, config.batch_size, planned)

    def steps_per_epoch(self, n_images: int) -> int:
        """Batches of one pass over `n_images`."""
        return math.ceil(n_images / self.batch_size)

    def n_steps(self, n_images: int) -> int:
        """Batches of the whole run on `n_images`."""
        return self.planned or self.epochs * self.steps_per_epoch(n_images)

    def progress(self, step: int, n_images: int) -> float:
        """Where the run is at this batch, in [0, 1]: by time if it has a budget, else by batches; 1 at the last batch.

        The planned number of batches of a budget follows the speed of the machine, so it would make the learning rate jump.
        """
        last = self.n_steps(n_images) - 1
        if self.budget_s and step < last:
            return min(1.0, self.used_s / self.budget_s)
        return min(1.0, step / max(1, last))


class Stopwatch:
    """The seconds that a run has trained; they do not count while it is paused. A new stopwatch is paused."""

    def __init__(self, seconds: float = 0.0):
        self._before, self._since = seconds, None

    @property
    def seconds(self) -> float:
        """Seconds so far."""
        return self._before + (0.0 if self._since is None else time.perf_counter() - self._since)

    def resume(self) -> None:
        """Start counting."""
        if self._since is None:
            self._since = time.perf_counter()

    def pause(self) -> None:
        """Stop counting."""
        self._before, self._since = self.seconds, None


def one_cycle(progress: float, warmup: float) -> float:
    """Share of the peak learning rate at `progress` in [0, 1]: up from 1/25 and down to 1/10^4 of that, both on a cosine.

    Smith & Topin 2018. A function of progress alone, so a resumed run needs no saved scheduler state.
    """
    low, end = 1 / 25, 1 / 25e4
    if progress < warmup:
        return low + (1 - low) * (1 - math.cos(math.pi * progress / warmup)) / 2
    rest = (progress - warmup) / (1 - warmup) if warmup < 1 else 1.0
    return end + (1 - end) * (1 + math.cos(math.pi * rest)) / 2
