"""The length of a run and its learning rate."""

import numpy as np
import pytest
import torch

from explorer.core.training.schedule import one_cycle

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.mark.parametrize("warmup", [0.25, 0.1])
def test_the_rate_has_the_shape_of_torchs_one_cycle(warmup):
    n = 4000
    with torch.random.fork_rng(devices=[]):
        optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 1.0, total_steps=n, pct_start=warmup)
    theirs = []
    for _ in range(n):
        theirs.append(schedule.get_last_lr()[0])
        optimizer.step()
        if len(theirs) < n:
            schedule.step()
    ours = [one_cycle(step / (n - 1), warmup) for step in range(n)]
    np.testing.assert_allclose(ours, theirs, atol=3e-3)  # torch's warm-up is a step shorter
    assert ours[0] == pytest.approx(1 / 25) and ours[-1] == pytest.approx(1 / 25e4)
    assert np.argmax(ours) == pytest.approx(warmup * n, abs=1) and max(ours) == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("warmup", [0.0, 1.0])
def test_a_cycle_may_have_one_half_only(warmup):
    shares = [one_cycle(p, warmup) for p in np.linspace(0, 1, 101)[:-1]]
    assert shares == sorted(shares, reverse=warmup == 0) and 0 < min(shares) and max(shares) <= 1
    assert one_cycle(1.0, warmup) == pytest.approx(1 / 25e4)
