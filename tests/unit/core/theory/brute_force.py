"""log p(x, z) and log p(x) by other means than the theory package: torch.distributions on plain grids."""

import numpy as np
import torch
from scipy.special import logsumexp
from torch.distributions import Bernoulli, ContinuousBernoulli, Normal

from explorer.core.engine.engine import Engine


def log_joint(engine: Engine, z: np.ndarray, x: np.ndarray) -> np.ndarray:
    """log p(x|z) + log p(z), (N,) float64, of one image x (C, H, W) in [0, 1]."""
    model, x = engine.likelihood._model, torch.from_numpy(np.array(x, float))
    with torch.inference_mode():
        logits = model.decode_logits(torch.from_numpy(np.array(z, np.float32))).double()
        pixels = {
            "bernoulli": lambda: Bernoulli(logits=logits, validate_args=False),
            "continuous-bernoulli": lambda: ContinuousBernoulli(logits=logits, validate_args=False),
            "gaussian": lambda: Normal(torch.sigmoid(logits), 1.0),
            "gaussian-learned": lambda: Normal(torch.sigmoid(logits), model.log_scale.exp().double()),
        }[engine.likelihood.name]()
        log_p = pixels.log_prob(x.expand_as(logits)).flatten(1).sum(1).numpy()
    return log_p + Normal(0.0, 1.0).log_prob(torch.from_numpy(np.array(z, float))).sum(1).numpy()


def grid(low, high, n) -> tuple[np.ndarray, float]:
    """The points (N, D) of a grid from corner to corner with n points a side, and the log of the volume of a cell."""
    axes = [np.linspace(a, b, k) for a, b, k in zip(low, high, np.broadcast_to(n, len(low)))]
    points = np.stack([axis.ravel() for axis in np.meshgrid(*axes)], 1)
    return points, float(np.log([axis[1] - axis[0] for axis in axes]).sum())


def log_px(engine: Engine, x: np.ndarray, low, high, n) -> float:
    """The integral over a box, on a grid of n points a side."""
    points, log_cell = grid(low, high, n)
    parts = [log_joint(engine, z, x) for z in np.array_split(points, 1 + len(points) // 4096)]
    return float(logsumexp(np.concatenate(parts))) + log_cell
