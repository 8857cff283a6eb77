"""The training process of a run: waits for the device, trains the run's models in turn, and saves their bundles."""

import os
import platform
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, nullcontext
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from explorer.core.config import ModelConfig, TrainConfig
from explorer.core.errors import ConfigError, ExplorerError, TrainingError
from explorer.core.runs import folder as run_folder
from explorer.core.runs import process
from explorer.core.runs.device_queue import Stopped, hold_device
from explorer.core.runs.event_log import EventWriter
from explorer.core.runs.folder import RunSpec
from explorer.core.worker.budget import Budget

if TYPE_CHECKING:
    from explorer.core.training.state import State
    from explorer.core.worker.bundle_writer import BundleWriter
    from explorer.core.worker.model_job import Data, ModelJob, SavedModel

# Importing torch takes a second or two. A run waits for the device without it: the functions below import what needs torch.

MIN_CONV_EPOCHS = 10  # on MNIST, for equal seconds, conv is behind the MLP at 3 epochs (102.6, 100.9), ahead at 55 (93.1, 95.9)
PROGRESS_S = 0.3  # between two events of a download


def work(
    folder: Path,
    on_message: Callable[[str], None] = lambda text: None,
    on_report: Callable = lambda report, state, n_steps: None,
    save_bundles: bool = True,
) -> Path | None:
    """Train the run in this folder, or resume it; returns the bundle's folder, or None if it was stopped or saves none.

    on_message gets sentences; on_report every Report, with the state and the number of batches. Raises ExplorerError. The
    last event says how the run ended; the run can be resumed from its last saved epoch.
    """
    spec, _ = run_folder.read_run(folder)
    run_folder.write_run(folder, spec, **process.this_process())
    events = EventWriter(folder)
    try:
        if spec.background:
            process.limit_threads()
        with hold_device(folder, spec, events, on_message) as release_device:
            with _trained(folder, spec, events, on_message, on_report) as job:
                if not save_bundles:
                    return job.finish()
                on_message("encoding the test images and making the map")
                return job.save(release_device, on_message)
    except Stopped:
        events.write("stopped")
        return None
    except KeyboardInterrupt:
        events.write("stopped")
        raise
    except ExplorerError as error:
        _write_failure(events, error.message, error.hint)
        raise
    except BaseException as error:
        _write_failure(events, f"The training failed unexpectedly ({type(error).__name__}).", f"See {folder / run_folder.LOG}.")
        raise
    finally:
        events.close()


def _write_failure(events: EventWriter, message: str, hint: str) -> None:
    try:
        events.write("failed", message=message, hint=hint)
    except ExplorerError:
        pass  # the disk is full; without a last event the run is shown as lost


@contextmanager
def _trained(folder: Path, spec: RunSpec, events: EventWriter, on_message: Callable, on_report: Callable) -> "Iterator[Job]":
    """Trains the models; yields the job while their event files are open. Raises Stopped."""
    events.write("starting")
    from explorer.core import device
    from explorer.core.worker import model_job
    from explorer.core.worker.threads import FreeCores

    device.choose(spec.train.get("device", "auto"))
    with ExitStack() as stack:
        writers = {}
        for member in run_folder.members(folder, spec):
            writers[member] = events if member == folder else stack.enter_context(closing(EventWriter(member)))
        saved = [model_job.read_saved(member, on_message) for member in writers]
        data = _load_images(folder, spec, saved[0].config, events, on_message)
        arch = _architecture(saved, data, spec.budget_s)
        states = [model.initial_state(data.train.images.shape[1:], arch) for model in saved]
        device = str(states[0].device)
        on_message(f"{data.train.name}: {len(data.train)} images to train on, {len(data.test)} to test, on {device}")
        _write_environment(folder, spec, device)
        if spec.twins:
            events.write("training", step=min(state.step for state in states))
        with _data_parallel(states, spec) as parallel:
            budget = Budget(spec.budget_s, states, FreeCores().follow) if spec.budget_s else None
            models = model_job.build(saved, states, data, writers, folder, events, parallel, budget)
            job = Job(models, events, budget, spec.background)
            job.train(on_report)
        if any(model.controls.stopped == "stop" for model in job.models):
            raise Stopped
        yield job


