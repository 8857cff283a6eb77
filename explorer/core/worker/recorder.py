"""What a run writes down: reports as events, pictures of its epochs, the state it can be resumed from.

No oftener than a page can show; a run of any length keeps at most MAX_EPOCHS epochs' pictures.
"""

import math
import time
from pathlib import Path

import numpy as np
import psutil

from explorer.core.runs import snapshots
from explorer.core.runs.event_log import EventWriter
from explorer.core.runs.folder import RunSpec
from explorer.core.training.loop import Report
from explorer.core.training.state import State
from explorer.core.training.state_file import save_state

EVENT_S = 0.1  # between two light reports in the events
EPOCH_S = 0.4  # between two epochs' pictures that are not kept
STATE_S = 1.0  # between two saves of the resumable state


class RunRecorder:
    """Reports -> events, pictures and the resumable state, no oftener than the page can show."""

    def __init__(self, folder: Path, order: RunSpec, state: State, events: EventWriter, n_epochs: int):
        self.folder, self.order, self.state, self.events = folder, order, state, events
        self.last_event = self.last_epoch = self.last_state = -math.inf
        self.on_trial: int | None = None  # an epoch whose pictures are there only until the next
        self.unsaved = None
        self.process = psutil.Process()
        self._take_back(n_epochs)

    def _take_back(self, n_epochs: int) -> None:
        """Epochs that are trained again, and those on trial in a process that was killed, lose their pictures."""
        kept = snapshots.kept_epochs(n_epochs)
        for epoch in snapshots.saved_epochs(self.folder):
            if epoch > self.state.epoch or (epoch not in kept and epoch != self.state.epoch):
                snapshots.remove_epoch(self.folder, epoch)
            elif epoch not in kept:
                self.on_trial = epoch

    def write(self, report: Report, n_steps: int, steps_per_epoch: int) -> None:
        """Takes down a report, or passes it over where the last one is too near. Raises BundleError on a full disk."""
        now = time.monotonic()
        if report.is_epoch or now - self.last_event > EVENT_S:
            self.last_event = now
            memory = {"memory": self.process.memory_info().rss} if report.is_epoch else {}
            self.events.write("epoch" if report.is_epoch else "batch", n_steps=n_steps, **_plain(report), **memory)
        if report.is_epoch:
            self._pictures(report, math.ceil(n_steps / steps_per_epoch), now)
            if now - self.last_state > STATE_S:
                self.save()

    def _pictures(self, report, n_epochs: int, now: float) -> None:
        is_kept = report.epoch in snapshots.kept_epochs(n_epochs)
        if not is_kept and now - self.last_epoch < EPOCH_S:
            self.unsaved = report
            return
        self.last_epoch, self.unsaved = now, None
        shot = report.snapshot
        arrays = {
            "means": shot.means,
            "reconstructions": shot.reconstructions,
            "samples": shot.samples,
            "kl_per_dim": np.array(report.test.kl_per_dim, np.float32),
        }
        snapshots.write_epoch(self.folder, report.epoch, arrays | ({} if report.epoch else {"originals": shot.originals}))
        if self.on_trial is not None:
            snapshots.remove_epoch(self.folder, self.on_trial)
        self.on_trial = None if is_kept else report.epoch

    def save(self, **more) -> None:
        """The state of the last whole epoch and its weights; `more` goes into its options. Raises BundleError."""
        self.last_state = time.monotonic()
        tensors, meta = self.state.checkpoint()
        save_state(self.folder, tensors, meta | {"options": {"name": self.order.name} | more})

    def close(self) -> None:
        """The last epoch's pictures and state, whatever the clock said."""
        if self.unsaved is not None:
            self.last_epoch, report = -math.inf, self.unsaved
            self._pictures(report, 0, time.monotonic())
        self.on_trial = None
        self.save()

    def finish(self) -> None:
        """The bundle is made: the run is over for good."""
        self.save(finished=True)


def _plain(report: Report) -> dict:
    """A Report as an event."""

    def losses(of):
        return of and {"elbo": _number(of.elbo), "recon_loss": _number(of.recon_loss), "kl": _number(of.kl)}

    values = {
        "epoch": report.epoch,
        "step": report.step,
        "seconds": round(report.seconds, 3),
        "lr": report.lr,
        "images_per_second": round(report.images_per_second, 1),
        "beta": report.beta,
        "train": losses(report.train),
        "test": losses(report.test),
    }
    if report.is_epoch:
        values |= {"active_units": report.active_units, "kl_per_dim": [round(k, 4) for k in report.test.kl_per_dim]}
    return values


def _number(value: float) -> float | None:
    return round(value, 4) if math.isfinite(value) else None
