"""Minutes of killing and repeating: `pytest -m slow tests/processes/test_runs_long.py`."""

import random
import time
from pathlib import Path

import filelock
import psutil
import pytest

from explorer.core import paths
from explorer.core.bundles import format as bundle_format
from explorer.core.runs import commands as runs
from explorer.core.runs import device_queue, event_log
from explorer.core.runs import folder as run_folder
from explorer.core.runs import process as run_process
from explorer.core.runs import status as run_status
from explorer.core.runs.epoch_film import RunFilm
from explorer.core.runs.folder import RunSpec

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

MODEL = {"latent_dim": 3, "arch": "mlp", "widths": (32,)}
TRAIN = {"dataset": "digits", "precision": "fp32", "device": "cpu"}
N_KILLS = N_RUNS = 20
PATIENCE_S = 300.0


def start(name: str, **train) -> Path:
    return runs.start(RunSpec(name, MODEL, TRAIN | train, map=False)).folder


def wait_for(name: str, *statuses: str) -> run_status.Run:
    end = time.monotonic() + PATIENCE_S
    while (run := run_status.look(name)).status not in statuses:
        assert time.monotonic() < end and run.is_live, run
        time.sleep(0.05)
    return run


def weights(name: str) -> bytes:
    return (paths.checkpoints_dir() / name / bundle_format.MODEL).read_bytes()


def lives(folder: Path) -> list[list[dict]]:
    """The events from each beginning of the training to the next."""
    found = []
    for event in event_log.read_events(folder)[0]:
        if event["kind"] == "training":
            found.append([])
        if found:
            found[-1].append(event)
    return found


def of_runs(folder: Path) -> list[psutil.Process]:
    """Whoever works below the folder, whoever has begun it."""
    return [
        p
        for p in psutil.process_iter(["cmdline", "cwd"])
        if "explorer.train" in (p.info["cmdline"] or [])
        and any(name.name in p.info["cmdline"] for name in folder.glob("*-of-the-kills"))
    ]


def test_killed_twenty_times_it_ends_with_the_weights_of_an_uninterrupted_run(checkpoints):
    settings = {"batch_size": 8, "epochs": 60}
    start("whole", **settings)
    wait_for("whole", "done")
    chance, kills, names = random.Random(4), 0, []
    while kills < N_KILLS:
        if not names or run_status.look(names[-1]).status == "done":
            names.append(f"run-{len(names)}-of-the-kills")
            folder = start(names[-1], **settings)
        else:
            runs.resume(names[-1])
        time.sleep(chance.uniform(0, 6))
        values = run_folder.read_run(folder)[1]
        if run_process.is_alive(values["pid"], values["pid_started"]) and run_status.look(names[-1]).status != "done":
            psutil.Process(values["pid"]).kill()
            kills += 1
        wait_for(names[-1], "lost", "done")
    if run_status.look(names[-1]).status != "done":
        runs.resume(names[-1])
        wait_for(names[-1], "done")
    for name in names:
        assert weights(name) == weights("whole")
        for before, after in zip(lived := lives(run_folder.find(name)), lived[1:]):
            epochs = [e for e in before if e["kind"] == "epoch"]
            safe = [e["epoch"] for e in epochs if e["t"] < epochs[-1]["t"] - 3]  # a state is kept back for a second at most
            assert after[0]["epoch"] >= max(safe, default=0)
    end = time.monotonic() + PATIENCE_S
    while psutil.Process().children() and time.monotonic() < end:
        run_process.reap()  # the last one is on its way out
        time.sleep(0.05)
    assert psutil.Process().children() == [] and of_runs(paths.runs_dir()) == []
    with filelock.FileLock(paths.runs_dir() / f".{device_queue.queue_of('cpu')}.lock", timeout=0):
        pass  # nobody holds it


def test_twenty_runs_in_a_row_leave_nothing_behind_in_this_process():
    me, sizes = psutil.Process(), []
    for i in range(N_RUNS):
        folder = start(f"run-{i}", epochs=30, limit=96)
        log, film = event_log.EventLog(folder), RunFilm(folder)
        end = time.monotonic() + PATIENCE_S
        while run_status.look(folder.name, lambda _: log).status != "done":  # noqa: B023
            log.read(), film.update()
            assert time.monotonic() < end
            time.sleep(0.1)
        while run_process._children:
            run_status.list_runs()
            time.sleep(0.02)
        sizes.append((me.memory_info().rss, me.num_fds() if hasattr(me, "num_fds") else me.num_handles(), len(me.children())))
    (memory, n_open, _), (last_memory, last_open, n_children) = sizes[2], sizes[-1]
    assert last_memory <= 1.05 * memory, [rss for rss, *_ in sizes]
    assert (last_open, n_children) == (n_open, 0)
    runs.delete("run-0")
    assert len(run_status.list_runs()) == N_RUNS - 1
