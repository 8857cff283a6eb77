"""Trains a VAE: `fit` is a generator that yields reports.

    state = begin(model_config, train_config)          # or resume(tensors, meta)
    for report in fit(state, train_images, test_images):
        ...                                            # state.model is the model at this point

Randomness: the seed determines the weights; (seed, epoch) determine the order of the images and every eps. So a resumed run
equals an uninterrupted one bit for bit (on the same device, with the same number of threads).
"""

import math
from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor

from explorer.core import device as devices
from explorer.core.errors import ConfigError, TrainingError
from explorer.core.training.distributed import DataParallel
from explorer.core.training.report import Losses, Report, Snapshot
from explorer.core.training.schedule import one_cycle
from explorer.core.training.state import LiveSettings, State
from explorer.core.training.step import Meter, set_lr, train_step
from explorer.core.training.throughput import choose_precision
from explorer.core.vae.encoding import as_tensor, encode_images, to_float

REPORT_STEPS = 20  # batches between light reports; also how often the loss is read back and checked
N_SHOWN = 32  # reconstructions and prior samples in a full report
N_MEANS = 2000  # encoder means in a full report, for a map that moves while the model learns
ORDER, EPS = range(2)  # independent random streams of one epoch


def fit(
    state: State,
    train: np.ndarray,
    test: np.ndarray,
    before_batch: Callable[[State], LiveSettings | None] = lambda state: None,
    parallel: DataParallel | None = None,
) -> Iterator[Report]:
    """Train to the end of `state.schedule`, yielding a Report every REPORT_STEPS batches and a full one after each epoch.

    train, test: uint8 (N, C, H, W), N >= 1. The untrained model is reported first, as epoch 0. Between two reports and in
    `before_batch` the schedule may be changed; the stopwatch is paused between two reports. `before_batch` returns the
    LiveSettings from the next batch on (None: no change); `stop` ends the run within the epoch, and the checkpoint is that of
    the last whole epoch. A last epoch that was cut short is continued if the schedule has more batches by then.
    `parallel`: other processes that share each batch. The iterator raises TrainingError when the loss is no longer finite,
    with the weights of the last good epoch restored; `fit` itself ConfigError for images of another shape than the model's,
    or another number of images than a resumed run was trained on.
    """
    _check_images(state, train, test)
    return _timed_reports(state, train, test, before_batch, parallel)


def _timed_reports(
    state: State, train: np.ndarray, test: np.ndarray, before_batch: Callable, parallel: DataParallel | None
) -> Iterator[Report]:
    devices.allow_tf32(state.device)
    images = as_tensor(train)
    if devices.fits(images.nbytes, state.device):
        images = images.to(state.device)  # otherwise each batch is copied to the device as bytes
    if state.precision is None:
        state.precision, state.precision_ms = choose_precision(state, images)
    state.stopwatch.resume()
    try:
        for report in _reports(state, images, test, before_batch, parallel):
            state.stopwatch.pause()
            yield report
            state.stopwatch.resume()
    finally:
        state.stopwatch.pause()


def _reports(
    state: State, images: Tensor, test: np.ndarray, before_batch: Callable, parallel: DataParallel | None
) -> Iterator[Report]:
    if state.epoch < 0:
        state.epoch = 0
        yield _full_report(state, test, None, 0.0, state.config.lr * one_cycle(0, state.config.warmup))
    n_images = len(images)
    if state.step < min(state.schedule.n_steps(n_images), state.epoch * state.schedule.steps_per_epoch(n_images)):
        state.epoch -= 1  # the last epoch was cut short
    while state.step < state.schedule.n_steps(n_images):
        epoch = Meter(state)
        yield from _train_epoch(state, images, epoch, before_batch, parallel)
        if state.live.stop:
            return
        state.epoch += 1
        lr = state.optimizer.param_groups[0]["lr"]
        yield _full_report(state, test, epoch.sums.losses(), epoch.images_per_second, lr)


