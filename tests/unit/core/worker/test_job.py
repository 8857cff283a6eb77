"""The trainer's side of a run: what it leaves, how it is steered, and that it goes on as if it had never stopped."""

import json
import shutil
import signal
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from explorer import train
from explorer.core import paths
from explorer.core.bundles import format as bundle_format
from explorer.core.bundles import store
from explorer.core.errors import BundleError, DataError, TrainingError
from explorer.core.runs import event_log, snapshots
from explorer.core.runs import folder as run_folder
from explorer.core.runs import process as run_process
from explorer.core.runs import status as run_status
from explorer.core.runs.folder import ControlFile, RunSpec, read_control, write_control
from explorer.core.training import schedule, state_file, throughput
from explorer.core.training.report import Losses, Report
from explorer.core.training.schedule import one_cycle
from explorer.core.worker import budget, controls, job, recorder
from explorer.core.worker.budget import Budget
from explorer.core.worker.job import work

pytestmark = pytest.mark.usefixtures("one_thread", "every_step_counts")

MODEL = {"latent_dim": 2, "arch": "mlp", "widths": (16,)}
TRAIN = {"dataset": "digits", "limit": 96, "batch_size": 32, "epochs": 4, "precision": "fp32", "device": "cpu"}  # 3 an epoch


def new(name: str, map=False, budget_s=0.0, created=None, **settings) -> Path:
    model = MODEL | {k: settings.pop(k) for k in ("latent_dim", "arch", "widths") if k in settings}
    created = time.time() if created is None else created
    return run_folder.create(RunSpec(name, model, TRAIN | settings, None, map, False, budget_s, created=created))


def events(folder: Path, *kinds: str) -> list[dict]:
    return [e for e in event_log.read_events(folder)[0] if not kinds or e["kind"] in kinds]


def weights(name: str) -> bytes:
    return (paths.checkpoints_dir() / name / bundle_format.MODEL).read_bytes()


def state_weights(folder: Path) -> dict:
    """The weights in the run's state."""
    tensors = state_file.load_state(folder)[0]
    return {name.removeprefix("model."): value for name, value in tensors.items() if name.startswith("model.")}


def same(a: dict, b: dict) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def whole(name: str = "whole", **settings) -> bytes:
    """The weights of a run that nothing came between."""
    work(new(name, **settings))
    return weights(name)


def on(step: int, act):
    """For `seen`: act as soon as that many batches have been trained."""
    return lambda report, state, n_steps: act() if report.step == step and not report.is_epoch else None


def turn(folder: Path, **changes):
    """What the page does when something is pressed."""
    return lambda: write_control(folder, replace(read_control(folder), **changes))


class Killed(BaseException):
    pass


def killed(monkeypatch, folder: Path, step: int) -> None:
    """A process that is gone after `step` batches and has had no time to say or save anything."""

    def now():
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(recorder.RunRecorder, "close", lambda self: None)
        patch.setattr(job, "_write_failure", lambda *args: None)
        with pytest.raises(Killed):
            work(folder, on_report=on(step, now))


# ---- what it leaves


def test_a_finished_run_leaves_a_bundle_its_events_and_its_pictures():
    folder = new("mine")
    bundle = work(folder)
    assert bundle == paths.checkpoints_dir() / "mine" and store.load("mine").metrics["epochs"] == 4
    kinds = [e["kind"] for e in events(folder) if e["kind"] != "batch"]
    assert kinds == ["starting", "training", *["epoch"] * 5, "saved", "done"]
    (begun,) = events(folder, "training")
    assert begun["n_steps"] == 12 and begun["steps_per_epoch"] == 3 and begun["shape"] == [1, 8, 8]
    assert len(begun["labels"]) == 96 and begun["n_train"] == begun["n_test"] == 96
    assert [e["step"] for e in events(folder, "batch")] == list(range(1, 13))
    epochs = events(folder, "epoch")
    assert [(e["epoch"], e["step"]) for e in epochs] == [(i, 3 * i) for i in range(5)]
    assert epochs[0]["train"] is None and all(e["memory"] > 1e6 and len(e["kl_per_dim"]) == 2 for e in epochs)
    assert snapshots.saved_epochs(folder) == list(range(5))
    run = run_status.look("mine")
    assert (run.status, run.epoch, run.n_epochs, run.step, run.bundle) == ("done", 4, 4, 12, "mine")


