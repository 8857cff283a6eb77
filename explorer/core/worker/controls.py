"""Reads a run's control.json while it trains, and waits while the run is paused."""

import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from explorer.core.runs import folder as run_folder
from explorer.core.runs.event_log import EventWriter
from explorer.core.runs.folder import ControlFile
from explorer.core.training.schedule import Stopwatch
from explorer.core.training.state import LiveSettings, State

POLL_S = 0.05  # while the run is paused


class WatchedControlFile:
    """A folder's control.json, read again when it has changed."""

    def __init__(self, folder: Path):
        self.folder, self._stamp, self._content = folder, None, run_folder.read_control(folder)

    def read(self) -> ControlFile:
        """The current content. A run whose folder was deleted is stopped: otherwise a paused one would wait forever."""
        try:
            found = os.stat(self.folder / run_folder.CONTROL)
        except OSError:
            return self._content if self.folder.is_dir() else replace(self._content, stop="stop")
        stamp = found.st_mtime_ns, found.st_ino  # two writes may have the same time on a coarse file system clock
        if stamp != self._stamp:
            self._stamp, self._content = stamp, run_folder.read_control(self.folder)
        return self._content


class ControlReader:
    """Called before each batch: waits while the run is paused, then returns the user's live settings.

    Live settings belong to the model in `folder`, pause and stop to the run in `group`. Twins that are to be kept stop after
    the same number of batches, the `furthest_step` that one of them has reached. After a resume, `changes` repeats the
    changes of live settings that were made after the checkpoint, at the same steps. `clock` stands still during pauses.
    """

    def __init__(
        self,
        folder: Path,
        group: Path,
        model_events: EventWriter,
        run_events: EventWriter,
        changes: list[dict],
        furthest_step: Callable[[], int] = lambda: 0,
        clock: Stopwatch | None = None,
    ):
        self._model = WatchedControlFile(folder)
        self._run = self._model if group == folder else WatchedControlFile(group)
        self._model_events, self._run_events = model_events, run_events
        self._changes, self._furthest_step = list(changes), furthest_step
        self._clock = clock or Stopwatch()
        self.stopped = ""  # "stop" or "keep", once the run has been stopped

    def __call__(self, state: State) -> LiveSettings:
        if self._is_paused(state):
            self._wait(state)
        beta, lr_scale = self._requested_settings(state)
        live = state.live
        if (beta, lr_scale) != (live.beta, live.lr_scale):
            live = LiveSettings(beta, lr_scale)
            self._model_events.write("dial", step=state.step, beta=beta, lr_scale=lr_scale)
        stop = self._run.read().stop
        self.stopped = "" if stop == "keep" and state.step < self._furthest_step() else stop
        return replace(live, stop=bool(self.stopped))

    def _requested_settings(self, state: State) -> tuple[float, float]:
        if self._changes:
            if self._changes[0]["step"] > state.step:
                return state.live.beta, state.live.lr_scale
            change = self._changes.pop(0)
            return float(change["beta"]), float(change["lr_scale"])
        control = self._model.read()
        return state.config.beta if control.beta is None else float(control.beta), float(control.lr_scale)

    def _is_paused(self, state: State) -> bool:
        """Whether the run is paused, by the user or at the end of a single requested epoch."""
        control = self._run.read()
        return not control.stop and (control.pause or (control.step_to is not None and state.epoch >= control.step_to))

    def _wait(self, state: State) -> None:
        self._run_events.write("paused", step=state.step, epoch=max(0, state.epoch))
        for clock in (state.stopwatch, self._clock):
            clock.pause()
        while self._is_paused(state):
            time.sleep(POLL_S)
        for clock in (state.stopwatch, self._clock):
            clock.resume()
        self._run_events.write("going on", step=state.step)
