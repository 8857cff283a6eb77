"""What a queued run waits for: the run that holds its device, and how long that one is going to take."""

import time
from collections.abc import Sequence

from explorer.core.runs.device_queue import queue_of
from explorer.core.runs.status import Run, RunStatus

N_RECENT = 20  # reports whose pace is extrapolated


def holder(run: Run, runs: Sequence[Run]) -> Run | None:
    """The run among `runs` that holds the device for which `run` is queued; None if it is not among them."""
    same = [other for other in runs if other.name != run.name and _queue(other) == _queue(run)]
    training = [other for other in same if other.status in (RunStatus.TRAINING, RunStatus.PAUSED)]
    starting = [other for other in same if other.status == RunStatus.STARTING and other.is_live]
    return next(iter([*training, *starting]), None)


def n_before(run: Run, runs: Sequence[Run]) -> int:
    """The number of older runs that are queued for the same device."""
    queued = [other for other in runs if other.status == RunStatus.QUEUED and _queue(other) == _queue(run)]
    return sum(other.spec.created < run.spec.created for other in queued)


def steps_per_s(events: list[dict]) -> float | None:
    """The recent pace in batches per second since the last start; None before two reports."""
    start = next((e for e in reversed(events) if e["kind"] == "training"), {})
    reports = [e for e in events[-3 * N_RECENT :] if _is_report(e)]
    recent = [e for e in reports if e["step"] > start.get("step", 0)][-N_RECENT:]
    if len(recent) < 2:
        return None
    steps, seconds = (recent[-1][name] - recent[0][name] for name in ("step", "t"))
    return steps / seconds if steps > 0 and seconds > 0 else None


def seconds_left(run: Run, events: list[dict]) -> float | None:
    """Seconds until the last batch at the recent pace; before there is one, the time budget.

    `events`: of the run, or of the first of its twins. None if the run is paused or has ended, or nothing is known yet.
    """
    if run.status not in (RunStatus.STARTING, RunStatus.TRAINING):
        return None
    pace = steps_per_s(events) if run.status == RunStatus.TRAINING else None
    if pace is None:
        return run.spec.budget_s or None
    last = next(e["t"] for e in reversed(events) if _is_report(e))
    return max(0.0, (run.n_steps - run.step) / pace - (time.time() - last))


def _is_report(event: dict) -> bool:
    return event["kind"] in ("batch", "epoch") and "t" in event and "step" in event


def _queue(run: Run) -> str | None:
    return None if run.spec is None else queue_of(run.spec.train.get("device", "auto"))