@dataclass(frozen=True)
class Job:
    """The models of a run, trained in turn, and the time budget that they share."""

    models: "list[ModelJob]"
    events: EventWriter  # of the run; of the group, for twins
    budget: Budget | None
    background: bool = False  # train at a low priority

    def train(self, on_report: Callable) -> None:
        """Train all models; the one with the fewest batches is next, so that twins advance side by side."""
        try:
            self._train_in_turn(on_report)
        finally:
            for model in self.models:
                model.recorder.close()

    def _train_in_turn(self, on_report: Callable) -> None:
        unfinished, has_begun = list(self.models), False
        while unfinished:
            model = min(unfinished, key=lambda model: (model.state.step, model.state.epoch))
            if not has_begun and model.state.epoch >= 0:
                has_begun = True
                self._begin()
            try:
                report = model.advance()
            except TrainingError as error:
                which = f"{model.spec.name}: " if len(self.models) > 1 else ""
                raise TrainingError(which + error.message, error.hint) from None
            if report is None:
                unfinished.remove(model)
                continue
            if report.is_epoch and report.epoch == 0:
                for other in self.models:  # twins train in the same precision, measured once
                    other.state.precision = other.state.precision or model.state.precision
            if self.budget and has_begun:
                self.budget.after_report()
                if self.background and self.budget.is_over:
                    process.take_priority()  # to evaluate and save, which takes ten seconds at a low priority on a busy machine
            model.record(report)
            on_report(report, model.state, model.n_steps)
        if self.budget and self.budget.expected_step is not None:
            for model in self.models:
                model.end_budget()

    def _begin(self) -> None:
        """Give way to the page, and start the clock of the budget. What precedes the first batch has normal priority."""
        measured = None
        if self.budget and not self.budget.is_over:
            self.budget.follow_cores()
            measured = sum(model.step_seconds() for model in self.models)
        if self.background:
            process.give_way()
        if measured is not None:
            self.budget.begin(measured)
            for model in self.models:
                model.write_budget()

    def save(self, release_device: Callable, on_message: Callable) -> Path:
        """Save the bundle of each model, release the device, then add the maps; returns the first bundle's folder."""
        from explorer.core.worker.bundle_writer import BundleWriter

        writers = [
            BundleWriter(model.folder, model.spec, model.state, len(model.data.train), model.data.test) for model in self.models
        ]
        self._write_saved("saved", writers, [writer.save() for writer in writers])
        release_device()
        if self.background:
            process.give_way()
        paths = []
        for model, writer in zip(self.models, writers):
            paths.append(path := writer.add_map())
            model.recorder.finish()
            taken = writer.taken_name(path)
            on_message(f"saved {path}" + (f": the name '{taken}' belongs to another model, which stays" if taken else ""))
        self._write_saved("done", writers, paths)
        return paths[0]

    def finish(self) -> None:
        """End the run without a bundle."""
        for model in self.models:
            model.recorder.finish()
        for events in {id(events): events for events in (*(model.events for model in self.models), self.events)}.values():
            events.write("done", bundle="")

    def _write_saved(self, kind: str, writers: "list[BundleWriter]", paths: list[Path]) -> None:
        """An event of each model, and of the group of twins."""
        for model, writer, path in zip(self.models, writers, paths):
            taken = writer.taken_name(path)
            model.events.write(kind, bundle=path.name, **({"taken_name": taken} if taken else {}))
        if self.models[0].events is not self.events:
            self.events.write(kind, bundle=paths[0].name)


def _load_images(folder: Path, spec: RunSpec, config: TrainConfig, events: EventWriter, on_message: Callable) -> "Data":
    from explorer.core.data import catalog
    from explorer.core.worker.model_job import Data

    progress = _progress(folder, events, on_message)
    train, test = (catalog.load(config.dataset, split, size=spec.size, progress=progress) for split in catalog.SPLITS)
    for note in train.notes:
        on_message(note)
    return Data(train.head(config.limit), test.head(config.limit))


def _architecture(saved: "list[SavedModel]", data: "Data", budget_s: float) -> str:
    """The better architecture for a time budget: conv if it gets MIN_CONV_EPOCHS of it, else the MLP, whose steps are short."""
    from explorer.core.training import state, throughput
    from explorer.core.vae.encoding import as_tensor

    if saved_archs := [model.state.model_config.arch for model in saved if model.state]:
        return saved_archs[0]
    spec, config, images = saved[0].spec, saved[0].config, data.train.images
    if not budget_s or "arch" in spec.model:
        return ModelConfig.arch
    probe = state.begin(ModelConfig(images.shape[1:], **spec.model), config)
    step_s = len(saved) * throughput.step_seconds(probe, as_tensor(images[: config.batch_size]), "fp32")
    n_epochs = budget_s / (step_s * probe.schedule.steps_per_epoch(len(images)))
    return "conv" if n_epochs >= MIN_CONV_EPOCHS else "mlp"


def _write_environment(folder: Path, spec: RunSpec, device: str) -> None:
    versions = {"python": platform.python_version()} | {name: version(name) for name in ("torch", "numpy")}
    run_folder.write_run(folder, spec, **process.this_process(), device=device, versions=versions)


def _data_parallel(states: "list[State]", spec: RunSpec):
    from explorer.core.training import distributed

    if len(states) > 1 and os.environ.get("WORLD_SIZE", "1") != "1":
        raise ConfigError("Twins must be trained by one process.", "Start them without torchrun.")
    return nullcontext() if len(states) > 1 else distributed.data_parallel(states[0], spec.size)


def _progress(folder: Path, events: EventWriter, on_message: Callable[[str], None]) -> Callable[[float, str], None]:
    """Reports a download: an event a few times a second, a message each tenth. Raises Stopped if the run was stopped."""
    last_event = last_share = 0.0

    def progress(share: float, what: str) -> None:
        nonlocal last_event, last_share
        if share - last_share >= 0.1:
            last_share = share
            on_message(f"{what}: {share:.0%}")
        if time.monotonic() - last_event > PROGRESS_S:
            last_event = time.monotonic()
            events.write("progress", share=round(share, 3), what=what)
            if run_folder.read_control(folder).stop:
                raise Stopped

    return progress
