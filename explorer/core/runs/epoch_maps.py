"""Aligned UMAPs of the epochs of a run that has ended: the same images in each, so that points move smoothly.

They take a minute or more, so a process of its own computes them (`python -m explorer.core.runs.epoch_maps NAME`). It ends
when the run's map.json no longer names it. Only that process imports torch and umap.
"""

import math
import os
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil

from explorer.core.errors import BundleError, ExplorerError
from explorer.core.runs import folder as run_folder
from explorer.core.runs import process
from explorer.core.runs import snapshots as run_epochs
from explorer.core.runs import status as run_status
from explorer.core.runs.status import RunStatus
from explorer.core.storage import atomic, safe_read

MAX_MAPS = 12
MAP_BYTES = 1_000_000
REPORT_S = 0.5
KILL_PATIENCE_S = 5.0
ENDED_UNEXPECTEDLY = "The map computation ended unexpectedly. Start it again."


@dataclass(frozen=True)
class EpochMaps:
    """The maps of K epochs, aligned."""

    epochs: np.ndarray  # (K,) int64, rising
    xy: np.ndarray  # (K, M, 2) float32, centred
    stamp: str  # changes when they are computed again

    def at(self, epoch: int) -> np.ndarray:
        """(M, 2) float32: the map of the epoch, interpolated between its neighbours, linear in log(1 + epoch)."""
        i = int(np.clip(np.searchsorted(self.epochs, epoch, "right") - 1, 0, len(self.epochs) - 2))
        before, after = np.log1p(self.epochs[i : i + 2])
        share = np.float32(np.clip((math.log1p(epoch) - before) / (after - before), 0, 1))
        return (1 - share) * self.xy[i] + share * self.xy[i + 1]


@dataclass(frozen=True)
class UmapState:
    """State of the map of a run."""

    status: str  # "none", "making", "ready" or "failed"
    share: float = 0.0  # of the work that is done, 0 to 1
    sentence: str = ""  # the error


def snapshots(epochs: list[int]) -> list[int]:
    """At most MAX_MAPS of the epochs (rising, from 0), the first and the last among them, log-spaced."""
    if len(epochs) <= MAX_MAPS:
        return list(epochs)
    wanted = np.geomspace(epochs[0] + 1, epochs[-1] + 1, MAX_MAPS) - 1
    return sorted({min(epochs, key=lambda epoch: abs(epoch - w)) for w in wanted})


# ---- on disk


def read(folder: Path) -> EpochMaps | None:
    """The maps of a run's epochs; None if there are none, or the run has been trained on since."""
    try:
        path = folder / run_folder.MAP
        found = path.stat()
        safe_read.check_size(found.st_size, MAP_BYTES, run_folder.MAP)
        arrays = safe_read.parse_safetensors(path.read_bytes(), run_folder.MAP)
        epochs, xy, stamps = (arrays[name] for name in ("epochs", "xy", "stamps"))
        saved = run_epochs.saved_epochs(folder)
        is_map = epochs.dtype == stamps.dtype == np.int64 and epochs.shape == stamps.shape == xy.shape[:1]
        is_map = is_map and xy.dtype == np.float32 and xy.shape == (len(epochs), *xy.shape[1:2], 2) and np.isfinite(xy).all()
        is_map = is_map and len(epochs) > 1 and epochs[0] >= 0 and (np.diff(epochs) > 0).all()
        is_theirs = is_map and [*epochs[[0, -1]]] == [saved[0], saved[-1]] and [*stamps] == _stamps(folder, epochs.tolist())
    except (OSError, BundleError, KeyError, IndexError):
        return None
    return EpochMaps(epochs, xy, str(found.st_mtime_ns)) if is_theirs else None


def look(folder: Path) -> UmapState:
    """The state of the map of the run in this folder. Never raises."""
    values = read_progress(folder)
    if isinstance(failed := values.get("failed"), str):
        return UmapState("failed", sentence=failed)
    if "pid" in values:
        if process.is_alive(values["pid"], values.get("pid_started")):
            share = values.get("share")
            return UmapState("making", share if isinstance(share, int | float) and 0 <= share <= 1 else 0.0)
        return UmapState("failed", sentence=ENDED_UNEXPECTEDLY)
    return UmapState("ready", 1.0) if read(folder) else UmapState("none")


def _stamps(folder: Path, epochs: list[int]) -> list[int]:
    return [run_epochs.epoch_path(folder, epoch).stat().st_mtime_ns for epoch in epochs]


