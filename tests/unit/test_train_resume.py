"""python -m explorer.train: how it stops, and that it resumes as if it had never stopped."""

import json
import os
import re
import signal
import threading
from pathlib import Path

import pytest
import torch

from explorer import train
from explorer.core import paths
from explorer.core.bundles import build, store
from explorer.core.data import catalog
from explorer.core.errors import BundleError, TrainingError
from explorer.core.runs import folder as run_folder
from explorer.core.training import loop, state_file
from tests.unit.command_line import QUICK, history, process, weights

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(autouse=True)
def checkpoints(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("EXPLORER_CHECKPOINTS", str(tmp_path))
    monkeypatch.delenv("EXPLORER_DEVICE", raising=False)
    return tmp_path


# ---- stopping and going on


def interrupted(monkeypatch, after_epoch: int) -> None:
    """Ctrl-C as soon as an epoch has been reported and one more batch was trained."""
    real = loop.fit

    def fit(*args):
        for report in real(*args):
            yield report
            if report.epoch == after_epoch and not report.is_epoch:
                raise KeyboardInterrupt

    monkeypatch.setattr(loop, "fit", fit)


@pytest.mark.parametrize("arch, likelihood", [("conv", "bernoulli"), ("mlp", "gaussian-learned")])
def test_ctrl_c_saves_and_resume_ends_with_the_same_weights(cli, monkeypatch, arch, likelihood):
    command = [*QUICK, "--epochs", "4", "--batch-size", "32", "--arch", arch, "--likelihood", likelihood, "--no-thumbs"]
    assert cli(*command, "--name", "whole")[0] == 0
    with monkeypatch.context() as patch:
        interrupted(patch, after_epoch=2)
        code, out, err = cli(*command, "--name", "stopped")
    assert code == 130 and out == ""
    assert err.endswith("stopped after epoch 2 of 4; resume with: python -m explorer.train --resume stopped\n")
    assert not (paths.checkpoints_dir() / "stopped").exists(), "a run is not a bundle until it ends"
    code, out, _ = cli("--list")
    assert "stopped after epoch 2 of 4; resume with --resume stopped" in out
    code, out, err = cli("--resume", "stopped")
    assert code == 0 and "resuming 'stopped' after epoch 2 of 4" in err and "threads" not in err
    assert weights("whole") == weights("stopped") and history("whole") == history("stopped")
    bundle = store.load("stopped")
    assert bundle.gallery.thumbs is None, "its options are kept"


def test_ctrl_c_before_the_first_epoch_can_be_resumed_too(cli, monkeypatch):
    def fit(*args):
        raise KeyboardInterrupt
        yield

    with monkeypatch.context() as patch:
        patch.setattr(loop, "fit", fit)
        code, _, err = cli(*QUICK, "--epochs", "1", "--name", "early")
    assert code == 130 and "stopped after epoch 0 of 1" in err
    assert cli("--resume", "early", "--json")[0] == 0 and store.load("early")


def test_ctrl_c_while_the_data_is_loaded_is_quiet(cli, monkeypatch):
    def load(*args, **more):
        raise KeyboardInterrupt

    monkeypatch.setattr(catalog, "load", load)
    assert cli(*QUICK) == (130, "", "stopped\n")


def test_ctrl_c_while_the_map_is_made_loses_nothing(cli, monkeypatch):
    real, command = build.saving, [*QUICK, "--epochs", "1"]

    def saving(*args, **more):
        raise KeyboardInterrupt

    monkeypatch.setattr(build, "saving", saving)
    code, _, err = cli(*command, "--name", "late")
    assert code == 130 and "stopped after epoch 1 of 1; resume with: python -m explorer.train --resume late" in err
    assert "late" in cli("--list")[1]
    monkeypatch.setattr(build, "saving", real)
    assert cli("--resume", "late")[0] == 0
    assert cli(*command, "--name", "whole")[0] == 0
    assert weights("late") == weights("whole") and history("late") == history("whole")


def test_a_stopped_run_is_not_begun_anew_unasked(cli, monkeypatch):
    with monkeypatch.context() as patch:
        interrupted(patch, after_epoch=1)
        assert cli(*QUICK, "--epochs", "2", "--name", "mine")[0] == 130
    code, _, err = cli(*QUICK, "--epochs", "2", "--name", "mine")
    assert code == 2 and err == "error: There is a stopped run 'mine'. Resume it with --resume mine, or add --replace.\n"
    code, _, err = cli("--resume", "mime")
    assert code == 2 and err == "error: There is no run 'mime'. Did you mean 'mine'?\n"
    assert cli(*QUICK, "--epochs", "1", "--name", "mine", "--replace")[0] == 0


def test_a_loss_that_is_no_number_is_told_once_with_the_way_out(cli, monkeypatch):
    def fit(state, *args):
        yield from real(state, *args)
        raise TrainingError("The loss became NaN or infinite in epoch 2; the weights of epoch 1 are kept.", "Lower the rate.")

    real = loop.fit
    monkeypatch.setattr(loop, "fit", fit)
    code, out, err = cli(*QUICK, "--epochs", "1", "--name", "wild", "--lr", "0.02", "--json")
    assert code == 2 and err == (
        "error: The loss became NaN or infinite in epoch 2; the weights of epoch 1 are kept. "
        "Train again with --lr 0.002 --replace.\n"
    )
    tensors, meta = state_file.load_state(paths.checkpoints_dir() / "runs" / "wild")
    assert meta["epoch"] == 1 and all(torch.isfinite(v).all() for v in tensors.values())


def test_a_run_goes_on_only_with_the_data_it_was_begun_with(cli, monkeypatch, pictures):
    command = ["--dataset", f"folder:{pictures}", "--epochs", "2", "--latent-dim", "2", "--batch-size", "8", "--size", "16"]
    with monkeypatch.context() as patch:
        interrupted(patch, after_epoch=1)
        assert cli(*command, "--name", "mine")[0] == 130
    for path in (pictures / "a").glob("*.png"):
        path.unlink()
    code, _, err = cli("--resume", "mine")
    assert code == 2 and "Resume with the data that the run was started with." in err and "Traceback" not in err
    for path in (pictures / "b").glob("*.png"):
        path.unlink()
    code, _, err = cli("--resume", "mine")
    assert code == 2 and "no image that can be read" in err


def test_another_number_of_threads_is_mentioned(cli, monkeypatch):
    with monkeypatch.context() as patch:
        interrupted(patch, after_epoch=1)
        cli(*QUICK, "--epochs", "2", "--name", "mine")
    folder = paths.checkpoints_dir() / "runs" / "mine"
    tensors, meta = state_file.load_state(folder)
    state_file.save_state(folder, tensors, meta | {"threads": 77})
    code, _, err = cli("--resume", "mine")
    assert code == 0 and "started on 77 threads, now on" in err


def test_a_full_disk_is_one_sentence(cli, monkeypatch):
    def saving(*args, **more):
        raise BundleError("The disk is full.", "Free some space and save again.")

    monkeypatch.setattr(build, "saving", saving)
    code, out, err = cli(*QUICK, "--epochs", "1", "--json", "--name", "mine")
    assert code == 2 and err == "error: The disk is full. Free some space and save again.\n"
    assert "stopped after epoch 1 of 1" in cli("--list")[1], "the weights are safe"


def test_a_damaged_run_hides_no_other(cli, monkeypatch):
    with monkeypatch.context() as patch:
        interrupted(patch, after_epoch=1)
        for name in ("cut", "odd", "good"):
            cli(*QUICK, "--epochs", "2", "--name", name)
    runs = paths.checkpoints_dir() / "runs"
    (runs / "cut" / run_folder.STATE_META).write_text("{")
    state_file.save_state(runs / "odd", {"x": torch.zeros(1)}, {"epoch": 1})
    cli(*QUICK, "--epochs", "1", "--name", "done")
    (paths.checkpoints_dir() / "bad").mkdir()
    code, out, err = cli("--list")
    lines = {line.split()[0]: line for line in out.splitlines()}
    assert code == 0 and err == "" and set(lines) == {"cut", "odd", "good", "done", "bad"}
    assert "not valid JSON" in lines["cut"] and "Delete the folder" in lines["odd"] and "missing" in lines["bad"]
    assert "--resume good" in lines["good"] and re.search(r"digits +D = 2 +conv +-ELBO [\d.]+ nats", lines["done"])
    for name in ("cut", "odd"):
        code, _, err = cli("--resume", name)
        assert code == 2 and err.startswith("error: ") and err.count("\n") == 1


def test_a_list_of_nothing_says_so(cli, checkpoints):
    assert cli("--list") == (0, "", f"There is nothing in {checkpoints} yet.\n")


# ---- signals and pipes


def test_sigint_to_a_real_process_saves_and_resumes_bit_for_bit(cli):
    command = [*QUICK, "--epochs", "80", "--batch-size", "32"]
    run = process(*command, "--name", "stopped", "--json")
    for line in run.stdout:
        if json.loads(line)["kind"] == "epoch" and json.loads(line)["epoch"] == 1:
            run.send_signal(signal.SIGINT)
            break
    _, err = run.communicate(timeout=60)
    assert run.returncode == 130 and "Traceback" not in err
    stopped = re.fullmatch(r"stopped after epoch (\d+) of 80; resume with: python -m explorer.train --resume stopped\n", err)
    assert stopped and 1 <= int(stopped[1]) < 80
    assert cli("--resume", "stopped", "--json")[0] == 0
    assert cli(*command, "--name", "whole", "--json")[0] == 0
    assert weights("whole") == weights("stopped") and history("whole") == history("stopped")


def test_a_reader_that_has_gone_is_no_traceback(checkpoints):
    run = process(*QUICK, "--epochs", "3", "--name", "piped", "--json")
    run.stdout.close()
    err = run.stderr.read()
    assert run.wait(60) == 2 and err == ""
    assert state_file.load_state(checkpoints / "runs" / "piped")[1]["epoch"] == 0, "and it can be resumed"


def test_a_reader_that_has_gone_is_noticed_in_process_too(cli, monkeypatch):
    def gone():
        raise BrokenPipeError

    moved = []
    monkeypatch.setattr(train, "_list", gone)
    monkeypatch.setattr(os, "dup2", lambda *fds: moved.append(fds))
    assert cli("--list") == (2, "", "") and moved[0][1] == 1


def test_sigterm_is_heard_while_training_only(cli, monkeypatch):
    before, heard = signal.getsignal(signal.SIGTERM), []
    monkeypatch.setattr(train, "_run", lambda *args: heard.append(signal.getsignal(signal.SIGTERM)) or 0)
    assert cli(*QUICK)[0] == 0
    assert heard == [signal.default_int_handler] and signal.getsignal(signal.SIGTERM) == before
    # another thread may not listen to signals
    thread = threading.Thread(target=lambda: heard.append(train.main([*QUICK, "--name", "more"])))
    thread.start()
    thread.join()
    assert heard[1:] == [before, 0]
