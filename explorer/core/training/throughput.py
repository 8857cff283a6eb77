"""How long an epoch will take here: a short measurement on noise of the images' shape. Knows models; reads no data."""

import math

import torch

from explorer.core.config import ModelConfig, TrainConfig
from explorer.core.training.loop import step_seconds
from explorer.core.training.state import begin

N_STEPS = 8


def epoch_seconds(model: dict, train: dict, image_shape: tuple[int, int, int], n_images: int) -> float:
    """Seconds of one pass over `n_images`. `model`, `train`: settings by their names in the configs. Raises ConfigError."""
    config = TrainConfig(**train)
    state = begin(ModelConfig(image_shape, **model), config)
    noise = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (min(config.batch_size, n_images), *image_shape), generator=noise, dtype=torch.uint8)
    return step_seconds(state, images, "fp32", N_STEPS) * math.ceil(n_images / config.batch_size)
