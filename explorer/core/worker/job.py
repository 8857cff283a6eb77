"""The trainer's side of a run: waits for its turn, trains as the folder says, writes what it sees into the folder.

Knows the folder and the core; prints nothing.
"""

import math
import os
import platform
import time
from collections.abc import Callable
from contextlib import ExitStack, closing, nullcontext
from importlib.metadata import version
from pathlib import Path

from explorer.core.config import ModelConfig
from explorer.core.errors import ConfigError, ExplorerError, TrainingError
from explorer.core.runs import event_log, process
from explorer.core.runs import folder as run_folder
from explorer.core.runs.device_queue import Stopped, hold_device
from explorer.core.runs.event_log import EventWriter
from explorer.core.runs.folder import RunSpec
from explorer.core.worker.budget import Budget
from explorer.core.worker.controls import ControlReader, WatchedControlFile

CONV_EPOCHS = 10  # on MNIST conv is behind the MLP at 3 epochs for the same seconds (102.6, 100.9), ahead at 55 (93.1, 95.9)
PROGRESS_S = 0.3  # between two words on a download


def work(
    folder: Path, told: Callable[[str], None] = lambda text: None, seen: Callable = lambda report, state, n_steps: None
) -> Path | None:
    """Train as the folder says, or go on where it was left; the bundle's folder, or None where it was told to stop.

    told: gets sentences; seen: every Report, with the state and the number of batches. Raises ExplorerError; whatever
    ends it is the last event, and what was reached can be resumed.
    """
    order, _ = run_folder.read_run(folder)
    run_folder.write_run(folder, order, **process.this_process())
    events = EventWriter(folder)
    try:
        if order.background:
            process.give_way()
        with hold_device(folder, order, events, told) as give_back:
            return _train(folder, order, events, give_back, told, seen)
    except Stopped:
        events.write("stopped")
        return None
    except KeyboardInterrupt:
        events.write("stopped")
        raise
    except ExplorerError as error:
        _last_word(events, error.message, error.hint)
        raise
    except BaseException as error:
        _last_word(events, f"The training broke off ({type(error).__name__}).", f"See {folder / run_folder.LOG}.")
        raise
    finally:
        events.close()


def _last_word(events: EventWriter, message: str, hint: str) -> None:
    try:
        events.write("failed", message=message, hint=hint)
    except ExplorerError:
        pass  # the disk is full: the process is gone, and the page says so


def _train(
    folder: Path, order: RunSpec, events: EventWriter, give_back: Callable, told: Callable, seen: Callable
) -> Path | None:
    is_new = not event_log.read_events(folder)[0]
    since = order.created if is_new else time.time()  # a run that has waited, or goes on, has lost nothing of its budget
    events.write("starting")
    from explorer.core import device  # torch: a second or two
    from explorer.core.data import catalog  # torch: a second or two
    from explorer.core.training import distributed as parallel  # torch: a second or two
    from explorer.core.worker.model_job import ModelJob

    device.choose(order.train.get("device", "auto"))
    with ExitStack() as pens:
        pen_of = {folder: events}
        for twin in run_folder.members(folder, order):
            if twin != folder:
                pen_of[twin] = pens.enter_context(closing(EventWriter(twin)))
        trainees = [ModelJob(twin, pen_of[twin], told) for twin in run_folder.members(folder, order)]
        config, told_of = trainees[0].config, _progress(folder, events, told)
        train, test = (catalog.load(config.dataset, split, size=order.size, progress=told_of) for split in catalog.SPLITS)
        for note in train.notes:
            told(note)
        train, test = train.head(config.limit), test.head(config.limit)
        budget = Budget(order.budget_s, since) if order.budget_s else None
        arch = _arch(trainees, train, budget)
        states = [trainee.prepare(train, test, arch) for trainee in trainees]
        where = str(states[0].device)
        told(f"{train.name}: {len(train)} images to train on, {len(test)} to test, on {where}")
        versions = {"python": platform.python_version()} | {name: version(name) for name in ("torch", "numpy")}
        run_folder.write_run(folder, order, **process.this_process(), device=where, versions=versions)
        if order.twins:
            events.write("training", step=min(state.step for state in states))
        with _team(states, order, parallel) as team:
            for trainee, state in zip(trainees, states):
                own = WatchedControlFile(trainee.folder)
                run = own if trainee.folder == folder else WatchedControlFile(folder)
                furthest = lambda: max(state.step for state in states)  # noqa: E731
                trainee.begin(ControlReader(own, run, trainee.events, events, trainee.replay(), furthest), team)
            try:
                _fit(trainees, budget, seen)
            finally:
                for trainee in trainees:
                    trainee.diary.close()
        if "stop" in [trainee.steering.stopped for trainee in trainees]:
            raise Stopped
        told("encoding the test images and making the map")
        return _keep(trainees, events, give_back, told)


