"""Arrays for slides: a film per lane, the points of a map, and the epochs of a run."""

import numpy as np
import pytest

from explorer import figures
from explorer.core.engine.film import Film
from explorer.core.runs.epoch_film import EpochFrame
from explorer.slides import scatter, stills

N, N_FRAMES = 60, 12
NAMES = ("circle", '<b>&"square"', "a\x00b\nc\ud800")  # as an imported model may name its classes


def film(seed: int, n: int = N_FRAMES, shape=(1, 28, 28)) -> Film:
    """A film of random frames whose curves run from 0 to 1."""
    rng = np.random.default_rng(seed)
    t = np.linspace(0, 1, n).astype(np.float32)
    frames = rng.integers(0, 256, (n, *shape), np.uint8)
    xy = np.stack([t, t**2], 1).astype(np.float32)
    return Film(np.zeros((n, 3), np.float32), t, 0, frames, xy, 0.1 + 0.8 * t, 1 + t / (1 + seed), -t)


@pytest.fixture
def lanes() -> dict[str, Film]:
    return {kind: film(seed) for seed, kind in enumerate(stills.LANES)}


@pytest.fixture
def points() -> scatter.MapPoints:
    rng = np.random.default_rng(0)
    labels = np.arange(N) % 4 - 1  # -1: unlabelled
    return scatter.from_figure(figures.map_figure(rng.normal(size=(N, 2)), labels, NAMES), labels, NAMES)


@pytest.fixture
def run() -> tuple[list[dict], list[EpochFrame]]:
    """(events, frames) of a run of 4 epochs whose beta was changed from 1 to 4 after the second."""
    rng = np.random.default_rng(1)
    events = [{"kind": "training", "t": 0, "beta": 1.0, "labels": [0, 1, -1] * 10, "classes": list(NAMES), "latent_dim": 8}]
    frames = []
    for epoch in range(5):
        losses = {"elbo": -40.0 + epoch, "recon_loss": 40.0 - 2 * epoch, "kl": float(epoch)}
        events += [{"kind": "dial", "step": 10, "beta": 4.0, "lr_scale": 1.0}] if epoch == 3 else []
        events.append({"kind": "epoch", "t": 1, "epoch": epoch, "step": epoch, "seconds": 1, "test": losses, "kl_per_dim": []})
        pictures = rng.integers(0, 256, (2, 32, 1, 8, 8), np.uint8)
        frames.append(EpochFrame(epoch, str(epoch), rng.normal(size=(30, 2)), *pictures))
    return events, frames
