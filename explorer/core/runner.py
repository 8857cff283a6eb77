"""The trainer's side of a run: waits for its turn, trains as the folder says, writes what it sees into the folder.

Knows the folder and the core; prints nothing.
"""

import math
import os
import platform
import time
from collections.abc import Callable
from contextlib import ExitStack
from importlib.metadata import version
from pathlib import Path

import psutil

from explorer.core import run_events, run_folder
from explorer.core.config import ModelConfig, TrainConfig
from explorer.core.errors import ExplorerError, TrainingError
from explorer.core.run_events import Events
from explorer.core.run_folder import Order
from explorer.core.steering import Steering
from explorer.core.turns import Stopped, turn

CONV_EPOCHS = 10  # on MNIST conv is behind the MLP at 3 epochs for the same seconds (102.6, 100.9), ahead at 55 (93.1, 95.9)
PROGRESS_S = 0.3  # between two words on a download
SETTLED_S = 3.0  # before that the pace says little
SLIP = 0.95  # a run that will not be through in its time by more than this is cut short
RESERVE = 0.93  # share of a time budget that is given away: the page and the map take some of the cores


def work(
    folder: Path, told: Callable[[str], None] = lambda text: None, seen: Callable = lambda report, state, n_steps: None
) -> Path | None:
    """Train as the folder says, or go on where it was left; the bundle's folder, or None where it was told to stop.

    told: gets sentences; seen: every Report, with the state and the number of batches. Raises ExplorerError; whatever
    ends it is the last event, and what was reached can be resumed.
    """
    order, _ = run_folder.read_run(folder)
    run_folder.write_run(folder, order, **run_folder.this_process())
    events = Events(folder)
    try:
        if order.background:
            give_way()
        with turn(folder, order, events, told) as give_back:
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


def _last_word(events: Events, message: str, hint: str) -> None:
    try:
        events.write("failed", message=message, hint=hint)
    except ExplorerError:
        pass  # the disk is full: the process is gone, and the page says so


def give_way() -> None:
    """Leave the page its time: this process takes a core less where there are more than two, and has a lower priority.
    With one thread on two cores MNIST reaches 103.8 nats in 45 s, with two 100.9, and the page's threads still come first."""
    n_cores = os.cpu_count() or 1
    os.environ.setdefault("OMP_NUM_THREADS", str(n_cores - 1 if n_cores > 2 else n_cores))
    try:
        psutil.Process().nice(19 if os.name == "posix" else psutil.BELOW_NORMAL_PRIORITY_CLASS)
    except (psutil.Error, OSError):
        pass


