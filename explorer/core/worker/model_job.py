"""One model of a run in the trainer's process: taken up where it was left, trained, written down, made a bundle."""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from explorer.core import device as devices
from explorer.core import paths
from explorer.core.bundles import build, store
from explorer.core.config import ModelConfig, TrainConfig
from explorer.core.data.image_set import ImageSet
from explorer.core.errors import BundleError, TrainingError
from explorer.core.runs import event_log
from explorer.core.runs import folder as run_folder
from explorer.core.runs.event_log import EventWriter
from explorer.core.training import loop
from explorer.core.training import state as training_state
from explorer.core.training.loop import Report
from explorer.core.training.state import State
from explorer.core.training.state_file import load_state
from explorer.core.vae.encoding import as_tensor
from explorer.core.worker.controls import ControlReader
from explorer.core.worker.recorder import RunRecorder


class ModelJob:
    """The model of one folder. `state` is None until the first images are there."""

    def __init__(self, folder: Path, events: EventWriter, told: Callable[[str], None]):
        self.folder, self.events = folder, events
        self.order, _ = run_folder.read_run(folder)
        self.before = event_log.read_events(folder)[0]
        self.config, self.state = TrainConfig(**self.order.train), None
        if (folder / run_folder.STATE).exists():
            tensors, meta = load_state(folder)
            self.state = training_state.resume(tensors, meta)
            if self.state.config.dataset != self.config.dataset:
                raise BundleError(f"The saved state of '{self.order.name}' is of another data set.", "Start the run again.")
            self.config = self.state.config
            told(f"going on with '{self.order.name}' after epoch {max(0, self.state.epoch)} of {self.config.epochs}")
            if meta.get("threads") != devices.n_threads():
                told(f"begun on {meta.get('threads')} threads, now on {devices.n_threads()}: the last digits may differ")

    def prepare(self, train: ImageSet, test: ImageSet, arch: str) -> State:
        """The model, where it is new of this architecture if the order names none, and what it has been told before."""
        self.train, self.test = train, test
        if self.state is None:
            settings = {"arch": arch} | self.order.model
            self.state = training_state.begin(ModelConfig(train.images.shape[1:], **settings), self.config)
        self.steps_per_epoch = math.ceil(len(train) / self.config.batch_size)
        for event in self.before:
            if event["kind"] == "budget" and type(n := event.get("n_steps")) is int and 0 < n < 2**31:
                self.state.n_steps = n
        return self.state

    def begin(self, steering: ControlReader, team=None) -> None:
        """What is there is said; from now on `next` trains."""
        state, train, test = self.state, self.train, self.test
        self.reached, self.steering = state.step, steering
        self.events.write(
            "training",
            step=state.step,
            epoch=max(0, state.epoch),
            device=str(state.device),
            n_steps=self.n_steps,
            steps_per_epoch=self.steps_per_epoch,
            n_train=len(train),
            n_test=len(test),
            beta=self.config.beta,
            lr=self.config.lr,
            latent_dim=state.model_config.latent_dim,
            shape=state.model_config.image_shape,
            classes=train.class_names,
            labels=test.labels[: loop.N_MEANS].tolist(),
        )
        self.diary = RunRecorder(self.folder, self.order, state, self.events, math.ceil(self.n_steps / self.steps_per_epoch))
        self._reports, self._left = loop.fit(state, train.images, test.images, steering, team), None

    def replay(self) -> list[dict]:
        """The turns of the dial that came after what was saved."""
        return [dial for dial in event_log.live_changes(self.before) if dial["step"] >= self.state.step]

    @property
    def n_steps(self) -> int:
        """Batches of the whole run."""
        return self.state.n_steps or self.config.epochs * self.steps_per_epoch

    def plan(self, n_steps: int, seconds: float) -> None:
        """So many batches it shall be, for so long a budget."""
        self.state.n_steps = n_steps
        self.events.write("budget", n_steps=n_steps, seconds=seconds)

    def step_seconds(self) -> float:
        """Of a training step, by a short measurement."""
        images = as_tensor(self.train.images[: self.config.batch_size])
        return loop.step_seconds(self.state, images, self.state.precision, 30)

    def next(self) -> Report | None:
        """Some batches, or the evaluation after an epoch; None at the end. Raises TrainingError: what is saved is good."""
        if self._left is not None:
            self.state.idle_s += time.perf_counter() - self._left  # a twin's clock stands still while others have their turn
        try:
            report = next(self._reports, None)
        except TrainingError as error:
            self.events.write("diverged", step=self.state.step)
            raise TrainingError(error.message, f"Train again with a learning rate of {self.config.lr / 10:.2g}.") from None
        self._left = time.perf_counter()
        return report

    def write(self, report: Report) -> None:
        """Takes it down."""
        self.diary.write(report, self.n_steps, self.steps_per_epoch)

    def saving(self) -> Iterator[Path]:
        """The model as it is as a bundle: yields its folder when it is there, and again with its map."""
        state, config, order = self.state, self.config, self.order
        metrics = {
            "history": state.history,
            "seed": config.seed,
            "seconds": round(state.seconds, 1),
            "epochs": state.epoch,
            "beta": state.dial.beta,
            "recon_weight": config.recon_weight,
            "precision": state.precision,
            "batch_size": config.batch_size,
            "lr": config.lr,
            "train_n": len(self.train),
        }
        own = run_folder.read_own_bundle(self.folder)
        is_there = own.name and store.stamp(paths.checkpoints_dir() / own.name) == own.stamp
        self.bundle_name = own.name if is_there else order.name
        for path in build.saving(
            self.bundle_name,
            state.model,
            self.test,
            metrics=metrics,
            seed=config.seed,
            umap=order.map,
            thumbs=order.thumbs,
            replace=own.replace,
            own=own.stamp,
            or_next_free=True,
        ):
            run_folder.write_own_bundle(self.folder, replace(own, name=path.name, stamp=store.stamp(path)))
            yield path