def _train_epoch(
    state: State, images: Tensor, epoch: Meter, before_batch: Callable, parallel: DataParallel | None
) -> Iterator[Report]:
    """One pass over the images, or the rest of one, up to the last step of the schedule; yields the light reports."""
    config, schedule, n_images = state.config, state.schedule, len(images)
    n_done = state.step - state.epoch * schedule.steps_per_epoch(n_images)  # batches of this epoch, if it was cut short
    order = torch.randperm(n_images, generator=torch.Generator().manual_seed(_seed(state, ORDER)))
    eps = torch.Generator(state.device).manual_seed(_seed(state, EPS, *([n_done] if n_done else ())))
    batches, window = order.split(config.batch_size), Meter(state)
    for i, batch in enumerate(batches[n_done:], start=n_done + 1):
        if state.step >= schedule.n_steps(n_images):
            return
        state.live = before_batch(state) or state.live
        if state.live.stop:
            return
        lr = config.lr * state.live.lr_scale * one_cycle(schedule.progress(state.step, n_images), config.warmup)
        set_lr(state, lr)
        if parallel is None:
            window.sums += train_step(state, to_float(images[batch.to(images.device)], state.device), eps)
        else:
            window.sums += parallel.train_step(images, batch, eps)
        state.step += 1
        if i % REPORT_STEPS == 0 or i == len(batches) or state.step == schedule.n_steps(n_images):
            losses = window.sums.losses()
            if not math.isfinite(losses.elbo):
                _give_up(state, lr)
            epoch.sums += window.sums
            seconds, speed = state.stopwatch.seconds, window.images_per_second
            yield Report(state.epoch, state.step, seconds, speed, lr, state.live.beta, losses)
            window = Meter(state)


def _seed(state: State, *stream: int) -> int:
    """An independent seed for each (run, epoch, stream). Hashed, since nearby seeds of one generator are correlated."""
    return int(np.random.SeedSequence([state.config.seed, state.epoch, *stream]).generate_state(1, np.uint64)[0] >> 1)


def _check_images(state: State, train: np.ndarray, test: np.ndarray) -> None:
    for images in (train, test):
        if images.shape[1:] != state.model_config.image_shape:
            raise ConfigError(
                f"The model is for images of shape {state.model_config.image_shape}, not {images.shape[1:]}.",
                "Train on the data that the run was started with.",
            )
    steps_per_epoch = state.schedule.steps_per_epoch(len(train))
    due = max(0, state.epoch) * steps_per_epoch
    if state.step != due and not due > state.step == state.schedule.planned:  # a last epoch may be cut short
        raise ConfigError(
            f"This run has trained {state.step} batches in {state.epoch} epochs, but {len(train)} images make "
            f"{steps_per_epoch} per epoch.",
            "Resume with the data that the run was started with.",
        )


def _give_up(state: State, lr: float) -> None:
    state.restore(*state.checkpoint())
    raise TrainingError(
        f"The loss became NaN or infinite in epoch {state.epoch + 1} (learning rate {lr:.2g}); "
        f"the weights of epoch {state.epoch} are kept.",
        f"Train again with a lower learning rate, for example {state.config.lr / 10:.2g}.",
    )


def _full_report(state: State, test: np.ndarray, train: Losses | None, images_per_second: float, lr: float) -> Report:
    """Evaluate the model on the test images, make it the checkpoint, and add the epoch to the history."""
    encoding = encode_images(state.model, test, seed=state.config.seed)
    losses = Losses(float(encoding.recon_loss.mean(dtype=np.float64)), tuple(encoding.kl_per_dim.mean(0).tolist()))
    if not math.isfinite(losses.elbo):  # the epoch's last step broke the weights, which no batch has met yet
        _give_up(state, lr)
    snapshot = _snapshot(state, test, encoding.mu, encoding.logvar)
    report = Report(
        state.epoch,
        state.step,
        state.stopwatch.seconds,
        images_per_second,
        lr,
        state.live.beta,
        train,
        losses,
        encoding.active_units,
        snapshot,
    )
    row = report.as_dict(kl_digits=4)
    if state.history and state.history[-1]["epoch"] == state.epoch:  # of the same epoch, cut short
        state.history.pop()
    state.history.append({key: row[key] for key in ("epoch", "step", "seconds", "beta", "train", "test", "active_units")})
    state.keep()
    return report


def _snapshot(state: State, test: np.ndarray, means: np.ndarray, logvars: np.ndarray) -> Snapshot:
    seed = torch.Generator().manual_seed(state.config.seed)
    prior = torch.randn(N_SHOWN, state.model_config.latent_dim, generator=seed)
    z = torch.cat([torch.from_numpy(means[:N_SHOWN]), prior]).to(state.device)
    with torch.inference_mode():
        pictures = state.model.decode(z).mul(255).round().to("cpu", torch.uint8).numpy()
    n = min(N_SHOWN, len(test))
    return Snapshot(means[:N_MEANS], logvars[:N_MEANS], test[:N_SHOWN], pictures[:n], pictures[n:])
