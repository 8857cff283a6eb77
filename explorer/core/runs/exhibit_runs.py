"""Runs made for exhibits: one for each setting, shared by all visitors, one in training at a time, listed nowhere.

They are twins on disk like any others, in `paths.exhibit_runs_dir()`, but save no bundle and cannot be resumed: a run that is
stopped is removed. A recorded run of some settings is shipped in `paths.RECORDED_DIR`.
"""

import hashlib
import json
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from explorer.core.config import ModelConfig, TrainConfig
from explorer.core.errors import BundleError
from explorer.core.paths import RECORDED_DIR, exhibit_runs_dir
from explorer.core.runs import folder as run_folder
from explorer.core.runs import process, status
from explorer.core.runs.folder import RunSpec
from explorer.core.runs.status import Run, RunStatus
from explorer.core.storage import atomic

MAX_KEPT = 16  # runs on disk, at most 1 MB each
MAX_LIVE = 4  # in training and waiting
WORKER = "explorer.core.worker.exhibit_job"


@dataclass(frozen=True)
class ExhibitRun:
    """The settings of a run: those that the twins share, and those of `train` that differ, by the names of the twins."""

    exhibit: str
    model: dict
    train: dict
    twins: dict[str, dict]

    @property
    def key(self) -> str:
        """The name of the run's folder: equal for equal settings, on every machine."""
        settings = json.dumps([self.model, self.train, self.twins], sort_keys=True)
        return f"{self.exhibit}-{hashlib.sha256(settings.encode()).hexdigest()[:12]}"

    def create(self, parent: Path) -> Path:
        """Creates the run's folder in `parent`. Raises ExplorerError for a bad setting or a full disk, or if it exists."""
        spec = RunSpec(self.key, self.model, self.train, map=False, thumbs=False, created=time.time())
        twins = {
            name: replace(spec, name=f"{self.key}-{name}", train=self.train | changes) for name, changes in self.twins.items()
        }
        for twin in twins.values():
            ModelConfig((1, 128, 128), **twin.model), TrainConfig(**twin.train)  # raise ConfigError for a bad value
        return run_folder.create(spec, twins, parent=parent)


def find(wanted: ExhibitRun) -> Run | None:
    """The visitors' run with these settings: live, done or failed; None if there is none."""
    run = _look(exhibit_runs_dir() / wanted.key)
    return run if run and (run.is_live or run.status in (RunStatus.DONE, RunStatus.FAILED)) else None


def recorded(wanted: ExhibitRun) -> Run | None:
    """The shipped run with these settings, or None."""
    return _look(RECORDED_DIR / wanted.key)


def start(wanted: ExhibitRun) -> Run:
    """Trains these settings in a new process; returns the existing run if there is one that is live or done.

    Raises ExplorerError for a bad setting, a full disk, or too many runs that wait.
    """
    with process.lock:  # two visitors may press the button at the same time
        run = find(wanted)
        if run is not None and run.status != RunStatus.FAILED:
            return run
        others = [status.look_at(folder) for folder in run_folder.folders(exhibit_runs_dir())]
        if sum(other.is_live for other in others) >= MAX_LIVE:
            raise BundleError(f"{MAX_LIVE} runs of exhibits are already waiting.", "Try again in a minute.")
        _prune([other for other in others if not other.is_live], wanted.key)
        folder = wanted.create(exhibit_runs_dir())
        try:
            pid = process.spawn(folder, WORKER, wanted.key)
        except BundleError:
            atomic.remove_folder(folder)
            raise
        run_folder.write_run(folder, run_folder.read_run(folder)[0], **process.process_of(pid))
    return status.look_at(folder)


def stop(wanted: ExhibitRun) -> None:
    """Stops the run after its current batch, and removes it. No error if it has ended."""
    folder = exhibit_runs_dir() / wanted.key
    with process.lock, suppress(BundleError):
        if folder.is_dir():
            run_folder.write_control(folder, replace(run_folder.read_control(folder), stop="stop"))


def _look(folder: Path) -> Run | None:
    return status.look_at(folder) if (folder / run_folder.RUN).is_file() else None


def _prune(resting: list[Run], key: str) -> None:
    """Removes what is left of an earlier attempt, runs that were stopped or lost, and the oldest ones."""
    is_whole = [run.status == RunStatus.DONE and run.name != key for run in resting]
    whole = sorted((run for run, kept in zip(resting, is_whole) if kept), key=lambda run: run.spec.created)
    gone = [run for run, kept in zip(resting, is_whole) if not kept] + whole[: max(0, len(whole) - MAX_KEPT + 1)]
    for run in gone:
        with suppress(OSError):
            atomic.remove_folder(run.folder)
