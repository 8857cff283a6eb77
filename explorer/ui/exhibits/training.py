"""Runs of an exhibit on its page: the one to show for the visitor's settings, its status, and the button that trains it."""

from typing import Literal, NamedTuple, TypedDict

from explorer.core.errors import ExplorerError
from explorer.core.runs import exhibit_runs
from explorer.core.runs.exhibit_runs import ExhibitRun
from explorer.core.runs.status import Run, RunStatus
from explorer.ui import resources
from explorer.ui.widgets.clock.panel import clock
from explorer.ui.wire.packet import Numbered

POLL_S = 0.4  # while a run trains


class TrainingStatus(TypedDict):
    """The header fields on the run."""

    status: str  # a sentence
    can_train: bool
    is_live: bool


class Train(Numbered):
    kind: Literal["train"]


class StopTraining(Numbered):
    kind: Literal["stop"]


class Shown(NamedTuple):
    """What a page shows of a run: the events and the film (EpochFrame) of each twin, by name; empty if there is none."""

    run: Run | None
    twins: dict[str, tuple[list[dict], list]]
    status: TrainingStatus

    @property
    def key(self) -> tuple:
        """Changes whenever something else is to be shown."""
        stamps = tuple(tuple(frame.stamp for frame in film) for _, film in self.twins.values())
        return self.run and str(self.run.folder), *stamps, *self.status.values()


def watch(plan: ExhibitRun) -> Shown:
    """The visitors' run with these settings, or the recorded one until it has an epoch. Runs again while it trains."""
    run, recorded = exhibit_runs.find(plan), exhibit_runs.recorded(plan)
    if run is not None and run.is_live:
        clock("exhibit", POLL_S)
    status: TrainingStatus = {
        "status": _sentence(run, recorded),
        "can_train": run is None or run.status == RunStatus.FAILED,
        "is_live": run is not None and run.is_live,
    }
    for candidate in (run, recorded):
        twins = _twins(candidate) if candidate is not None else {}
        if twins and all(film for _, film in twins.values()):
            return Shown(candidate, twins, status)
    return Shown(None, {}, status)


def handle(plan: ExhibitRun, state, request: dict) -> None:
    """Starts or stops the run."""
    try:
        match request:
            case {"kind": "train"}:
                exhibit_runs.start(plan)
            case {"kind": "stop"}:
                exhibit_runs.stop(plan)
    except ExplorerError as error:
        state.notices.append(str(error))


def _twins(run: Run) -> dict[str, tuple[list[dict], list]]:
    return {twin.folder.name: resources.watch(twin) for twin in run.twins}


def _sentence(run: Run | None, recorded: Run | None) -> str:
    if run is None:
        return "A recorded run." if recorded is not None else "Not trained with these settings yet. It takes about 10 s."
    match run.status:
        case RunStatus.QUEUED:
            return "Waits for another exhibit's training."
        case RunStatus.STARTING:
            return run.sentence or "Starts."
        case RunStatus.DONE:
            return f"Trained here, {run.epoch} epochs."
        case RunStatus.FAILED:
            return run.sentence
    return f"Trains: epoch {run.epoch} of {run.n_epochs}." if run.n_epochs else "Starts."
