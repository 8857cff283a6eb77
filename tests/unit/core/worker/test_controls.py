"""A run is steered while it trains: live settings, pause, stop."""

import time
from types import SimpleNamespace

import pytest

from explorer.core import paths
from explorer.core.bundles import store
from explorer.core.runs import event_log
from explorer.core.runs import folder as run_folder
from explorer.core.runs import status as run_status
from explorer.core.runs.folder import ControlFile, write_control
from explorer.core.training import schedule
from explorer.core.training.schedule import one_cycle
from explorer.core.worker import controls, job
from explorer.core.worker.job import work
from tests.unit.core.worker.digit_runs import change, events, new, on, same, state_weights, weights, whole

pytestmark = pytest.mark.usefixtures("one_thread", "every_step_counts")


def test_a_change_acts_on_the_very_next_batch():
    folder = new("mine")
    work(folder, on_report=on(4, change(folder, beta=7.0, lr_scale=0.5)))
    (dial,) = events(folder, "dial")
    assert (dial["step"], dial["beta"], dial["lr_scale"]) == (4, 7, 0.5)
    batches = events(folder, "batch")
    assert [e["beta"] for e in batches] == [1] * 4 + [7] * 8
    expected = [one_cycle(i / 11, 0.25) * 3e-3 * (1 if i < 4 else 0.5) for i in range(12)]
    assert [e["lr"] for e in batches] == pytest.approx(expected)
    assert weights("mine") != whole()


def test_two_changes_within_one_tick_of_the_clock_both_act(monkeypatch):
    folder = new("mine")
    write_control(folder, ControlFile(beta=2.0))
    stamp = (folder / run_folder.CONTROL).stat()
    real = controls.os.stat

    def stat(path):
        found = real(path)
        return SimpleNamespace(st_mtime_ns=stamp.st_mtime_ns, st_ino=found.st_ino)

    monkeypatch.setattr(controls, "os", SimpleNamespace(stat=stat))
    work(folder, on_report=on(4, change(folder, beta=7.0)))
    assert [(e["step"], e["beta"]) for e in events(folder, "dial")] == [(0, 2), (4, 7)]


def while_paused(monkeypatch, *acts) -> list:
    """One act after another, each when the run has come to rest."""
    left = list(acts)
    monkeypatch.setattr(controls, "time", SimpleNamespace(sleep=lambda s: left.pop(0)()))
    return left


def test_pause_then_one_epoch_then_go_on(monkeypatch):
    folder = new("mine")
    left = while_paused(monkeypatch, change(folder, pause=False, step_to=2), change(folder, pause=False, step_to=None))
    work(folder, on_report=on(4, change(folder, pause=True)))
    assert left == []
    found = [(e["kind"], e["step"]) for e in events(folder, "paused", "going on")]
    assert found == [("paused", 4), ("going on", 4), ("paused", 6), ("going on", 6)]
    assert weights("mine") == whole(), "a pause changes nothing"


def test_a_pause_takes_no_time_of_the_run(monkeypatch):
    folder, clock, go_on = new("mine"), [0.0], None
    go_on = change(folder, pause=False)
    monkeypatch.setattr(schedule, "time", SimpleNamespace(perf_counter=lambda: time.perf_counter() + clock[-1]))
    monkeypatch.setattr(controls, "time", SimpleNamespace(sleep=lambda s: (clock.append(1000.0), go_on())))
    work(folder, on_report=on(4, change(folder, pause=True)))
    assert clock == [0.0, 1000.0] and 0 < events(folder, "epoch")[-1]["seconds"] < 500


def test_a_pause_takes_no_time_of_the_budget(monkeypatch):
    folder, pauses = new("mine", budget_s=1.0), [0.0]
    go_on = change(folder, pause=False)
    monkeypatch.setattr(schedule, "time", SimpleNamespace(perf_counter=lambda: time.perf_counter() + pauses[-1]))
    monkeypatch.setattr(controls, "time", SimpleNamespace(sleep=lambda s: (pauses.append(1000.0), go_on())))
    work(folder, on_report=on(4, change(folder, pause=True)))
    run = run_status.look("mine")
    assert pauses == [0.0, 1000.0] and run.step > 4 and 1 <= run.used < 500


def test_a_paused_run_can_be_stopped(monkeypatch):
    folder = new("mine")
    while_paused(monkeypatch, change(folder, stop="stop"))
    assert work(folder, on_report=on(4, change(folder, pause=True))) is None
    assert [e["kind"] for e in events(folder)][-3:] == ["paused", "going on", "stopped"]


@pytest.mark.parametrize("step", [1, 3, 5, 11])
def test_stopped_within_an_epoch_it_goes_on_to_the_same_weights(step):
    folder = new("mine")
    assert work(folder, on_report=on(step, change(folder, stop="stop"))) is None
    assert events(folder)[-1]["kind"] == "stopped" and events(folder, "batch")[-1]["step"] == step
    run = run_status.look("mine")
    assert run.status == "stopped" and run.epoch == step // 3 and not (paths.checkpoints_dir() / "mine").exists()
    change(folder, stop="")()
    messages = []
    work(folder, on_message=messages.append)
    assert messages[0] == f"resuming 'mine' after epoch {step // 3} of 4"
    assert weights("mine") == whole()
    assert [e["step"] for e in event_log.in_force(events(folder)) if e["kind"] == "batch"] == list(range(1, 13))


def test_stop_and_keep_makes_a_bundle_of_the_model_as_it_is():
    folder = new("mine")
    work(folder, on_report=on(5, change(folder, stop="keep")))
    assert run_status.look("mine").status == "done" and run_status.look("mine").step == 5
    assert store.load("mine").metrics["epochs"] == 1
    kept, last_epoch = store.load("mine").model.state_dict(), state_weights(folder)
    assert weights("mine") != whole()
    assert not same(kept, last_epoch) and not same(last_epoch, store.load("whole").model.state_dict())


def test_stop_is_heard_while_data_is_fetched(monkeypatch):
    folder = new("mine")
    monkeypatch.setattr(job, "PROGRESS_S", -1.0)

    def load(name, split, *, size, progress):
        progress(0.25, "downloading")
        change(folder, stop="stop")()
        progress(0.5, "downloading")
        raise AssertionError("it went on")

    monkeypatch.setattr("explorer.core.data.catalog.load", load)
    assert work(folder) is None
    assert [(e["share"], e["what"]) for e in events(folder, "progress")] == [(0.25, "downloading"), (0.5, "downloading")]
    assert run_status.look("mine").status == "stopped"
