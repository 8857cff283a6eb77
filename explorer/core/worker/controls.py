"""The hand on a run: what the controls say, from the next batch on. Knows the run's folder; knows no model."""

import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from explorer.core.runs import folder as run_folder
from explorer.core.runs.event_log import EventWriter
from explorer.core.runs.folder import ControlFile

POLL_S = 0.05  # while it is paused


class WatchedControlFile:
    """A folder's control.json, read again where it has changed."""

    def __init__(self, folder: Path):
        self.folder, self._stamp, self._said = folder, None, run_folder.read_control(folder)

    def now(self) -> ControlFile:
        """What it says; stop, where the whole folder was removed: who waits in a pause would wait for ever."""
        try:
            found = os.stat(self.folder / run_folder.CONTROL)
        except OSError:
            return self._said if self.folder.is_dir() else replace(self._said, stop="stop")
        stamp = found.st_mtime_ns, found.st_ino  # two saves may lie within one tick of the file system's clock
        if stamp != self._stamp:
            self._stamp, self._said = stamp, run_folder.read_control(self.folder)
        return self._said


class ControlReader:
    """Asked before each batch: reads the controls where they have changed, says the dial, waits out a pause.

    The dial is the model's own, pause and stop are the run's; where it is one of twins these are two folders. Twins that
    shall be kept are kept after equally many batches: `furthest` says how many the first of them has had.
    After a resume the turns of the dial that came after the checkpoint are made again at the same steps.
    """

    def __init__(
        self,
        own: WatchedControlFile,
        run: WatchedControlFile,
        events: EventWriter,
        run_events: EventWriter,
        replay: list[dict],
        furthest: Callable[[], int] = lambda: 0,
    ):
        self.own, self.run, self.events, self.run_events, self.replay = own, run, events, run_events, list(replay)
        self.furthest = furthest
        self.stopped = ""
        self.paused_s = 0.0  # since this process took the run up

    def __call__(self, state):
        from explorer.core.training.state import LiveSettings

        if self._rests(state):
            self._pause(state)
        beta, scale = self._wanted(state)
        now = state.dial
        if (beta, scale) != (now.beta, now.lr_scale):
            now = LiveSettings(beta, scale)
            self.events.write("dial", step=state.step, beta=beta, lr_scale=scale)
        stop = self.run.now().stop
        self.stopped = "" if stop == "keep" and state.step < self.furthest() else stop
        return replace(now, stop=True) if self.stopped else now

    def _wanted(self, state) -> tuple[float, float]:
        if self.replay:
            if self.replay[0]["step"] > state.step:
                return state.dial.beta, state.dial.lr_scale
            event = self.replay.pop(0)
            return float(event["beta"]), float(event["lr_scale"])
        said = self.own.now()
        return state.config.beta if said.beta is None else float(said.beta), float(said.lr_scale)

    def _rests(self, state) -> bool:
        """Whether it is paused, or the one epoch that was asked for is over."""
        said = self.run.now()
        return not said.stop and (said.pause or (said.step_to is not None and state.epoch >= said.step_to))

    def _pause(self, state) -> None:
        began = time.perf_counter()
        self.run_events.write("paused", step=state.step, epoch=max(0, state.epoch))
        while self._rests(state):
            time.sleep(POLL_S)
        waited = time.perf_counter() - began
        state.idle_s += waited
        self.paused_s += waited
        self.run_events.write("going on", step=state.step)
