"""The sentence on a queued run: which run it waits for, and how long."""

import time
from dataclasses import replace

import pytest

from explorer.core.runs import folder as run_folder
from explorer.ui import resources
from explorer.ui.train.run_view.facts import status_text
from tests.unit.core.runs.run_folders import standing

TRAINING = {"kind": "training", "step": 0, "epoch": 0, "n_steps": 100, "steps_per_epoch": 10}


@pytest.fixture(autouse=True)
def checkpoints(tmp_path, monkeypatch):
    monkeypatch.setenv("EXPLORER_CHECKPOINTS", str(tmp_path))


def give_budget(folder, budget_s: float) -> None:
    """Gives a run a time budget, and a process that began before its events."""
    spec, values = run_folder.read_run(folder)
    run_folder.write_run(folder, replace(spec, budget_s=budget_s), **{name: values[name] for name in ("pid", "pid_started")})


def text_of(name: str) -> str:
    return status_text(resources.run(name))


def test_a_queued_run_names_the_run_it_waits_for_and_its_seconds():
    now = time.time()
    batches = [{"kind": "batch", "step": 10 * i, "t": now - 8 + 4 * i} for i in (1, 2)]
    give_budget(standing("digits-twins-4", TRAINING, *batches, created=1.0), 60.0)
    standing("next", {"kind": "queued"}, created=2.0)
    assert text_of("next") in ("Waiting for digits-twins-4, about 32 s.", "Waiting for digits-twins-4, about 31 s.")
    standing("last", {"kind": "queued"}, created=3.0)
    assert text_of("last").endswith(" s, then 1 more run.")


def test_seconds_that_are_not_known_are_left_out():
    folder = standing("one", TRAINING, created=1.0)
    standing("two", {"kind": "queued"}, created=2.0)
    assert text_of("two") == "Waiting for one."
    give_budget(folder, 30.0)
    assert text_of("two") == "Waiting for one, about 30 s."


def test_a_paused_run_is_said_to_be_paused():
    standing("one", TRAINING, {"kind": "paused"}, created=1.0)
    standing("two", {"kind": "queued"}, created=2.0)
    assert text_of("two") == "Waiting for one, which is paused."


def test_a_run_of_another_folder_has_no_name():
    standing("two", {"kind": "queued"})
    assert text_of("two") == "Another run has the device; this one begins when that is over."
