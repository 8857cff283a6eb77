"""The length of a run and its learning rate."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from explorer.core.config import TrainConfig
from explorer.core.training import schedule as schedule_module
from explorer.core.training.loop import fit
from explorer.core.training.schedule import Schedule, Stopwatch, one_cycle
from tests.unit.core.training.small_runs import TEST, TRAIN, small

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


def test_a_run_has_the_batches_of_its_epochs_until_a_budget_plans_others():
    schedule = Schedule.of(TrainConfig("digits", epochs=3, batch_size=32))
    assert (schedule.steps_per_epoch(64), schedule.steps_per_epoch(65), schedule.n_steps(65)) == (2, 3, 9)
    schedule.planned = 7
    assert schedule.n_steps(65) == 7 and schedule.steps_per_epoch(65) == 3


def test_the_progress_is_that_of_the_batches_or_of_the_seconds_of_a_budget():
    schedule = Schedule.of(TrainConfig("digits", epochs=3, batch_size=32))
    assert [schedule.progress(step, 65) for step in (0, 4, 8)] == [0, 0.5, 1]
    budgeted = Schedule(3, 32, planned=7, budget_s=20.0, used_s=5.0)
    assert budgeted.progress(1, 65) == 0.25
    budgeted.planned = 700
    assert budgeted.progress(1, 65) == 0.25, "whatever the number of batches"
    assert budgeted.progress(699, 65) == 1, "but the last batch ends it"
    budgeted.used_s = 21.0
    assert budgeted.progress(1, 65) == 1


def test_a_stopwatch_does_not_count_while_it_is_paused(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(schedule_module, "time", SimpleNamespace(perf_counter=lambda: now[0]))
    watch = Stopwatch(5.0)
    now[0] += 1
    assert watch.seconds == 5, "a new one is paused"
    watch.resume()
    now[0] += 2
    assert watch.seconds == 7
    watch.resume()
    now[0] += 1
    assert watch.seconds == 8, "resuming it twice changes nothing"
    watch.pause(), watch.pause()
    now[0] += 50
    assert watch.seconds == 8
    watch.resume()
    now[0] += 1
    assert watch.seconds == 9


def test_the_time_between_two_reports_is_not_the_run_s(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(schedule_module, "time", SimpleNamespace(perf_counter=lambda: now[0]))
    state = small()
    for report in fit(state, TRAIN, TEST):
        now[0] += 1000
        assert report.seconds == state.stopwatch.seconds == 0
