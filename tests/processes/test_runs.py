"""Training runs as processes of their own: started, watched, queued, killed, taken up again, deleted."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from explorer.core import paths
from explorer.core.bundles import store
from explorer.core.errors import BundleError, ConfigError
from explorer.core.runs import commands as runs
from explorer.core.runs import device_queue, event_log, twins
from explorer.core.runs import folder as run_folder
from explorer.core.runs import process as run_process
from explorer.core.runs import status as run_status
from explorer.core.runs.folder import RunSpec
from explorer.core.storage import atomic
from tests.processes.children import at_once, offspring
from tests.unit.core.runs.run_folders import standing

MODEL = {"latent_dim": 3, "arch": "mlp", "widths": (16,)}
TRAIN = {"dataset": "digits", "limit": 96, "batch_size": 32, "precision": "fp32", "device": "cpu"}
ENDLESS = 100_000  # epochs
PATIENCE_S = 60.0


def order(name: str, epochs: int = ENDLESS, map=False, model=MODEL, **train) -> RunSpec:
    return RunSpec(name, model, TRAIN | {"epochs": epochs} | train, None, map, False)


def wait(condition, what: str = ""):
    """What `condition` returns as soon as it is true."""
    end = time.monotonic() + PATIENCE_S
    while not (found := condition()):
        states = {run.name: (run.status, run.sentence) for run in run_status.list_runs()}
        assert time.monotonic() < end, f"waited in vain {what}: {states}"
        time.sleep(0.02)
    return found


def wait_for(name: str, *statuses: str) -> run_status.Run:
    return wait(lambda: (run := run_status.look(name)).status in statuses and run, f"for {name} to be {statuses}")


def trains(name: str, epoch: int = 1) -> run_status.Run:
    return wait(
        lambda: (run := run_status.look(name)).status == "training" and run.epoch >= epoch and run, f"for {name} to train"
    )


def process(name: str) -> psutil.Process:
    return psutil.Process(run_folder.read_run(run_folder.find(name))[1]["pid"])


def kill(name: str) -> None:
    """As the system does when there is no memory left."""
    process(name).kill()


def kinds(name: str) -> list[str]:
    return [e["kind"] for e in event_log.read_events(run_folder.find(name))[0] if e["kind"] not in ("batch", "epoch", "dial")]


# ---- from start to done


def test_watching_runs_needs_no_torch():
    code = "import sys, explorer.core.runs.commands, explorer.core.runs.epoch_film, explorer.train; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    imported = set(done.stdout.split())
    assert "explorer.core.runs.commands" in imported and not {"torch", "sklearn", "umap", "streamlit"} & imported


def test_a_run_is_started_watched_and_done(checkpoints):
    run = runs.start(order("mine", 40))
    assert run.is_live and run.status in ("starting", "training") and run.folder == checkpoints / "runs" / "mine"
    child = process("mine")
    assert child.ppid() == psutil.Process().pid
    wait(lambda: child.nice() == 19, "for it to give way to the page")
    group = Path(f"/proc/{child.pid}/autogroup")  # where there is one, the niceness of the process alone is of no account
    assert not group.exists() or group.read_text().endswith("nice 19\n")
    run = wait_for("mine", "done")
    assert (run.epoch, run.n_epochs, run.bundle) == (40, 40, "mine") and store.load("mine").metrics["epochs"] == 40
    wait(lambda: run_status.list_runs() and not run_process._children, "for the process to be let go")
    assert not child.is_running() and offspring() == []
    assert "saved" in (run.folder / "log.txt").read_text()
    with pytest.raises(BundleError, match="The run 'mine' is done"):
        runs.resume("mine")
    with pytest.raises(BundleError, match="There is already a model 'mine'"):
        runs.start(order("mine"))
    runs.delete("mine")
    assert run_status.list_runs() == [] and store.load("mine"), "its bundle stays"


def test_a_run_gives_way_with_all_its_threads_once_its_images_are_loaded(tmp_path):
    code = """
import os, threading
from pathlib import Path
from explorer.core.data import catalog
from explorer.core.runs import process
before, gate = [], threading.Event()
threading.Thread(target=gate.wait, daemon=True).start()
load = catalog.load
def watched(*args, **options):
    before.append(os.getpriority(os.PRIO_PROCESS, 0))
    return load(*args, **options)
