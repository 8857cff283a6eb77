"""How many threads a run trains with, by how much of the processor other programs leave."""

import time
from collections.abc import Callable

import psutil
import torch

CHECK_S = 0.5  # between two looks at the processor
MISSING = 0.4  # share of a core that other programs may use before it no longer counts as free


def _now() -> tuple[float, float, float]:
    """Seconds so far: of the clock, of this process on all cores, of all cores without work."""
    return time.monotonic(), time.process_time(), psutil.cpu_times().idle


class FreeCores:
    """Sets torch's threads to the number of cores that other programs leave free, from 1 to the number at the start.

    Threads that share a core with another program keep each other waiting: at a low priority, with two busy programs on two
    cores, a batch of the digits takes 10 to 36 s with two threads and 0.15 to 0.4 s with one.
    """

    def __init__(self, now: Callable[[], tuple[float, float, float]] = _now):
        self._now, self._last = now, now()
        self._most = torch.get_num_threads()

    def follow(self) -> None:
        """Look again if CHECK_S have passed since the last time."""
        now = self._now()
        clock, own, idle = (new - old for new, old in zip(now, self._last))
        if clock < CHECK_S:
            return
        self._last = now
        free = min(self._most, max(1, int((own + idle) / clock + MISSING)))
        if free != torch.get_num_threads():
            torch.set_num_threads(free)
