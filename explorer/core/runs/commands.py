"""Training runs, seen from outside: start, list, watch, steer, pause, stop, resume, delete. Needs no torch.

A run is a folder (run_folder.py) and a process of its own (`python -m explorer.train --resume NAME`), so neither a reload
of the page nor a restart of the server ends it, and its crash takes nothing along.
"""

import logging
import math
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import psutil

from explorer.core.config import ModelConfig, TrainConfig
from explorer.core.data import catalog
from explorer.core.errors import BundleError, unknown
from explorer.core.paths import PROJECT, checked_name, checkpoints_dir
from explorer.core.runs import event_log
from explorer.core.runs import folder as run_folder
from explorer.core.runs.folder import LIVELY, Control, Order
from explorer.core.storage import atomic

MAX_WAITING = 8  # runs that are not over, the one that trains among them
GRACE_S = 5.0  # between the folder and the process that is begun for it
PATIENCE_S = 5.0  # with a run that is to be deleted and does not stop

log = logging.getLogger(__name__)
_children: set[subprocess.Popen] = set()
lock = threading.Lock()  # held while a process is begun or a run changes hands


@dataclass(frozen=True)
class Run:
    """How a run stands."""

    name: str
    folder: Path
    order: Order | None  # None where the folder is damaged
    status: str  # one of LIVELY, or "done", "stopped", "failed", "lost", "damaged"
    sentence: str = ""  # what went wrong, or what is awaited
    epoch: int = 0
    step: int = 0
    n_steps: int = 0
    steps_per_epoch: int = 0
    bundle: str | None = None  # its name, once it is saved; a group's: that of its first
    twins: tuple["Run", ...] = ()  # of a group; each is called "group/twin"

    @property
    def n_epochs(self) -> int:
        """Of the whole run; the last may be cut short."""
        return math.ceil(self.n_steps / self.steps_per_epoch) if self.steps_per_epoch else 0

    @property
    def is_live(self) -> bool:
        """Whether a process is at work on it, or should be."""
        return self.status in LIVELY


@dataclass
class Diary:
    """A run's events so far, read as they are appended. One per run and server; `read` may be called by any thread."""

    folder: Path
    events: list[dict] = field(default_factory=list)
    _at: int = 0
    _first: bytes = b""
    _told: tuple = (None, ())
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def read(self) -> list[dict]:
        """All events in force, oldest first. The list is not changed later."""
        with self._lock:
            if (first := event_log.first_line(self.folder)) != self._first:  # a new run of the name
                self.events, self._at, self._first = [], 0, first
            fresh, self._at = event_log.read_events(self.folder, self._at)
            if fresh:
                self.events = event_log.in_force([*self.events, *fresh])
            return self.events

    def told(self) -> tuple[list[dict], tuple]:
        """The events in force and what they come to, gone through once: a long run has thousands."""
        events = self.read()
        if (kept := self._told)[0] is not events:
            kept = self._told = events, _told(events)
        return kept


def start(order: Order, twins: dict[str, Order] | None = None) -> Run:
    """Make the folder and begin to train in a process of its own; `twins`: a group's models, by their names in it.

    Raises ExplorerError: a bad setting, a folder that is no upload, a name that is taken, too many runs that wait.
    """
    orders = list(twins.values()) if twins else [order]
    for one in orders:
        catalog.check_for_page(TrainConfig(**one.train).dataset)
        ModelConfig((1, 128, 128), **one.model)
        checked_name(one.name)
    with lock:  # two visitors who press at once
        if sum(run.is_live for run in list_runs()) >= MAX_WAITING:
            raise BundleError(f"{MAX_WAITING} runs are waiting already.", "Stop one of them, or come back later.")
        for one in orders:
            if (checkpoints_dir() / one.name).exists():
                raise BundleError(f"There is already a model '{one.name}'.", "Choose another name.")
        folder = run_folder.create(replace(order, background=True, created=time.time()), twins)
        try:
            _spawn(folder)
        except BundleError:
            atomic.remove_folder(folder)
            raise
    return look(folder.name)


