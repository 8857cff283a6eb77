"""Commands on runs: start, resume, steer, stop, delete.

A run is a folder and a process of its own (`python -m explorer.train --resume NAME`), so it continues when the page is
reloaded or the server restarted.
"""

import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import psutil

from explorer.core.config import ModelConfig, TrainConfig
from explorer.core.data import catalog
from explorer.core.errors import BundleError
from explorer.core.paths import checked_name, checkpoints_dir
from explorer.core.runs import epoch_maps, process
from explorer.core.runs import folder as run_folder
from explorer.core.runs.folder import ControlFile, RunSpec
from explorer.core.runs.status import Run, RunStatus, list_runs, look
from explorer.core.storage import atomic

MAX_LIVE_RUNS = 8  # waiting and training
STOP_PATIENCE_S = 5.0  # how long a run that is being deleted may take to stop before it is killed


def start(spec: RunSpec, twins: dict[str, RunSpec] | None = None) -> Run:
    """Make the run's folder and train in a new process; `twins`: the models of a group, by the names of their folders.

    Raises ExplorerError for a bad setting, a folder of images that is no upload, a name that is taken, too many live runs.
    """
    specs = list(twins.values()) if twins else [spec]
    for model_spec in specs:
        catalog.check_for_page(TrainConfig(**model_spec.train).dataset)
        ModelConfig((1, 128, 128), **model_spec.model)
        checked_name(model_spec.name)
    with process.lock:  # two visitors may press Start at the same time
        if sum(run.is_live for run in list_runs()) >= MAX_LIVE_RUNS:
            raise BundleError(f"{MAX_LIVE_RUNS} runs are already waiting.", "Stop one of them, or try again later.")
        for model_spec in specs:
            if (checkpoints_dir() / model_spec.name).exists():
                raise BundleError(f"There is already a model '{model_spec.name}'.", "Choose another name.")
        folder = run_folder.create(replace(spec, background=True, created=time.time()), twins)
        try:
            _spawn(folder)
        except BundleError:
            atomic.remove_folder(folder)
            raise
    return look(folder.name)


def resume(name: str) -> Run:
    """Resume a run that was stopped or has failed.

    Raises BundleError if it is done or live, DataError if its images are a folder that is no upload.
    """
    with process.lock:
        run = look(name)
        if run.is_live or run.status == RunStatus.DONE or run.spec is None:
            raise BundleError(f"The run '{name}' is {run.status}.", "Only a stopped or failed run can be resumed.")
        _check_data(run)
        _go_on(run)
    return look(name)


def extend(name: str, seconds: float) -> Run:
    """Train a run with a time budget for so many seconds more. If its map is being made, that is given up: the model is saved.

    The learning rate rises again to what it is at the used share of the new budget. Raises BundleError if the run has no
    budget or has not ended, DataError if its images are a folder that is no upload.
    """
    with process.lock:
        run = look(name)
        if not run.more_s:
            raise BundleError(f"The run '{name}' is {run.status}.", "Only a run that has used its seconds can have more.")
        _check_data(run)
        for model in run.twins or (run,):
            epoch_maps.end(model.folder)
    if run.is_live:
        _end(run)
    with process.lock:
        if look(name).is_live:  # another visitor has extended it
            raise BundleError(f"The run '{name}' is already training.", "Wait until it ends.")
        spec, values = run_folder.read_run(run.folder)
        found = {key: values[key] for key in ("pid", "pid_started", "begun") if key in values}
        run_folder.write_run(run.folder, replace(spec, budget_s=run.used + seconds), **found)
        _go_on(run)
    return look(name)


def _check_data(run: Run) -> None:
    for model in (run, *run.twins):
        if model.spec is not None:
            catalog.check_for_page(TrainConfig(**model.spec.train).dataset)


def _go_on(run: Run) -> None:
    control = run_folder.read_control(run.folder)
    run_folder.write_control(run.folder, replace(control, pause=False, step_to=None, stop=""))
    _spawn(run.folder)


def _spawn(folder: Path) -> None:
    pid = process.spawn(folder, "explorer.train", "--resume", folder.name)
    spec, _ = run_folder.read_run(folder)
    run_folder.write_run(folder, spec, **process.process_of(pid))


def steer(name: str, **changes) -> ControlFile:
    """Change fields of the run's control.json; the training process reads it before its next batch."""
    with process.lock:
        folder = run_folder.find(name)
        control = replace(run_folder.read_control(folder), **changes)
        run_folder.write_control(folder, control)
    return control


def stop(name: str, keep: bool = False) -> None:
    """Stop after the current batch. `keep`: save the model as it is as a bundle; otherwise the run can be resumed later."""
    steer(name, stop="keep" if keep else "stop")


def delete(name: str) -> None:
    """Stop the run if it is live, and remove its folder. Its bundle stays. Raises BundleError."""
    with process.lock:  # not while its process is being started
        run = look(name)
        for model in run.twins or (run,):
            epoch_maps.end(model.folder)
    if run.is_live:
        _end(run)
    try:
        atomic.remove_folder(run.folder)
    except FileNotFoundError:
        pass  # another visitor has deleted it
    except OSError as error:
        what = f"The run '{name}' cannot be deleted ({atomic.reason(error)})."
        raise BundleError(what, "Close what uses it, and try again.") from error


def _end(run: Run) -> None:
    """Ask the process to stop, then kill it: while it loads data or computes the map it does not read control.json."""
    with suppress(BundleError):  # the folder has been removed, or is damaged
        stop(run.name)
        end = time.monotonic() + (0 if run.status == RunStatus.MAPPING else STOP_PATIENCE_S)
        while process.is_alive(*(run_folder.read_run(run.folder)[1].get(key) for key in ("pid", "pid_started"))):
            time.sleep(0.05)
            if time.monotonic() > end:
                with suppress(psutil.Error):
                    psutil.Process(run_folder.read_run(run.folder)[1]["pid"]).kill()
                end += 1
