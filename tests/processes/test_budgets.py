"""Time budgets of real processes: the seconds are used, also while others keep the cores busy, and more can be added."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from explorer.core.bundles import store
from explorer.core.errors import BundleError
from explorer.core.runs import commands as runs
from explorer.core.runs import event_log
from explorer.core.runs import status as run_status
from explorer.core.runs.folder import RunSpec

TRAIN = {"dataset": "digits", "device": "cpu"}
PATIENCE_S = 120.0


@pytest.fixture
def two_threads(monkeypatch):
    """As many as on the page of a machine with two cores."""
    monkeypatch.setenv("OMP_NUM_THREADS", "2")


@pytest.fixture
def keep_busy() -> Iterator:
    """`keep_busy()` starts a program on each core; the process that is returned ends with the test."""
    programs = []

    def begin() -> list[subprocess.Popen]:
        command = [sys.executable, "-c", "while True: pass"]
        programs.extend(subprocess.Popen(command, start_new_session=True) for _ in range(os.cpu_count() or 2))
        return programs

    yield begin
    for program in programs:
        program.kill()
        program.wait()


def start(seconds: float) -> run_status.Run:
    return runs.start(RunSpec("mine", {}, TRAIN, map=False, budget_s=seconds))


def wait_for(condition) -> run_status.Run:
    end = time.monotonic() + PATIENCE_S
    while not condition(run := run_status.look("mine")):
        assert time.monotonic() < end and run.status not in ("failed", "lost"), run
        time.sleep(0.02)
    return run


def times(run: run_status.Run, kind: str) -> list[float]:
    """Unix times of the events of this kind."""
    return [event["t"] for event in event_log.read_events(run.folder)[0] if event["kind"] == kind]


def test_a_budget_is_used_and_can_be_extended():
    start(4.0)
    run = wait_for(lambda run: run.status == "done")
    begun, ended = times(run, "budget")
    assert 0.9 * 4 <= run.used <= 1.5 * 4 and 0.9 * 4 <= ended - begun
    assert run.step == run.n_steps and store.load("mine").metrics["epochs"] == run.epoch
    before = run
    runs.extend("mine", 3.0)
    with pytest.raises(BundleError, match="Only a run that has used its seconds can have more"):
        runs.extend("mine", 3.0)
    run = wait_for(lambda run: run.status == "done")
    assert run.step == run.n_steps > before.step and run.epoch >= before.epoch
    assert 0.9 * 3 <= run.used - before.used <= 1.5 * 3 and run.bundle == before.bundle == "mine"


@pytest.mark.usefixtures("two_threads")
def test_a_budget_ends_in_time_while_other_programs_have_all_cores(keep_busy):
    keep_busy()
    start(10.0)
    run = wait_for(lambda run: run.status == "done")
    assert 10 <= run.used <= 15 and run.step > 0, run
    assert run.was_slow and run.outcome.endswith("the machine was busy. Train for 10 s more?")


@pytest.mark.usefixtures("two_threads")
def test_a_burst_of_other_work_at_the_start_does_not_shorten_the_run(keep_busy):
    start(15.0)
    wait_for(lambda run: run.status == "training" and run.step > 0)
    programs, began = keep_busy(), time.monotonic()
    wait_for(lambda run: time.monotonic() - began > 2.5)
    for program in programs:
        program.kill()
    at_burst = run_status.look("mine").step
    run = wait_for(lambda run: run.status == "done")
    assert 0.9 * 15 <= run.used <= 1.5 * 15 and run.step > 2 * at_burst