def resume(name: str) -> Run:
    """Go on with a run that was stopped or has died.

    Raises BundleError for one that is over or at work, DataError where its images are a folder that is no upload.
    """
    with lock:
        run = look(name)
        if run.is_live or run.status == "done" or run.order is None:
            raise BundleError(f"The run '{name}' is {run.status}.", "Only a run that was stopped or broke off can go on.")
        for model in (run, *run.twins):
            if model.order is not None:
                catalog.check_for_page(TrainConfig(**model.order.train).dataset)
        control = run_folder.read_control(run.folder)
        run_folder.write_control(run.folder, replace(control, pause=False, step_to=None, stop=""))
        _spawn(run.folder)
    return look(name)


def _spawn(folder: Path) -> None:
    pid = spawn(folder, "explorer.train", "--resume", folder.name)
    order, _ = run_folder.read_run(folder)
    run_folder.write_run(folder, order, **run_folder.process_of(pid))


def spawn(folder: Path, module: str, *words: str) -> int:
    """Begin `python -m module words` in a process of its own, which outlives this one; what it prints goes to the run's log.

    Returns its process number; `reap` lets it go when it has ended. Raises BundleError where the system begins none.
    """
    env = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, [str(PROJECT), os.environ.get("PYTHONPATH")]))}
    env.pop("OMP_WAIT_POLICY", None)  # the page's threads shall sleep while they wait; these are quicker if they do not
    with atomic.saving(f"the run '{folder.name}'", folder), open(folder / run_folder.LOG, "ab") as log:
        child = subprocess.Popen(
            [sys.executable, "-m", module, *words],
            cwd=PROJECT,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    _children.add(child)
    return child.pid


def reap() -> None:
    """Let the processes that have ended go: the system keeps them until they are asked for."""
    for child in list(_children):
        if child.poll() is not None:
            _children.discard(child)


def list_runs(diary_of: Callable[[Path], Diary] = Diary) -> list[Run]:
    """All runs, the newest first. `diary_of` may keep what was read before."""
    reap()
    runs = [_look_safely(folder, diary_of) for folder in run_folder.folders()]
    return sorted(runs, key=lambda run: -(run.order.created if run.order else 0))


def look(name: str, diary_of: Callable[[Path], Diary] = Diary) -> Run:
    """How one run stands, or one of twins, as "group/twin". Raises BundleError where there is none."""
    reap()
    group, _, twin = name.partition("/")
    run = _look(run_folder.find(group), diary_of)
    found = run if not twin else next((one for one in run.twins if one.name == name), None)
    if found is None:
        raise unknown("twin", name, [one.name for one in run.twins], BundleError)
    return found


def _look_safely(folder: Path, diary_of: Callable[[Path], Diary]) -> Run:
    """A run that cannot be read, for whatever reason, is damaged, and hides none of the others."""
    try:
        return _look(folder, diary_of)
    except Exception:
        log.exception("The run in %s cannot be read", folder)
        return Run(folder.name, folder, None, "damaged", "It cannot be read; the log says why. Delete it.")


def _look(folder: Path, diary_of: Callable[[Path], Diary], group: dict | None = None) -> Run:
    """`group`: what the run.json of a twin's group says."""
    name = folder.name if group is None else f"{folder.parent.name}/{folder.name}"
    try:
        order, values = run_folder.read_run(folder)
    except BundleError as error:
        return Run(name, folder, None, "damaged", str(error))
    values = values if group is None else group
    events, (status, sentence, bundle, numbers) = diary_of(folder).told()
    twins = tuple(_look(path, diary_of, values) for path in run_folder.members(folder, order)) if order.twins else ()
    if twins:
        slowest = min(twins, key=lambda twin: (twin.step, twin.epoch))
        numbers = {key: getattr(slowest, key) for key in numbers}
    if not run_folder.is_alive(values.get("pid"), values.get("pid_started")):
        is_born = "pid" in values or time.time() - order.created > GRACE_S
        if status in LIVELY and is_born:
            status, sentence = "lost", f"The training broke off after epoch {numbers['epoch']}. It can go on from there."
    elif events and _time(values, "begun") > _time(events[-1], "t"):
        status, sentence = "starting", ""  # taken up again by a process that has not spoken yet
    twins = tuple(
        twin if twin.status in ("mapping", "done", "damaged") else replace(twin, status=status, sentence="") for twin in twins
    )
    return Run(name, folder, order, status, sentence, bundle=bundle, twins=twins, **numbers)


def is_over(events: list[dict]) -> bool:
    """Whether the events in force are of a run that has made its bundle and does not go on."""
    return _told(event_log.in_force(events))[0] == "done"


def _told(events: list[dict]) -> tuple:
    """(status, sentence, bundle, numbers) by the events alone."""
    status, sentence, bundle, numbers = "starting", "", None, {"epoch": 0, "step": 0, "n_steps": 0, "steps_per_epoch": 0}
    for event in events:
        match event:
            case {"kind": "queued" | "starting" | "training" | "paused" | "stopped" as kind}:
                status, sentence = kind, ""
            case {"kind": "going on"}:
                status = "training"
            case {"kind": "progress", "what": what, "share": share}:
                sentence = f"{what}: {share:.0%}"
            case {"kind": "saved" | "done" as kind, "bundle": bundle}:
                status, sentence = ("mapping" if kind == "saved" else "done"), ""
                if taken := event.get("taken_name"):
                    sentence = f"Saved as '{bundle}': the name '{taken}' belongs to another model."
            case {"kind": "failed", "message": message, "hint": hint}:
                status, sentence = "failed", f"{message} {hint}".strip()
        numbers |= {name: event[name] for name in numbers if name in event}
    return status, sentence, bundle, numbers


def _time(values: dict, name: str) -> float:
    """Unix time; 0 where there is none."""
    return values[name] if isinstance(values.get(name), int | float) else 0


def steer(name: str, **changes) -> Control:
    """beta, lr_scale, pause, step_to, stop: read by the trainer before its next batch."""
    with lock:
        folder = run_folder.find(name)
        control = replace(run_folder.read_control(folder), **changes)
        run_folder.write_control(folder, control)
    return control


def stop(name: str, keep: bool = False) -> None:
    """Within half a second. `keep`: make a bundle of the model as it is; else the run can go on later."""
    steer(name, stop="keep" if keep else "stop")


def delete(name: str) -> None:
    """End it where it is at work, and remove its folder. Its bundle stays. Raises BundleError."""
    with lock:  # not between a folder and its process
        run = look(name)
        for model in run.twins or (run,):
            run_folder.end_map(model.folder)
    if run.is_live:
        _end(run)
    try:
        atomic.remove_folder(run.folder)
    except FileNotFoundError:
        pass  # another visitor was quicker
    except OSError as error:
        what = f"The run '{name}' cannot be deleted ({atomic.reason(error)})."
        raise BundleError(what, "Close what uses it, and try again.") from error


def _end(run: Run) -> None:
    """Asks first, then insists: a run that loads its data or makes its map does not listen."""
    with suppress(BundleError):  # the folder is gone with it, or damaged
        stop(run.name)
        end = time.monotonic() + (0 if run.status == "mapping" else PATIENCE_S)
        while run_folder.is_alive(*(run_folder.read_run(run.folder)[1].get(key) for key in ("pid", "pid_started"))):
            time.sleep(0.05)
            if time.monotonic() > end:
                with suppress(psutil.Error):
                    psutil.Process(run_folder.read_run(run.folder)[1]["pid"]).kill()
                end += 1
