"""Runs made for exhibits: one for each setting, shared, listed nowhere, and gone when they are stopped."""

import time

import pytest
from safetensors.numpy import load_file

from explorer.core.errors import BundleError, ConfigError
from explorer.core.paths import RECORDED_DIR, checkpoints_dir, exhibit_runs_dir
from explorer.core.runs import exhibit_plans, exhibit_runs, process, snapshots, status
from explorer.core.runs import folder as run_folder
from explorer.core.runs.epoch_film import RunFilm
from explorer.core.runs.event_log import EventWriter
from explorer.core.runs.exhibit_plans import RECORDED, loss_terms
from explorer.core.runs.exhibit_runs import MAX_LIVE, ExhibitRun
from explorer.core.theory.loss_terms import kl_halves

MAX_BYTES = 1_000_000
PATIENCE_S = 60.0


@pytest.fixture(autouse=True)
def root(tmp_path, monkeypatch):
    monkeypatch.setenv("EXPLORER_CHECKPOINTS", str(tmp_path))
    return tmp_path


@pytest.fixture
def spawned(monkeypatch):
    """No process is started; returns the folders for which one would have been."""
    folders = []
    monkeypatch.setattr(process, "spawn", lambda folder, *arguments: folders.append(folder) or 1)
    monkeypatch.setattr(process, "process_of", lambda pid: {})
    return folders


def small(**changes) -> ExhibitRun:
    train = exhibit_plans.TRAIN | {"limit": 64, "epochs": 2} | changes
    return ExhibitRun("test", {"arch": "mlp", "widths": (8,), "latent_dim": 2}, train, {"a": {}, "b": {"beta": 0.0}})


def wait_for(is_true) -> None:
    end = time.monotonic() + PATIENCE_S
    while not is_true():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_the_key_is_that_of_the_settings():
    assert small().key == small().key != small(epochs=3).key
    lists = ExhibitRun("test", small().model | {"widths": [8]}, small().train, small().twins)
    assert lists.key == small().key  # as they are read from a file
    assert loss_terms().key.startswith("loss-terms-")


def test_a_run_is_trained_in_a_process_and_saves_no_bundle(root):
    started = exhibit_runs.start(small())
    assert started.is_live
    assert exhibit_runs.start(small()).folder == started.folder  # a second visitor watches the same run
    wait_for(lambda: not exhibit_runs.find(small()).is_live)
    run = exhibit_runs.find(small())
    assert (run.status, run.epoch, [twin.name for twin in run.twins]) == ("done", 2, [f"{small().key}/a", f"{small().key}/b"])
    film = RunFilm(run.twins[0].folder).update()
    assert [frame.epoch for frame in film] == [0, 1, 2]
    assert film[-1].mu.shape == film[-1].logvar.shape == (64, 2)
    assert status.list_runs() == [] and [path.name for path in root.iterdir()] == ["runs"]
    assert exhibit_runs.start(small()).status == "done"  # each setting once


def test_a_run_that_is_stopped_leaves_nothing():
    run = exhibit_runs.start(small(epochs=10_000))
    wait_for(lambda: exhibit_runs.find(small(epochs=10_000)).epoch > 0)
    exhibit_runs.stop(small(epochs=10_000))
    wait_for(lambda: not run.folder.exists())
    assert exhibit_runs.find(small(epochs=10_000)) is None and status.list_runs() == []
    exhibit_runs.stop(small(epochs=10_000))  # again: no error


def test_a_run_whose_process_was_killed_is_trained_anew(spawned):
    folder = small().create(exhibit_runs_dir())
    run_folder.write_run(folder, run_folder.read_run(folder)[0], pid=2**22, pid_started=1.0)
    assert exhibit_runs.find(small()) is None
    exhibit_runs.start(small())
    assert spawned == [folder] and "pid" not in run_folder.read_run(folder)[1]


def test_no_more_than_a_few_runs_wait(spawned):
    for epochs in range(1, MAX_LIVE + 1):
        exhibit_runs.start(small(epochs=epochs))
    with pytest.raises(BundleError, match="already waiting"):
        exhibit_runs.start(small(epochs=99))
    assert len(spawned) == MAX_LIVE


def test_the_oldest_runs_are_removed(spawned, monkeypatch):
    monkeypatch.setattr(exhibit_runs, "MAX_KEPT", 2)
    for epochs in (1, 2, 3):
        run = exhibit_runs.start(small(epochs=epochs))
        writer = EventWriter(run.folder)
        writer.write("done", bundle="")
        writer.close()
    assert {path.name for path in run_folder.folders(exhibit_runs_dir())} == {small(epochs=2).key, small(epochs=3).key}


def test_a_setting_that_cannot_be_starts_nothing(spawned):
    with pytest.raises(ConfigError):
        exhibit_runs.start(small(beta=-1.0))
    assert not spawned and not run_folder.folders(exhibit_runs_dir())


@pytest.mark.parametrize("plan", RECORDED, ids=lambda plan: plan.key)
def test_the_shipped_runs_are_whole_and_small(plan):
    run = exhibit_runs.recorded(plan)
    assert run.status == "done" and [twin.folder.name for twin in run.twins] == list(plan.twins)
    assert run_folder.n_bytes(run.folder) < MAX_BYTES
    for twin in run.twins:
        last = RunFilm(twin.folder).update()[-1]
        assert last.epoch == exhibit_plans.TRAIN["epochs"] and len(last.samples) == 32


def test_no_image_of_a_set_that_may_not_be_distributed_is_shipped():
    for path in sorted((RECORDED_DIR / "practicum").rglob("*.safetensors")):
        assert "originals" not in load_file(path)


def test_nothing_else_is_shipped():
    others = {"likelihood", "practicum"}  # models, and a run that no visitor can start
    assert {path.name for path in RECORDED_DIR.iterdir()} == {plan.key for plan in RECORDED} | others
    assert exhibit_runs.recorded(small()) is None and checkpoints_dir() != RECORDED_DIR.parent


def last_frames(plan: ExhibitRun) -> dict:
    return {twin.folder.name: RunFilm(twin.folder).update()[-1] for twin in exhibit_runs.recorded(plan).twins}


def halves(frame) -> tuple[float, float]:
    split = kl_halves(frame.mu, frame.logvar)
    return split.variance.sum(1).mean(), split.mean.sum(1).mean()


def test_each_half_of_the_kl_does_what_the_exhibit_says():
    normal, no_radius, no_home = (
        halves(last_frames(plan)["both"]) for plan in (loss_terms(), loss_terms(keep_radius=False), loss_terms(pull_home=False))
    )
    assert no_radius[0] > 5 * normal[0]  # the radii shrink
    assert no_home[1] > 20 * normal[1]  # the means go far away


def test_an_epoch_holds_the_kl_of_its_posteriors():
    twin = exhibit_runs.recorded(loss_terms()).twins[2]
    frame, arrays = RunFilm(twin.folder).update()[-1], snapshots.read_epoch(twin.folder, 24)
    assert kl_halves(frame.mu, frame.logvar).kl_per_dim.mean(0) == pytest.approx(arrays["kl_per_dim"], rel=1e-4)
