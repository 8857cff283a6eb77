"""Shared by the unit tests."""

import pytest
import torch


@pytest.fixture
def one_thread():
    """Nets of a few hundred weights are no work for two threads, which on a busy machine wait for each other for ever."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
