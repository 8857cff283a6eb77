"""Status of runs, from their folders and processes: `list_runs`, `look`."""

import logging
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from explorer.core.errors import BundleError, unknown
from explorer.core.runs import folder as run_folder
from explorer.core.runs import process
from explorer.core.runs.event_log import EventLog, in_force
from explorer.core.runs.event_schema import is_time
from explorer.core.runs.folder import RunSpec

START_GRACE_S = 5.0  # how long a new folder may exist before its process starts

log = logging.getLogger(__name__)


class RunStatus(StrEnum):
    """Status of a run. On disk and in the page it is the plain string."""

    QUEUED = "queued"
    STARTING = "starting"
    TRAINING = "training"
    PAUSED = "paused"
    MAPPING = "mapping"  # the model is saved, its map is being computed
    DONE = "done"
    STOPPED = "stopped"
    FAILED = "failed"
    LOST = "lost"  # its process has ended without a last event
    DAMAGED = "damaged"  # the folder cannot be read


LIVE = (RunStatus.QUEUED, RunStatus.STARTING, RunStatus.TRAINING, RunStatus.PAUSED, RunStatus.MAPPING)
COUNTS = ("epoch", "step", "n_steps", "steps_per_epoch", "used", "expected")  # fields of events
BUSY_SHARE = 0.5  # a time budget whose run has trained less than this share of the expected batches met a busy machine


@dataclass(frozen=True)
class EventSummary:
    """What the events of a run say about it."""

    status: RunStatus = RunStatus.STARTING
    sentence: str = ""  # an error, or what the run is waiting for
    bundle: str | None = None
    epoch: int = 0
    step: int = 0
    n_steps: int = 0
    steps_per_epoch: int = 0
    used: float = 0.0
    expected: int = 0


@dataclass(frozen=True)
class Run:
    """A run and its status."""

    name: str
    folder: Path
    spec: RunSpec | None  # None if the folder is damaged
    status: RunStatus
    sentence: str = ""  # an error, or what the run is waiting for
    epoch: int = 0
    step: int = 0
    n_steps: int = 0
    steps_per_epoch: int = 0
    used: float = 0.0  # seconds of the time budget that were used, once it has ended
    expected: int = 0  # the step that a measurement before the first batch promised for these seconds
    bundle: str | None = None  # the name of its bundle, once it is saved; of a group: that of its first twin
    twins: tuple["Run", ...] = ()  # of a group; each is named "group/twin"

    @property
    def n_epochs(self) -> int:
        """Epochs of the whole run; the last may be cut short."""
        return math.ceil(self.n_steps / self.steps_per_epoch) if self.steps_per_epoch else 0

    @property
    def was_slow(self) -> bool:
        """Whether a run with a time budget trained far fewer batches than measured before, since the machine was busy."""
        return self.used > 0 and self.step < BUSY_SHARE * self.expected

    @property
    def more_s(self) -> int:
        """Seconds to offer on top of a used time budget; 0 if the run has none, or has not saved its model."""
        has_saved = self.status in (RunStatus.MAPPING, RunStatus.DONE)
        return max(1, round(self.spec.budget_s)) if has_saved and self.spec is not None and self.used > 0 else 0

    @property
    def outcome(self) -> str:
        """A sentence on what a time budget has reached on a busy machine; else empty."""
        if not (self.more_s and self.was_slow):
            return ""
        epochs = f" ({self.step / self.steps_per_epoch:.1f} epochs)" if self.steps_per_epoch else ""
        reached = f"Trained {self.used:.0f} s, {self.step:,} {'batch' if self.step == 1 else 'batches'}{epochs}"
        return f"{reached}: the machine was busy. Train for {self.more_s} s more?"

    @property
    def is_live(self) -> bool:
        """Whether a process works on the run, or is about to."""
        return self.status in LIVE


def list_runs(log_of: Callable[[Path], EventLog] = EventLog) -> list[Run]:
    """All runs, newest first. `log_of` may return an EventLog that was used before, which then reads only what is new."""
    process.reap()
    runs = [_look_safely(folder, log_of) for folder in run_folder.folders()]
    return sorted(runs, key=lambda run: -(run.spec.created if run.spec else 0))