def test_the_pictures_are_of_the_same_images_at_every_epoch():
    folder = new("mine")
    work(folder)
    shots = [snapshots.read_epoch(folder, epoch) for epoch in range(5)]
    assert shots[0]["originals"].shape == (32, 1, 8, 8) and all("originals" not in shot for shot in shots[1:])
    for shot in shots:
        assert shot["means"].shape == (96, 2) and shot["means"].dtype == np.float32 and shot["kl_per_dim"].shape == (2,)
        assert shot["reconstructions"].shape == shot["samples"].shape == (32, 1, 8, 8)
    np.testing.assert_allclose(shots[4]["means"], store.load("mine").gallery.mu, atol=1e-5)


def test_run_json_says_who_trains_on_what_with_which_versions():
    folder = new("mine", seed=3)
    work(folder)
    order, values = run_folder.read_run(folder)
    assert order.train["seed"] == 3 and values["device"] == "cpu"
    assert torch.__version__.startswith(values["versions"]["torch"]) and values["versions"]["numpy"] == np.__version__
    assert run_process.is_alive(values["pid"], values["pid_started"])


def test_the_state_holds_the_weights_of_the_last_whole_epoch():
    folder = new("mine", epochs=2)
    work(folder)
    assert same(state_weights(folder), store.load("mine").model.state_dict())
    assert not list(folder.glob("latest.*")), "the state is the only copy of the weights"


def test_what_can_go_wrong_with_a_number_is_null_in_the_events():
    losses = Losses(float("inf"), (1.0,))
    report = Report(1, 2, 1.0, 1.0, 0.1, 1.0, losses)
    assert recorder.event_values(report)["train"] == {"elbo": None, "recon_loss": None, "kl": 1.0}


# ---- steering


def test_what_is_turned_acts_on_the_very_next_batch():
    folder = new("mine")
    work(folder, on_report=on(4, turn(folder, beta=7.0, lr_scale=0.5)))
    (dial,) = events(folder, "dial")
    assert (dial["step"], dial["beta"], dial["lr_scale"]) == (4, 7, 0.5)
    batches = events(folder, "batch")
    assert [e["beta"] for e in batches] == [1] * 4 + [7] * 8
    expected = [one_cycle(i / 11, 0.25) * 3e-3 * (1 if i < 4 else 0.5) for i in range(12)]
    assert [e["lr"] for e in batches] == pytest.approx(expected)
    assert weights("mine") != whole()


def test_two_turns_within_one_tick_of_the_clock_are_both_heard(monkeypatch):
    folder = new("mine")
    write_control(folder, ControlFile(beta=2.0))
    stamp = (folder / run_folder.CONTROL).stat()
    real = controls.os.stat

    def stat(path):
        found = real(path)
        return SimpleNamespace(st_mtime_ns=stamp.st_mtime_ns, st_ino=found.st_ino)

    monkeypatch.setattr(controls, "os", SimpleNamespace(stat=stat))
    work(folder, on_report=on(4, turn(folder, beta=7.0)))
    assert [(e["step"], e["beta"]) for e in events(folder, "dial")] == [(0, 2), (4, 7)]


def while_paused(monkeypatch, *acts) -> list:
    """One act after another, each when the run has come to rest."""
    left = list(acts)
    monkeypatch.setattr(controls, "time", SimpleNamespace(sleep=lambda s: left.pop(0)()))
    return left


