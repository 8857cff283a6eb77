"""Defines the state of a run in memory: model, optimizer, and the checkpoint from which it can be resumed."""

import copy
import textwrap
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
from torch import Tensor

from explorer.core import device as devices
from explorer.core.config import PRECISIONS, ModelConfig, TrainConfig, from_dict, to_dict
from explorer.core.errors import BundleError
from explorer.core.training.schedule import Schedule, Stopwatch
from explorer.core.vae.model import VAE

MOMENTS = {"step", "exp_avg", "exp_avg_sq"}  # the values that Adam stores for each weight


@dataclass(frozen=True)
class LiveSettings:
    """Settings that the user may change while the run trains; in force from the next batch."""

    beta: float
    lr_scale: float = 1.0  # multiplies the schedule
    stop: bool = False


@dataclass
class State:
    """A run in memory. `checkpoint()` changes only at the end of an epoch."""

    model_config: ModelConfig
    config: TrainConfig
    model: VAE
    optimizer: torch.optim.Optimizer
    device: torch.device
    live: LiveSettings
    schedule: Schedule
    stopwatch: Stopwatch = field(default_factory=Stopwatch)
    precision: str | None = None  # "fp32" or "bf16" once it has been chosen
    precision_ms: dict[str, float] = field(default_factory=dict)  # the measured milliseconds per step
    epoch: int = -1  # -1: the untrained model has not been reported yet
    step: int = 0
    history: list[dict] = field(default_factory=list)
    _saved: tuple[dict, dict] | None = None

    def checkpoint(self) -> tuple[dict[str, Tensor], dict]:
        """(tensors on the CPU, plain JSON values) of the last finished epoch, for `resume`."""
        if self._saved is None:
            self.keep()
        return self._saved

    def keep(self) -> None:
        """Make the current state the checkpoint."""
        tensors = {f"model.{k}": v for k, v in self.model.state_dict().items()}
        for i, slots in self.optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{i}.{k}": v for k, v in slots.items()}
        meta = {
            "model_config": to_dict(self.model_config),
            "config": to_dict(self.config),
            "precision": self.precision,
            "precision_ms": self.precision_ms,
            "epoch": self.epoch,
            "step": self.step,
            "seconds": self.stopwatch.seconds,
            "history": copy.deepcopy(self.history),
            "dial": [self.live.beta, self.live.lr_scale],
            "n_steps": self.schedule.planned,
            "used_s": self.schedule.used_s,
            "threads": devices.n_threads(),
        }
        self._saved = {k: v.detach().to("cpu", copy=True).contiguous() for k, v in tensors.items()}, meta

    def restore(self, tensors: dict[str, Tensor], meta: dict) -> None:
        """The inverse of `keep`, except for history and seconds. Raises various errors if the values do not fit the model."""
        weights = {k.removeprefix("model."): v for k, v in tensors.items() if k.startswith("model.")}
        parameters = self.optimizer.param_groups[0]["params"]
        slots: dict[int, dict] = {}
        for name, tensor in tensors.items():
            if name.startswith("optimizer."):
                _, i, key = name.split(".")
                like = parameters[int(i)] if tensor.ndim else tensor  # fused Adam needs the moments in the weights' layout
                slots.setdefault(int(i), {})[key] = torch.empty_like(like).copy_(tensor.reshape(like.shape))
        if meta["step"] and [slots.get(i, {}).keys() for i in range(len(parameters))] != [MOMENTS] * len(parameters):
            raise ValueError("moments of the optimizer are missing or unknown")
        self.epoch, self.step = int(meta["epoch"]), int(meta["step"])
        self.model.load_state_dict(weights)
        self.optimizer.load_state_dict({**self.optimizer.state_dict(), "state": slots})


def begin(model_config: ModelConfig, config: TrainConfig) -> State:
    """An untrained model, initialised from the seed on the CPU. Raises ConfigError for a missing device."""
    device = devices.choose(config.device)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(config.seed)  # the CPU's alone: torch.manual_seed would reach the GPU's
        model = VAE(model_config)
    model.to(device)
    optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=config.lr, fused=True)
    return State(model_config, config, model, optimizer, device, LiveSettings(config.beta), Schedule.of(config))


def resume(tensors: dict[str, Tensor], meta: dict) -> State:
    """A state from what `State.checkpoint` returned, ready for `fit`.

    Raises BundleError if the two do not fit each other, ConfigError if this machine lacks the run's device.
    """
    with _checked():
        configs = from_dict(ModelConfig, meta["model_config"]), from_dict(TrainConfig, meta["config"])
    state = begin(*configs)
    with _checked():
        state.restore(tensors, meta)
        state.precision, state.precision_ms, state.history = meta["precision"], meta["precision_ms"], list(meta["history"])
        state.stopwatch = Stopwatch(float(meta["seconds"]))
        if meta.get("dial"):
            state.live = LiveSettings(*map(float, meta["dial"]))
        if meta.get("n_steps") is not None:
            state.schedule.planned = int(meta["n_steps"])
        state.schedule.used_s = float(meta.get("used_s", meta["seconds"]))  # not written by earlier versions
        if not state.schedule.used_s >= 0:
            raise ValueError("the seconds used are not a number")
        if state.precision not in ((None,) if state.epoch < 0 else ()) + PRECISIONS[1:]:
            raise ValueError(f"precision {state.precision!r} is unknown")
    return state


@contextmanager
def _checked():
    try:
        yield
    except (AttributeError, LookupError, RuntimeError, TypeError, ValueError) as error:
        reason = f"{error} is missing" if isinstance(error, KeyError) else textwrap.shorten(str(error), 200)
        raise BundleError(f"The saved state of this run does not fit together ({reason}).", "Start the run again.") from None
