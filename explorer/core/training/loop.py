"""`fit`: a generator that trains a VAE and reports. Knows tensors; never prints, never draws, knows no file.

    state = begin(model_config, train_config)          # or resume(tensors, meta)
    for report in fit(state, train_images, test_images):
        ...                                            # state.model is the model so far

Chance: the weights come from the seed, the order of the images and every eps from (seed, epoch), so a run that is resumed
at an epoch's end goes on bit for bit as if it had never stopped (on one device with one number of threads).
"""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from explorer.core import device as devices
from explorer.core.errors import ConfigError, TrainingError
from explorer.core.training.distributed import Team
from explorer.core.training.state import LiveSettings, State, begin
from explorer.core.vae import objective
from explorer.core.vae.encoding import as_tensor, encode_images, to_float

EVERY = 20  # batches between light reports; also how often the loss is read back and checked
N_SHOWN = 32  # reconstructions and prior samples in a full report
N_MEANS = 2000  # encoder means in a full report, for a map that moves while the model learns
MEASURE_S = 1.0  # on a step's length, however long it is
ORDER, EPS = range(2)  # independent streams of chance of one epoch


@dataclass(frozen=True)
class Losses:
    """Means over images, in nats per image."""

    recon_loss: float
    kl_per_dim: tuple[float, ...]

    @property
    def kl(self) -> float:
        """KL(q(z|x) || p(z)), the sum over dimensions."""
        return sum(self.kl_per_dim)

    @property
    def elbo(self) -> float:
        """The lower bound of log p(x), whatever beta is."""
        return -(self.recon_loss + self.kl)


@dataclass(frozen=True)
class Snapshot:
    """What the model makes of the same images and the same eps at every epoch's end."""

    means: np.ndarray  # (M, D) float32, the first N_MEANS test images
    originals: np.ndarray  # (S, C, H, W) uint8, the first N_SHOWN test images
    reconstructions: np.ndarray  # (S, C, H, W) uint8, decoded from their means
    samples: np.ndarray  # (S, C, H, W) uint8, decoded from fixed draws of the prior


@dataclass(frozen=True)
class Report:
    """How the run stands. A light one (every few batches) has no test losses and no snapshot."""

    epoch: int  # epochs finished; 0 is the untrained model
    step: int
    n_steps: int
    seconds: float  # since the run began, evaluation included, pauses between resumes left out
    images_per_second: float
    lr: float  # of the last step; of the first to come in the untrained model's report
    beta: float
    train: Losses | None  # this epoch's own batches, as they were seen; None before the first
    test: Losses | None = None
    active_units: int | None = None
    snapshot: Snapshot | None = None

    @property
    def is_epoch(self) -> bool:
        """Whether this is a full report, at an epoch's end."""
        return self.test is not None


def one_cycle(progress: float, warmup: float) -> float:
    """Share of the peak learning rate at `progress` in [0, 1]: up from 1/25 and down to 1/10^4 of that, both on a cosine.

    Smith & Topin 2018. A function of progress alone, so that a resumed run needs nothing saved.
    """
    low, end = 1 / 25, 1 / 25e4
    if progress < warmup:
        return low + (1 - low) * (1 - math.cos(math.pi * progress / warmup)) / 2
    rest = (progress - warmup) / (1 - warmup) if warmup < 1 else 1.0
    return end + (1 - end) * (1 + math.cos(math.pi * rest)) / 2


