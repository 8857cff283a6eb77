"""Writes a model's reports as events, snapshots of its epochs, and its resumable state.

No more often than a page can show; of a run of any length at most MAX_EPOCHS snapshots are kept.
"""

import math
import time
from pathlib import Path

import numpy as np
import psutil

from explorer.core.runs import snapshots
from explorer.core.runs.event_log import EventWriter
from explorer.core.training.report import Report
from explorer.core.training.state import State
from explorer.core.training.state_file import save_state

EVENT_S = 0.1  # between two light reports in the events
EPOCH_S = 0.4  # between two snapshots that are not kept
STATE_S = 1.0  # between two saves of the state
MAX_DRAWN_DIMS = 4  # latent dimensions up to which snapshots hold the log variances: exhibits draw the posteriors as ellipses


class RunRecorder:
    """Writes the files of one model while it trains."""

    def __init__(self, folder: Path, name: str, state: State, events: EventWriter, n_epochs: int):
        self.folder, self.name, self.state, self.events = folder, name, state, events
        self._last_event = self._last_epoch = self._last_state = -math.inf
        self._temporary: int | None = None  # the epoch whose snapshot the next one replaces
        self._unsaved: Report | None = None  # the last full report, if its snapshot was skipped
        self._process = psutil.Process()
        self._remove_outdated(n_epochs)

    def _remove_outdated(self, n_epochs: int) -> None:
        """Remove snapshots of epochs that will be trained again, and temporary ones of a process that was killed."""
        kept = snapshots.kept_epochs(n_epochs)
        for epoch in snapshots.saved_epochs(self.folder):
            if epoch > self.state.epoch or (epoch not in kept and epoch != self.state.epoch):
                snapshots.remove_epoch(self.folder, epoch)
            elif epoch not in kept:
                self._temporary = epoch

    def write(self, report: Report, n_steps: int, n_epochs: int) -> None:
        """Write a report, or skip it if the last one was just now. Raises BundleError on a full disk."""
        now = time.monotonic()
        if report.is_epoch or now - self._last_event > EVENT_S:
            self._last_event = now
            memory = {"memory": self._process.memory_info().rss} if report.is_epoch else {}
            kind = "epoch" if report.is_epoch else "batch"
            self.events.write(kind, n_steps=n_steps, **event_values(report), **memory)
        if report.is_epoch:
            self._write_snapshot(report, n_epochs, now)
            if now - self._last_state > STATE_S:
                self.save()

    def _write_snapshot(self, report: Report, n_epochs: int, now: float) -> None:
        is_kept = report.epoch in snapshots.kept_epochs(n_epochs)
        if not is_kept and now - self._last_epoch < EPOCH_S:
            self._unsaved = report
            return
        self._last_epoch, self._unsaved = now, None
        snapshot = report.snapshot
        arrays = {
            "means": snapshot.means,
            "reconstructions": snapshot.reconstructions,
            "samples": snapshot.samples,
            "kl_per_dim": np.array(report.test.kl_per_dim, np.float32),
        }
        arrays |= {} if report.epoch else {"originals": snapshot.originals}
        if snapshot.logvars.shape[1] <= MAX_DRAWN_DIMS:
            arrays["logvars"] = snapshot.logvars
        snapshots.write_epoch(self.folder, report.epoch, arrays)
        if self._temporary not in (None, report.epoch):
            snapshots.remove_epoch(self.folder, self._temporary)
        self._temporary = None if is_kept else report.epoch
        saved = snapshots.saved_epochs(self.folder) if is_kept else []
        if len(saved) > snapshots.MAX_EPOCHS:  # the planned number of epochs has changed
            snapshots.remove_epoch(self.folder, snapshots.most_crowded(saved))

    def save(self, **options) -> None:
        """Save the state of the last whole epoch. Raises BundleError."""
        self._last_state = time.monotonic()
        tensors, meta = self.state.checkpoint()
        save_state(self.folder, tensors, meta | {"options": {"name": self.name} | options})

    def close(self) -> None:
        """Write the snapshot and the state of the last epoch, however recent the last ones are."""
        if self._unsaved is not None:
            self._last_epoch, report = -math.inf, self._unsaved
            self._write_snapshot(report, 0, time.monotonic())
        self._temporary = None
        self.save()

    def finish(self) -> None:
        """Mark the state as that of a finished run."""
        self.save(finished=True)


def event_values(report: Report) -> dict:
    """The fields of a report's event: losses in 4 digits, null if not finite."""
    values = report.as_dict(kl_digits=4)
    for split in ("train", "test"):
        if values[split]:
            values[split] = {name: _rounded(values[split][name]) for name in ("elbo", "recon_loss", "kl")}
    if report.is_epoch:
        values["kl_per_dim"] = report.test.as_dict(kl_digits=4)["kl_per_dim"]
    else:
        del values["active_units"]
    return values


def _rounded(value: float) -> float | None:
    return round(value, 4) if math.isfinite(value) else None
