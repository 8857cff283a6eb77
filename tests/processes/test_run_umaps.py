"""The aligned map of a run as a process of its own: started, seen at work, cancelled, killed, its run deleted."""

import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest

from explorer.core import paths
from explorer.core.errors import BundleError
from explorer.core.runs import commands as runs
from explorer.core.runs import epoch_maps, snapshots
from explorer.core.runs import folder as run_folder
from explorer.core.runs import process as run_process
from explorer.core.runs import status as run_status
from explorer.core.runs.epoch_maps import UmapState, look
from explorer.core.runs.folder import MAP_PROGRESS, RunSpec
from tests.processes.children import at_once

FEW, MANY = 4, 300  # points: a map that needs no layout, and one that takes its time
PATIENCE_S = 240.0  # on a busy machine a process that gives way to all others waits


def over(name: str = "mine", n: int = MANY, dim: int = 6, epochs=range(8), last: str = "done") -> Path:
    """A run that is over, with means at these epochs."""
    folder = run_folder.create(RunSpec(name, created=1000.0))
    run_folder.write_run(folder, run_folder.read_run(folder)[0], pid=2**22 + 1, pid_started=1000.0)
    (folder / run_folder.EVENTS).write_text(json.dumps({"kind": last, "t": 1000.0, "bundle": name}) + "\n")
    for epoch in epochs:
        means = np.random.default_rng(epoch).normal(size=(n, dim)).astype(np.float32)
        picture = np.zeros((1, 1, 8, 8), np.uint8)
        snapshots.write_epoch(folder, epoch, {"means": means, "reconstructions": picture, "samples": picture})
    return folder


def wait(condition, what: str):
    """What `condition` returns as soon as it is true."""
    end = time.monotonic() + PATIENCE_S
    while not (found := condition()):
        assert time.monotonic() < end, f"waited in vain {what}"
        time.sleep(0.02)
    return found


def maker(folder: Path) -> psutil.Process:
    return psutil.Process(epoch_maps.read_progress(folder)["pid"])


def is_gone(process: psutil.Process) -> bool:
    run_process.reap()
    return not process.is_running()


def at_work(folder: Path) -> psutil.Process:
    """The process, as soon as it runs our code and not the interpreter's."""
    process = maker(folder)
    wait(lambda: process.nice() == 19, "for it to give way to all others")
    return process


def test_looking_at_a_map_needs_no_torch():
    code = "import sys, explorer.core.runs.epoch_maps; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    imported = set(done.stdout.split())
    assert "explorer.core.runs.epoch_maps" in imported and not {"torch", "sklearn", "umap", "streamlit"} & imported


def test_a_map_is_started_seen_to_grow_and_ready(checkpoints):
    folder = over(last="stopped", epochs=range(4))
    assert look(folder) == UmapState("none")
    epoch_maps.start("mine")
    process, seen = maker(folder), []
    assert look(folder) == UmapState("making", 0.0) and process.ppid() == psutil.Process().pid
    wait(lambda: seen.append(look(folder)) or seen[-1].status != "making", "for the map")
    assert seen[-1] == UmapState("ready", 1.0), (folder / run_folder.LOG).read_text()
    shares = [state.share for state in seen]
    assert shares == sorted(shares) and any(0 < share < 1 for share in shares)
    assert epoch_maps.read(folder).xy.shape == (4, MANY, 2)
    wait(lambda: is_gone(process), "for the process to end")
    assert not (folder / MAP_PROGRESS).exists() and run_status.look("mine").status == "stopped"


def test_cancelled_nothing_of_it_is_left(checkpoints):
    folder = over()
    before = {path for path in folder.iterdir()}
    epoch_maps.start("mine")
    process = at_work(folder)
    epoch_maps.cancel("mine")
    assert is_gone(process) and look(folder) == UmapState("none")
    assert {path for path in folder.iterdir()} - before == {folder / run_folder.LOG}
    epoch_maps.cancel("mine")  # once more does no harm
    with pytest.raises(BundleError, match="There is no run 'yours'"):
        epoch_maps.cancel("yours")


def test_a_map_that_was_there_before_outlives_a_cancelled_one():
    folder = over(n=FEW)
    epoch_maps.work(folder)
    epoch_maps.start("mine")
    epoch_maps.cancel("mine")
    assert look(folder).status == "ready"


def test_killed_it_is_one_sentence_and_can_be_made_again():
    folder = over(n=FEW)
    epoch_maps.start("mine")
    maker(folder).kill()
    wait(lambda: look(folder).status != "making", "for its end")
    assert look(folder) == UmapState("failed", sentence="The map computation ended unexpectedly. Start it again.")
    epoch_maps.start("mine")
    wait(lambda: look(folder).status != "making", "for the map")
    assert look(folder) == UmapState("ready", 1.0)


def test_what_went_wrong_in_the_process_is_one_sentence():
    folder = over(n=FEW)
    snapshots.epoch_path(folder, 3).write_bytes(b"cut")
    epoch_maps.start("mine")
    wait(lambda: look(folder).status != "making", "for its end")
    state = look(folder)
    assert state.status == "failed" and state.sentence.startswith("Run 'mine': epoch 3 is damaged or cut short")


def test_a_run_that_is_deleted_takes_the_process_along():
    folder = over()
    epoch_maps.start("mine")
    process = at_work(folder)
    runs.delete("mine")
    assert is_gone(process) and not folder.exists()


def test_a_process_whose_folder_is_gone_ends_by_itself():
    folder = over(n=FEW)
    epoch_maps.start("mine")
    process = at_work(folder)
    run_folder.atomic.remove_folder(folder)
    wait(lambda: is_gone(process), "for it to see that")
    assert not list(paths.runs_dir().glob("[!.]*"))


def test_two_who_press_at_once_start_one():
    folder = over()
    answers = at_once(2, lambda: epoch_maps.start("mine") or "")
    assert answers == ["", "The UMAP of 'mine' is already being computed. Wait for it, or cancel it."]
    assert len(run_process._children) == 1 and look(folder).status == "making"
    epoch_maps.cancel("mine")


@pytest.mark.parametrize(
    "how, words",
    [
        ({"last": "failed"}, "The run 'mine' is failed. A UMAP can be computed only for a run that is done or stopped."),
        ({"last": "training"}, "The run 'mine' is lost."),
        ({"epochs": [0]}, "The run 'mine' has fewer than two epochs. Train on before you make its UMAP."),
        ({"epochs": []}, "The run 'mine' has fewer than two epochs."),
        ({"dim": 2}, "The latent space of 'mine' is no more than a plane. It needs no UMAP: it is its own map."),
        ({"dim": 1}, "The latent space of 'mine' is no more than a plane."),
    ],
)
def test_what_has_no_map_is_refused_in_a_sentence(how, words):
    folder = over(n=FEW, **how)
    if how.get("last") == "failed":
        (folder / run_folder.EVENTS).write_text(json.dumps({"kind": "failed", "t": 1.0, "message": "", "hint": ""}) + "\n")
    with pytest.raises(BundleError) as refused:
        epoch_maps.start("mine")
    assert str(refused.value).startswith(words) and not run_process._children and look(folder) == UmapState("none")


def test_a_system_that_begins_no_process_is_one_sentence(monkeypatch):
    def popen(*args, **more):
        raise OSError(12, "Cannot allocate memory")

    folder = over(n=FEW)
    monkeypatch.setattr(run_process.subprocess, "Popen", popen)
    with pytest.raises(BundleError, match=r"Saving the run 'mine' in .* failed \(Cannot allocate memory\)"):
        epoch_maps.start("mine")
    assert look(folder) == UmapState("none")
