"""Measures how fast this machine trains: seconds per step and per epoch, and the faster precision, by short timings."""

import math
import time

import numpy as np
import torch
from torch import Tensor

from explorer.core import device as devices
from explorer.core.config import ModelConfig, TrainConfig
from explorer.core.training import step
from explorer.core.training.state import State, begin
from explorer.core.vae.encoding import to_float

MAX_S = 1.0  # of a measurement, however long a step takes
PRECISION_STEPS = 12
ESTIMATE_STEPS = 8


def choose_precision(state: State, images: Tensor) -> tuple[str, dict[str, float]]:
    """Time training steps in float32 and in bf16 autocast on a copy of the model: (the faster, milliseconds a step of each).

    bf16 is chosen only if it saves a tenth. The run's own generators, weights and moments stay as they are.
    """
    if state.config.precision != "auto":
        return state.config.precision, {}
    times = {}
    for precision in ("fp32", "bf16"):  # emulated bf16 can be tens of times slower: no need to measure how slow
        enough = 3e-3 * times["fp32"] if times else math.inf
        seconds = step_seconds(state, images, precision, PRECISION_STEPS, enough)
        times[precision] = round(1e3 * seconds, 3)
    return ("bf16" if times["bf16"] < 0.9 * times["fp32"] else "fp32"), times


def step_seconds(
    state: State, images: Tensor, precision: str, n_steps: int = PRECISION_STEPS, enough: float = math.inf
) -> float:
    """Median seconds of a training step on a copy of the model; a step longer than `enough` ends the measurement."""
    x = to_float(images[: state.config.batch_size], state.device)
    probe = begin(state.model_config, state.config)
    probe.precision = precision
    eps = torch.Generator(state.device).manual_seed(0)
    elapsed = []
    for _ in range(n_steps):
        devices.synchronize(state.device)
        start = time.perf_counter()
        step.train_step(probe, x, eps)
        devices.synchronize(state.device)
        elapsed.append(time.perf_counter() - start)
        if (len(elapsed) > 3 and (elapsed[-1] > enough or sum(elapsed) > MAX_S)) or elapsed[0] > 6 * enough:
            break
    return float(np.median(elapsed[2:] or elapsed))


def epoch_seconds(model: dict, train: dict, image_shape: tuple[int, int, int], n_images: int) -> float:
    """Seconds of one pass over `n_images`. `model`, `train`: settings by their names in the configs. Raises ConfigError."""
    config = TrainConfig(**train)
    state = begin(ModelConfig(image_shape, **model), config)
    noise = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (min(config.batch_size, n_images), *image_shape), generator=noise, dtype=torch.uint8)
    return step_seconds(state, images, "fp32", ESTIMATE_STEPS) * state.schedule.steps_per_epoch(n_images)
