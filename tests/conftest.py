"""Fixtures for all tests: the real MNIST, if it is on this machine, and a single torch thread."""

import os
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[1]


@pytest.fixture
def real_data(monkeypatch) -> Path:
    """The data folder with the real MNIST: EXPLORER_DATA_DIR, else ../shared/data beside the project. Skips without one.

    Tests must not write to it.
    """
    places = [Path(os.environ.get("EXPLORER_DATA_DIR") or PROJECT / "data"), PROJECT.parent / "shared" / "data"]
    for place in places:
        if (place / "MNIST" / "raw" / "train-images-idx3-ubyte").is_file():
            monkeypatch.setenv("EXPLORER_DATA_DIR", str(place.resolve()))
            return place.resolve()
    pytest.skip(f"NO REAL DATA: MNIST is neither in {places[0]} nor in {places[1]}; set EXPLORER_DATA_DIR")


@pytest.fixture
def one_thread():
    """One torch thread: for tiny networks two threads are slower, and on a busy machine they wait for each other."""
    from tests.helpers import torch_threads  # imports torch

    with torch_threads(1):
        yield
