"""The status of a run, from its events."""

import json
import time
from pathlib import Path

import pytest

from explorer.core import paths
from explorer.core.errors import BundleError
from explorer.core.runs import commands as runs
from explorer.core.runs import event_log, process, status
from explorer.core.runs import folder as run_folder
from explorer.core.runs.event_log import EventLog, EventWriter
from explorer.core.runs.folder import RunSpec
from explorer.core.runs.status import EventSummary, RunStatus, summarise
from tests.unit.core.runs.run_folders import standing


@pytest.fixture(autouse=True)
def checkpoints(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("EXPLORER_CHECKPOINTS", str(tmp_path))
    return tmp_path


STARTED = {"kind": "training", "epoch": 0, "step": 0, "n_steps": 30, "steps_per_epoch": 3}
EPOCH = {"kind": "epoch", "epoch": 2, "step": 6, "n_steps": 24}
FAILED = {"kind": "failed", "message": "The disk is full.", "hint": "Free some space."}


@pytest.mark.parametrize(
    "events, expected",
    [
        ([], EventSummary()),
        ([{"kind": "queued"}], EventSummary(RunStatus.QUEUED)),
        ([{"kind": "starting"}], EventSummary(RunStatus.STARTING)),
        ([{"kind": "progress", "what": "reading", "share": 0.254}], EventSummary(sentence="reading: 25%")),
        (
            [{"kind": "progress", "what": "reading", "share": 1.0}, STARTED],
            EventSummary(RunStatus.TRAINING, "", None, 0, 0, 30, 3),
        ),
        ([STARTED, EPOCH], EventSummary(RunStatus.TRAINING, "", None, 2, 6, 24, 3)),
        ([STARTED, {"kind": "paused", "epoch": 1, "step": 4}], EventSummary(RunStatus.PAUSED, "", None, 1, 4, 30, 3)),
        ([{"kind": "paused"}, {"kind": "going on", "step": 4}], EventSummary(RunStatus.TRAINING, "", None, 0, 4)),
        ([{"kind": "stopped"}], EventSummary(RunStatus.STOPPED)),
        ([{"kind": "saved", "bundle": "a"}], EventSummary(RunStatus.MAPPING, "", "a")),
        ([{"kind": "saved", "bundle": "a"}, {"kind": "done", "bundle": "b"}], EventSummary(RunStatus.DONE, "", "b")),
        (
            [{"kind": "done", "bundle": "a-2", "taken_name": "a"}],
            EventSummary(RunStatus.DONE, "Saved as 'a-2': the name 'a' belongs to another model.", "a-2"),
        ),
        ([STARTED, FAILED], EventSummary(RunStatus.FAILED, "The disk is full. Free some space.", None, 0, 0, 30, 3)),
        ([FAILED, {"kind": "starting"}], EventSummary(RunStatus.STARTING)),
        ([{"kind": "done", "bundle": "a"}, {"kind": "queued"}], EventSummary(RunStatus.QUEUED, "", "a")),
        ([{"kind": "unknown"}, {"kind": "failed", "message": "no hint"}, {"kind": "done"}], EventSummary()),
    ],
)
def test_the_summary_of_events(events, expected):
    assert summarise(events) == expected


def test_a_status_is_its_string_on_disk_and_in_the_page():
    assert json.dumps({"status": RunStatus.DONE}) == '{"status": "done"}' and f"{RunStatus.LOST}" == "lost"
    assert RunStatus("paused") is RunStatus.PAUSED and {"done": 1}[RunStatus.DONE] == 1


def test_a_live_run_has_a_process_or_is_about_to():
    folder = run_folder.create(RunSpec("mine", created=1000.0))
    run_folder.write_run(folder, run_folder.read_run(folder)[0], **process.this_process())
    writer = EventWriter(folder)
    for kind in ("queued", "starting", "training", "paused", "saved"):
        writer.write(kind, bundle="mine")
        assert status.look("mine").is_live
    for kind in ("done", "stopped", "failed"):
        writer.write(kind, bundle="mine", message="", hint="")
        assert not status.look("mine").is_live
    writer.close()


def test_the_events_of_a_run_are_summarised_once(tmp_path):
    log, calls = EventLog(tmp_path), []

    def count(events):
        calls.append(len(events))
        return len(events)

    writer = EventWriter(tmp_path)
    writer.write("queued")
    for _ in range(3):
        events, summary = log.summary(count)
        assert (events[0]["kind"], summary) == ("queued", 1)
    writer.write("starting")
    writer.close()
    assert log.summary(count)[1] == 2 and calls == [1, 2]


# ---- a run's folder


def training(epoch, step):
    return {"kind": "training", "epoch": epoch, "step": step, "n_steps": 30, "steps_per_epoch": 3}


LOADING = {"kind": "progress", "share": 0.25, "what": "downloading"}


@pytest.mark.parametrize(
    "events, expected, sentence",
    [
        ([], "starting", ""),
        ([{"kind": "queued"}], "queued", ""),
        ([{"kind": "starting"}, LOADING], "starting", "downloading: 25%"),
        ([{"kind": "starting"}, LOADING, training(0, 0)], "training", ""),
        ([training(0, 0), {"kind": "paused", "epoch": 2, "step": 7}], "paused", ""),
        ([training(0, 0), {"kind": "paused"}, {"kind": "going on"}], "training", ""),
        ([training(0, 0), {"kind": "saved", "bundle": "mine"}], "mapping", ""),
        ([training(0, 0), {"kind": "saved", "bundle": "mine"}, {"kind": "done", "bundle": "mine"}], "done", ""),
        ([training(0, 0), {"kind": "stopped"}], "stopped", ""),
        ([training(0, 0), FAILED], "failed", "The disk is full. Free some space."),
        ([FAILED, {"kind": "starting"}], "starting", ""),
        (
            [{"kind": "what"}, {"kind": "progress", "share": 10**400, "what": "x"}, {"kind": "failed", "message": 7}],
            "starting",
            "",
        ),
    ],
)
def test_the_last_word_says_how_a_run_stands(events, expected, sentence):
    standing("mine", *events)
    run = status.look("mine")
    assert (run.status, run.sentence) == (expected, sentence) and run.is_live == (expected not in ("done", "stopped", "failed"))


@pytest.mark.parametrize("expected", ["stopped", "failed", "done", "lost"])
def test_a_process_that_is_gone_has_the_last_word_if_it_had_one(expected):
    last = {"failed": FAILED, "lost": {"kind": "batch", "epoch": 4, "step": 13}}.get(
        expected, {"kind": expected, "bundle": "mine"}
    )
    standing("mine", training(0, 0), last, pid=2**22 + 1)
    run = status.look("mine")
    assert run.status == expected and not run.is_live
    if expected == "lost":
        assert run.sentence == "The training ended unexpectedly after epoch 4. It can be resumed from there." and run.step == 13


@pytest.mark.parametrize("kind", ["stopped", "failed", "training", "paused"])
def test_a_run_that_is_taken_up_again_is_starting_until_its_process_speaks(kind):
    said = {"kind": kind, "message": "", "hint": ""}
    folder = standing("mine", said | {"t": time.time() - 60})
    assert status.look("mine").status == "starting" and status.look("mine").is_live
    with pytest.raises(BundleError, match="The run 'mine' is starting"):
        runs.resume("mine")
    writer = event_log.EventWriter(folder)
    writer.write("queued")
    writer.close()
    assert status.look("mine").status == "queued"


def test_numbers_that_cannot_be_are_passed_over():
    standing("mine", training(0, 0), {"kind": "epoch", "epoch": 10**30, "step": -4, "n_steps": "x", "steps_per_epoch": True})
    run = status.look("mine")
    assert (run.epoch, run.step, run.n_steps, run.n_epochs) == (0, 0, 30, 10)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": 1}', "\0" * 50])
def test_a_damaged_run_hides_no_other(text):
    standing("good", training(0, 0), created=2000.0)
    (standing("bad") / run_folder.RUN).write_text(text)
    (paths.runs_dir() / "empty").mkdir()
    (paths.runs_dir() / "file").write_text("")
    assert [(run.name, run.status) for run in status.list_runs()] == [("good", "training"), ("bad", "damaged")]
    bad = status.look("bad")
    assert bad.sentence.startswith("Run 'bad': run.json ") and bad.n_epochs == 0 and not bad.is_live
    with pytest.raises(BundleError, match="The run 'bad' is damaged"):
        runs.resume("bad")
    runs.delete("bad")
    assert [run.name for run in status.list_runs()] == ["good"]


def test_nothing_is_listed_where_nothing_is():
    assert status.list_runs() == []


def test_what_is_pressed_is_written_down_beside_what_was_pressed_before():
    folder = standing("mine", training(0, 0))
    runs.steer("mine", beta=4.0)
    runs.steer("mine", pause=True)
    runs.stop("mine", keep=True)
    assert run_folder.read_control(folder) == run_folder.ControlFile(beta=4.0, pause=True, stop="keep")


def test_events_are_read_as_they_come_and_anew_for_a_new_run_of_the_name():
    folder = standing("mine", training(0, 0), {"kind": "epoch", "epoch": 1, "step": 3})
    log = event_log.EventLog(folder)
    first = log.read()
    assert [e["kind"] for e in first] == ["training", "epoch"] and log.read() is first
    with open(folder / run_folder.EVENTS, "a") as file:
        file.write(json.dumps(training(0, 0)) + "\n")
    assert [(e["kind"], e["epoch"]) for e in log.read()] == [("training", 0), ("training", 0)] and len(first) == 2
    runs.delete("mine") if not status.look("mine").is_live else run_folder.atomic.remove_folder(folder)
    assert log.read() == []
    standing("mine", {"kind": "starting"}, *[training(0, 0)] * 4)
    assert [e["kind"] for e in log.read()] == ["starting", *["training"] * 4]
