"""A small model on images of 8 x 8 px, for the tests of training."""

import json

import numpy as np
import torch
from safetensors.torch import load as load_bytes
from safetensors.torch import save as save_bytes

from explorer.core.config import ModelConfig, TrainConfig
from explorer.core.training.loop import fit
from explorer.core.training.state import begin


def bumps(n: int, seed: int = 0, channels: int = 1, side: int = 8) -> np.ndarray:
    """Soft spots of light at random places, uint8 (n, C, side, side): two dimensions explain them."""
    x, y = np.random.default_rng(seed).uniform(1, side - 2, (2, n, 1, 1))
    at = np.arange(side)
    light = np.exp(-((at[None, None] - x) ** 2 + (at[None, :, None] - y) ** 2) / 3)
    return np.repeat(np.rint(255 * light).astype(np.uint8)[:, None], channels, axis=1)


TRAIN, TEST = bumps(70, 1), bumps(25, 2)  # batches of 32: the last has 6


def small(arch="conv", likelihood="bernoulli", image_shape=(1, 8, 8), latent_dim=2, **run):
    run = {"epochs": 2, "batch_size": 32, "precision": "fp32", "device": "cpu", "lr": 1e-2} | run
    return begin(ModelConfig(image_shape, latent_dim, arch, likelihood, (8,), 16), TrainConfig("bumps", **run))


def finish(state, train=TRAIN, test=TEST):
    return list(fit(state, train, test))


def weights(state) -> dict[str, torch.Tensor]:
    return {k: v.clone() for k, v in state.model.state_dict().items()}


def same(a: dict, b: dict) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)


def through_a_file(tensors: dict, meta: dict) -> tuple[dict, dict]:
    return load_bytes(save_bytes(tensors)), json.loads(json.dumps(meta, allow_nan=False))


def without_seconds(history: list[dict]) -> list[dict]:
    return [{k: v for k, v in row.items() if k != "seconds"} for row in history]
