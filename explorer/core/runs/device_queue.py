"""Whose turn it is: one run per device at a time, oldest first. The kernel releases the lock of a dead one.

Knows the runs' folders; needs no torch, so that a run waits before it is imported.
"""

import os
import platform
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import filelock

from explorer.core.errors import BundleError
from explorer.core.paths import runs_dir
from explorer.core.runs import event_log
from explorer.core.runs import folder as run_folder
from explorer.core.runs.event_log import Events
from explorer.core.runs.folder import Order

POLL_S = 0.2  # while a run waits for its turn


class Stopped(Exception):
    """The run was told to stop; it can go on later."""


def lane(device: str) -> str:
    """Which runs take turns: those on one device. Guessed without torch, which takes a second to import."""
    name = os.environ.get("EXPLORER_DEVICE", "auto") if device == "auto" else device
    if name == "auto":
        is_mac = platform.system() == "Darwin" and platform.machine() == "arm64"
        name = "cuda" if Path("/dev/nvidia0").exists() else "mps" if is_mac else "cpu"
    return "cuda-0" if name == "cuda" else "".join(c if c.isalnum() else "-" for c in name)


@contextmanager
def turn(folder: Path, order: Order, events: Events, told: Callable[[str], None] = lambda text: None) -> Iterator[Callable]:
    """Waits until no other run has the device, oldest first; yields what gives it back early. Raises Stopped."""
    name = lane(order.train.get("device", "auto"))
    lock = filelock.FileLock(runs_dir() / f".{name}.lock")
    waited = False
    while True:
        if not _older(folder, order, name):
            try:
                lock.acquire(timeout=0)
                break
            except filelock.Timeout:
                pass
        if not waited:
            waited = True
            events.write("queued")
            told("another run has the device; waiting for it to end")
        if run_folder.read_control(folder).stop:
            raise Stopped
        time.sleep(POLL_S)
    try:
        yield lambda: lock.release(force=True)
    finally:
        lock.release(force=True)


def _older(folder: Path, order: Order, name: str) -> bool:
    """Whether a run of the same device waits that was begun earlier."""
    for other in run_folder.folders():
        if other == folder:
            continue
        try:
            theirs, values = run_folder.read_run(other)
        except BundleError:
            continue
        if theirs.created < order.created and lane(theirs.train.get("device", "auto")) == name:
            alive = run_folder.is_alive(values.get("pid"), values.get("pid_started"))  # first: the events may be many
            if alive and [e["kind"] for e in event_log.read_events(other)[0][-1:]] == ["queued"]:
                return True
    return False
