"""A run replaces the bundle that it has written itself, and no other model: not by its name, not by a forged zip."""

import json
import zipfile
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pytest

from explorer.core import paths, transfer
from explorer.core.bundles import store
from explorer.core.bundles.build import save_bundle
from explorer.core.errors import BundleError, NameTakenError
from explorer.core.runs import event_log
from explorer.core.runs import folder as run_folder
from explorer.core.runs import library as run_library
from explorer.core.runs import status as run_status
from explorer.core.runs.event_log import EventWriter, read_events
from explorer.core.runs.folder import EVENTS, OwnBundle, RunSpec, read_own_bundle
from explorer.core.worker.job import work
from explorer.train import main
from tests.helpers import noise_set, random_bundle, random_vae

MODEL = {"latent_dim": 3, "arch": "mlp", "widths": (16,)}
TRAIN = {"dataset": "digits", "limit": 96, "batch_size": 32, "epochs": 2, "precision": "fp32", "device": "cpu"}
OPTIONS = ["--dataset", "digits", "--latent-dim", "2", "--arch", "mlp", "--widths", "16", "--epochs", "1", "--limit", "96"]


@pytest.fixture(autouse=True)
def root(tmp_path, monkeypatch, one_thread) -> Path:
    """The checkpoints' folder; there is nothing in it yet."""
    monkeypatch.setenv("EXPLORER_CHECKPOINTS", str(tmp_path))
    return tmp_path


@pytest.fixture
def shipped(root, monkeypatch) -> Path:
    """A model that comes with the project, in the project's own folder."""
    monkeypatch.setattr(paths, "SHIPPED_DIR", root)
    return random_bundle(root, "mnist")


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def begun(name: str, twins: tuple[str, ...] = (), **more) -> Path:
    order = RunSpec(name, MODEL, TRAIN, map=False, **more)
    return run_folder.create(order, {twin: replace(order, name=f"{name}-{twin}") for twin in twins})


def write_here(name: str):
    """An `on_report` that saves another model under the run's name while it trains."""

    def on_report(report, state, n_steps: int) -> None:
        if report.is_epoch and report.epoch == 1 and not (paths.checkpoints_dir() / name).exists():
            random_bundle(paths.checkpoints_dir(), name, latent_dim=4)

    return on_report


def test_a_finished_run_in_a_zip_is_read_as_on_disk(root, shipped):
    """Its last line, `done`, has no newline: for the import as for the disk, the run is not over."""
    before = content(shipped)
    folder = begun("elsewhere")
    work(folder)
    files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    files.pop(run_folder.OWN_BUNDLE), files.pop("latest.safetensors", None)
    files[EVENTS] = files[EVENTS].rstrip(b"\n")
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w") as out:
        for path, data in files.items():
            out.writestr(f"runs/mnist/{path}", data)
    (name,) = transfer.import_zip(buffer.getvalue())
    assert name == "mnist-2" and run_status.look(name).status == "lost", "it can go on, so it takes a name of its own"
    assert work(root / "runs" / name).name == "mnist-2"
    assert content(shipped) == before


@pytest.mark.parametrize("torn", [b'{"kind": "done", "bundle": "x"}', b'{"kind": "done", "bun'])
def test_a_torn_last_line_never_becomes_an_event(torn):
    folder = begun("mine")
    (folder / EVENTS).write_bytes(b'{"kind": "stopped"}\n' + torn)
    assert [event["kind"] for event in event_log.parse((folder / EVENTS).read_bytes())] == ["stopped"]
    events = EventWriter(folder)
    events.write("starting")
    events.close()
    assert [event["kind"] for event in read_events(folder)[0]] == ["stopped", "starting"]


def test_a_model_that_arrives_meanwhile_stays(root):
    folder, sentences = begun("mine"), []
    assert work(folder, sentences.append, write_here("mine")).name == "mine-2"
    assert store.load("mine").config.latent_dim == 4 and store.load("mine-2").config.latent_dim == 3
    run = run_status.look("mine")
    assert (run.status, run.bundle) == ("done", "mine-2")
    assert run.sentence == "Saved as 'mine-2': the name 'mine' belongs to another model."
    assert "the name 'mine' belongs to another model, which stays" in sentences[-1]


def test_twins_save_beside_a_model_that_arrives_meanwhile(root):
    folder = begun("mine", ("both", "KL-only"))
    work(folder, on_report=write_here("mine-KL-only"))
    assert [twin.bundle for twin in run_status.look("mine").twins] == ["mine-both", "mine-KL-only-2"]
    assert store.load("mine-KL-only").config.latent_dim == 4


