"""Two processes at one run, begun by torchrun: the curve of one process, one writer, and one end for all."""

import json
import os
import signal
import subprocess
import sys
import time
import traceback
from datetime import timedelta
from pathlib import Path

import psutil
import pytest
import torch
import torch.distributed as dist

from explorer import train
from explorer.core.bundles import store
from explorer.core.paths import runs_dir
from explorer.core.runs import commands as runs
from explorer.core.runs import folder as run_folder
from explorer.core.runs import status as run_status
from explorer.core.runs.folder import ControlFile, RunSpec
from explorer.core.training import distributed, loop, state_file
from explorer.core.training.distributed import DataParallel, PeerLost
from tests.unit.core.training.small_runs import TRAIN, small

pytestmark = pytest.mark.usefixtures("one_thread")

PROJECT = Path(train.__file__).resolve().parents[1]
COMMON = ["--dataset", "digits", "--latent-dim", "3", "--device", "cpu", "--precision", "fp32", "--no-map", "--json"]
ODD = [*COMMON, "--limit", "193", "--batch-size", "64", "--epochs", "6"]  # the last batch is one image: a share is empty
LONG = [*COMMON, "--limit", "192", "--batch-size", "64", "--epochs", "9000"]


@pytest.fixture
def torchrun():
    """Starts the command line in two processes or more; whatever is left of them at the end is killed."""
    begun = []

    def start(*argv: str, n: int = 2) -> subprocess.Popen:
        env = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(PROJECT)}
        launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={n}"]
        command = [*launcher, "-m", "explorer.train"]
        begun.append(subprocess.Popen([*command, *argv], env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE))
        return begun[-1]

    yield start
    for process in begun:
        for child in ranks(process).values():
            child.kill()
        process.kill()
        process.communicate()


def ranks(process: subprocess.Popen) -> dict[int, psutil.Process]:
    """The processes that torchrun has started, by their rank."""
    found = {}
    try:
        for child in psutil.Process(process.pid).children(recursive=True):
            if "RANK" in (env := child.environ()):
                found[int(env["RANK"])] = child
    except psutil.Error:
        pass
    return found


