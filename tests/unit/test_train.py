"""python -m explorer.train: what it trains and prints, and what it refuses."""

import json
import re
from pathlib import Path

import pytest

from explorer import train
from explorer.core import paths
from explorer.core.bundles import store
from explorer.core.config import ModelConfig, TrainConfig
from explorer.core.runs import folder as run_folder
from explorer.core.training import loop
from explorer.core.worker import job
from tests.unit.command_line import QUICK, process, weights

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(autouse=True)
def checkpoints(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("EXPLORER_CHECKPOINTS", str(tmp_path))
    monkeypatch.delenv("EXPLORER_DEVICE", raising=False)
    return tmp_path


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
    monkeypatch.setattr(loop, "REPORT_STEPS", 2)
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
        ("--name ../up", "A model cannot be called '../up'"),
        ("--name=", "A model cannot be called ''"),
        ("--name runs", "The model name 'runs' is reserved"),
        ("--resume nothing", "There is no run 'nothing'"),
        ("--resume ../up", "cannot be called"),
        ("--resume=", "cannot be called"),
        ("--resume x --epochs 9", "--resume cannot be combined with --epochs"),
        ("--resume x --batch-size 9 --json", "--resume cannot be combined with --batch-size"),
        ("--latent_dims 3", "There is no option '--latent_dims'. Did you mean '--latent-dim'?"),
        ("--l 3", "Ambiguous option: --l could match"),
        ("digits", "'digits' is not the value of an option. Did you mean --dataset digits?"),
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
