"""A run with a budget leaves cores that other programs use."""

import pytest
import torch

from explorer.core.worker.threads import FreeCores
from tests.helpers import torch_threads


@pytest.fixture
def two_threads():
    with torch_threads(2):
        yield


@pytest.mark.usefixtures("two_threads")
def test_two_threads_become_one_while_a_core_is_taken():
    now = [100.0, 5.0, 50.0]  # seconds: of the clock, of this process, of idle cores
    cores = FreeCores(lambda: tuple(now))

    def after(clock_s: float, own_s: float, idle_s: float) -> int:
        now[:] = now[0] + clock_s, now[1] + own_s, now[2] + idle_s
        cores.follow()
        return torch.get_num_threads()

    assert after(1, 1.9, 0.1) == 2, "nobody else works"
    assert after(1, 1.0, 0.0) == 1, "another program has a core"
    assert after(0.1, 0.1, 0.1) == 1, "too soon to tell"
    assert after(2, 0.1, 0.0) == 1, "others have both"
    assert after(1, 1.0, 0.9) == 2, "they have ended"
    assert after(1, 0.0, 30.0) == 2, "never more than at the start"


def test_the_processor_can_be_read():
    cores = FreeCores()
    assert all(value >= 0 for value in cores._now())