def fit(
    state: State,
    train: np.ndarray,
    test: np.ndarray,
    turn: Callable[[State], LiveSettings | None] = lambda state: None,
    team: Team | None = None,
) -> Iterator[Report]:
    """Train until `state.config.epochs`, yielding a Report every EVERY batches and a full one after each epoch.

    train, test: uint8 (N, C, H, W), N >= 1. The untrained model is reported first, as epoch 0. Between two reports
    `state.n_steps` may be set to another number of batches, which the schedule of the learning rate then spans.
    `turn` is asked before each batch for the LiveSettings (None: as it stands); its `stop` ends the run within the epoch, the
    checkpoint being the last whole epoch's. `team`: other processes, which do their share of each batch.
    Stops with TrainingError, the weights of the last good epoch restored, when the loss is no longer a number. Raises
    ConfigError for images of another shape than the model's, or for another number of batches than a resumed run has seen.
    """
    config, device = state.config, state.device
    steps_per_epoch = math.ceil(len(train) / config.batch_size)
    n_steps = state.n_steps or config.epochs * steps_per_epoch
    state.dial = state.dial or LiveSettings(config.beta)
    _check_images(state, train, test, steps_per_epoch)
    devices.allow_tf32(device)
    images = as_tensor(train)
    if devices.fits(images.nbytes, device):
        images = images.to(device)  # resident; otherwise each batch is sent as bytes
    if state.precision is None:
        state.precision, state.precision_ms = choose_precision(state, images)
    clock = _Clock(state)
    lr = config.lr * one_cycle(0, config.warmup)
    if state.epoch < 0:
        state.epoch = 0
        yield _full_report(state, test, None, 0.0, lr, n_steps, clock)
        n_steps = state.n_steps or n_steps
    while state.step < n_steps:
        order = torch.randperm(len(images), generator=torch.Generator().manual_seed(_seed(state, ORDER)))
        eps = torch.Generator(device).manual_seed(_seed(state, EPS))
        epoch_sum = window = _Sums(device, state.model_config.latent_dim)
        started, window_began = clock.now(), clock.now()
        for i, batch in enumerate(order.split(config.batch_size), start=1):
            if state.step >= n_steps:
                break
            state.dial = turn(state) or state.dial
            if state.dial.stop:
                return
            lr = config.lr * state.dial.lr_scale * one_cycle(state.step / max(1, n_steps - 1), config.warmup)
            for group in state.optimizer.param_groups:
                group["lr"] = lr
            if team is None:
                x = to_float(images[batch.to(images.device)], device)
                window = window + _step(state, x, eps)
            else:
                window = window + _Sums.of(team.step(images, batch, eps))
            state.step += 1
            if i % EVERY == 0 or i == steps_per_epoch or state.step == n_steps:
                losses = window.losses()
                if not math.isfinite(losses.elbo):
                    _give_up(state, lr)
                epoch_sum = epoch_sum + window
                speed = window.n / max(clock.now() - window_began, 1e-9)
                yield Report(state.epoch, state.step, n_steps, clock.now(), speed, lr, state.dial.beta, losses)
                window, window_began = _Sums(device, state.model_config.latent_dim), clock.now()
                n_steps = max(state.step, state.n_steps or n_steps)
        state.epoch += 1
        speed = epoch_sum.n / max(clock.now() - started, 1e-9)
        yield _full_report(state, test, epoch_sum.losses(), speed, lr, n_steps, clock)


def choose_precision(state: State, images: Tensor, n_steps: int = 12) -> tuple[str, dict[str, float]]:
    """Time some training steps in float32 and in bf16 autocast on a copy of the model: (the faster, ms per step of each).

    bf16 must win by a tenth to be taken. No generator, weight or moment of the run itself is touched.
    """
    if state.config.precision != "auto":
        return state.config.precision, {}
    times = {}
    for precision in ("fp32", "bf16"):  # emulated bf16 can be tens of times slower: no need to measure how slow
        seconds = step_seconds(state, images, precision, n_steps, enough=3e-3 * times["fp32"] if times else math.inf)
        times[precision] = round(1e3 * seconds, 3)
    return ("bf16" if times["bf16"] < 0.9 * times["fp32"] else "fp32"), times


def step_seconds(state: State, images: Tensor, precision: str, n_steps: int = 12, enough: float = math.inf) -> float:
    """Median seconds of a training step on a copy of the model; a step longer than `enough` ends the measurement."""
    x = to_float(images[: state.config.batch_size], state.device)
    probe = begin(state.model_config, state.config)
    probe.precision = precision
    eps = torch.Generator(state.device).manual_seed(0)
    elapsed = []
    for _ in range(n_steps):
        devices.synchronize(state.device)
        start = time.perf_counter()
        _step(probe, x, eps)
        devices.synchronize(state.device)
        elapsed.append(time.perf_counter() - start)
        if (len(elapsed) > 3 and (elapsed[-1] > enough or sum(elapsed) > MEASURE_S)) or elapsed[0] > 6 * enough:
            break
    return float(np.median(elapsed[2:] or elapsed))


def _step(state: State, x: Tensor, eps: torch.Generator) -> "_Sums":
    state.optimizer.zero_grad(set_to_none=True)
    with torch.autocast(state.device.type, torch.bfloat16, enabled=state.precision == "bf16"):
        terms = objective.terms(state.model, x, eps)
    terms.loss(state.dial.beta if state.dial else state.config.beta, state.config.recon_weight).backward()
    state.optimizer.step()
    return _Sums.of(terms)


@dataclass(frozen=True)
class _Clock:
    """Seconds of the run, pauses left out."""

    state: State
    before: float = field(init=False)
    began: float = field(default_factory=time.perf_counter)

    def __post_init__(self):
        object.__setattr__(self, "before", self.state.seconds + self.state.idle_s)

    def now(self) -> float:
        return self.before + time.perf_counter() - self.began - self.state.idle_s


