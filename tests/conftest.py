"""Shared by all tests: the real data, where it is on this machine; one thread for small nets."""

import os
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[1]


@pytest.fixture
def real_data(monkeypatch) -> Path:
    """The folder of the real MNIST: EXPLORER_DATA_DIR, else ../shared/data beside the project; skips without one.

    Tests may read there and must not write: no test downloads into it.
    """
    places = [Path(os.environ.get("EXPLORER_DATA_DIR") or PROJECT / "data"), PROJECT.parent / "shared" / "data"]
    for place in places:
        if (place / "MNIST" / "raw" / "train-images-idx3-ubyte").is_file():
            monkeypatch.setenv("EXPLORER_DATA_DIR", str(place.resolve()))
            return place.resolve()
    pytest.skip(f"NO REAL DATA: MNIST is neither in {places[0]} nor in {places[1]}; set EXPLORER_DATA_DIR")


@pytest.fixture
def one_thread():
    """Nets of a few hundred weights are no work for two threads, which on a busy machine wait for each other for ever."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