def look_at(folder: Path, log_of: Callable[[Path], EventLog] = EventLog) -> Run:
    """The run in this folder, which may be outside `runs_dir()`."""
    process.reap()
    return _look_safely(folder, log_of)


def look(name: str, log_of: Callable[[Path], EventLog] = EventLog) -> Run:
    """The run `name`, or the twin "group/twin". Raises BundleError if there is none."""
    process.reap()
    group, _, twin = name.partition("/")
    run = _look(run_folder.find(group), log_of)
    found = run if not twin else next((twin_run for twin_run in run.twins if twin_run.name == name), None)
    if found is None:
        raise unknown("twin", name, [twin_run.name for twin_run in run.twins], BundleError)
    return found


def _look_safely(folder: Path, log_of: Callable[[Path], EventLog]) -> Run:
    """One run that cannot be read must not hide the others."""
    try:
        return _look(folder, log_of)
    except Exception:
        log.exception("The run in %s cannot be read", folder)
        return Run(folder.name, folder, None, RunStatus.DAMAGED, "It cannot be read; see the log. Delete it.")


def _look(folder: Path, log_of: Callable[[Path], EventLog], group: dict | None = None) -> Run:
    """`group`: run.json of the group, if this is one of twins."""
    name = folder.name if group is None else f"{folder.parent.name}/{folder.name}"
    try:
        spec, values = run_folder.read_run(folder)
    except BundleError as error:
        return Run(name, folder, None, RunStatus.DAMAGED, str(error))
    values = values if group is None else group
    events, summary = log_of(folder).summary(summarise)
    twins = tuple(_look(path, log_of, values) for path in run_folder.members(folder, spec)) if spec.twins else ()
    if twins:
        slowest = min(twins, key=lambda twin: (twin.step, twin.epoch))
        summary = replace(summary, **{key: getattr(slowest, key) for key in COUNTS})
    if not process.is_alive(values.get("pid"), values.get("pid_started")):
        was_started = "pid" in values or time.time() - spec.created > START_GRACE_S
        if summary.status in LIVE and was_started:
            sentence = f"The training ended unexpectedly after epoch {summary.epoch}. It can be resumed from there."
            summary = replace(summary, status=RunStatus.LOST, sentence=sentence)
    elif events and _time(values, "begun") > _time(events[-1], "t"):
        summary = replace(summary, status=RunStatus.STARTING, sentence="")  # a new process that has written no event yet
    own = (RunStatus.MAPPING, RunStatus.DONE, RunStatus.DAMAGED)
    twins = tuple(twin if twin.status in own else replace(twin, status=summary.status, sentence="") for twin in twins)
    return Run(name, folder, spec, twins=twins, **vars(summary))


def _time(values: dict, name: str) -> float:
    """Unix time; 0 if there is none."""
    return values[name] if is_time(values.get(name)) else 0


def summarise(events: list[dict]) -> EventSummary:
    """The summary of the events in force, oldest first."""
    found = {}
    for event in events:
        match event:
            case {"kind": "queued" | "starting" | "training" | "paused" | "stopped" as kind}:
                found |= {"status": RunStatus(kind), "sentence": ""}
            case {"kind": "going on"}:
                found |= {"status": RunStatus.TRAINING}
            case {"kind": "progress", "what": what, "share": share}:
                found |= {"sentence": f"{what}: {share:.0%}"}
            case {"kind": "saved" | "done" as kind, "bundle": bundle}:
                taken = event.get("taken_name")
                sentence = f"Saved as '{bundle}': the name '{taken}' belongs to another model." if taken else ""
                status = RunStatus.MAPPING if kind == "saved" else RunStatus.DONE
                found |= {"status": status, "sentence": sentence, "bundle": bundle}
            case {"kind": "failed", "message": message, "hint": hint}:
                found |= {"status": RunStatus.FAILED, "sentence": f"{message} {hint}".strip()}
        found |= {name: event[name] for name in COUNTS if name in event}
    return EventSummary(**found)


def is_done(events: list[dict]) -> bool:
    """Whether these events are of a run that has saved its bundle and ended."""
    return summarise(in_force(events)).status == RunStatus.DONE
