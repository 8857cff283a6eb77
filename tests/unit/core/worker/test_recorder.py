"""Which snapshots a long run keeps, and what its events hold."""

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


def test_epochs_too_quick_to_be_shown_are_left_out_but_not_the_last(monkeypatch):
    monkeypatch.setattr(recorder, "EPOCH_S", 1e9)
    folder = new("mine", epochs=200, limit=16)
    work(folder, on_report=lambda report, *rest: change(folder, stop="stop")() if report.epoch == 149 else None)
    saved = snapshots.saved_epochs(folder)
    assert saved[-1] == 149 and set(saved[:-1]) == {e for e in snapshots.kept_epochs(200) if e < 149}
