"""A time budget: seconds from the first batch, a forecast of batches that rises and falls, and an end by the clock."""

from types import SimpleNamespace

import pytest

from explorer.core.bundles import store
from explorer.core.runs import folder as run_folder
from explorer.core.runs import status as run_status
from explorer.core.runs.folder import RunSpec
from explorer.core.training import loop, throughput
from explorer.core.training import schedule as schedule_module
from explorer.core.training.schedule import Schedule, one_cycle
from explorer.core.worker.budget import TOLERANCE, Budget
from explorer.core.worker.job import work
from tests.unit.core.worker.digit_runs import TRAIN, events, killed, new, weights, whole

pytestmark = pytest.mark.usefixtures("one_thread", "every_step_counts")
N_IMAGES = 3200


class Clock:
    """Stands in for the module `time` of the stopwatches."""

    now = 1000.0

    def perf_counter(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(schedule_module, "time", clock)
    return clock


def models(n: int = 1, **schedule) -> list:
    return [SimpleNamespace(step=0, schedule=Schedule(20, 32, **schedule)) for _ in range(n)]


def train(clock: Clock, budget: Budget, model, pace, report=20) -> list[tuple[float, int, float]]:
    """Train to the end of the plan, a batch in `pace(used)` seconds: [(seconds used, n_steps, progress)] of each batch."""
    batches = []
    while model.step < model.schedule.n_steps(N_IMAGES):
        budget.before_batch(model)
        progress = model.schedule.progress(model.step, N_IMAGES)
        batches.append((budget.used, model.schedule.n_steps(N_IMAGES), progress))
        clock.now += pace(budget.used)
        model.step += 1
        if model.step % report == 0 or model.step == model.schedule.n_steps(N_IMAGES):
            budget.after_report()
    return batches


def test_the_seconds_begin_with_the_first_batch(clock):
    (model,) = models()
    budget = Budget(60.0, [model])
    clock.now += 30  # loading
    budget.begin(0.01)
    assert budget.used == 0 and model.schedule.n_steps(N_IMAGES) == 6000
    train(clock, budget, model, lambda used: 0.01)
    assert budget.used == pytest.approx(60, abs=0.05) and model.step == pytest.approx(6000, abs=3)


@pytest.mark.parametrize("measured", [0.001, 0.01, 0.1])
def test_a_burst_of_other_work_at_the_start_costs_only_its_own_seconds(clock, measured):
    (model,) = models()
    budget = Budget(60.0, [model])
    budget.begin(measured)
    batches = train(clock, budget, model, lambda used: 0.2 if used < 8 else 0.01)
    at = {round(used): n_steps for used, n_steps, _ in batches}
    assert at[8] < 600, "the forecast falls"
    assert at[20] == pytest.approx(40 + 5200, rel=2 * TOLERANCE), "and rises again"
    assert model.step == pytest.approx(40 + 5200, rel=0.01) and 60 <= budget.used <= 60.2


def test_a_machine_that_gets_busy_ends_the_run_with_the_batch_after_the_time(clock):
    (model,) = models()
    budget = Budget(60.0, [model])
    budget.begin(0.01)
    batches = train(clock, budget, model, lambda used: 0.01 if used < 30 else 3.0)
    assert batches[-2][0] < 60 <= batches[-1][0] < 63, "one batch begins after the time"
    assert batches[-1][1:] == (model.step, 1.0), "it is the planned last one, with the last learning rate"


def test_a_forecast_that_is_too_low_does_not_end_the_run(clock):
    (model,) = models()
    budget = Budget(60.0, [model])
    budget.begin(10.0)
    train(clock, budget, model, lambda used: 0.01, report=50)
    assert budget.used >= 60 and model.step >= 6000


def test_the_learning_rate_does_not_jump_with_the_forecast(clock):
    (model,) = models()
    budget = Budget(60.0, [model])
    budget.begin(0.002)
    batches = train(clock, budget, model, lambda used: 0.3 if used < 8 or 30 < used < 35 else 0.01)
    forecasts = [n_steps for _, n_steps, _ in batches]
    assert max(forecasts) > 3 * min(forecasts)
    rates = [one_cycle(progress, 0.25) for _, _, progress in batches]
    assert max(abs(b - a) for a, b in zip(rates, rates[1:])) < 0.05
    assert rates[0] == pytest.approx(1 / 25) and rates[-1] == pytest.approx(1 / 25e4, abs=1e-3)


def test_a_pause_does_not_count(clock):
    (model,) = models()
    budget = Budget(60.0, [model])
    budget.begin(0.01)
    clock.now += 10
    budget.clock.pause()
    clock.now += 3600
    budget.clock.resume()
    clock.now += 5
    assert budget.used == 15


def test_a_resumed_run_has_the_rest_of_its_seconds(clock):
    (model,) = models(planned=4000, used_s=45.0)
    model.step = 3000
    budget = Budget(60.0, [model])
    budget.begin(0.01)
    assert model.schedule.n_steps(N_IMAGES) == 3000 + 1500
    train(clock, budget, model, lambda used: 0.02)
    assert budget.used == pytest.approx(60, abs=0.05) and budget.expected_step == pytest.approx(4500, abs=3)


def test_a_run_that_is_resumed_after_its_last_batch_trains_no_more(clock):
    (model,) = models(planned=9000, used_s=60.2)
    model.step = 3000
    Budget(60.0, [model])
    assert model.schedule.n_steps(N_IMAGES) == 3000


def test_twins_share_the_seconds_and_end_after_equally_many_batches(clock):
    twins = models(3)
    budget = Budget(10.0, twins)
    budget.begin(0.3)
    while unfinished := [twin for twin in twins if twin.step < twin.schedule.n_steps(N_IMAGES)]:
        twin = min(unfinished, key=lambda twin: twin.step)
        for _ in range(5):
            if twin.step < twin.schedule.n_steps(N_IMAGES):
                budget.before_batch(twin)
                clock.now += 0.1
                twin.step += 1
        budget.after_report()
    assert len({twin.step for twin in twins}) == 1 and twins[0].step == pytest.approx(33, abs=3)
    assert 10 <= budget.used <= 10 + 2 * 5 * 0.1, "those behind catch up"


# ---- in a run


@pytest.fixture
def ten_seconds_a_batch(every_step_counts, monkeypatch):
    """Budgets with a clock that shows ten seconds for each batch, and reports at the ends of epochs only."""
    monkeypatch.setattr(Budget, "used", property(lambda self: 10.0 * max(state.step for state in self.states)))
    monkeypatch.setattr(loop, "REPORT_STEPS", 20)


@pytest.mark.usefixtures("ten_seconds_a_batch")
def test_a_budget_outlives_the_process(monkeypatch):
    expected = whole("expected", budget_s=95.0)
    folder = new("mine", budget_s=95.0)
    killed(monkeypatch, folder, 6)
    work(folder)
    assert weights("mine") == expected
    assert events(folder, "training")[1]["step"] == 3
    run = run_status.look("mine")
    assert (run.step, run.n_steps, run.epoch, run.n_epochs) == (11, 11, 4, 4), "the last epoch is cut short"
    *_, last = events(folder, "budget")
    assert (last["n_steps"], last["seconds"], last["used"]) == (11, 95, 110) and run.used == 110
    assert events(folder, "batch")[-1]["lr"] == pytest.approx(3e-3 / 25e4), "the schedule ends with the last batch"


@pytest.mark.usefixtures("ten_seconds_a_batch")
def test_more_seconds_continue_the_epoch_that_was_cut_short():
    folder = new("mine", budget_s=95.0)
    work(folder)
    spec, _ = run_folder.read_run(folder)
    before = weights("mine")
    run_folder.write_run(folder, RunSpec(**(vars(spec) | {"budget_s": 155.0})))
    work(folder)
    run = run_status.look("mine")
    assert (run.step, run.epoch, run.used) == (17, 6, 170) and weights("mine") != before
    epochs = [(e["epoch"], e["step"]) for e in events(folder, "epoch")]
    assert epochs == [(0, 0), (1, 3), (2, 6), (3, 9), (4, 11), (4, 12), (5, 15), (6, 17)]
    history = store.load("mine").metrics["history"]
    assert [(row["epoch"], row["step"]) for row in history] == [epoch for epoch in epochs if epoch != (4, 11)]


@pytest.mark.usefixtures("ten_seconds_a_batch")
def test_a_run_whose_seconds_are_used_only_makes_its_map_again():
    folder = new("mine", budget_s=95.0)
    work(folder)
    run = run_status.look("mine")
    work(folder)
    again = run_status.look("mine")
    assert (again.step, again.used, again.expected) == (run.step, run.used, run.expected)
    assert [e["kind"] for e in events(folder)][-4:] == ["starting", "training", "saved", "done"]


@pytest.mark.parametrize("step_s, was_slow", [(1e-3, True), (8.0, False)])
@pytest.mark.usefixtures("ten_seconds_a_batch")
def test_a_run_is_slow_if_it_has_trained_far_fewer_batches_than_measured_before(monkeypatch, step_s, was_slow):
    monkeypatch.setattr(throughput, "step_seconds", lambda *args: step_s)
    work(new("mine", budget_s=95.0))
    run = run_status.look("mine")
    assert run.was_slow == was_slow and run.more_s == 95


def test_a_run_of_epochs_ignores_an_event_on_a_budget():
    folder = new("mine", epochs=4)
    (folder / run_folder.EVENTS).write_text('{"kind": "budget", "n_steps": 5}\n')
    work(folder)
    run = run_status.look("mine")
    assert run.step == 12 and not run.was_slow and not run.more_s


@pytest.mark.parametrize("step_s, arch", [(1.0, "mlp"), (1e-4, "conv")])
@pytest.mark.usefixtures("ten_seconds_a_batch")
def test_a_short_budget_takes_the_architecture_with_short_steps(monkeypatch, step_s, arch):
    monkeypatch.setattr(throughput, "step_seconds", lambda *args: step_s)
    work(run_folder.create(RunSpec("mine", {"latent_dim": 2}, TRAIN, None, False, False, 25.0)))
    assert store.load("mine").config.arch == arch
