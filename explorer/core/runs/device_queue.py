"""Queue of the runs for a device: one trains at a time, the oldest first. A file lock ends with its process.

Runs made for exhibits have a folder of their own and so a queue of their own: they take seconds and do not wait for the others.

Imports no torch, so that a run waits before torch is loaded.
"""

import os
import platform
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import filelock

from explorer.core.errors import BundleError
from explorer.core.runs import event_log, process
from explorer.core.runs import folder as run_folder
from explorer.core.runs.event_log import EventWriter
from explorer.core.runs.folder import RunSpec

POLL_S = 0.2  # while a run waits


class Stopped(Exception):
    """The run was asked to stop; it can be resumed later."""


def queue_of(device: str) -> str:
    """The name of the device's queue. Chosen without torch, which takes a second to import."""
    name = os.environ.get("EXPLORER_DEVICE", "auto") if device == "auto" else device
    if name == "auto":
        is_mac = platform.system() == "Darwin" and platform.machine() == "arm64"
        name = "cuda" if Path("/dev/nvidia0").exists() else "mps" if is_mac else "cpu"
    return "cuda-0" if name == "cuda" else "".join(c if c.isalnum() else "-" for c in name)


@contextmanager
def hold_device(
    folder: Path, spec: RunSpec, events: EventWriter, on_message: Callable[[str], None] = lambda text: None
) -> Iterator[Callable]:
    """Wait for the run's device and hold it; yields a function that releases it early. Raises Stopped."""
    name = queue_of(spec.train.get("device", "auto"))
    lock = filelock.FileLock(folder.parent / f".{name}.lock")
    waited = False
    while True:
        if not _older_waits(folder, spec, name):
            try:
                lock.acquire(timeout=0)
                break
            except filelock.Timeout:
                pass
        if not waited:
            waited = True
            events.write("queued")
            on_message("another run has the device; waiting for it to end")
        if run_folder.read_control(folder).stop:
            raise Stopped
        time.sleep(POLL_S)
    try:
        yield lambda: lock.release(force=True)
    finally:
        lock.release(force=True)


def _older_waits(folder: Path, spec: RunSpec, name: str) -> bool:
    """Whether a run that was created earlier waits in this queue."""
    for other in run_folder.folders(folder.parent):
        if other == folder:
            continue
        try:
            theirs, values = run_folder.read_run(other)
        except BundleError:
            continue
        if theirs.created < spec.created and queue_of(theirs.train.get("device", "auto")) == name:
            alive = process.is_alive(values.get("pid"), values.get("pid_started"))  # first: reading the events takes longer
            if alive and [e["kind"] for e in event_log.read_events(other)[0][-1:]] == ["queued"]:
                return True
    return False
