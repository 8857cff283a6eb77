"""No page and no zip opens a folder of the server: only the known data sets and uploads, links resolved."""

import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from explorer import open_bundle
from explorer.core import paths, transfer
from explorer.core.bundles.build import save_bundle
from explorer.core.data import catalog
from explorer.core.errors import BundleError, DataError
from explorer.core.runs import commands as runs
from explorer.core.runs import folder as run_folder
from explorer.core.runs import status as run_status
from explorer.core.runs.folder import RUN, RunSpec
from explorer.core.worker.job import work
from tests.helpers import random_vae

TRAIN = {"batch_size": 4, "epochs": 2, "precision": "fp32", "device": "cpu"}
MODEL = {"latent_dim": 2, "arch": "mlp", "widths": (8,)}
N = 10


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch, one_thread) -> Path:
    """A machine with an upload `pets` and a private folder `private` beside the data."""
    monkeypatch.setenv("EXPLORER_CHECKPOINTS", str(tmp_path / "checkpoints"))
    monkeypatch.setenv("EXPLORER_DATA_DIR", str(tmp_path / "data"))
    pictures(tmp_path / "data" / "uploads" / "pets")
    pictures(tmp_path / "private")
    return tmp_path


def pictures(folder: Path) -> Path:
    for i in range(N):
        path = folder / "ab"[i % 2] / f"{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.random.default_rng(i).integers(0, 256, (16, 16), np.uint8)).save(path)
    return folder


def ways_out(here: Path) -> list[str]:
    """Every way to write a folder that is no upload."""
    uploads = here / "data" / "uploads"
    (uploads / "link").symlink_to(here / "private")
    (uploads / ".hidden").mkdir()
    (here / "home").symlink_to(here / "private")
    paths = [
        here / "private",
        uploads / ".." / ".." / "private",
        uploads / "link",
        uploads / "pets" / "a",
        uploads,
        "/",
        "~",
        here / "home",
        uploads / ".hidden",
        f"{uploads}-2/pets",
        "\0",
        os.path.relpath(here / "private"),
    ]
    return [f"folder:{path}" for path in paths]


def start(dataset: str, name: str = "mine"):
    return runs.start(RunSpec(name, MODEL, TRAIN | {"dataset": dataset}, map=False))


def stopped(name: str, dataset: str, twins: tuple[str, ...] = ()) -> Path:
    """A run that a command line began on any folder, and that stopped after an epoch."""
    first = RunSpec(name, MODEL, TRAIN | {"dataset": dataset}, map=False)
    folder = run_folder.create(first, {twin: replace(first, name=f"{name}-{twin}") for twin in twins})
    with pytest.raises(KeyboardInterrupt):
        work(folder, on_report=interrupt)
    return folder


def interrupt(report, state, n_steps: int) -> None:
    if report.is_epoch and report.epoch == 1:
        raise KeyboardInterrupt


def test_uploads_are_known_by_their_real_place(here):
    pets = here / "data" / "uploads" / "pets"
    for path in (pets, f"{pets}/", here / "data" / "uploads" / "." / "pets", pets / "a" / ".."):
        assert catalog.is_upload(f"folder:{path}"), path
    assert catalog.current_name(f"folder:{pets}") == "upload:pets" and catalog.current_name("mnist") == "mnist"
    assert catalog.is_upload("upload:pets") and catalog.upload_name(pets) == "upload:pets"
    names = [
        "mnist",
        "folder:",
        "",
        f"Folder:{pets}",
        "upload:",
        "upload:..",
        "upload:../../private",
        f"upload:{here / 'private'}",
    ]
    names += ["upload:link", "upload:.hidden", "upload:pets/a", "upload:\0"]
    for name in [*ways_out(here), *names]:
        assert not catalog.is_upload(name), name


def test_no_run_starts_on_a_folder_that_is_no_upload(here, monkeypatch):
    monkeypatch.setattr(runs, "_spawn", lambda folder: None)
    for name in ways_out(here):
        with pytest.raises(DataError, match="on no other folder") as caught:
            start(name)
        assert str(here / "private") not in str(caught.value)
    good = RunSpec("mine", MODEL, TRAIN | {"dataset": "digits"})
    with pytest.raises(DataError, match="on no other folder"):
        runs.start(good, {"a": replace(good, name="mine-a"), "b": replace(good, name="mine-b", train={"dataset": "folder:/"})})
    assert not run_status.list_runs()
    assert start(f"folder:{here / 'data' / 'uploads' / 'pets'}").name == "mine"