def _team(states: list, order: RunSpec, parallel):
    if len(states) > 1 and os.environ.get("WORLD_SIZE", "1") != "1":
        raise ConfigError("Twins are trained by one process.", "Start them without torchrun.")
    return nullcontext() if len(states) > 1 else parallel.team(states[0], order.size)


def _fit(trainees: list, budget: Budget | None, seen: Callable) -> None:
    """All models, in turn: whoever has had the fewest batches is next, so that twins see the same ones side by side."""
    if budget:
        budget.begin(min(trainee.reached for trainee in trainees))
    going, evaluation_s = list(trainees), 0.0
    while going:
        trainee = min(going, key=lambda t: (t.state.step, t.state.epoch))
        try:
            report = trainee.next()
        except TrainingError as error:
            which = f"{trainee.order.name}: " if len(trainees) > 1 else ""
            raise TrainingError(which + error.message, error.hint) from None
        if report is None:
            going.remove(trainee)
            continue
        if report.is_epoch and report.epoch == 0:
            evaluation_s += report.seconds
            for other in trainees:  # what was measured for the first of them is in force for all
                other.state.precision = other.state.precision or trainee.state.precision
        if budget and all(t.state.epoch >= 0 for t in trainees):
            _plan(trainees, trainee, report, budget, evaluation_s)
        trainee.write(report)
        seen(report, trainee.state, trainee.n_steps)


def _plan(trainees: list, trainee, report, budget: Budget, evaluation_s: float) -> None:
    """The budget in batches: after all untrained models have been evaluated, and again where the machine is busy."""
    n_steps = max((t.state.n_steps or 0) for t in trainees)
    if not n_steps:
        step, step_s = trainee.state.step, sum(t.step_seconds() for t in trainees)
        n_steps = step + budget.affordable(step_s, evaluation_s, trainee.steps_per_epoch)
        budget.begin(step)
    elif not report.is_epoch and trainee.state.step > trainee.reached:
        paused_s = sum(t.steering.paused_s for t in trainees)
        n_steps = budget.fewer(max(t.state.step for t in trainees), n_steps, paused_s) or n_steps
    for other in trainees:
        if other.state.n_steps != n_steps:
            other.plan(n_steps, budget.seconds)


def _keep(trainees: list, events: EventWriter, give_back: Callable, told: Callable) -> Path:
    """A bundle of each model, and the device is free; then their maps."""
    savings = [trainee.saving() for trainee in trainees]
    paths = [next(saving) for saving in savings]
    _write_bundles("saved", trainees, events, paths)
    give_back()
    for i, (trainee, saving) in enumerate(zip(trainees, savings)):
        *_, paths[i] = saving
        trainee.diary.finish()
        told(f"saved {paths[i]}{_instead(trainee, paths[i])}")
    _write_bundles("done", trainees, events, paths)
    return paths[0]


def _instead(trainee, path: Path) -> str:
    taken = trainee.bundle_name
    return "" if path.name == taken else f": the name '{taken}' belongs to another model, which stays"


def _write_bundles(kind: str, trainees: list, events: EventWriter, paths: list[Path]) -> None:
    """Into the events of each model, and of the group that twins have in common."""
    for trainee, path in zip(trainees, paths):
        taken = {} if path.name == trainee.bundle_name else {"taken_name": trainee.bundle_name}
        trainee.events.write(kind, bundle=path.name, **taken)
    if trainees[0].events is not events:
        events.write(kind, bundle=paths[0].name)


def _arch(trainees: list, train, budget: Budget | None) -> str:
    """The better architecture for a time budget: conv where it buys CONV_EPOCHS of it, else the MLP, whose steps are short."""
    if begun := [trainee.state.model_config.arch for trainee in trainees if trainee.state]:
        return begun[0]
    first = trainees[0]
    if budget is None or "arch" in first.order.model:
        return ModelConfig.arch
    from explorer.core.training.loop import step_seconds
    from explorer.core.training.state import begin
    from explorer.core.vae.encoding import as_tensor

    probe = begin(ModelConfig(train.images.shape[1:], **first.order.model), first.config)
    step_s = len(trainees) * step_seconds(probe, as_tensor(train.images[: first.config.batch_size]), "fp32")
    n_epochs = (budget.end - time.time()) / (step_s * math.ceil(len(train) / first.config.batch_size))
    return "conv" if n_epochs >= CONV_EPOCHS else "mlp"


def _progress(folder: Path, events: EventWriter, told: Callable[[str], None]) -> Callable[[float, str], None]:
    """Downloads in the events, a few times a second, and a tenth at a time in words; a stop is heard there too."""
    last = said = 0.0

    def progress(share: float, what: str) -> None:
        nonlocal last, said
        if share - said >= 0.1:
            said = share
            told(f"{what}: {share:.0%}")
        if time.monotonic() - last > PROGRESS_S:
            last = time.monotonic()
            events.write("progress", share=round(share, 3), what=what)
            if run_folder.read_control(folder).stop:
                raise Stopped

    return progress