def waits(name: str, until, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not ((runs_dir() / name / "run.json").is_file() and until(run_status.look(name))):
        assert time.monotonic() < end, f"{run_status.look(name)} after {seconds} s"
        time.sleep(0.05)


def trains(name: str) -> None:
    """Waits for the first whole epoch."""
    waits(name, lambda run: run.epoch > 0)


def has_ended(process: psutil.Process) -> bool:
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


def curve(lines: str) -> list[tuple]:
    """(kind, epoch, step, numbers) of each report."""
    found = []
    for report in map(json.loads, lines.splitlines()):
        terms = [of for of in (report["train"], report["test"]) if of]
        numbers = [x for of in terms for x in (of["elbo"], of["recon_loss"], of["kl"], *of["kl_per_dim"])]
        found.append((report["kind"], report["epoch"], report["step"], [report["lr"], report["beta"], *numbers]))
    return found


def difference(some: list[tuple], others: list[tuple]) -> float:
    """The largest between two curves, in nats; the reports are the same ones."""
    assert [report[:3] for report in some] == [report[:3] for report in others] and some
    return max(abs(a - b) for s, o in zip(some, others) for a, b in zip(s[3], o[3], strict=True))


# ---- the same curve


@pytest.mark.parametrize(
    "model",
    [
        ("--arch", "conv"),
        pytest.param(("--arch", "mlp", "--likelihood", "gaussian-learned", "--beta", "2"), marks=pytest.mark.slow),
    ],
)
def test_two_processes_have_the_curve_of_one(torchrun, capsys, checkpoints, model):
    two = torchrun(*ODD, *model, "--name", "two")
    assert train.main([*ODD, *model, "--name", "one"]) == 0
    alone = capsys.readouterr().out
    out, err = two.communicate(timeout=60)
    assert two.returncode == 0, err
    print("largest difference", difference(curve(out), curve(alone)))
    assert difference(curve(out), curve(alone)) < 1e-4
    assert curve(alone)[-1][3] != curve(alone)[0][3]
    files = [
        sorted(str(path.relative_to(checkpoints / "runs" / name)) for path in (checkpoints / "runs" / name).rglob("*.*"))
        for name in ("one", "two")
    ]
    assert files[0] == files[1], "one folder each, with the same files"
    assert sorted(path.name for path in checkpoints.glob("[!.]*")) == ["one", "runs", "two"], "one bundle each"
    logs = [(checkpoints / "runs" / name / "events.jsonl").read_text("utf-8") for name in ("one", "two")]
    kinds = [[json.loads(line)["kind"] for line in log.splitlines()] for log in logs]
    kinds = [[kind for kind in some if kind not in ("batch", "queued")] for some in kinds]
    assert kinds[0] == kinds[1] and kinds[1].count("starting") == 1, "one writer"
    assert run_status.look("two").status == "done" and store.load("two").metrics["train_n"] == 193


# ---- the end


def test_a_stop_ends_both(torchrun):
    process = torchrun(*LONG, "--name", "mine")
    trains("mine")
    workers = ranks(process)
    assert sorted(workers) == [0, 1]
    runs.stop("mine")
    out, err = process.communicate(timeout=30)
    assert all(map(has_ended, workers.values())) and process.returncode != 0
    run = run_status.look("mine")
    assert run.status == "stopped" and run.epoch > 0
    assert f"stopped after epoch {run.epoch} of 9000; resume with: python -m explorer.train --resume mine" in err


@pytest.mark.slow
def test_what_one_process_began_two_can_end(torchrun, capsys, monkeypatch):
    assert train.main([*ODD, "--name", "one"]) == 0
    whole, real = capsys.readouterr().out, loop.fit

    def fit(*args):
        for report in real(*args):
            yield report
            if report.epoch == 3 and not report.is_epoch:
                raise KeyboardInterrupt

    monkeypatch.setattr(loop, "fit", fit)
    assert train.main([*ODD, "--name", "two"]) == 130
    capsys.readouterr()
    process = torchrun("--resume", "two", "--json")
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0 and run_status.look("two").status == "done", err
    rest = curve(out)
    assert rest[0][1:3] == (3, 16) and difference(rest, curve(whole)[-len(rest) :]) < 1e-4


@pytest.mark.slow
@pytest.mark.parametrize("n", [2, 3])
def test_several_processes_resume_as_if_they_had_never_stopped(torchrun, n):
    """Two are bit for bit the run that was not stopped; with more, the sums of the gradients depend on their grouping."""
    model = {"latent_dim": 3, "arch": "conv"}
    settings = {"dataset": "digits", "limit": 193, "batch_size": 64, "epochs": 6, "precision": "fp32", "device": "cpu"}
    for name in ("whole", "mine"):
        run_folder.create(RunSpec(name, model, settings, map=False, created=time.time()))
        if name == "mine":
            run_folder.write_control(runs_dir() / name, ControlFile(step_to=3))
        process = torchrun("--resume", name, "--json", n=n)
        if name == "mine":
            waits(name, lambda run: run.status == "paused")
            runs.stop(name)
        process.communicate(timeout=120)
    assert run_status.look("mine").status == "stopped" and run_status.look("mine").epoch == 3
    process = torchrun("--resume", "mine", "--json", n=n)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    whole, mine = (store.load(name) for name in ("whole", "mine"))
    same = [torch.equal(a, b) for a, b in zip(whole.model.state_dict().values(), mine.model.state_dict().values())]
    print(
        f"{n} processes: {sum(same)} of {len(same)} tensors are equal, {whole.metrics['test_elbo'], mine.metrics['test_elbo']}"
    )
    assert mine.metrics["test_elbo"] == pytest.approx(whole.metrics["test_elbo"], rel=1e-5)
    assert n > 2 or all(same)


@pytest.mark.slow
def test_two_processes_wait_out_a_pause_and_hear_beta(torchrun):
    process = torchrun(*LONG, "--name", "mine")
    trains("mine")
    runs.steer("mine", pause=True)
    waits("mine", lambda run: run.status == "paused")
    runs.steer("mine", pause=False, beta=3.0)
    before = run_status.look("mine").epoch
    waits("mine", lambda run: run.epoch > before + 2)
    runs.stop("mine", keep=True)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0 and run_status.look("mine").status == "done", err
    assert store.load("mine").metrics["beta"] == 3


@pytest.mark.parametrize("rank", [1, pytest.param(0, marks=pytest.mark.slow)])
def test_the_death_of_one_process_ends_the_other(torchrun, rank):
    process = torchrun(*LONG, "--name", "mine")
    trains("mine")
    workers = ranks(process)
    workers[rank].kill()
    out, err = process.communicate(timeout=30)
    assert process.returncode != 0 and all(map(has_ended, workers.values()))
    run = run_status.look("mine")
    if rank == 0:
        assert (run.status, "It can be resumed from there." in run.sentence) == ("lost", True)
    elif run.status != "stopped":  # where torchrun was the first to tell it
        assert run.status == "failed" and run.sentence == (
            "Another process of this training has ended. Resume the run from its last epoch."
        )
        assert f"error: {run.sentence}" in err
    assert state_file.load_state(run.folder)[1]["epoch"] >= 0, "what was reached can be resumed"


@pytest.mark.slow
@pytest.mark.parametrize("heard", [signal.SIGINT, signal.SIGTERM])
def test_what_torchrun_is_told_the_run_hears(torchrun, heard):
    process = torchrun(*LONG, "--name", "mine")
    trains("mine")
    workers = ranks(process)
    process.send_signal(heard)
    out, err = process.communicate(timeout=30)
    assert all(map(has_ended, workers.values()))
    assert run_status.look("mine").status == "stopped" and "resume with: python -m explorer.train --resume mine" in err


@pytest.mark.slow
def test_a_mistake_is_said_once_and_nobody_waits(torchrun):
    out, err = torchrun(*COMMON, "--epochs", "0").communicate(timeout=30)
    assert out == "" and err.count("error: epochs must be a whole number") == 1
    listing = torchrun("--list")
    out, err = listing.communicate(timeout=30)
    assert listing.returncode == 0 and out.count("There is nothing") + err.count("There is nothing") == 1


PEER = """
import os, sys, torch
import torch.distributed as dist
from explorer.core.training import distributed
from tests.unit.core.training.small_runs import small

dist.init_process_group("gloo", init_method=sys.argv[1], rank=1, world_size=2)
distributed._wrap(small())
distributed._broadcast(torch.zeros(distributed.N_HEADER + 32, dtype=torch.float64))
distributed._broadcast(torch.zeros(20, 2))
os._exit(1)
"""


def test_a_process_that_dies_within_a_step_is_noticed_in_backward(tmp_path, monkeypatch):
    """The other process takes part in the broadcasts of a batch and is gone before the gradients are averaged."""
    monkeypatch.setattr(distributed.signal, "signal", lambda *args: None)
    store = f"file://{tmp_path / 'store'}"
    env = os.environ | {"PYTHONPATH": str(PROJECT)}
    peer = subprocess.Popen([sys.executable, "-c", PEER, store], env=env)
    dist.init_process_group("gloo", init_method=store, rank=0, world_size=2, timeout=timedelta(seconds=60))
    try:
        state = small()
        state.precision = "fp32"
        shared = DataParallel(state, distributed._wrap(state))
        with pytest.raises(PeerLost, match="Another process of this training has ended.") as caught:
            shared.train_step(torch.from_numpy(TRAIN), torch.arange(20), torch.Generator().manual_seed(1))
    finally:
        peer.kill()
        peer.wait()
        dist.destroy_process_group()
    frames = [frame.name for frame in traceback.extract_tb(caught.value.__cause__.__traceback__)]
    assert "backward" in frames, frames


# ---- the parts


@pytest.mark.parametrize("n", [0, 1, 2, 5, 128])
@pytest.mark.parametrize("n_ranks", [1, 2, 3, 8])
def test_every_image_is_in_one_share(n, n_ranks):
    shares = [range(n)[distributed.share(n, rank, n_ranks)] for rank in range(n_ranks)]
    assert [i for part in shares for i in part] == list(range(n))
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


def test_without_torchrun_there_is_one_process(monkeypatch):
    monkeypatch.setenv("RANK", "3")  # of something else
    monkeypatch.setenv("WORLD_SIZE", "4")
    assert train.rank() == 0
    with distributed.data_parallel(None, None) as shared:
        assert shared is None
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "x")
    assert train.rank() == 3
    monkeypatch.setenv("WORLD_SIZE", "1")
    with distributed.data_parallel(None, None) as shared:
        assert shared is None