@pytest.mark.parametrize("twins", [(), ("x", "y")])
def test_the_page_resumes_no_run_on_such_a_folder(here, monkeypatch, twins):
    folder = stopped("mine", f"folder:{here / 'private'}", twins=twins)
    with pytest.raises(DataError, match="In a terminal any folder can be used"):
        runs.resume("mine")
    if twins:  # a twin alone that says so
        edit(folder / RUN, lambda values: values["order"]["train"].update(dataset="digits"))
        with pytest.raises(DataError, match="on no other folder"):
            runs.resume("mine")
    assert work(folder).name.startswith("mine"), "the command line may"


def edit(path: Path, change) -> None:
    values = json.loads(path.read_text())
    change(values)
    path.write_text(json.dumps(values))


def test_an_order_that_was_edited_opens_no_other_data_than_its_state(here):
    folder = stopped("mine", f"folder:{here / 'private'}")
    edit(folder / RUN, lambda values: values["order"]["train"].update(dataset="digits"))
    with pytest.raises(BundleError, match="of another data set"):
        work(folder)


def saved(here: Path, folder: Path, name: str = "mine") -> Path:
    images = catalog.load(f"folder:{folder}", "test", size=16)
    return save_bundle(name, random_vae(2), images, umap=False, thumbs=False)


def test_a_model_made_here_keeps_its_pictures_and_an_imported_one_shows_reconstructions(here):
    saved(here, here / "private")
    zipped = transfer.export_zip("mine")
    assert open_bundle("mine").pictures(np.arange(1)) is not None
    assert transfer.import_zip(zipped) == ["mine-2"]
    engine = open_bundle("mine-2")
    assert engine.origin.dataset == "imported" and engine.pictures(np.arange(1)) is None
    assert engine.content_hash == open_bundle("mine").content_hash
    assert "private" not in (paths.checkpoints_dir() / "mine-2" / "config.json").read_text().split('"dataset"')[1][:40]


def test_an_imported_model_of_an_upload_keeps_its_pictures(here):
    saved(here, here / "data" / "uploads" / "pets")  # as an old version called it
    transfer.import_zip(transfer.export_zip("mine"))
    engine = open_bundle("mine-2")
    assert engine.origin.dataset == "upload:pets" and engine.pictures(np.arange(1)) is not None


def test_an_upload_is_exported_by_its_name_and_without_its_path(here):
    images = catalog.load("upload:pets", "test", size=16)
    path = save_bundle("mine", random_vae(2), images, umap=False, thumbs=False)
    assert str(here) not in (path / "config.json").read_text() and str(here).encode() not in transfer.export_zip("mine")
    assert open_bundle("mine").pictures(np.arange(1)) is not None
    catalog.uploads_dir().joinpath("pets").rename(here / "elsewhere")
    assert catalog.after_import("upload:pets") == catalog.IMPORTED
    with pytest.raises(DataError):
        catalog.load("upload:pets", "test")
    for name in ("upload:../../private", "upload:.."):
        with pytest.raises(DataError, match="There is no upload named"):
            catalog.load(name, "test")


def test_an_imported_run_names_no_folder_of_this_machine(here):
    for twins in ((), ("x", "y")):
        name = f"run-{len(twins)}"
        stopped(name, f"folder:{here / 'private'}", twins=twins)
        (new,) = transfer.import_zip(transfer.export_zip(runs=[name]))
        texts = [path.read_text() for path in (here / "checkpoints" / "runs" / new).rglob("*.json")]
        assert len(texts) >= 2 and all(str(here) not in text for text in texts)
        with pytest.raises(DataError, match="images of this imported run are not on this machine"):
            runs.resume(new)
        with pytest.raises(DataError, match="not on this machine"):
            work(here / "checkpoints" / "runs" / new)


def test_known_sets_stay_as_they_are(here):
    assert [catalog.after_import(name) for name in ("mnist", "digits", "my set")] == ["mnist", "digits", "my set"]
