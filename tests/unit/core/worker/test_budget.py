"""A time budget becomes a number of batches."""

import time
from types import SimpleNamespace

import pytest

from explorer.core.bundles import store
from explorer.core.runs import event_log
from explorer.core.runs import folder as run_folder
from explorer.core.runs import status as run_status
from explorer.core.runs.folder import RunSpec
from explorer.core.training import throughput
from explorer.core.worker import budget
from explorer.core.worker.budget import Budget
from explorer.core.worker.job import work
from tests.unit.core.worker.digit_runs import TRAIN, events, killed, new, weights, whole

pytestmark = pytest.mark.usefixtures("one_thread", "every_step_counts")


def test_a_time_budget_becomes_a_number_of_steps_that_outlives_the_process(monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(Budget, "affordable", lambda *args: 11)
        expected = whole("expected", budget_s=60.0)
        folder = new("mine", budget_s=60.0)
        killed(monkeypatch, folder, 7)
    monkeypatch.setattr(Budget, "affordable", None)  # it was measured once
    work(folder)
    assert weights("mine") == expected
    assert [(e["n_steps"], e["seconds"]) for e in events(folder, "budget")] == [(11, 60)]
    assert {e["n_steps"] for e in events(folder, "batch")} == {11}
    run = run_status.look("mine")
    assert (run.step, run.n_steps, run.epoch, run.n_epochs) == (11, 11, 4, 4), "the last epoch is cut short"
    batches = events(folder, "batch")
    assert batches[-1]["lr"] == pytest.approx(3e-3 / 25e4), "the schedule ends with it"


@pytest.mark.parametrize("n_steps", ["0", "-5", '"many"', "1e9", str(10**30)])
def test_a_budget_that_was_edited_is_as_if_it_were_not_there(n_steps):
    folder = new("mine", epochs=4)
    (folder / run_folder.EVENTS).write_text(f'{{"kind": "budget", "n_steps": {n_steps}}}\n')
    work(folder)
    assert events(folder, "training")[0]["n_steps"] == 12


def test_a_budget_buys_what_a_measurement_says(monkeypatch):
    monkeypatch.setattr(budget, "time", SimpleNamespace(time=lambda: 1000.0))
    assert Budget(60.0, 1000.0).affordable(0.01, 0.05, 5) == int(budget.RESERVE * 60 / 0.02)
    assert Budget(60.0, 840.0).affordable(0.01, 0.05, 5) == 1, "however late it is, there is a model"


def test_a_budget_counts_from_the_click_but_not_while_others_train_or_nobody_does(monkeypatch):
    ends = []
    monkeypatch.setattr(Budget, "affordable", lambda self, *rest: ends.append(self.end) or 3)
    clicked = time.time() - 5
    work(new("fresh", budget_s=60.0, created=clicked))
    assert ends == [clicked + 60]
    for name, kind in (("waited", "queued"), ("resumed", "stopped")):
        folder = new(name, budget_s=60.0, created=time.time() - 3600)
        writer = event_log.EventWriter(folder)
        writer.write(kind)
        writer.close()
        before = time.time()
        work(folder)
        assert ends[-1] >= before + 60


@pytest.mark.parametrize("step_s, arch", [(1.0, "mlp"), (1e-4, "conv")])
def test_a_short_budget_takes_the_architecture_with_short_steps(monkeypatch, step_s, arch):
    monkeypatch.setattr(throughput, "step_seconds", lambda *args: step_s)
    monkeypatch.setattr(Budget, "affordable", lambda *args: 1)
    order = RunSpec("mine", {"latent_dim": 2}, TRAIN, None, False, False, 30.0, created=time.time())
    work(run_folder.create(order))
    assert store.load("mine").config.arch == arch
