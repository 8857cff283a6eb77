"""Models whose log p(x) can be integrated: the shipped mnist-2d, and random ones of every likelihood with D = 1 and 2."""

import numpy as np
import pytest

from explorer.core.config import LIKELIHOODS
from explorer.core.data import catalog
from explorer.core.engine.engine import Engine, open_bundle
from tests.helpers import random_bundle

SMALL = {f"{name}-{d}d": {"likelihood": name, "latent_dim": d} for name in LIKELIHOODS for d in (1, 2)}


@pytest.fixture(scope="session")
def mnist_2d() -> Engine:
    return open_bundle("mnist-2d", device="cpu")


@pytest.fixture
def mnist_images(real_data) -> np.ndarray:
    """The test images of MNIST, uint8 (10000, 1, 28, 28)."""
    return catalog.load("mnist", "test").images


@pytest.fixture(scope="session")
def small_engines(tmp_path_factory) -> dict[str, Engine]:
    root = tmp_path_factory.mktemp("checkpoints")
    for name, model in SMALL.items():
        random_bundle(root, name, image_shape=(1, 8, 8), arch="mlp", widths=(32,), gain=3.0, **model)
    random_bundle(root, "d3", latent_dim=3, image_shape=(1, 8, 8), arch="mlp", widths=(32,))
    return {name: open_bundle(name, root, device="cpu") for name in (*SMALL, "d3")}


@pytest.fixture(params=SMALL)
def small(request, small_engines) -> Engine:
    return small_engines[request.param]
