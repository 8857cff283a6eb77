"""Engines with random weights, one for each kind of model."""

import pytest

from explorer.core.engine.engine import Engine, open_bundle
from tests.helpers import random_bundle, sprite_set
from tests.unit.core.engine.engines import MODELS


@pytest.fixture(scope="module")
def engines(tmp_path_factory) -> dict[str, Engine]:
    root = tmp_path_factory.mktemp("checkpoints")
    for name, model in MODELS.items():
        random_bundle(root, name, **model)
    random_bundle(root, "sprites", sprite_set(), latent_dim=5)
    return {name: open_bundle(name, root, device="cpu") for name in (*MODELS, "sprites")}


@pytest.fixture(params=MODELS)
def engine(request, engines) -> Engine:
    return engines[request.param]


@pytest.fixture
def d3(engines) -> Engine:
    return engines["d3-rgb"]


@pytest.fixture
def d16(engines) -> Engine:
    return engines["d16"]