def test_pause_then_one_epoch_then_go_on(monkeypatch):
    folder = new("mine")
    left = while_paused(monkeypatch, turn(folder, pause=False, step_to=2), turn(folder, pause=False, step_to=None))
    work(folder, on_report=on(4, turn(folder, pause=True)))
    assert left == []
    told = [(e["kind"], e["step"]) for e in events(folder, "paused", "going on")]
    assert told == [("paused", 4), ("going on", 4), ("paused", 6), ("going on", 6)]
    assert weights("mine") == whole(), "a pause changes nothing"


def test_a_pause_takes_no_time_of_the_run(monkeypatch):
    folder, clock, go_on = new("mine"), [0.0], None
    go_on = turn(folder, pause=False)
    monkeypatch.setattr(schedule, "time", SimpleNamespace(perf_counter=lambda: time.perf_counter() + clock[-1]))
    monkeypatch.setattr(controls, "time", SimpleNamespace(sleep=lambda s: (clock.append(1000.0), go_on())))
    work(folder, on_report=on(4, turn(folder, pause=True)))
    assert clock == [0.0, 1000.0] and 0 < events(folder, "epoch")[-1]["seconds"] < 500


def test_a_paused_run_can_be_stopped(monkeypatch):
    folder = new("mine")
    while_paused(monkeypatch, turn(folder, stop="stop"))
    assert work(folder, on_report=on(4, turn(folder, pause=True))) is None
    assert [e["kind"] for e in events(folder)][-3:] == ["paused", "going on", "stopped"]


@pytest.mark.parametrize("step", [1, 3, 5, 11])
def test_stopped_within_an_epoch_it_goes_on_to_the_same_weights(step):
    folder = new("mine")
    assert work(folder, on_report=on(step, turn(folder, stop="stop"))) is None
    assert events(folder)[-1]["kind"] == "stopped" and events(folder, "batch")[-1]["step"] == step
    run = run_status.look("mine")
    assert run.status == "stopped" and run.epoch == step // 3 and not (paths.checkpoints_dir() / "mine").exists()
    turn(folder, stop="")()
    told = []
    work(folder, on_message=told.append)
    assert told[0] == f"going on with 'mine' after epoch {step // 3} of 4"
    assert weights("mine") == whole()
    assert [e["step"] for e in event_log.in_force(events(folder)) if e["kind"] == "batch"] == list(range(1, 13))


def test_stop_and_keep_makes_a_bundle_of_the_model_as_it_is():
    folder = new("mine")
    work(folder, on_report=on(5, turn(folder, stop="keep")))
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
        turn(folder, stop="stop")()
        progress(0.5, "downloading")
        raise AssertionError("it went on")

    monkeypatch.setattr("explorer.core.data.catalog.load", load)
    assert work(folder) is None
    assert [(e["share"], e["what"]) for e in events(folder, "progress")] == [(0.25, "downloading"), (0.5, "downloading")]
    assert run_status.look("mine").status == "stopped"


# ---- broken off


@pytest.mark.parametrize("step", [2, 7])
def test_killed_within_an_epoch_it_goes_on_to_the_same_weights(monkeypatch, step):
    folder = new("mine")
    killed(monkeypatch, folder, step)
    work(folder)
    assert weights("mine") == whole()


def test_what_was_turned_after_the_checkpoint_is_turned_again_at_the_same_steps(monkeypatch):
    def hand(folder, end=None):
        acts = {4: turn(folder, beta=0.0), 5: turn(folder, beta=9.0), 7: turn(folder, lr_scale=3.0), end: die}
        return lambda report, *rest: None if report.is_epoch else acts.get(report.step, int)()

    def die():
        raise Killed

    work(expected := new("expected"), on_report=hand(expected))
    folder = new("mine")
    with monkeypatch.context() as patch:
        patch.setattr(recorder.RunRecorder, "close", lambda self: None)
        patch.setattr(recorder, "STATE_S", 1e9)  # the untrained model is all that is saved
        for end in (8, 5):  # the second time before all has been turned again
            with pytest.raises(Killed):
                work(folder, on_report=hand(folder, end))
    write_control(folder, ControlFile(9.0, 3.0))
    work(folder)
    turns = [(e["step"], e["beta"], e["lr_scale"]) for e in event_log.in_force(events(folder)) if e["kind"] == "dial"]
    assert turns == [(4, 0, 1), (5, 9, 1), (7, 9, 3)] and weights("mine") == weights("expected")


