"""What a queued run waits for, and how long the run that holds the device is going to take."""

import time
from dataclasses import replace

import pytest

from explorer.core.runs import folder as run_folder
from explorer.core.runs import status, waiting
from explorer.core.runs.event_log import read_events
from tests.unit.core.runs.run_folders import standing

ENDED = 2**22  # no process has this id


@pytest.fixture(autouse=True)
def checkpoints(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("EXPLORER_CHECKPOINTS", str(tmp_path))


def change(folder, device: str = "cpu", budget_s: float = 0.0) -> None:
    """Gives a run another device and budget, and a process that began before its events."""
    spec, values = run_folder.read_run(folder)
    values = {name: values[name] for name in ("pid", "pid_started")}
    run_folder.write_run(folder, replace(spec, train=spec.train | {"device": device}, budget_s=budget_s), **values)


def training(step: int = 0) -> dict:
    return {"kind": "training", "step": step, "epoch": 0, "n_steps": 100, "steps_per_epoch": 10}


def test_the_run_that_trains_on_the_same_device_holds_it():
    standing("over", training(), {"kind": "stopped"}, created=1.0)
    standing("lost", training(), created=2.0, pid=ENDED)
    change(standing("elsewhere", training(), created=3.0), "cuda")
    standing("one", training(), created=4.0)
    standing("two", {"kind": "queued"}, created=5.0)
    standing("three", {"kind": "queued"}, created=6.0)
    runs = status.list_runs()
    by_name = {run.name: run for run in runs}
    assert waiting.holder(by_name["three"], runs).name == "one" and waiting.n_before(by_name["three"], runs) == 1
    assert waiting.n_before(by_name["two"], runs) == 0
    others = [run for run in runs if run.name != "one"]
    assert waiting.holder(by_name["three"], others) is None


@pytest.mark.parametrize("last, is_holder", [("paused", True), ("starting", True), ("saved", False)])
def test_a_device_is_held_until_the_models_are_saved(last, is_holder):
    standing("one", training(), {"kind": last, "bundle": "one"} if last == "saved" else {"kind": last}, created=1.0)
    standing("two", {"kind": "queued"}, created=2.0)
    runs = status.list_runs()
    assert (waiting.holder(status.look("two"), runs) is not None) == is_holder


def left(*events, budget_s: float = 0.0) -> float | None:
    folder = standing("mine", *events)
    change(folder, budget_s=budget_s)
    return waiting.seconds_left(status.look("mine"), read_events(folder)[0])


def test_the_time_left_is_that_of_the_recent_pace():
    now = time.time()
    batches = [{"kind": "batch", "step": 10 * i, "t": now - 8 + 2 * i} for i in range(1, 5)]  # 5 a second
    assert left(training(), *batches, budget_s=60.0) == pytest.approx(60 / 5, abs=0.5)


def test_before_the_first_batches_the_time_left_is_the_budget():
    assert left(training(), budget_s=60.0) == 60.0


@pytest.mark.parametrize("last", ["training", "paused", "stopped"])
def test_nothing_is_known_of_a_run_of_epochs_before_its_first_batches(last):
    assert left(training(), *([{"kind": last}] if last != "training" else []), budget_s=0.0) is None