class _Sums:
    """Sums over images, kept on the device so that adding a batch never waits; reading them does."""

    def __init__(self, device: torch.device, latent_dim: int):
        self.n, self.recon_loss = 0, torch.zeros((), dtype=torch.float32, device=device)
        self.kl_per_dim = torch.zeros(latent_dim, dtype=torch.float32, device=device)

    @classmethod
    def of(cls, terms: objective.Terms) -> "_Sums":
        sums = cls.__new__(cls)
        sums.n = len(terms.recon_loss)
        sums.recon_loss, sums.kl_per_dim = terms.recon_loss.detach().sum(), terms.kl_per_dim.detach().sum(0)
        return sums

    def __add__(self, other: "_Sums") -> "_Sums":
        sums = _Sums.__new__(_Sums)
        sums.n, sums.recon_loss = self.n + other.n, self.recon_loss + other.recon_loss
        sums.kl_per_dim = self.kl_per_dim + other.kl_per_dim
        return sums

    def losses(self) -> Losses:
        return Losses(self.recon_loss.item() / self.n, tuple((self.kl_per_dim / self.n).tolist()))


def _seed(state: State, stream: int) -> int:
    """An independent seed for each (run, epoch, stream). Hashed, since nearby seeds of one generator are correlated."""
    return int(np.random.SeedSequence([state.config.seed, state.epoch, stream]).generate_state(1, np.uint64)[0] >> 1)


def _check_images(state: State, train: np.ndarray, test: np.ndarray, steps_per_epoch: int) -> None:
    for images in (train, test):
        if images.shape[1:] != state.model_config.image_shape:
            raise ConfigError(
                f"The model is for images of shape {state.model_config.image_shape}, not {images.shape[1:]}.",
                "Train on the data that the run was begun with.",
            )
    due = max(0, state.epoch) * steps_per_epoch
    if state.step != due and not due > state.step == state.n_steps:  # a last epoch may be cut short
        raise ConfigError(
            f"This run has seen {state.step} batches in {state.epoch} epochs, but {len(train)} images make "
            f"{steps_per_epoch} an epoch.",
            "Resume with the data that the run was begun with.",
        )


def _give_up(state: State, lr: float) -> None:
    state.restore(*state.checkpoint())
    raise TrainingError(
        f"The loss stopped being a number in epoch {state.epoch + 1} (learning rate {lr:.2g}); "
        f"the weights of epoch {state.epoch} are kept.",
        f"Train again with a lower learning rate, for example {state.config.lr / 10:.2g}.",
    )


def _full_report(
    state: State, test: np.ndarray, train: Losses | None, speed: float, lr: float, n_steps: int, clock: _Clock
) -> Report:
    config = state.config
    encoding = encode_images(state.model, test, seed=config.seed)
    kl = encoding.kl_per_dim.mean(0)
    losses = Losses(float(encoding.recon_loss.mean(dtype=np.float64)), tuple(kl.tolist()))
    if not math.isfinite(losses.elbo):  # the epoch's last step broke the weights, which no batch has met yet
        _give_up(state, lr)
    prior = torch.randn(N_SHOWN, state.model_config.latent_dim, generator=torch.Generator().manual_seed(config.seed))
    shown = torch.cat([torch.from_numpy(encoding.mu[:N_SHOWN]), prior]).to(state.device)
    with torch.inference_mode():
        pictures = state.model.decode(shown).mul(255).round().to("cpu", torch.uint8).numpy()
    n = min(N_SHOWN, len(test))
    snapshot = Snapshot(encoding.mu[:N_MEANS], test[:N_SHOWN], pictures[:n], pictures[n:])
    state.seconds = clock.now()
    state.history.append(
        {
            "epoch": state.epoch,
            "step": state.step,
            "seconds": round(state.seconds, 2),
            "beta": state.dial.beta,
            "train": _plain(train),
            "test": _plain(losses),
            "active_units": encoding.active_units,
        }
    )
    state.keep()
    return Report(
        state.epoch,
        state.step,
        n_steps,
        state.seconds,
        speed,
        lr,
        state.dial.beta,
        train,
        losses,
        encoding.active_units,
        snapshot,
    )


def _plain(losses: Losses | None) -> dict | None:
    return losses and {
        "elbo": losses.elbo,
        "recon_loss": losses.recon_loss,
        "kl": losses.kl,
        "kl_per_dim": [round(k, 4) for k in losses.kl_per_dim],
    }