def test_ctrl_c_is_a_stop():
    def now():
        raise KeyboardInterrupt

    folder = new("mine")
    with pytest.raises(KeyboardInterrupt):
        work(folder, on_report=on(7, now))
    assert run_status.look("mine").status == "stopped" and snapshots.saved_epochs(folder) == [0, 1, 2]
    work(folder)
    assert weights("mine") == whole()


def test_sigterm_is_a_stop(monkeypatch, capsys):
    folder, real = new("mine"), job.work
    with monkeypatch.context() as patch:
        patch.setattr(
            job, "work", lambda folder, *_: real(folder, on_report=on(7, lambda: signal.raise_signal(signal.SIGTERM)))
        )
        assert train.main(["--resume", "mine", "--json"]) == 130
    assert capsys.readouterr().err == "stopped after epoch 2 of 4; go on with: python -m explorer.train --resume mine\n"
    work(folder)
    assert weights("mine") == whole()


def test_an_error_nobody_thought_of_is_the_last_event_and_the_run_can_go_on():
    def now():
        raise ZeroDivisionError

    folder = new("mine")
    with pytest.raises(ZeroDivisionError):
        work(folder, on_report=on(7, now))
    run = run_status.look("mine")
    assert run.status == "failed" and run.sentence == f"The training broke off (ZeroDivisionError). See {folder / 'log.txt'}."
    work(folder)
    assert weights("mine") == whole()


def test_killed_while_the_map_is_made_only_the_map_is_made_again(monkeypatch):
    real = store.save

    def save(name, *args, **more):
        if (paths.checkpoints_dir() / name).exists():
            raise Killed
        return real(name, *args, **more)

    folder = new("mine")
    with monkeypatch.context() as patch:
        patch.setattr(store, "save", save)
        patch.setattr(job, "_write_failure", lambda *args: None)
        with pytest.raises(Killed):
            work(folder)
    assert run_status.look("mine").status == "mapping" and weights("mine"), "the bundle is there"
    before, n_batches = weights("mine"), len(events(folder, "batch"))
    work(folder)
    assert weights("mine") == before and len(events(folder, "batch")) == n_batches == 12
    assert run_status.look("mine").status == "done"


# ---- the time budget


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
        pen = event_log.EventWriter(folder)
        pen.write(kind)
        pen.close()
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


# ---- pictures of a long run


def test_at_most_64_epochs_are_on_the_disk_and_the_last_one_always(monkeypatch):
    folder = new("mine", epochs=200, limit=16)
    seen_most = []

    def count(report, *rest):
        saved = snapshots.saved_epochs(folder)
        seen_most.append(len(saved))
        assert not report.is_epoch or saved[-1] == report.epoch

    def stop_at(epoch):
        return lambda report, *rest: (count(report), turn(folder, stop="stop")() if report.epoch == epoch else None)

    for epoch in (97, 149):
        assert epoch not in snapshots.kept_epochs(200)
        assert work(folder, on_report=stop_at(epoch)) is None
        assert snapshots.saved_epochs(folder)[-1] == epoch
        turn(folder, stop="")()
    killed(monkeypatch, folder, 171)
    work(folder, on_report=count)
    assert max(seen_most) <= 64 and set(snapshots.saved_epochs(folder)) == snapshots.kept_epochs(200)


def test_epochs_too_quick_to_be_shown_are_left_out_but_not_the_last(monkeypatch):
    monkeypatch.setattr(recorder, "EPOCH_S", 1e9)
    folder = new("mine", epochs=200, limit=16)
    work(folder, on_report=lambda report, *rest: turn(folder, stop="stop")() if report.epoch == 149 else None)
    saved = snapshots.saved_epochs(folder)
    assert saved[-1] == 149 and set(saved[:-1]) == {e for e in snapshots.kept_epochs(200) if e < 149}


