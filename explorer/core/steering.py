"""The hand on a run: what the controls say, from the next batch on. Knows the run's folder; knows no model."""

import os
import time
from dataclasses import replace
from pathlib import Path

from explorer.core import run_folder
from explorer.core.run_events import Events

POLL_S = 0.05  # while it is paused


class Steering:
    """Asked before each batch: reads the controls where they have changed, says the dial, waits out a pause.

    After a resume the turns of the dial that came after the checkpoint are made again at the same steps.
    """

    def __init__(self, folder: Path, events: Events, replay: list[dict]):
        self.folder, self.events, self.replay = folder, events, list(replay)
        self.control, self._stamp = run_folder.read_control(folder), None
        self.stopped = ""

    def __call__(self, state):
        from explorer.core.training import Dial

        self._read()
        while (self.control.pause or self._is_due(state)) and not self.control.stop:
            self._pause(state)
        beta, scale = self._wanted(state)
        now = state.dial
        if (beta, scale) != (now.beta, now.lr_scale):
            now = Dial(beta, scale)
            self.events.write("dial", step=state.step, beta=beta, lr_scale=scale)
        self.stopped = self.control.stop
        return replace(now, stop=True) if self.stopped else now

    def _wanted(self, state) -> tuple[float, float]:
        if self.replay:
            if self.replay[0]["step"] > state.step:
                return state.dial.beta, state.dial.lr_scale
            event = self.replay.pop(0)
            return float(event["beta"]), float(event["lr_scale"])
        beta = state.config.beta if self.control.beta is None else float(self.control.beta)
        return beta, float(self.control.lr_scale)

    def _is_due(self, state) -> bool:
        """Whether the one epoch that was asked for is over."""
        return self.control.step_to is not None and state.epoch >= self.control.step_to

    def _pause(self, state) -> None:
        began = time.perf_counter()
        self.events.write("paused", step=state.step, epoch=max(0, state.epoch))
        while (self.control.pause or self._is_due(state)) and not self.control.stop:
            time.sleep(POLL_S)
            self._read()
        state.idle_s += time.perf_counter() - began
        self.events.write("going on", step=state.step)

    def _read(self) -> None:
        try:
            found = os.stat(self.folder / run_folder.CONTROL)
        except OSError:
            return
        stamp = found.st_mtime_ns, found.st_ino  # two saves may lie within one tick of the file system's clock
        if stamp != self._stamp:
            self._stamp, self.control = stamp, run_folder.read_control(self.folder)
