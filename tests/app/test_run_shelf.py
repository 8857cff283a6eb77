"""The Library's training runs without a browser: what each row says, and what its verbs do to the folder."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import psutil
import pytest

from explorer.core import transfer
from explorer.core.runs import folder as run_folder
from explorer.core.runs import snapshots
from explorer.core.runs.event_log import EventWriter
from explorer.core.runs.folder import RunSpec
from explorer.core.storage import atomic
from tests.app.test_library_page import checked, opened, press, said, shelf

GONE = {"pid": 2**22, "pid_started": 1.0}


@pytest.fixture(autouse=True)
def runs(tmp_path, monkeypatch) -> Path:
    """Where runs lie; there is none yet."""
    monkeypatch.setenv("EXPLORER_CHECKPOINTS", str(tmp_path / "checkpoints"))
    monkeypatch.delenv("EXPLORER_MODEL", raising=False)
    return tmp_path / "checkpoints" / "runs"


def make(name: str, *last: dict, epochs: int = 3, owner: dict = GONE, model: dict | None = None, **train) -> Path:
    """A run of 10 epochs of 4 steps that has reached some, and then `last`."""
    folder = run_folder.create(RunSpec(name, {"latent_dim": 5} if model is None else model, {"dataset": "digits"} | train))
    run_folder.write_run(folder, run_folder.read_run(folder)[0], **owner)
    events = EventWriter(folder)
    events.write("training", step=0, epoch=0, n_steps=40, steps_per_epoch=4)
    for epoch in range(epochs + 1):
        events.write("epoch", epoch=epoch, step=4 * epoch, seconds=2.0 * epoch, test={"elbo": -30.0 - epoch}, kl_per_dim=[])
        pictures = np.full((8, 1, 8, 8), 9 * epoch, np.uint8)
        snapshots.write_epoch(
            folder, epoch, {"means": np.zeros((4, 5), np.float32), "samples": pictures, "reconstructions": pictures}
        )
    for event in last:
        events.write(**event)
    events.close()
    return folder


def out(page, name: str, n: int = 1):
    """With the row's Edit open."""
    page.session_state[f"shelf-edit-{n}-{name}"] = True
    return checked(page.run())


def delete(page, name: str) -> None:
    """Delete is for those who are sure."""
    assert page.button(key=f"shelf-delete-{name}").disabled
    page.checkbox(key=f"shelf-sure-{name}").check()
    checked(page.run())
    press(page, f"shelf-delete-{name}")


def test_a_row_says_what_is_known_of_a_run(runs):
    make("mine", {"kind": "done", "bundle": "mine"}, beta=4.0)
    page = opened()
    words = shelf(page)
    for word in (
        "Training runs",
        "1 run,",
        "<h3>mine</h3>",
        ">done<",
        "Digits 8x8",
        "<dd>5</dd>",
        "<dd>4</dd>",
        "<dd>bernoulli</dd>",
        "<dd>\u221233.0</dd>",
        "<dd>3 of 10</dd>",
        "<dd>6 s</dd>",
        "on disk",
    ):
        assert word in words, word
    assert len(page.get("image")) == 1


def test_what_was_left_out_of_an_order_has_its_default(runs):
    make("bare", model={}, epochs=0)
    assert "<dd>16</dd>" in shelf(opened())


def test_the_dial_is_what_is_shown(runs):
    run_folder.write_control(make("turned"), run_folder.ControlFile(beta=0.25))
    assert "<dd>0.25</dd>" in shelf(opened())


@pytest.mark.parametrize(
    "last, words",
    [
        ({"kind": "stopped"}, "stopped, can be resumed"),
        ({"kind": "failed", "message": "A <b> is full.", "hint": "Free some."}, "A &lt;b&gt; is full. Free some."),
        ({"kind": "batch"}, "ended unexpectedly after epoch 3. It can be resumed from there."),
        ({"kind": "epoch", "test": {"elbo": "many"}, "seconds": None, "epoch": 4}, "<dd>\u221233.0</dd>"),
    ],
)
def test_how_it_stands_is_said(runs, last, words):
    make("mine", last)
    assert words in shelf(opened())


def test_no_run_no_section(runs):
    assert "Training runs" not in shelf(opened())


def test_a_folder_s_set_is_its_name(runs):
    make("mine", dataset="folder:/somewhere/cats/")
    assert "cats · a folder of images" in shelf(opened())


