"""python -m explorer.train, as a person or a script meets it: what it saves, what it says, and where it says it."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from explorer import train
from explorer.core import paths
from explorer.core.bundles import build, store
from explorer.core.bundles import format as bundle_format
from explorer.core.config import ModelConfig, TrainConfig
from explorer.core.data import catalog
from explorer.core.errors import BundleError, TrainingError
from explorer.core.runs import folder as run_folder
from explorer.core.training import loop, state_file
from explorer.core.worker import job

pytestmark = pytest.mark.usefixtures("one_thread")

PROJECT = Path(train.__file__).resolve().parents[1]
QUICK = ["--dataset", "digits", "--limit", "96", "--latent-dim", "2", "--device", "cpu", "--precision", "fp32", "--no-map"]


@pytest.fixture(autouse=True)
def checkpoints(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("EXPLORER_CHECKPOINTS", str(tmp_path))
    monkeypatch.delenv("EXPLORER_DEVICE", raising=False)
    return tmp_path


@pytest.fixture
def cli(capsys):
    """Runs the command line here: (exit code, stdout, stderr)."""

    def run(*argv: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = train.main([str(part) for part in argv])
        return code, *capsys.readouterr()

    return run


def process(*argv: str, **more) -> subprocess.Popen:
    env = os.environ | {"OMP_NUM_THREADS": str(torch.get_num_threads()), "PYTHONPATH": str(PROJECT)}
    return subprocess.Popen(
        [sys.executable, "-m", "explorer.train", *argv],
        env=env,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        **more,
    )


def weights(name: str) -> bytes:
    return (paths.checkpoints_dir() / name / bundle_format.MODEL).read_bytes()


def history(name: str) -> list[dict]:
    rows = store.load(name).metrics["history"]
    return [{k: v for k, v in row.items() if k != "seconds"} for row in rows]


# ---- it trains


def test_digits_from_end_to_end(cli):
    code, out, err = cli(*"--dataset digits --latent-dim 4 --epochs 3 --seed 1 --name try --device cpu --no-map".split())
    assert code == 0 and out == ""
    assert "digits: 1438 images to train on, 359 to test, on cpu" in err
    assert re.search(r"precision (fp32|bf16) \(a step takes: fp32 [\d.]+ ms, bf16 [\d.]+ ms\)", err)
    assert re.search(r"epoch 0/3  test -ELBO [\d.]+ = recon [\d.]+ \+ KL [\d.]+ nats, \d active, \d+ s \(untrained\)", err)
    assert re.search(r"epoch 3/3  test -ELBO .* [\d,]+ images/s", err)
    assert "batch/s" in err, "a progress bar"
    assert re.search(r"\d+:\d+<[\d?]", err), "with an ETA"
    assert err.rstrip().endswith(f"saved {paths.checkpoints_dir() / 'try'}")
    bundle = store.load("try")
    metrics = bundle.metrics
    assert bundle.config == ModelConfig((1, 8, 8), 4) and bundle.origin.dataset == "digits"
    assert len(bundle.gallery.mu) == 359 and bundle.gallery.thumbs is not None and metrics["map"] == "pca"
    assert [row["epoch"] for row in metrics["history"]] == [0, 1, 2, 3]
    assert metrics["test_elbo"] == pytest.approx(metrics["history"][-1]["test"]["elbo"], rel=1e-5)
    assert metrics["history"][-1]["test"]["elbo"] > metrics["history"][0]["test"]["elbo"] + 5
    assert (metrics["seed"], metrics["epochs"], metrics["beta"], metrics["train_n"]) == (1, 3, 1, 1438)
    assert metrics["precision"] in ("fp32", "bf16") and metrics["seconds"] > 0


def test_every_setting_arrives(cli, monkeypatch):
    orders = ordered(monkeypatch)
    assert (
        cli(
            "--dataset",
            "digits",
            "--name",
            "all",
            "--latent-dim",
            5,
            "--arch",
            "mlp",
            "--widths",
            "30,20",
            "--hidden",
            9,
            "--likelihood",
            "gaussian-learned",
            "--beta",
            2,
            "--epochs",
            4,
            "--lr",
            0.01,
            "--batch-size",
            64,
            "--seed",
            7,
            "--device",
            "cpu",
            "--precision",
            "bf16",
            "--limit",
            50,
            "--no-map",
            "--no-thumbs",
        )[0]
        == 0
    )
    (order,) = orders
    assert ModelConfig((1, 8, 8), **order.model) == ModelConfig((1, 8, 8), 5, "mlp", "gaussian-learned", (30, 20), 9)
    assert TrainConfig(**order.train) == TrainConfig("digits", 4, 2.0, 0.01, 0.25, 64, 7, "bf16", "cpu", 50)
    assert (order.name, order.size, order.map, order.thumbs, order.background) == ("all", None, False, False, False)


def ordered(monkeypatch) -> list:
    """What the trainer is asked to do from here on; it does nothing."""
    orders = []
    monkeypatch.setattr(job, "work", lambda folder, *rest: orders.append(run_folder.read_run(folder)[0]) or folder)
    return orders


def test_defaults_are_the_configs_and_the_help_tells_them(cli, monkeypatch, capsys):
    orders = ordered(monkeypatch)
    assert cli("--dataset", "digits")[0] == 0
    (order,) = orders
    assert (order.model, order.train) == ({}, {"dataset": "digits"})
    assert (order.name, order.size, order.map, order.thumbs) == ("digits-16", None, True, True)
    with pytest.raises(SystemExit) as stopped:
        train.main(["--help"])
    told = " ".join(capsys.readouterr().out.split())
    assert stopped.value.code == 0
    run, model = TrainConfig(), ModelConfig()
    for option, value in (
        ("--dataset", run.dataset),
        ("--epochs", run.epochs),
        ("--beta", run.beta),
        ("--lr", run.lr),
        ("--seed", run.seed),
        ("--batch-size", run.batch_size),
        ("--device", run.device),
        ("--precision", run.precision),
        ("--latent-dim", model.latent_dim),
        ("--arch", model.arch),
        ("--likelihood", model.likelihood),
        ("--hidden", model.hidden),
    ):
        assert re.search(rf"{option} [A-Z_]+ [^(]*\(default: {re.escape(str(value))}\)", told), option


def test_json_prints_one_line_per_report_and_nothing_else(cli, monkeypatch):
    monkeypatch.setattr(loop, "EVERY", 2)
    code, out, err = cli(*QUICK, "--epochs", "2", "--batch-size", "32", "--beta", "4", "--name", "j", "--json")
    assert code == 0 and err == ""
    lines = [json.loads(line) for line in out.splitlines()]
    assert [line["kind"] for line in lines] == ["epoch", "batch", "batch", "epoch", "batch", "batch", "epoch"]
    assert [(line["epoch"], line["step"]) for line in lines] == [(0, 0), (0, 2), (0, 3), (1, 3), (1, 5), (1, 6), (2, 6)]
    assert all(line["n_steps"] == 6 and line["beta"] == 4 and line["precision"] == "fp32" for line in lines)
    last = lines[-1]
    assert last["test"]["elbo"] == pytest.approx(-last["test"]["recon_loss"] - last["test"]["kl"])
    assert len(last["test"]["kl_per_dim"]) == 2 and last["active_units"] in (0, 1, 2)
    assert lines[0]["train"] is None and lines[1]["test"] is None
    assert store.load("j").metrics["history"][-1]["test"]["elbo"] == last["test"]["elbo"]


def test_the_same_command_gives_the_same_weights(cli):
    for name, seed in (("a", 5), ("b", 5), ("c", 6)):
        assert cli(*QUICK, "--epochs", "1", "--seed", seed, "--name", name)[0] == 0
    assert weights("a") == weights("b") != weights("c")


@pytest.fixture
def pictures(tmp_path_factory) -> Path:
    folder, rng = tmp_path_factory.mktemp("pictures"), np.random.default_rng(0)
    for i in range(30):
        (folder / "ab"[i % 2]).mkdir(exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (40, 40, 3), dtype=np.uint8)).save(folder / "ab"[i % 2] / f"{i}.png")
    (folder / "notes.txt").write_text("no picture")
    return folder


def test_a_folder_of_pictures_trains_at_the_size_asked_for(cli, pictures):
    options = ["--dataset", f"folder:{pictures}", "--epochs", "1", "--latent-dim", "2", "--no-map"]
    code, _, err = cli(*options, "--size", "20", "--widths", "4,4", "--hidden", "8")
    assert code == 0 and "1 of 31 files is not an image and was left out: notes.txt" in err and "reading 30 images" not in err
    bundle = store.load("folder-2")
    assert bundle.config.image_shape == (3, 20, 20) and bundle.origin.class_names == ("a", "b")
    code, _, err = cli(*options, "--name", "big", "--size", "32", "--widths", "4,4,4,4,4", "--hidden", "8")
    assert code == 0 and store.load("big").config.widths == (4,) * 5  # more than would fit 28 px
    code, _, err = cli(*options, "--name", "more", "--size", "20", "--widths", "4,4,4,4,4")
    assert code == 2 and "5 widths are too many for 20 x 20 px" in err


# ---- bad input


@pytest.mark.parametrize(
    "argv, words",
    [
        ("--latent-dim 0", "latent_dim must be a whole number from 1 to 128, not 0"),
        ("--latent-dim 129", "latent_dim"),
        ("--lr nan", "lr must be a number above 0, at most 10, not nan"),
        ("--lr 0", "lr must be"),
        ("--epochs -1", "epochs must be a whole number from 1 to 100000, not -1"),
        ("--epochs 0", "epochs"),
        ("--epochs ten", "--epochs: 'ten' is not a whole number"),
        ("--epochs 2.5", "--epochs: '2.5' is not a whole number"),
        ("--epochs", "--epochs: expected one argument"),
        ("--beta inf", "beta must be a number from 0 to 10000, not inf"),
        ("--beta -1", "beta"),
        ("--beta much", "--beta: 'much' is not a number"),
        ("--batch-size 0", "batch_size"),
        ("--seed -3", "seed"),
        ("--limit -5", "limit"),
        ("--hidden 0", "hidden"),
        ("--widths 16,x", "--widths: '16,x' is not a list of whole numbers such as 32,64"),
        ("--widths 16,0", "each of widths"),
        ("--dataset mnits", "There is no data set 'mnits'. Did you mean 'mnist'?"),
        ("--dataset my_data", "There is no data set 'my_data'"),
        ("--dataset=", "There is no data set ''"),
        ("--arch cnov", "There is no architecture 'cnov'. Did you mean 'conv'?"),
        ("--likelihood gauss", "There is no likelihood 'gauss'. Did you mean 'gaussian'?"),
        ("--precision fp23", "There is no precision 'fp23'. Did you mean 'fp32'?"),
        ("--device gpu", "There is no device 'gpu'"),
        ("--device cuda:99", "This machine has no device 'cuda:99'"),
        ("--dataset folder:/no/such/place", "There is no folder /no/such/place"),
        ("--dataset digits --size 16", "The images of 'digits' have their own size. Give a size with folder:PATH only."),
        ("--dataset folder:. --size 7", "size must be a whole number from 8 to 128 px, not 7"),
        ("--dataset folder:. --size large", "--size: 'large' is not a whole number"),
        ("--dataset digits --widths 8,8,8,8", "4 widths are too many for 8 x 8 px"),
        ("--name ../up", "A bundle cannot be called '../up'"),
        ("--name=", "A bundle cannot be called ''"),
        ("--name runs", "The bundle name 'runs' is reserved"),
        ("--resume nothing", "There is no run 'nothing'"),
        ("--resume ../up", "cannot be called"),
        ("--resume=", "cannot be called"),
        ("--resume x --epochs 9", "--resume takes no --epochs"),
        ("--resume x --batch-size 9 --json", "--resume takes no --batch-size"),
        ("--latent_dims 3", "There is no option '--latent_dims'. Did you mean '--latent-dim'?"),
        ("--l 3", "Ambiguous option: --l could match"),
        ("digits", "'digits' follows no option. Did you mean --dataset digits?"),
        ("--json --lr nan", "lr must be a number"),
    ],
)
def test_a_mistake_is_one_sentence_on_stderr_and_exit_code_2(cli, checkpoints, argv, words):
    code, out, err = cli(*argv.split())
    assert code == 2 and out == ""
    assert err.startswith("error: ") and err.count("\n") == 1 and words in err
    assert "Traceback" not in err and "usage:" not in err
    assert not list(checkpoints.glob("*/*/")) and not list(checkpoints.glob("[!r]*")), "nothing was begun"


def test_a_mistake_is_the_same_from_a_shell():
    run = process("--latent-dim", "0")
    out, err = run.communicate(timeout=60)
    assert (run.returncode, out, err) == (2, "", "error: latent_dim must be a whole number from 1 to 128, not 0.\n")


def test_a_finished_bundle_is_not_overwritten_unasked(cli):
    assert cli(*QUICK, "--epochs", "1", "--name", "mine")[0] == 0
    first = weights("mine")
    code, out, err = cli(*QUICK, "--epochs", "1", "--name", "mine", "--seed", "1")
    assert code == 2 and err == "error: There is already a bundle 'mine'. Give another --name, or add --replace.\n"
    assert weights("mine") == first
    assert cli(*QUICK, "--epochs", "1", "--name", "mine", "--seed", "1", "--replace")[0] == 0
    assert weights("mine") != first
    code, _, err = cli("--resume", "mine")
    assert code == 2 and "The run 'mine' is finished." in err


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
    assert err.endswith("stopped after epoch 2 of 4; go on with: python -m explorer.train --resume stopped\n")
    assert not (paths.checkpoints_dir() / "stopped").exists(), "a run is not a bundle until it ends"
    code, out, _ = cli("--list")
    assert "stopped after epoch 2 of 4; go on with --resume stopped" in out
    code, out, err = cli("--resume", "stopped")
    assert code == 0 and "going on with 'stopped' after epoch 2 of 4" in err and "threads" not in err
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
    assert code == 130 and "stopped after epoch 1 of 1; go on with: python -m explorer.train --resume late" in err
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
    assert code == 2 and err == "error: There is a stopped run 'mine'. Go on with --resume mine, or add --replace.\n"
    code, _, err = cli("--resume", "mime")
    assert code == 2 and err == "error: There is no run 'mime'. Did you mean 'mine'?\n"
    assert cli(*QUICK, "--epochs", "1", "--name", "mine", "--replace")[0] == 0


def test_a_loss_that_is_no_number_is_told_once_with_the_way_out(cli, monkeypatch):
    def fit(state, *args):
        yield from real(state, *args)
        raise TrainingError("The loss stopped being a number in epoch 2; the weights of epoch 1 are kept.", "Lower the rate.")

    real = loop.fit
    monkeypatch.setattr(loop, "fit", fit)
    code, out, err = cli(*QUICK, "--epochs", "1", "--name", "wild", "--lr", "0.02", "--json")
    assert code == 2 and err == (
        "error: The loss stopped being a number in epoch 2; the weights of epoch 1 are kept. "
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
    assert code == 2 and "Resume with the data that the run was begun with." in err and "Traceback" not in err
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
    assert code == 0 and "begun on 77 threads, now on" in err


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
    stopped = re.fullmatch(r"stopped after epoch (\d+) of 80; go on with: python -m explorer.train --resume stopped\n", err)
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