catalog.load = watched
from explorer.core.runs import folder as run_folder
from explorer.core.runs.folder import RunSpec
from explorer.core.worker import job
job.work(run_folder.create(RunSpec("mine", {}, {"dataset": "digits", "epochs": 1, "limit": 64}, map=False, background=True)))
threads = map(int, os.listdir("/proc/self/task"))
print(before, {os.getpriority(os.PRIO_PROCESS, thread) for thread in threads})
"""
    env = os.environ | {"EXPLORER_CHECKPOINTS": str(tmp_path / "checkpoints")}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, env=env, start_new_session=True
    )
    assert done.stdout.splitlines()[-1:] == ["[0, 0] {19}"], done.stderr


def test_two_who_press_start_at_once_get_one_run_and_one_sentence(monkeypatch):
    answers = at_once(2, lambda: runs.start(order("mine")).name)
    assert answers == ["There is already a run 'mine'. Choose another name, or delete that run.", "mine"]
    assert len(run_process._children) == 1
    trains("mine")
    again = run_status.look("mine").step
    with pytest.raises(BundleError, match="The run 'mine' is training. Only a stopped or failed run can be resumed."):
        runs.resume("mine")
    with pytest.raises(BundleError):
        runs.start(order("mine"))
    wait(lambda: run_status.look("mine").step > again, "for it to go on undisturbed")
    monkeypatch.setattr(runs, "STOP_PATIENCE_S", 0.3)
    child = process("mine")
    child.suspend()
    runs.delete("mine")  # one that does not listen too
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE
    assert run_status.list_runs() == [] and not list(paths.runs_dir().glob("[!.]*")), "its name is free"


def test_many_who_make_one_folder_at_once_make_it_once():
    answers = at_once(8, lambda: run_folder.create(order("mine")).name)
    assert answers == ["There is already a run 'mine'. Choose another name, or delete that run."] * 7 + ["mine"]


# ---- the queue


def test_runs_take_turns_the_oldest_first_and_one_that_waits_can_be_stopped():
    runs.start(order("first"))
    trains("first")
    for name in ("second", "third"):
        runs.start(order(name))
    for name in ("third", "second"):
        assert wait_for(name, "queued").is_live
    assert [run.name for run in run_status.list_runs()] == ["third", "second", "first"], "the newest first"
    runs.stop("first")
    wait_for("first", "stopped")
    trains("second")
    assert run_status.look("third").status == "queued"
    runs.stop("third")
    assert wait_for("third", "stopped").epoch == 0 and run_status.look("second").status == "training"
    runs.delete("second")


@pytest.mark.parametrize(
    "device, chosen, queue",
    [
        ("cpu", "", "cpu"),
        ("cuda", "", "cuda-0"),
        ("cuda:0", "", "cuda-0"),
        ("cuda:1", "", "cuda-1"),
        ("mps", "", "mps"),
        ("auto", "cpu", "cpu"),
        ("auto", "cuda:2", "cuda-2"),
        ("cpu", "cuda", "cpu"),
        ("../x", "", "---x"),
    ],
)
def test_runs_on_one_device_take_turns(monkeypatch, device, chosen, queue):
    monkeypatch.setenv("EXPLORER_DEVICE", chosen) if chosen else monkeypatch.delenv("EXPLORER_DEVICE", raising=False)
    assert device_queue.queue_of(device) == queue


# ---- killed


def test_killed_while_it_trains_it_is_lost_and_goes_on_from_where_it_was():
    folder = runs.start(order("mine")).folder

    def epochs() -> list[dict]:
        return [e for e in event_log.read_events(folder)[0] if e["kind"] == "epoch"]

    trains("mine")
    wait(lambda: epochs()[-1]["t"] - epochs()[0]["t"] > 4, "for it to train for a while")
    kill("mine")
    run = wait_for("mine", "lost")
    assert (
        run.sentence == f"The training ended unexpectedly after epoch {run.epoch}. It can be resumed from there."
        and not run.is_live
    )
    wait(lambda: run_status.list_runs() and not offspring(), "for no zombie to be left")
    *_, safe = [e["epoch"] for e in epochs() if e["t"] < epochs()[-1]["t"] - 3]  # a state is kept back for a second at most
    runs.resume("mine")
    wait(lambda: kinds("mine").count("training") == 2, "for the lock, and for it to go on")
    begun = [e for e in event_log.read_events(folder)[0] if e["kind"] == "training"][1]
    assert safe <= begun["epoch"] <= run.epoch and begun["step"] == 3 * begun["epoch"]
    runs.delete("mine")


def test_stopped_or_killed_before_its_first_epoch_it_begins_again():
    runs.start(order("mine", 20))
    runs.stop("mine")  # its process has hardly begun, and hears of it all the same
    assert wait_for("mine", "stopped").step == 0
    wait(lambda: run_status.list_runs() and not run_process._children, "for the process to end")
    assert run_status.look("mine").status == "stopped", "the folder stays"
    runs.resume("mine")
    wait(lambda: kinds("mine")[-1] == "starting" and run_status.look("mine").is_live, "for torch to be imported")
    kill("mine")
    assert wait_for("mine", "lost").epoch == 0
    runs.resume("mine")
    assert wait_for("mine", "done").epoch == 20
    assert kinds("mine")[-3:] == ["training", "saved", "done"] and kinds("mine").count("stopped") == 1


@pytest.mark.parametrize("paused", [False, True])
def test_a_run_whose_folder_is_removed_by_hand_ends(paused):
    runs.start(order("mine"))
    trains("mine")
    child = process("mine")
    if paused:
        runs.steer("mine", pause=True)
        wait_for("mine", "paused")
    atomic.remove_folder(run_folder.find("mine"))
    wait(lambda: run_status.list_runs() == [] and not run_process._children, "for the process to see that")
    assert not child.is_running()
    runs.start(order("other"))
    trains("other")  # the device is free


def test_killed_while_the_map_is_made_only_the_map_is_made_again():
    runs.start(order("mine", 20, map=True))
    run = wait_for("mine", "mapping", "done")
    kill("mine")
    run = wait_for("mine", "lost")
    assert run.epoch == 20 and store.load("mine").metrics["map"] == "pca", "the bundle is there meanwhile"
    folder = run_folder.find("mine")
    values = json.loads((folder / run_folder.RUN).read_text())
    values["order"]["map"] = False  # no need to wait for the UMAP here
    (folder / run_folder.RUN).write_text(json.dumps(values))
    runs.resume("mine")
    wait_for("mine", "done")
    events = event_log.read_events(folder)[0]
    again = [e["kind"] for e in events[next(i for i, e in enumerate(events) if e["kind"] == "saved") + 1 :]]
    assert again == ["starting", "training", "saved", "done"]


# ---- refused


@pytest.mark.parametrize(
    "made, error, words",
    [
        (order("../up"), BundleError, "cannot be called"),
        (order(""), BundleError, "A model cannot be called ''"),
        (order(".."), BundleError, "cannot be called"),
        (order("mine", lr=-1), ConfigError, "lr must be a number"),
        (order("mine", model={"latent_dim": 0}), ConfigError, "latent_dim must be"),
    ],
)
def test_what_cannot_be_is_refused_before_there_is_a_folder(checkpoints, made, error, words):
    with pytest.raises(error, match=words):
        runs.start(made)
    assert not list(checkpoints.iterdir()) and not run_process._children


def test_a_queue_that_is_full_is_one_sentence():
    for i in range(runs.MAX_LIVE_RUNS):
        standing(f"run-{i}", {"kind": "queued"})
    with pytest.raises(BundleError, match="8 runs are already waiting. Stop one of them, or try again later."):
        runs.start(order("mine"))
    assert len(run_folder.folders()) == 8
    standing("over", {"kind": "stopped"})
    assert sum(run.is_live for run in run_status.list_runs()) == 8, "a run that is over does not wait"


def test_a_system_that_begins_no_process_is_one_sentence_and_leaves_nothing(monkeypatch):
    def popen(*args, **more):
        raise OSError(12, "Cannot allocate memory")

    monkeypatch.setattr(run_process.subprocess, "Popen", popen)
    with pytest.raises(BundleError, match=r"Saving the run 'mine' in .* failed \(Cannot allocate memory\)"):
        runs.start(order("mine"))
    assert run_folder.folders() == []


def test_a_run_that_is_not_there_is_one_sentence():
    for act in (run_status.look, runs.resume, runs.stop, runs.delete, runs.steer):
        with pytest.raises(BundleError, match="There is no run 'mine'"):
            act("mine")


# ---- twins


def test_twins_are_one_process_that_takes_one_turn(checkpoints):
    pair = order("pair")
    runs.start(pair, twins.twins(pair, "beta", (0, 4)))
    trains("pair")
    assert len(run_process._children) == 1 and [twin.status for twin in run_status.look("pair").twins] == ["training"] * 2
    runs.start(order("other", 2))
    wait_for("other", "queued")
    kill("pair")
    wait_for("pair", "lost")
    assert [twin.status for twin in run_status.look("pair").twins] == ["lost"] * 2
    wait_for("other", "done")
    reached = run_status.look("pair").epoch
    runs.resume("pair")
    trains("pair", reached + 1)
    runs.steer("pair/beta-4", beta=8.0)
    folders = [twin.folder for twin in run_status.look("pair").twins]
    wait(lambda: any(e["kind"] == "dial" for e in event_log.read_events(folders[1])[0]), "for the dial")
    assert not any(e["kind"] == "dial" for e in event_log.read_events(folders[0])[0])
    runs.stop("pair", keep=True)
    run = wait_for("pair", "done")
    assert len({twin.step for twin in run.twins}) == 1
    assert store.load("pair-beta-0").metrics["beta"] == 0 and store.load("pair-beta-4").metrics["beta"] == 8
    again = order("pair")
    runs.delete("pair")
    with pytest.raises(BundleError, match="There is already a model 'pair-beta-4'"):
        runs.start(again, twins.twins(again, "beta", (1, 4)))
    assert run_status.list_runs() == [run_status.look("other")]


def test_twins_in_training_are_deleted_with_their_process():
    pair = order("pair")
    runs.start(pair, twins.twins(pair, "latent_dim", (1, 2)))
    trains("pair")
    runs.delete("pair")
    wait(lambda: not run_status.list_runs() and not run_process._children, "for it to be gone")