# ---- going wrong


def test_an_absurd_learning_rate_keeps_the_last_good_epoch_and_says_which():
    folder = new("mine", lr=10.0, widths=(64,) * 6)
    turn(folder, lr_scale=1e-4)()
    with pytest.raises(TrainingError):
        work(folder, on_report=on(4, turn(folder, lr_scale=100.0)))
    run = run_status.look("mine")
    assert run.status == "failed" and run.sentence.startswith("The loss stopped being a number in epoch 2")
    assert "the weights of epoch 1 are kept. Train again with a learning rate of 1." in run.sentence
    tensors, meta = state_file.load_state(folder)
    assert meta["epoch"] == 1 and all(torch.isfinite(v).all() for v in tensors.values())
    assert snapshots.saved_epochs(folder) == [0, 1]
    turn(folder, lr_scale=1e-4)()
    work(folder)
    assert run_status.look("mine").status == "done", "what broke it is not turned again"


@pytest.mark.parametrize("what", ["state.*", "003.*", "run.json"])
def test_a_full_disk_is_one_sentence_and_the_run_can_go_on(full_disk, what):
    folder, room = new("mine"), []

    def fill(report, state, n_steps):
        if report.step == 7 and not room:
            room.append(full_disk(what))
            room[0].__enter__()

    if what == "run.json":
        room.append(full_disk(what))
        room[0].__enter__()
    with pytest.raises(BundleError, match="^The disk is full while saving .* Free some space and save again.$") as caught:
        work(folder, on_report=fill)
    room[0].__exit__(None, None, None)
    if what != "run.json":
        assert run_status.look("mine").status == "failed" and run_status.look("mine").sentence == str(caught.value)
    work(folder)
    assert weights("mine") == whole()


def test_a_disk_too_full_even_for_a_last_word_is_still_one_sentence(monkeypatch):
    def write(self, *args, **more):
        raise BundleError("The disk is full while saving the run's events.", "Free some space.")

    folder, real = new("mine"), event_log.EventWriter.write
    with pytest.raises(BundleError, match="The disk is full while saving the run's events. Free some space."):
        work(folder, on_report=on(7, lambda: monkeypatch.setattr(event_log.EventWriter, "write", write)))
    monkeypatch.setattr(event_log.EventWriter, "write", real)
    work(folder)
    assert weights("mine") == whole()


def test_a_data_set_that_was_removed_meanwhile_is_one_sentence(tmp_path):
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for i in range(12):
        Image.fromarray(np.full((8, 8), 20 * i, np.uint8)).save(pictures / f"{i}.png")
    folder = new("mine", dataset=f"folder:{pictures}", batch_size=4)
    work(folder, on_report=on(4, turn(folder, stop="stop")))
    turn(folder, stop="")()
    away = shutil.move(pictures, tmp_path / "away")
    with pytest.raises(DataError, match="There is no folder"):
        work(folder)
    run = run_status.look("mine")
    assert run.status == "failed" and run.sentence.startswith(f"There is no folder {pictures}") and "\n" not in run.sentence
    shutil.move(away, pictures)
    work(folder)
    assert run_status.look("mine").status == "done"


def test_a_state_that_was_cut_short_is_one_sentence():
    folder = new("mine")
    work(folder, on_report=on(4, turn(folder, stop="stop")))
    turn(folder, stop="")()
    path = folder / run_folder.STATE
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(BundleError, match="are of two saves, or cut short. Start the run again."):
        work(folder)
    assert run_status.look("mine").status == "failed"


def test_controls_torn_while_it_trains_are_the_configs():
    folder = new("mine")
    work(folder, on_report=on(4, lambda: (folder / run_folder.CONTROL).write_text('{"beta": 4, "pau')))
    assert events(folder, "dial") == [] and weights("mine") == whole()


def test_events_can_be_read_by_anyone():
    folder = new("mine", epochs=1)
    work(folder)
    for line in (folder / run_folder.EVENTS).read_text().splitlines():
        json.loads(line, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