def test_a_damaged_run_is_a_sentence_and_can_be_deleted(runs):
    make("bad").joinpath("run.json").write_text("{")
    page = opened()
    assert "damaged" in shelf(page) and "run.json is not valid JSON" in shelf(page)
    assert not [button for button in page.button if button.key.startswith("shelf-open")]
    delete(out(page, "bad"), "bad")
    assert os.listdir(runs) == [] and "Training runs" not in shelf(page)


def test_pictures_that_cannot_be_read_are_left_out(runs):
    snapshots.epoch_path(make("mine"), 3).write_bytes(b"torn")
    page = opened()
    assert not page.get("image") and "<h3>mine</h3>" in shelf(page)


def test_the_picture_is_of_the_last_epoch_and_follows_it(runs):
    folder = make("mine")
    page = opened()
    before = page.get("image")[0].proto.imgs[0].url
    assert opened().get("image")[0].proto.imgs[0].url == before
    snapshots.write_epoch(folder, 4, {"samples": np.full((8, 1, 8, 8), 99, np.uint8)})
    assert checked(page.run()).get("image")[0].proto.imgs[0].url != before


def test_delete_asks_and_then_does(runs):
    make("mine", {"kind": "saved", "bundle": "mine"}, {"kind": "done", "bundle": "mine"})
    make("other")
    page = out(opened(), "mine", 2)
    assert (runs / "mine").is_dir() and "Its model has been renamed or deleted since." in said(page.markdown)
    (runs.parent / "mine").mkdir()
    page = out(opened(), "mine", 2)
    assert "The model mine is kept." in said(page.markdown)
    (runs.parent / "mine").rmdir()
    delete(page, "mine")
    assert os.listdir(runs) == ["other"] and "<h3>mine</h3>" not in shelf(page)


def test_why_a_run_cannot_be_deleted_is_said_until_its_box_is_closed(runs, monkeypatch):
    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    make("mine")
    page = out(opened(), "mine")
    monkeypatch.setattr(atomic, "remove_folder", refuse)
    delete(page, "mine")
    for _ in range(2):
        assert len(page.error) == 1 and "mine" in page.error[0].value
        checked(page.run())
    page.session_state["shelf-edit-1-mine"] = False
    assert not page.run().error and (runs / "mine").is_dir()


def test_a_run_at_work_is_said_to_be_and_stopped(runs):
    worker = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    try:
        owner = {"pid": worker.pid, "pid_started": psutil.Process(worker.pid).create_time()}
        make("mine", {"kind": "saved", "bundle": "mine"}, owner=owner)  # makes its map: it does not listen, so is ended at once
        page = out(opened(), "mine")
        assert "computing its map" in shelf(page) and "The run is active and will be stopped." in said(page.markdown)
        delete(page, "mine")
        assert worker.wait(10) != 0 and os.listdir(runs) == []
    finally:
        worker.kill()
        worker.wait()


def test_rename_and_duplicate(runs):
    make("mine")
    page = out(opened(), "mine")
    page.text_input(key="shelf-name-mine").set_value(" better ")
    press(page, "shelf-rename-mine")
    assert os.listdir(runs) == ["better"] and "<h3>better</h3>" in shelf(page) and not page.error
    press(out(page, "better"), "shelf-duplicate-better")
    assert set(os.listdir(runs)) == {"better", "better-2"} and "<h3>better-2</h3>" in shelf(page)
    page = out(page, "better", 2)
    page.text_input(key="shelf-name-better").set_value("better-2")
    press(page, "shelf-rename-better")
    assert "The name 'better-2' is taken. For example 'better-2-2' is free." in said(page.error)


def test_what_is_at_work_is_neither_renamed_nor_exported(runs):
    make("mine", owner={"pid": os.getpid(), "pid_started": psutil.Process().create_time()})
    page = out(opened(), "mine")
    for key in ("shelf-rename-mine", "shelf-duplicate-mine"):
        assert page.button(key=key).disabled
    assert page.get("download_button")[-1].disabled


def test_a_zip_of_runs_comes_in(runs):
    make("mine")
    data = transfer.export_zip(runs=["mine"])
    page = opened()
    page.file_uploader[0].set_value(("mine-run.zip", data, "application/zip"))
    press(page, "import_send")
    assert "Imported: mine-2." in said(page.success) and "<h3>mine-2</h3>" in shelf(page)


def test_open_leads_to_the_train_page(runs):
    make("mine")
    make("other")
    page = opened()
    page.button(key="shelf-open-mine").click().run()  # AppTest has one page: it cannot go there
    assert page.session_state["explorer_training"].watched == "mine"
