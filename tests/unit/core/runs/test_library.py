"""Runs that rest: renamed, duplicated, taken along and brought in; and every bad zip of a run, refused in a sentence."""

import json
import os
import pickle
import zipfile
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
import psutil
import pytest

from explorer.core import transfer
from explorer.core.bundles import format as bundle_format
from explorer.core.bundles import store
from explorer.core.errors import BundleError
from explorer.core.runs import commands as runs
from explorer.core.runs import epoch_maps, snapshots
from explorer.core.runs import folder as run_folder
from explorer.core.runs import library as run_library
from explorer.core.runs import status as run_status
from explorer.core.runs.folder import EVENTS, RUN, STATE, ControlFile, RunSpec, read_control, write_control
from explorer.core.storage import atomic
from explorer.core.worker.job import work
from tests.helpers import random_bundle
from tests.unit.core.bundle_zips import refused, zipped

MODEL = {"latent_dim": 2, "arch": "mlp", "widths": (16,)}
TRAIN = {"dataset": "digits", "limit": 96, "batch_size": 32, "epochs": 4, "precision": "fp32", "device": "cpu"}  # 3 an epoch
TWINS = ("both", "KL-only")


@pytest.fixture(autouse=True)
def root(tmp_path, monkeypatch) -> Path:
    """The checkpoints' folder; there is nothing in it yet."""
    monkeypatch.setenv("EXPLORER_CHECKPOINTS", str(tmp_path))
    return tmp_path


def resting(name: str, last: str = "stopped", twins=()) -> Path:
    """A run that was trained by a process that is gone."""
    order = RunSpec(name, MODEL, TRAIN, created=1000.0)
    folder = run_folder.create(order, {twin: replace(order, name=f"{name}-{twin}") for twin in twins})
    run_folder.write_run(folder, run_folder.read_run(folder)[0], pid=2**22 + 1, pid_started=1000.0, device="cpu")
    events = [
        {"kind": "training", "t": 1000.0, "step": 0, "epoch": 0, "n_steps": 12, "steps_per_epoch": 3},
        {"kind": "epoch", "t": 1001.0, "step": 6, "epoch": 2},
        {"kind": last, "t": 1002.0, "bundle": name, "message": "It broke.", "hint": ""},
    ]
    for model in {folder, *run_folder.members(folder, run_folder.read_run(folder)[0])}:
        (model / EVENTS).write_text("".join(json.dumps(event) + "\n" for event in events))
        if model == folder and twins:
            continue
        for epoch in range(3):
            means = np.random.default_rng(epoch).normal(size=(6, 3)).astype(np.float32)
            snapshots.write_epoch(model, epoch, {"means": means})
    return folder


def names(root: Path) -> set[str]:
    return {name for name in os.listdir(root / "runs") if name != ".cpu.lock"} if (root / "runs").is_dir() else set()


def with_map(folder: Path) -> Path:
    """What the process that makes a map leaves behind."""
    stamps = np.array([snapshots.epoch_path(folder, epoch).stat().st_mtime_ns for epoch in range(3)])
    arrays = {"epochs": np.arange(3), "xy": np.zeros((3, 6, 2), np.float32), "stamps": stamps}
    (folder / run_folder.MAP).write_bytes(snapshots.pack_arrays(arrays))
    assert epoch_maps.read(folder) is not None
    return folder


# ---- rename and duplicate


@pytest.mark.parametrize("twins", [(), TWINS])
def test_rename(root, twins):
    resting("mine", twins=twins)
    run_library.rename("mine", "better")
    run = run_status.look("better")
    assert names(root) == {"better"} and run.status == "stopped" and run.spec.name == "better"
    assert [twin.spec.name for twin in run.twins] == [f"better-{twin}" for twin in twins]
    run_library.rename("better", "Better")
    assert names(root) == {"Better"}


def test_a_map_stays_with_its_epochs():
    with_map(resting("mine"))
    run_library.rename("mine", "better")
    run_library.duplicate("better", "copy")
    assert all(epoch_maps.look(run_folder.find(name)).status == "ready" for name in ("better", "copy"))