def test_a_model_that_arrives_while_the_map_is_made_stays(root):
    saving = run_library_saving("mine")
    assert next(saving).name == "mine"
    random_bundle(root, "mine", latent_dim=4, replace=True)
    assert next(saving).name == "mine-2" and store.load("mine").config.latent_dim == 4


def run_library_saving(name: str):
    from explorer.core.bundles import build

    return build.saving(name, random_vae(), noise_set(), umap=False, or_next_free=True)


def test_a_run_killed_while_its_map_is_made_goes_on_with_its_own_bundle(root):
    random_bundle(root, "mine", latent_dim=4)
    folder = begun("mine")
    work(folder)
    own = read_own_bundle(folder)
    assert own == OwnBundle("mine-2", store.stamp(root / "mine-2"))
    lines = (folder / EVENTS).read_bytes().splitlines(keepends=True)
    (folder / EVENTS).write_bytes(b"".join(line for line in lines if b'"done"' not in line))
    assert work(folder).name == "mine-2", "not mine-3"


def test_what_a_run_may_replace_is_known_on_this_machine_only(root):
    folder = begun("mine", created=1.0)
    work(folder)
    assert run_folder.OWN_BUNDLE not in run_library.contents("mine")
    run_library.duplicate("mine", "copy")
    assert read_own_bundle(root / "runs" / "copy") == OwnBundle()
    files = run_library.contents("mine") | {run_folder.OWN_BUNDLE: (folder / run_folder.OWN_BUNDLE).read_bytes()}
    with pytest.raises(BundleError, match="no part of a run"):
        run_library.check("forged", files)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "[]",
        '{"name": 1, "stamp": "", "replace": false}',
        '{"name": "a", "stamp": "b"}',
        '{"name": "a", "stamp": "b", "replace": "yes"}',
    ],
)
def test_a_damaged_record_allows_nothing(text):
    folder = begun("mine")
    (folder / run_folder.OWN_BUNDLE).write_text(text)
    assert read_own_bundle(folder) == OwnBundle()


def test_saving_over_another_model_is_refused(root):
    old = content(random_bundle(root, "mine"))
    with pytest.raises(NameTakenError, match="already a model 'mine'"):
        save_bundle("mine", random_vae(), noise_set(), umap=False)
    assert content(root / "mine") == old
    save_bundle("mine", random_vae(latent_dim=4), noise_set(), umap=False, replace=True)
    assert store.load("mine").config.latent_dim == 4


def test_a_name_that_is_taken_at_the_last_moment_is_not_replaced(root, monkeypatch):
    other = random_bundle(root, "other")
    monkeypatch.setattr(store, "_check_target", lambda target, replace: other.rename(target))
    with pytest.raises(NameTakenError, match="already a model 'mine'"):
        save_bundle("mine", random_vae(latent_dim=4), noise_set(), umap=False)
    assert store.load("mine").config.latent_dim == 3


def test_a_shipped_model_is_replaced_by_the_command_line_alone(shipped, capsys):
    before = content(shipped)
    with pytest.raises(NameTakenError):
        save_bundle("mnist", random_vae(), noise_set(), umap=False)
    with pytest.raises(NameTakenError):  # whoever knows its stamp has not written it
        store.save("mnist", random_vae(), *parts(shipped), own=store.stamp(shipped))
    assert main([*OPTIONS, "--name", "mnist"]) == 2 and content(shipped) == before
    assert main([*OPTIONS, "--name", "mnist", "--replace"]) == 0
    assert store.load("mnist").config.latent_dim == 2


def parts(folder: Path) -> tuple:
    bundle = store.load(folder)
    return bundle.origin, bundle.gallery, bundle.metrics


def test_replace_outlives_a_stop(root, monkeypatch):
    random_bundle(root, "mine", latent_dim=4)
    folder = run_folder.create(RunSpec("mine", MODEL, TRAIN, map=False), replace_bundles=True)
    with pytest.raises(KeyboardInterrupt):
        work(folder, on_report=interrupt)
    assert work(folder).name == "mine" and store.load("mine").config.latent_dim == 3


def interrupt(report, state, n_steps: int) -> None:
    if report.is_epoch and report.epoch == 1:
        raise KeyboardInterrupt


def test_the_order_of_a_run_says_nothing_of_what_it_may_replace(root):
    folder = begun("mine")
    assert "replace" not in json.loads((folder / run_folder.RUN).read_text())["order"]
