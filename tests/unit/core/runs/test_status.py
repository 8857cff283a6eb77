"""The status of a run, from its events."""

import json

import pytest

from explorer.core.runs import folder as run_folder
from explorer.core.runs import process, status
from explorer.core.runs.event_log import EventLog, EventWriter
from explorer.core.runs.folder import RunSpec
from explorer.core.runs.status import EventSummary, RunStatus, summarise

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


def test_a_live_run_has_a_process_or_is_about_to(tmp_path, monkeypatch):
    monkeypatch.setenv("EXPLORER_CHECKPOINTS", str(tmp_path))
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