@pytest.mark.parametrize("twins", [(), TWINS])
def test_a_duplicate_is_a_run_of_its_own(root, twins):
    folder = resting("mine", twins=twins)
    run_library.duplicate("mine", "copy")
    assert names(root) == {"mine", "copy"}
    one, other = run_status.look("mine"), run_status.look("copy")
    assert all((run.status, run.epoch, len(run.twins)) == ("stopped", 2, len(twins)) for run in (one, other))
    values = run_folder.read_run(other.folder)[1]
    assert "pid" not in values and values["device"] == "cpu" and "pid" in run_folder.read_run(folder)[1]
    runs.steer("copy", beta=4.0)
    assert read_control(folder).beta is None
    runs.delete("copy")
    assert names(root) == {"mine"}


@pytest.mark.usefixtures("one_thread", "every_step_counts")
def test_a_duplicate_goes_on_from_the_same_epoch(root):
    def trained(name: str, stop_at: int = -1) -> bytes:
        def on_report(report, state, n_steps):
            if report.step == stop_at and not report.is_epoch:
                write_control(root / "runs" / name, ControlFile(stop="stop"))

        if not (root / "runs" / name).is_dir():
            run_folder.create(RunSpec(name, MODEL, TRAIN, map=False, created=1000.0))
        work(root / "runs" / name, on_report=on_report)
        return b"" if stop_at >= 0 else (root / name / bundle_format.MODEL).read_bytes()

    trained("mine", 7)
    write_control(root / "runs" / "mine", ControlFile())
    run_library.duplicate("mine", "copy")
    transfer.import_zip(transfer.export_zip(runs=["mine"]))
    assert names(root) == {"mine", "copy", "mine-2"}
    assert trained("mine") == trained("copy") == trained("mine-2") == trained("whole")