def _train(folder: Path, order: Order, events: Events, give_back: Callable, told: Callable, seen: Callable) -> Path | None:
    before = run_events.read_events(folder)[0]
    since = time.time() if before else order.created  # a run that has waited, or goes on, has lost nothing of its budget
    events.write("starting")
    from explorer.core import bundling, checkpoint, data, device, parallel, training  # torch: a second or two
    from explorer.core.diary import Diary

    device.choose(order.train.get("device", "auto"))
    has_state = (folder / checkpoint.STATE).exists()
    state, config = None, TrainConfig(**order.train)
    if has_state:
        tensors, meta = checkpoint.load_state(folder)
        state = training.resume(tensors, meta)
        config = state.config
        told(f"going on with '{order.name}' after epoch {max(0, state.epoch)} of {config.epochs}")
        if meta.get("threads") != device.n_threads():
            told(f"begun on {meta.get('threads')} threads, now on {device.n_threads()}: the last digits may differ")
    told_of = _progress(folder, events, told)
    train, test = (data.load(config.dataset, split, size=order.size, progress=told_of) for split in data.SPLITS)
    for note in train.notes:
        told(note)
    train, test = train.head(config.limit), test.head(config.limit)
    if state is None:
        model = {"arch": _arch(order, config, train, since)} | order.model
        state = training.begin(ModelConfig(train.images.shape[1:], **model), config)
    told(f"{train.name}: {len(train)} images to train on, {len(test)} to test, on {state.device}")
    versions = {"python": platform.python_version()} | {name: version(name) for name in ("torch", "numpy")}
    run_folder.write_run(folder, order, **run_folder.this_process(), device=str(state.device), versions=versions)
    reached = state.step
    replay = [dial for dial in run_events.dials(before) if dial["step"] >= reached]
    steps_per_epoch = math.ceil(len(train) / config.batch_size)
    for event in before:
        if event["kind"] == "budget" and type(n := event.get("n_steps")) is int and 0 < n < 2**31:
            state.n_steps = n
    n_steps = state.n_steps or config.epochs * steps_per_epoch
    events.write("training", step=reached, epoch=max(0, state.epoch), device=str(state.device), n_steps=n_steps,
                 steps_per_epoch=steps_per_epoch, n_train=len(train), n_test=len(test), beta=config.beta, lr=config.lr,
                 latent_dim=state.model_config.latent_dim, shape=state.model_config.image_shape,
                 classes=train.class_names, labels=test.labels[: training.N_MEANS].tolist())  # fmt: skip
    began, idle = time.time(), state.idle_s
    steering = Steering(folder, events, replay)
    diary = Diary(folder, order, state, events, math.ceil(n_steps / steps_per_epoch))
    try:
        with parallel.team(state, order.size) as team:
            for report in training.fit(state, train.images, test.images, steering, team):
                if report.is_epoch and report.epoch == 0 and order.budget_s and state.n_steps is None:
                    state.n_steps = _affordable(since + order.budget_s, state, train, report.seconds, steps_per_epoch)
                    events.write("budget", n_steps=state.n_steps, seconds=order.budget_s)
                    began, idle = time.time(), state.idle_s
                elif order.budget_s and state.step > reached and time.time() - began > SETTLED_S and not report.is_epoch:
                    left = since + order.budget_s + state.idle_s - time.time()
                    pace = (time.time() - began - state.idle_s + idle) / (state.step - reached)
                    if (fewer := state.step + max(0, int(left / pace))) < SLIP * n_steps:  # others want the cores too
                        state.n_steps = fewer
                        events.write("budget", n_steps=fewer, seconds=order.budget_s)
                n_steps = state.n_steps or n_steps
                diary.write(report, n_steps, steps_per_epoch)
                seen(report, state, n_steps)
    except TrainingError as error:
        events.write("diverged", step=state.step)
        diary.close()
        lower = f"Train again with a learning rate of {config.lr / 10:.2g}."
        raise TrainingError(error.message, lower) from None
    except BaseException:
        diary.close()
        raise
    diary.close()
    if steering.stopped == "stop":
        raise Stopped
    told("encoding the test images and making the map")
    metrics = {"history": state.history, "seed": config.seed, "seconds": round(state.seconds, 1), "epochs": state.epoch,
               "beta": state.dial.beta, "precision": state.precision, "batch_size": config.batch_size, "lr": config.lr,
               "train_n": len(train)}  # fmt: skip
    with ExitStack() as after:

        def saved(path: Path) -> None:
            events.write("saved", bundle=path.name)
            give_back()

        after.callback(give_back)
        path = bundling.save_bundle(order.name, state.model, test, metrics=metrics, seed=config.seed, umap=order.map,
                                    thumbs=order.thumbs, on_saved=saved)  # fmt: skip
    diary.finish()
    events.write("done", bundle=path.name)
    told(f"saved {path}")
    return path


def _arch(order: Order, config: TrainConfig, train, since: float) -> str:
    """The better architecture for a time budget: conv where it buys CONV_EPOCHS of it, else the MLP, whose steps are short."""
    if not order.budget_s or "arch" in order.model:
        return ModelConfig.arch
    from explorer.core.encoding import as_tensor
    from explorer.core.training import begin, step_seconds

    probe = begin(ModelConfig(train.images.shape[1:], **order.model), config)
    step_s = step_seconds(probe, as_tensor(train.images[: config.batch_size]), "fp32")
    n_epochs = (since + order.budget_s - time.time()) / (step_s * math.ceil(len(train) / config.batch_size))
    return "conv" if n_epochs >= CONV_EPOCHS else "mlp"


def _affordable(end: float, state, train, evaluation_s: float, steps_per_epoch: int) -> int:
    """How many batches can be had until `end` (Unix time), by a short measurement; evaluations between them take time too."""
    from explorer.core.encoding import as_tensor
    from explorer.core.training import step_seconds

    step_s = step_seconds(state, as_tensor(train.images[: state.config.batch_size]), state.precision, 30)
    return max(1, int(RESERVE * (end - time.time()) / (step_s + evaluation_s / steps_per_epoch)))


def _progress(folder: Path, events: Events, told: Callable[[str], None]) -> Callable[[float, str], None]:
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
