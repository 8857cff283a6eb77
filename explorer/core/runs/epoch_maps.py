"""The aligned map of a run that is over: a UMAP of some of its epochs, the same images in each, so that points glide.

It takes a minute and more, so a process of its own makes it (`python -m explorer.core.runs.epoch_maps NAME`), which ends
when the run's map.json no longer names it. Torch and umap are needed there alone.
"""

import math
import os
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from explorer.core.errors import BundleError, ExplorerError
from explorer.core.runs import commands as runs
from explorer.core.runs import folder as run_folder
from explorer.core.runs import snapshots as run_epochs
from explorer.core.storage import atomic, safe_read
from explorer.core.worker import job

MAX_MAPS = 12
MAP_BYTES = 1_000_000
REPORT_S = 0.5
BROKEN = "The map broke off. It can be made again."


@dataclass(frozen=True)
class EpochMaps:
    """The maps of K epochs, aligned."""

    epochs: np.ndarray  # (K,) int64, rising
    xy: np.ndarray  # (K, M, 2) float32, centred
    stamp: str  # another one if they were made again

    def at(self, epoch: int) -> np.ndarray:
        """(M, 2) float32: the map of the epoch, or between those of its neighbours, linear in log(1 + epoch)."""
        i = int(np.clip(np.searchsorted(self.epochs, epoch, "right") - 1, 0, len(self.epochs) - 2))
        before, after = np.log1p(self.epochs[i : i + 2])
        share = np.float32(np.clip((math.log1p(epoch) - before) / (after - before), 0, 1))
        return (1 - share) * self.xy[i] + share * self.xy[i + 1]


@dataclass(frozen=True)
class UmapState:
    """How the map of a run stands."""

    status: str  # "none", "making", "ready" or "failed"
    share: float = 0.0  # done of it, 0 to 1
    sentence: str = ""  # what went wrong


def snapshots(epochs: list[int]) -> list[int]:
    """At most MAX_MAPS of the epochs (rising, from 0), the first and the last among them, log-spaced."""
    if len(epochs) <= MAX_MAPS:
        return list(epochs)
    wanted = np.geomspace(epochs[0] + 1, epochs[-1] + 1, MAX_MAPS) - 1
    return sorted({min(epochs, key=lambda epoch: abs(epoch - w)) for w in wanted})


# ---- on disk


def read(folder: Path) -> EpochMaps | None:
    """The maps of a run's epochs; None where there are none, or of epochs that have been trained again or gone on from."""
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
    """How the map of the run in this folder stands. Never raises."""
    values = run_folder.read_making(folder)
    if isinstance(failed := values.get("failed"), str):
        return UmapState("failed", sentence=failed)
    if "pid" in values:
        if run_folder.is_alive(values["pid"], values.get("pid_started")):
            share = values.get("share")
            return UmapState("making", share if isinstance(share, int | float) and 0 <= share <= 1 else 0.0)
        return UmapState("failed", sentence=BROKEN)
    return UmapState("ready", 1.0) if read(folder) else UmapState("none")


def _stamps(folder: Path, epochs: list[int]) -> list[int]:
    return [run_epochs.epoch_path(folder, epoch).stat().st_mtime_ns for epoch in epochs]


def _means(folder: Path, epoch: int) -> np.ndarray:
    means = run_epochs.read_epoch(folder, epoch).get("means")
    if means is None or means.ndim != 2:
        raise BundleError(f"Run '{folder.name}': epoch {epoch} holds no means.", "It cannot be mapped.")
    return means


# ---- the process, from outside and from inside


def start(name: str) -> None:
    """Begin to make the map of a run in a process of its own. Raises BundleError: a run that is not over, that has too few
    epochs or dimensions, or whose map is being made."""
    with runs.lock:  # two visitors who press at once
        run = runs.look(name)
        if run.status not in ("done", "stopped"):
            raise BundleError(f"The run '{name}' is {run.status}.", "A UMAP is made of a run that is done or stopped.")
        if look(run.folder).status == "making":
            raise BundleError(f"The UMAP of '{name}' is being made already.", "Wait for it, or cancel it.")
        epochs = run_epochs.saved_epochs(run.folder)
        if len(epochs) < 2:
            raise BundleError(f"The run '{name}' has fewer than two epochs.", "Train on before you make its UMAP.")
        if _means(run.folder, epochs[-1]).shape[1] <= 2:
            raise BundleError(f"The latent space of '{name}' is no more than a plane.", "It needs no UMAP: it is its own map.")
        _say(run.folder, share=0.0, **run_folder.process_of(runs.spawn(run.folder, __name__, name)))


def cancel(name: str) -> None:
    """End the process that makes the run's map; nothing of what it began is left. Raises BundleError."""
    with runs.lock:
        run_folder.end_map(run_folder.find(name))


class _Withdrawn(Exception):
    """Nobody waits for the map any more: it was cancelled, or the run deleted."""


def work(folder: Path) -> None:
    """Make the map of the run in this folder and write it there; what goes wrong is written there as one sentence."""
    reported = -math.inf

    def progress(share: float) -> None:
        nonlocal reported
        if share == 1 or time.monotonic() - reported >= REPORT_S:
            reported = time.monotonic()
            if run_folder.read_making(folder).get("pid") != me["pid"]:
                raise _Withdrawn
            _say(folder, share=round(share, 3), **me)

    me = run_folder.this_process()
    _say(folder, share=0.0, **me)
    try:
        from explorer.core.latent import aligned_umap  # torch: a second or two

        epochs = snapshots(run_epochs.saved_epochs(folder))
        stamps = _stamps(folder, epochs)
        xy = aligned_umap.fit([_means(folder, epoch) for epoch in epochs], progress=progress)
        progress(1.0)
        arrays = {"epochs": np.array(epochs, np.int64), "xy": xy, "stamps": np.array(stamps, np.int64)}
        with atomic.saving("the map", folder):
            atomic.replace_file(folder / run_folder.MAP, safe_read.dump_safetensors(arrays, "the map"))
            (folder / run_folder.MAKING).unlink(missing_ok=True)
    except _Withdrawn:
        pass
    except ExplorerError as error:
        _say(folder, failed=str(error))
    except Exception as error:
        _say(folder, failed=f"The map broke off ({type(error).__name__}). See {folder / run_folder.LOG}.")
        raise


def _say(folder: Path, **values) -> None:
    with atomic.saving("the map", folder):
        atomic.replace_file(folder / run_folder.MAKING, safe_read.dump_json(values, run_folder.MAKING))


if __name__ == "__main__":
    os.environ |= {"OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}  # the layout has no use for more
    job.give_way()
    with suppress(BundleError):  # the run is deleted, or its disk full: nobody listens
        work(run_folder.find(sys.argv[1]))