@pytest.mark.parametrize(
    "act, words",
    [
        (lambda: run_library.rename("mine", "OTHER"), ("The name 'other' is taken.", "'OTHER-2' is free")),
        (lambda: run_library.rename("mine", "mine"), ("The name 'mine' is taken.", "'mine-2' is free")),
        (lambda: run_library.rename("mine", "a model"), ("The name 'a model' is taken.",)),
        (lambda: run_library.rename("mine", "../up"), ("cannot be called '../up'", "For example")),
        (lambda: run_library.rename("mine", "x" * 65), ("cannot be called",)),
        (lambda: run_library.rename("mnie", "new"), ("There is no run 'mnie'", "'mine'")),
        (lambda: run_library.duplicate("mine", "other"), ("The name 'other' is taken.",)),
        (lambda: run_library.duplicate("mnie", "new"), ("There is no run",)),
        (lambda: run_library.contents("mnie"), ("There is no run",)),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(root, act, words):
    resting("mine"), resting("other")
    random_bundle(root, "model")
    if "model" in words[0]:  # the name of a bundle is taken for a run that will make one

        def act():
            run_library.rename("mine", "model")

        words = ("The name 'model' is taken.",)
    refused(act, *words)
    assert names(root) == {"mine", "other"}


def test_the_model_s_name_is_free_for_a_run_that_makes_none_any_more(root):
    random_bundle(root, "model")
    resting("mine", "done")
    run_library.rename("mine", "model")
    assert names(root) == {"model"}


def test_the_models_of_twins_need_names_too(root):
    random_bundle(root, "new-both")
    resting("mine", twins=TWINS)
    refused(lambda: run_library.duplicate("mine", "new"), "The name 'new-both' is taken.")
    refused(lambda: run_library.duplicate("mine", "x" * 60), "cannot be called")
    assert names(root) == {"mine"}


@pytest.mark.parametrize(
    "act",
    [
        lambda: run_library.rename("mine", "new"),
        lambda: run_library.duplicate("mine", "new"),
        lambda: run_library.contents("mine"),
    ],
)
def test_what_is_at_work_stays_as_it_is(root, act):
    folder = resting("mine", "training")
    me = {"pid": os.getpid(), "pid_started": psutil.Process().create_time()}
    run_folder.write_run(folder, run_folder.read_run(folder)[0], **me)
    refused(act, "The run 'mine' is still active.", "Stop it first.")
    run_folder.write_run(folder, run_folder.read_run(folder)[0])
    (folder / run_folder.MAP_PROGRESS).write_text(json.dumps(me))
    refused(act, "The UMAP of 'mine' is being computed.")
    (folder / run_folder.MAP_PROGRESS).unlink()
    (folder / RUN).write_text("{")
    refused(act, "not valid JSON")
    assert names(root) == {"mine"}


def test_a_full_disk_leaves_no_half_of_a_duplicate(root, full_disk, monkeypatch):
    resting("mine")

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(run_library.shutil, "copytree", full)
    refused(lambda: run_library.duplicate("mine", "new"), "The disk is full while saving the run 'new'")
    assert names(root) == {"mine"}


# ---- zips


@pytest.mark.parametrize("twins", [(), TWINS])
def test_a_zip_comes_back_exactly(root, twins):
    with_map(resting("mine", "done", twins)) if not twins else resting("mine", "done", twins)
    before = run_library.contents("mine")
    data = transfer.export_zip(runs=["mine"])
    assert data == transfer.export_zip(runs=["mine"])  # no clock in it
    with zipfile.ZipFile(BytesIO(data)) as written:
        assert set(written.namelist()) == {f"runs/mine/{path}" for path in before}
    runs.delete("mine")
    assert transfer.import_zip(data) == ["mine"]
    run = run_status.look("mine")
    assert (run.status, run.epoch, len(run.twins)) == ("done", 2, len(twins))
    after = run_library.contents("mine")
    assert {p for p in before if not p.endswith(RUN)} == {p for p in before if before[p] == after[p] and not p.endswith(RUN)}
    assert b"pid" not in after[RUN] and b"pid" in before[RUN]
    for model in run_folder.members(run.folder, run.spec):
        assert epoch_maps.look(model).status == "none"  # it is made anew


def test_a_run_and_its_model_travel_together(root, monkeypatch, tmp_path_factory):
    resting("mine", "done"), random_bundle(root, "mine"), resting("half")
    data = transfer.export_zip(["mine"], ["mine", "half"])
    assert transfer.import_zip(data) == ["mine-2", "mine-2", "half-2"]
    there = tmp_path_factory.mktemp("there")
    monkeypatch.setenv("EXPLORER_CHECKPOINTS", str(there))
    assert transfer.import_zip(data) == ["mine", "mine", "half"]
    assert names(there) == {"mine", "half"} and store.load("mine").gallery is not None


def test_a_run_that_goes_on_does_not_take_a_model_s_name(root):
    resting("mine")
    data = transfer.export_zip(runs=["mine"])
    runs.delete("mine")
    random_bundle(root, "mine")
    assert transfer.import_zip(data) == ["mine-2"]


def test_the_weights_file_of_earlier_versions_is_accepted_and_ignored(root):
    folder = resting("mine", twins=TWINS)
    old = {f"{twin}/latest.safetensors": b"the weights again" for twin in ("both", "KL-only")} | {"latest.safetensors": b"x"}
    for path, data in old.items():
        (folder / path).write_bytes(data)
    assert not old.keys() & run_library.contents("mine").keys()
    run_library.duplicate("mine", "copy")
    found = {f"runs/old/{path}": data for path, data in (run_library.contents("mine") | old).items()}
    assert transfer.import_zip(zipped(found)) == ["old"]
    for name in ("copy", "old"):
        assert not list((root / "runs" / name).rglob("latest.*")) and run_status.look(name).status == "stopped"


def test_a_run_is_never_replaced(root):
    resting("mine")
    data = transfer.export_zip(runs=["mine"])
    assert transfer.import_zip(data, replace=True) == ["mine-2"]


class Opens:
    def __reduce__(self):
        return (Path("/tmp/a-pickle-was-opened").touch, ())


def without(found: dict, *paths: str) -> dict:
    return {path: data for path, data in found.items() if path not in paths}


def edited(found: dict, **order) -> dict:
    values = json.loads(found[RUN])
    values["order"] |= order
    return found | {RUN: json.dumps(values).encode()}


BAD = {
    "no run.json": (lambda found: without(found, RUN), "lacks run.json"),
    "another's file": (lambda found: found | {"thesis.tex": b"years"}, "'thesis.tex', which is no part of a run"),
    "deep": (lambda found: found | {"epochs/a/b.safetensors": b"x"}, "which is no part of a run"),
    "a log": (lambda found: found | {run_folder.LOG: b"x"}, "'log.txt', which is no part of a run"),
    "an odd epoch": (lambda found: found | {"epochs/1e5.safetensors": b"x"}, "which is no part of a run"),
    "a torn epoch": (lambda found: found | {"epochs/001.safetensors": found["epochs/001.safetensors"][:-9]}, "cut short"),
    "a pickle": (lambda found: found | {STATE: pickle.dumps(Opens())}, "pickle"),
    "no JSON": (lambda found: found | {RUN: b"{"}, "not valid JSON"),
    "not a run's": (lambda found: found | {RUN: b"{}"}, "run.json is not a run's"),
    "bad settings": (lambda found: edited(found, model={"latent_dim": -1}), "settings that cannot be"),
    "twins outside": (lambda found: edited(found, twins=["../../up"]), "settings that cannot be"),
    "twins missing": (lambda found: edited(found, twins=["both"]), "lacks both/run.json"),
    "a bad twin": (lambda found: edited(found, twins=["both"]) | {"both/run.json": b"{}"}, "run.json is not a run's"),
    "a bad control": (lambda found: found | {"control.json": b"{"}, "control.json is not valid JSON"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_zip_is_refused_and_the_folder_stays_as_it_was(root, case):
    resting("mine")
    change, words = BAD[case]
    found = change(run_library.contents("mine"))
    random_bundle(root, "good")
    data = transfer.export_zip(["good"])
    with zipfile.ZipFile(whole := BytesIO(data), "a") as out:
        for path, content in found.items():
            out.writestr(f"runs/a/{path}", content)
    refused(lambda: transfer.import_zip(whole.getvalue()), words, "Nothing was imported.")
    assert names(root) == {"mine"} and atomic.folders(root) == {"good", "runs"}
    assert not Path("/tmp/a-pickle-was-opened").exists()


@pytest.mark.parametrize(
    "path",
    [
        "runs/../../up/run.json",
        "/runs/a/run.json",
        "runs/run.json",
        "runs/a b/run.json",
        "runs/nul/run.json",
        "runs/.hidden/run.json",
    ],
)
def test_a_path_that_is_no_run_s_is_refused(root, path):
    refused(lambda: transfer.import_zip(zipped({path: b"{}"})))
    assert names(root) == set()


def test_more_than_is_allowed(root, monkeypatch):
    resting("mine")
    data = transfer.export_zip(runs=["mine"])
    monkeypatch.setattr(run_library, "MAX_ZIP_BYTES", 100)
    refused(lambda: transfer.export_zip(runs=["mine"]), "The run 'mine' is too large for a zip.", "Copy the folder")
    monkeypatch.setattr(run_library, "EPOCH_BYTES", 10)
    refused(lambda: transfer.import_zip(data), "epochs/000.safetensors is too large", "Nothing was imported.")
    assert names(root) == {"mine"}


def test_where_a_bundle_cannot_be_written_no_run_of_the_zip_stays(root, monkeypatch):
    resting("mine"), random_bundle(root, "good")
    data = transfer.export_zip(["good"], ["mine"])

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(atomic, "write_file", full)
    with pytest.raises(BundleError, match="The disk is full"):
        transfer.import_zip(data)
    assert names(root) == {"mine"} and atomic.folders(root) == {"good", "runs"}
