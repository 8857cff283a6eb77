"""The training process: what it leaves, and that after any end it goes on as if it had never stopped."""

import json
import shutil
import signal

import numpy as np
import pytest
import torch
from PIL import Image

from explorer import train
from explorer.core import paths
from explorer.core.bundles import store
from explorer.core.errors import BundleError, DataError, TrainingError
from explorer.core.runs import event_log, snapshots
from explorer.core.runs import folder as run_folder
from explorer.core.runs import process as run_process
from explorer.core.runs import status as run_status
from explorer.core.runs.folder import ControlFile, write_control
from explorer.core.training import state_file
from explorer.core.worker import job, recorder
from explorer.core.worker.job import work
from tests.unit.core.worker.digit_runs import (
    Killed,
    change,
    events,
    killed,
    new,
    on,
    same,
    state_weights,
    weights,
    whole,
)

pytestmark = pytest.mark.usefixtures("one_thread", "every_step_counts")


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


# ---- broken off


@pytest.mark.parametrize("step", [2, 7])
def test_killed_within_an_epoch_it_goes_on_to_the_same_weights(monkeypatch, step):
    folder = new("mine")
    killed(monkeypatch, folder, step)
    work(folder)
    assert weights("mine") == whole()


def test_changes_after_the_checkpoint_are_repeated_at_the_same_steps(monkeypatch):
    def steered(folder, end=None):
        acts = {4: change(folder, beta=0.0), 5: change(folder, beta=9.0), 7: change(folder, lr_scale=3.0), end: die}
        return lambda report, *rest: None if report.is_epoch else acts.get(report.step, int)()

    def die():
        raise Killed

    work(expected := new("expected"), on_report=steered(expected))
    folder = new("mine")
    with monkeypatch.context() as patch:
        patch.setattr(recorder.RunRecorder, "close", lambda self: None)
        patch.setattr(recorder, "STATE_S", 1e9)  # the untrained model is all that is saved
        for end in (8, 5):  # the second time before all changes have been repeated
            with pytest.raises(Killed):
                work(folder, on_report=steered(folder, end))
    write_control(folder, ControlFile(9.0, 3.0))
    work(folder)
    changes = [(e["step"], e["beta"], e["lr_scale"]) for e in event_log.in_force(events(folder)) if e["kind"] == "dial"]
    assert changes == [(4, 0, 1), (5, 9, 1), (7, 9, 3)] and weights("mine") == weights("expected")


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
    assert capsys.readouterr().err == "stopped after epoch 2 of 4; resume with: python -m explorer.train --resume mine\n"
    work(folder)
    assert weights("mine") == whole()


def test_an_error_nobody_thought_of_is_the_last_event_and_the_run_can_go_on():
    def now():
        raise ZeroDivisionError

    folder = new("mine")
    with pytest.raises(ZeroDivisionError):
        work(folder, on_report=on(7, now))
    run = run_status.look("mine")
    assert (
        run.status == "failed"
        and run.sentence == f"The training failed unexpectedly (ZeroDivisionError). See {folder / 'log.txt'}."
    )
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


# ---- going wrong


def test_an_absurd_learning_rate_keeps_the_last_good_epoch_and_says_which():
    folder = new("mine", lr=10.0, widths=(64,) * 6)
    change(folder, lr_scale=1e-4)()
    with pytest.raises(TrainingError):
        work(folder, on_report=on(4, change(folder, lr_scale=100.0)))
    run = run_status.look("mine")
    assert run.status == "failed" and run.sentence.startswith("The loss became NaN or infinite in epoch 2")
    assert "the weights of epoch 1 are kept. Train again with a learning rate of 1." in run.sentence
    tensors, meta = state_file.load_state(folder)
    assert meta["epoch"] == 1 and all(torch.isfinite(v).all() for v in tensors.values())
    assert snapshots.saved_epochs(folder) == [0, 1]
    change(folder, lr_scale=1e-4)()
    work(folder)
    assert run_status.look("mine").status == "done", "the change that broke it is not repeated"


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
    work(folder, on_report=on(4, change(folder, stop="stop")))
    change(folder, stop="")()
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
    work(folder, on_report=on(4, change(folder, stop="stop")))
    change(folder, stop="")()
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