def _means(folder: Path, epoch: int) -> np.ndarray:
    means = run_epochs.read_epoch(folder, epoch).get("means")
    if means is None or means.ndim != 2:
        raise BundleError(f"Run '{folder.name}': epoch {epoch} holds no means.", "It cannot be mapped.")
    return means


# ---- the process


def start(name: str) -> None:
    """Compute the map of a run in a new process. Raises BundleError if the run has not ended, has too few epochs or
    dimensions, or its map is being computed."""
    with process.lock:  # two visitors may press the button at the same time
        run = run_status.look(name)
        if run.status not in (RunStatus.DONE, RunStatus.STOPPED):
            raise BundleError(
                f"The run '{name}' is {run.status}.", "A UMAP can be computed only for a run that is done or stopped."
            )
        if look(run.folder).status == "making":
            raise BundleError(f"The UMAP of '{name}' is already being computed.", "Wait for it, or cancel it.")
        epochs = run_epochs.saved_epochs(run.folder)
        if len(epochs) < 2:
            raise BundleError(f"The run '{name}' has fewer than two epochs.", "Train on before you make its UMAP.")
        if _means(run.folder, epochs[-1]).shape[1] <= 2:
            raise BundleError(f"The latent space of '{name}' is no more than a plane.", "It needs no UMAP: it is its own map.")
        _write_progress(run.folder, share=0.0, **process.process_of(process.spawn(run.folder, __name__, name)))


def cancel(name: str) -> None:
    """Stop computing the map of the run `name`. Raises BundleError."""
    with process.lock:
        end(run_folder.find(name))


def read_progress(folder: Path) -> dict:
    """The contents of map.json: pid, pid_started, share; or failed, a sentence. Empty if no map is being computed."""
    try:
        return run_folder.read_json(folder / run_folder.MAP_PROGRESS)
    except BundleError:
        return {}


def end(folder: Path) -> None:
    """Kill the process that computes the run's map, if any, and remove its temporary files; an earlier map stays.

    Raises BundleError if the files cannot be removed.
    """
    values = read_progress(folder)
    if process.is_alive(values.get("pid"), values.get("pid_started")):
        with suppress(psutil.Error):
            worker = psutil.Process(values["pid"])
            worker.kill()
            worker.wait(KILL_PATIENCE_S)
    with atomic.saving(f"the map of '{folder.name}'", folder):
        for path in (folder / run_folder.MAP_PROGRESS, *folder.glob(".map.*.tmp")):
            path.unlink(missing_ok=True)


class _Cancelled(Exception):
    """The map was cancelled, or the run deleted."""


def work(folder: Path) -> None:
    """Compute the map of the run in this folder and write it there; an error is written to map.json as one sentence."""
    reported = -math.inf

    def progress(share: float) -> None:
        nonlocal reported
        if share == 1 or time.monotonic() - reported >= REPORT_S:
            reported = time.monotonic()
            if read_progress(folder).get("pid") != me["pid"]:
                raise _Cancelled
            _write_progress(folder, share=round(share, 3), **me)

    me = process.this_process()
    _write_progress(folder, share=0.0, **me)
    try:
        from explorer.core.latent import aligned_umap  # torch: a second or two

        epochs = snapshots(run_epochs.saved_epochs(folder))
        stamps = _stamps(folder, epochs)
        xy = aligned_umap.fit([_means(folder, epoch) for epoch in epochs], progress=progress)
        progress(1.0)
        arrays = {"epochs": np.array(epochs, np.int64), "xy": xy, "stamps": np.array(stamps, np.int64)}
        with atomic.saving("the map", folder):
            atomic.replace_file(folder / run_folder.MAP, safe_read.dump_safetensors(arrays, "the map"))
            (folder / run_folder.MAP_PROGRESS).unlink(missing_ok=True)
    except _Cancelled:
        pass
    except ExplorerError as error:
        _write_progress(folder, failed=str(error))
    except Exception as error:
        _write_progress(folder, failed=f"The map computation failed ({type(error).__name__}). See {folder / run_folder.LOG}.")
        raise


def _write_progress(folder: Path, **values) -> None:
    with atomic.saving("the map", folder):
        atomic.replace_file(folder / run_folder.MAP_PROGRESS, safe_read.dump_json(values, run_folder.MAP_PROGRESS))


if __name__ == "__main__":
    os.environ |= {"OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}  # the layout is computed by one thread
    process.give_way()
    with suppress(BundleError):  # the run has been deleted, or the disk is full
        work(run_folder.find(sys.argv[1]))
