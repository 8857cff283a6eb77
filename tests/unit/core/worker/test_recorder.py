"""Which snapshots a long run keeps, and what its events hold."""

from dataclasses import replace

import pytest

from explorer.core.runs import snapshots
from explorer.core.training.report import Losses, Report
from explorer.core.worker import recorder
from explorer.core.worker.job import work
from tests.unit.core.worker.digit_runs import change, killed, new

pytestmark = pytest.mark.usefixtures("one_thread", "every_step_counts")


def test_what_can_go_wrong_with_a_number_is_null_in_the_events():
    losses = Losses(float("inf"), (1.0,))
    report = Report(1, 2, 1.0, 1.0, 0.1, 1.0, losses)
    assert recorder.event_values(report)["train"] == {"elbo": None, "recon_loss": None, "kl": 1.0}


def test_at_most_64_epochs_are_on_the_disk_and_the_last_one_always(monkeypatch):
    folder = new("mine", epochs=200, limit=16)
    seen_most = []

    def count(report, *rest):
        saved = snapshots.saved_epochs(folder)
        seen_most.append(len(saved))
        assert not report.is_epoch or saved[-1] == report.epoch

    def stop_at(epoch):
        return lambda report, *rest: (count(report), change(folder, stop="stop")() if report.epoch == epoch else None)

    for epoch in (97, 149):
        assert epoch not in snapshots.kept_epochs(200)
        assert work(folder, on_report=stop_at(epoch)) is None
        assert snapshots.saved_epochs(folder)[-1] == epoch
        change(folder, stop="")()
    killed(monkeypatch, folder, 171)
    work(folder, on_report=count)
    assert max(seen_most) <= 64 and set(snapshots.saved_epochs(folder)) == snapshots.kept_epochs(200)


def test_a_forecast_of_epochs_that_changes_leaves_no_more_than_64_well_spread(monkeypatch):
    monkeypatch.setattr(snapshots, "kept_epochs", lambda n_epochs: set(range(1000)))
    folder = new("mine", epochs=200, limit=16)
    seen = []
    work(folder, on_report=lambda *_: seen.append(len(snapshots.saved_epochs(folder))))
    saved = snapshots.saved_epochs(folder)
    assert max(seen) == 64 and saved[:4] == [0, 1, 2, 3] and saved[-1] == 200
    assert max(b / a for a, b in zip(saved[1:], saved[2:]) if a > 10) < 1.3


def test_epochs_too_quick_to_be_shown_are_left_out_but_not_the_last(monkeypatch):
    monkeypatch.setattr(recorder, "EPOCH_S", 1e9)
    folder = new("mine", epochs=200, limit=16)
    work(folder, on_report=lambda report, *rest: change(folder, stop="stop")() if report.epoch == 149 else None)
    saved = snapshots.saved_epochs(folder)
    assert saved[-1] == 149 and set(saved[:-1]) == {e for e in snapshots.kept_epochs(200) if e < 149}


def test_events_history_and_the_command_line_agree_on_a_report():
    losses = Losses(20.123456, (0.25, 1.123456))
    report = Report(1, 3, 1.23456, 1000.04, 1e-3, 2.0, losses, losses, 2)
    values, event = report.as_dict(), recorder.event_values(report)
    assert values["test"] == {"elbo": losses.elbo, "recon_loss": 20.123456, "kl": losses.kl, "kl_per_dim": [0.25, 1.123456]}
    assert event["test"] == event["train"] == {"elbo": -21.4969, "recon_loss": 20.1235, "kl": 1.3735}
    assert event["kl_per_dim"] == [0.25, 1.1235] and event["active_units"] == 2
    same = ("epoch", "step", "seconds", "images_per_second", "lr", "beta")
    assert [event[name] for name in same] == [values[name] for name in same] == [1, 3, 1.235, 1000.0, 1e-3, 2.0]
    light = recorder.event_values(replace(report, test=None, active_units=None))
    assert light["test"] is None and not {"kl_per_dim", "active_units"} & light.keys()
