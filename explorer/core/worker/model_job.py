"""One model of a training job: its state, data, controls and recorder."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from explorer.core import device as devices
from explorer.core.config import ModelConfig, TrainConfig
from explorer.core.data.image_set import ImageSet
from explorer.core.errors import BundleError, TrainingError
from explorer.core.runs import event_log
from explorer.core.runs import folder as run_folder
from explorer.core.runs.event_log import EventWriter
from explorer.core.runs.folder import RunSpec
from explorer.core.training import loop, throughput
from explorer.core.training import state as training_state
from explorer.core.training.distributed import DataParallel
from explorer.core.training.report import Report
from explorer.core.training.state import LiveSettings, State
from explorer.core.training.state_file import load_state
from explorer.core.vae.encoding import as_tensor
from explorer.core.worker.budget import Budget
from explorer.core.worker.controls import ControlReader
from explorer.core.worker.recorder import RunRecorder


@dataclass(frozen=True)
class Data:
    """The images that all models of a job share."""

    train: ImageSet
    test: ImageSet


@dataclass(frozen=True)
class SavedModel:
    """What a model's folder holds when the process starts."""

    folder: Path
    spec: RunSpec
    events: list[dict]
    state: State | None  # None for a new run

    @property
    def config(self) -> TrainConfig:
        """The settings of the training."""
        return self.state.config if self.state else TrainConfig(**self.spec.train)

    def initial_state(self, image_shape: tuple[int, int, int], arch: str) -> State:
        """The saved state, or an untrained model (of this architecture, if the run names none)."""
        return self.state or training_state.begin(ModelConfig(image_shape, **({"arch": arch} | self.spec.model)), self.config)

    def later_changes(self) -> list[dict]:
        """Changes of the live settings that were made after the state was saved."""
        first = self.state.step if self.state else 0
        return [change for change in event_log.live_changes(self.events) if change["step"] >= first]


def read_saved(folder: Path, on_message: Callable[[str], None]) -> SavedModel:
    """Read a model's folder. Raises BundleError if its state is damaged."""
    spec, _ = run_folder.read_run(folder)
    saved = SavedModel(folder, spec, event_log.read_events(folder)[0], None)
    if not (folder / run_folder.STATE).exists():
        return saved
    tensors, meta = load_state(folder)
    state = training_state.resume(tensors, meta)
    if state.config.dataset != saved.config.dataset:
        raise BundleError(f"The saved state of '{spec.name}' is of another data set.", "Start the run again.")
    on_message(f"resuming '{spec.name}' after epoch {max(0, state.epoch)} of {state.config.epochs}")
    if meta.get("threads") != devices.n_threads():
        on_message(
            f"started on {meta.get('threads')} threads, now on {devices.n_threads()}: results may differ in the last digits"
        )
    return SavedModel(folder, spec, saved.events, state)


class ModelJob:
    """One model in training: `advance` trains some batches, `record` writes the report."""

    def __init__(
        self,
        saved: SavedModel,
        state: State,
        data: Data,
        events: EventWriter,
        controls: ControlReader,
        parallel: DataParallel | None,
        budget: Budget | None,
    ):
        self.folder, self.spec = saved.folder, saved.spec
        self.state, self.data, self.events, self.controls, self.budget = state, data, events, controls, budget
        self.first_step = state.step
        self._write_start()
        self.recorder = RunRecorder(self.folder, self.spec.name, state, events, self.n_epochs)
        self._reports = loop.fit(state, data.train.images, data.test.images, self._before_batch, parallel)

    def _write_start(self) -> None:
        state, train, test = self.state, self.data.train, self.data.test
        self.events.write(
            "training",
            step=state.step,
            epoch=max(0, state.epoch),
            device=str(state.device),
            n_steps=self.n_steps,
            steps_per_epoch=self.steps_per_epoch,
            n_train=len(train),
            n_test=len(test),
            beta=state.config.beta,
            lr=state.config.lr,
            latent_dim=state.model_config.latent_dim,
            shape=state.model_config.image_shape,
            classes=train.class_names,
            labels=test.labels[: loop.N_MEANS].tolist(),
        )

    @property
    def steps_per_epoch(self) -> int:
        """Batches of one epoch."""
        return self.state.schedule.steps_per_epoch(len(self.data.train))

    @property
    def n_steps(self) -> int:
        """Batches of the whole run."""
        return self.state.schedule.n_steps(len(self.data.train))

    @property
    def n_epochs(self) -> int:
        """Epochs of the whole run; the last may be cut short."""
        return math.ceil(self.n_steps / self.steps_per_epoch)

    def _before_batch(self, state: State) -> LiveSettings:
        live = self.controls(state)
        if self.budget:
            self.budget.before_batch(state)
        return live

    def write_budget(self, **use) -> None:
        """Write the number of batches for the time budget; `use`: what it was used for, at the end."""
        self.events.write("budget", n_steps=self.n_steps, seconds=self.budget.seconds, **use)

    def end_budget(self) -> None:
        """Write what the budget was used for, and make it part of the saved state, so that a resumed run has none left."""
        if self.state.step == self.n_steps:
            self.state.schedule.used_s = self.budget.used
            self.state.keep()
        self.write_budget(used=round(self.budget.used, 2), expected=self.budget.expected_step)

    def step_seconds(self) -> float:
        """Seconds of a training step, by a short measurement, and of its share of an evaluation, by the first one."""
        images = as_tensor(self.data.train.images[: self.state.config.batch_size])
        evaluation_s = self.state.history[0]["seconds"] / self.steps_per_epoch
        return throughput.step_seconds(self.state, images, self.state.precision, 30) + evaluation_s

    def advance(self) -> Report | None:
        """Train some batches or evaluate an epoch; None at the end. Raises TrainingError; the saved state is unaffected."""
        try:
            return next(self._reports, None)
        except TrainingError as error:
            self.events.write("diverged", step=self.state.step)
            hint = f"Train again with a learning rate of {self.state.config.lr / 10:.2g}."
            raise TrainingError(error.message, hint) from None

    def record(self, report: Report) -> None:
        """Write the report into the run's folder."""
        self.recorder.write(report, self.n_steps, self.n_epochs)


def build(
    saved: list[SavedModel],
    states: list[State],
    data: Data,
    writers: dict[Path, EventWriter],
    group: Path,
    group_events: EventWriter,
    parallel: DataParallel | None,
    budget: Budget | None,
) -> list[ModelJob]:
    """The models of the run in the folder `group`, which is their own folder if there is only one."""

    def furthest_step() -> int:
        return max(state.step for state in states)

    models = []
    for model, state in zip(saved, states):
        events = writers[model.folder]
        clock = budget.clock if budget else None
        controls = ControlReader(model.folder, group, events, group_events, model.later_changes(), furthest_step, clock)
        models.append(ModelJob(model, state, data, events, controls, parallel, budget))
    return models
