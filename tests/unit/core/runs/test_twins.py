"""Twins: each is the run it would be alone, they go side by side, and what is done to one of them is done to it alone."""

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from explorer import train
from explorer.core import paths
from explorer.core.bundles import format as bundle_format
from explorer.core.bundles import store
from explorer.core.errors import BundleError, ConfigError, TrainingError
from explorer.core.runs import event_log, snapshots
from explorer.core.runs import folder as run_folder
from explorer.core.runs import status as run_status
from explorer.core.runs.folder import RunSpec, read_control, write_control
from explorer.core.runs.twins import SETTINGS, TERMS, shown, twins
from explorer.core.training import loop, state_file, throughput
from explorer.core.worker import controls, job, recorder
from explorer.core.worker.budget import Budget
from explorer.core.worker.job import work

pytestmark = pytest.mark.usefixtures("one_thread", "every_step_counts")

MODEL = {"latent_dim": 2, "arch": "mlp", "widths": (16,)}
TRAIN = {"dataset": "digits", "limit": 96, "batch_size": 32, "epochs": 4, "precision": "fp32", "device": "cpu"}  # 3 an epoch
BETAS = ("beta-0", "beta-1", "beta-4")


def order(name: str = "three", **settings) -> RunSpec:
    return RunSpec(name, MODEL, TRAIN | settings, map=False, thumbs=False, created=1.0)


def new(setting="beta", values=(0, 1, 4), budget_s=0.0, **settings) -> Path:
    group = replace(order(**settings), budget_s=budget_s)
    return run_folder.create(group, twins(group, setting, values))


def weights(name: str) -> bytes:
    return (paths.checkpoints_dir() / name / bundle_format.MODEL).read_bytes()


def alone(name: str, **settings) -> bytes:
    """The weights of a run that has no twins."""
    work(run_folder.create(order(name, **settings)))
    return weights(name)


def events(folder: Path, *kinds: str) -> list[dict]:
    return [e for e in event_log.in_force(event_log.read_events(folder)[0]) if e["kind"] in kinds]


def once(step: int, act):
    """For `on_report`: act as soon as the first of them has had that many batches."""
    left = [act]
    return lambda report, *rest: left.pop()() if report.step == step and not report.is_epoch and left else None


def change(folder: Path, **changes):
    return lambda: write_control(folder, replace(read_control(folder), **changes))


# ---- what they are


@pytest.mark.parametrize(
    "setting, values, names",
    [
        ("beta", (0, 1.0, "4"), ["beta-0", "beta-1", "beta-4"]),
        ("beta", ("0.5", "1e4"), ["beta-0.5", "beta-10000"]),
        ("latent_dim", (2, "8"), ["D-2", "D-8"]),
        ("likelihood", ("bernoulli", "gaussian-learned"), ["bernoulli", "gaussian-learned"]),
        ("terms", tuple(TERMS), ["both", "recon-only", "KL-only"]),
    ],
)
def test_twins_differ_in_one_setting(setting, values, names):
    made = twins(order(), setting, values)
    assert list(made) == names and [one.name for one in made.values()] == [f"three-{name}" for name in names]
    settings = [{**one.model, **one.train} for one in made.values()]
    changed = {key for one in settings for key in one if any(other.get(key) != one[key] for other in settings)}
    assert changed <= ({"beta", "recon_weight"} if setting == "terms" else {setting})
    assert len({json.dumps(one, sort_keys=True) for one in settings}) == len(values)


@pytest.mark.parametrize(
    "setting, values, words",
    [
        ("beta", (1,), "Twins need two or three values, not 1"),
        ("beta", (1, 1.0), "two or three values, not 1"),
        ("beta", (0, 1, 2, 4), "two or three values, not 4"),
        ("beta", (0, "much"), "'much' is not a valid value for beta. Give a number."),
        ("beta", (0, "nan"), "beta must be a number"),
        ("beta", (0, -1), "beta must be a number"),
        ("latent_dim", ("2", "2.5"), "'2.5' is not a valid value for latent_dim"),
        ("latent_dim", (0, 2), "latent_dim must be a whole number"),
        ("likelihood", ("bernoulli", "normal"), "There is no likelihood 'normal'"),
        ("terms", ("both", "none"), "There is no choice of terms 'none'"),
        ("lr", (1, 2), "There is no setting for twins 'lr'"),
    ],
)
def test_twins_that_cannot_be_are_refused_in_a_sentence(setting, values, words):
    with pytest.raises(ConfigError, match=words):
        twins(order(), setting, values)


def test_what_is_proposed_can_be_trained_and_read():
    for setting, (_, values) in SETTINGS.items():
        assert len(twins(order(), setting, values[:3])) == 3
    assert [shown(name) for name in ("beta-0.5", "D-8", "recon-only", "KL-only", "gaussian")] == [
        "β = 0.5",
        "D = 8",
        "recon only",
        "KL only",
        "gaussian",
    ]


# ---- training


def test_each_is_bit_for_bit_the_run_it_would_be_alone():
    assert work(new()) == paths.checkpoints_dir() / "three-beta-0"
    for beta in (0, 1, 4):
        assert weights(f"three-beta-{beta}") == alone(f"single-{beta}", beta=float(beta))
    assert len({weights(f"three-{name}") for name in BETAS}) == 3
    sizes = order("sizes")
    work(run_folder.create(sizes, twins(sizes, "latent_dim", (2, 3))))
    assert weights("sizes-D-2") == weights("single-1")


def test_they_go_side_by_side_and_leave_a_folder_and_a_bundle_each():
    folder, reached = new(), []
    work(folder, on_report=lambda report, state, n_steps: reached.append((report.step, report.epoch)))
    assert [reached[i : i + 3] for i in range(0, len(reached), 3)] == [[at] * 3 for at in dict.fromkeys(reached)], "in turn"
    run = run_status.look("three")
    assert (run.status, run.epoch, run.n_epochs, run.bundle) == ("done", 4, 4, "three-beta-0")
    assert [(twin.name, twin.status, twin.bundle, twin.epoch) for twin in run.twins] == [
        (f"three/{name}", "done", f"three-{name}", 4) for name in BETAS
    ]
    for twin in run.twins:
        assert snapshots.saved_epochs(twin.folder) == [0, 1, 2, 3, 4] and run_folder.find(twin.name) == twin.folder
        assert store.load(twin.bundle).metrics["epochs"] == 4
    starts = [snapshots.read_epoch(twin.folder, 0)["samples"] for twin in run.twins]
    assert np.array_equal(starts[0], starts[1]) and np.array_equal(starts[0], starts[2]), "from the same weights and draws"
    assert run_status.list_runs() == [run]


def test_each_term_alone_does_what_the_lecture_says():
    folder = run_folder.create(order("loss", epochs=40, limit=0), twins(order("loss", epochs=40, limit=0), "terms", TERMS))
    work(folder)
    last = {path.name: events(path, "epoch")[-1] for path in (folder / name for name in ("both", "recon-only", "KL-only"))}
    losses = {name: event["test"] for name, event in last.items()}
    assert losses["KL-only"]["kl"] < 0.01 and last["KL-only"]["active_units"] == 0, "every posterior is the prior"
    blank = snapshots.read_epoch(folder / "KL-only", 40)["reconstructions"].astype(int)
    assert np.abs(blank - blank[0]).max() <= 8, "every reconstruction is the same"
    assert losses["recon-only"]["kl"] > 2 * losses["both"]["kl"] > 1, "nothing keeps the posteriors wide"
    assert losses["both"]["elbo"] > max(losses["recon-only"]["elbo"], losses["KL-only"]["elbo"])


def test_a_beta_changed_for_one_acts_on_that_one():
    folder = new()
    work(folder, on_report=once(4, change(folder / "beta-1", beta=7.0)))
    (dial,) = events(folder / "beta-1", "dial")
    assert dial["beta"] == 7 and dial["step"] in (3, 4) and not events(folder / "beta-0", "dial")
    assert weights("three-beta-0") == alone("single-0", beta=0.0) and weights("three-beta-1") != alone("single-1")


# ---- stopped, broken off, paused


def test_stopped_they_go_on_to_the_same_weights():
    folder = new()
    assert work(folder, on_report=once(5, change(folder, stop="stop"))) is None
    run = run_status.look("three")
    assert run.status == "stopped" and [twin.status for twin in run.twins] == ["stopped"] * 3 and run.epoch == 1
    change(folder, stop="")()
    work(folder)
    assert weights("three-beta-4") == alone("single-4", beta=4.0) and weights("three-beta-0") == alone("single-0", beta=0.0)


@pytest.mark.parametrize("n_reports", [2, 9, 14])
def test_killed_at_any_report_they_go_on_to_the_same_weights(monkeypatch, n_reports):
    folder, left = new(), [n_reports]

    class Killed(BaseException):
        pass

    def count(*args):
        left[0] -= 1
        if not left[0]:
            raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(recorder.RunRecorder, "close", lambda self: None)
        patch.setattr(job, "_write_failure", lambda *args: None)
        with pytest.raises(Killed):
            work(folder, on_report=count)
    work(folder)
    for beta in (0, 4):
        assert weights(f"three-beta-{beta}") == alone(f"single-{beta}", beta=float(beta))


def test_kept_they_are_kept_after_equally_many_batches(monkeypatch):
    monkeypatch.setattr(loop, "REPORT_STEPS", 3)
    folder = new(batch_size=8)
    work(folder, on_report=once(15, change(folder, stop="keep")))
    last = [events(folder / name, "epoch", "batch")[-1]["step"] for name in BETAS]
    run = run_status.look("three")
    assert run.status == "done" and len({twin.step for twin in run.twins}) == 1, last


def test_one_epoch_is_one_epoch_of_each(monkeypatch):
    folder, rested = new(), []

    def rest(seconds):
        rested.append([len(events(folder / name, "epoch")) for name in BETAS])
        change(folder, step_to=None)()

    monkeypatch.setattr(controls, "time", SimpleNamespace(sleep=rest))
    change(folder, step_to=2)()
    work(folder)
    assert rested == [[3, 3, 3]], "the untrained model and two epochs"
    assert [e["kind"] for e in events(folder, "paused", "going on")] == ["paused", "going on"]


def test_a_budget_is_shared_and_buys_all_the_same_number_of_batches(monkeypatch):
    asked, begin = [], Budget.begin
    monkeypatch.setattr(throughput, "step_seconds", lambda *args: 0.01)
    monkeypatch.setattr(Budget, "begin", lambda self, step_s: asked.append(step_s) or begin(self, step_s))
    monkeypatch.setattr(Budget, "used", property(lambda self: 10.0 * max(state.step for state in self.states)))
    folder = new(budget_s=60.0)
    work(folder)
    evaluations_s = sum(events(folder / name, "epoch")[0]["seconds"] for name in BETAS)
    assert asked == [pytest.approx(0.03 + evaluations_s / 3, abs=0.01)], "a step of all three, and their evaluations"
    assert [events(folder / name, "budget")[-1]["n_steps"] for name in BETAS] == [6] * 3
    run = run_status.look("three")
    assert {twin.step for twin in run.twins} == {6} and run.used == 60 and run.more_s == 60


# ---- going wrong


def test_a_loss_that_is_no_number_says_whose():
    folder = new("beta", (0, 1), lr=10.0)
    for name in ("beta-0", "beta-1"):
        change(folder / name, lr_scale=1e-4)()
    path = folder / "beta-1" / "run.json"
    values = json.loads(path.read_text())
    values["order"]["model"]["widths"] = [64] * 6
    path.write_text(json.dumps(values))
    with pytest.raises(TrainingError, match="^three-beta-1: The loss became NaN or infinite in epoch 2"):
        work(folder, on_report=once(4, change(folder / "beta-1", lr_scale=100.0)))
    run = run_status.look("three")
    assert run.status == "failed" and "three-beta-1" in run.sentence
    for name in ("beta-0", "beta-1"):
        assert state_file.load_state(folder / name)[1]["epoch"] == 1, "both can go on from there"


@pytest.mark.parametrize(
    "change, words",
    [
        (lambda f: (f / "beta-1" / "run.json").unlink(), "run.json cannot be read"),
        (lambda f: (f / "beta-1" / "run.json").write_text("{"), "not valid JSON"),
    ],
)
def test_a_damaged_twin_is_one_sentence_and_the_others_are_shown(change, words):
    folder = new()
    work(folder)
    change(folder)
    run = run_status.look("three")
    assert [twin.status for twin in run.twins] == ["done", "damaged", "done"] and words in run.twins[1].sentence


@pytest.mark.parametrize("names", ['["../up"]', '["a/b"]', '"beta-0"', "[1]", "{}"])
def test_twins_edited_by_hand_never_lead_out_of_the_folder(names):
    folder = new()
    path = folder / "run.json"
    values = json.loads(path.read_text())
    values["order"]["twins"] = json.loads(names)
    path.write_text(json.dumps(values))
    try:
        found, _ = run_folder.read_run(folder)
    except BundleError as error:
        assert "run.json has settings that cannot be" in str(error)
    else:
        assert all(path.parent == folder for path in run_folder.members(folder, found))


# ---- the command line


def test_from_the_command_line(capsys):
    words = "--dataset digits --limit 96 --batch-size 32 --epochs 1 --arch mlp --widths 16 --no-map --no-thumbs --device cpu"
    assert train.main([*words.split(), "--name", "cli", "--twins", "latent_dim", "2", "3"]) == 0
    printed = capsys.readouterr().err
    assert "beta 1, D = 2, bernoulli: epoch 1/1" in printed and "beta 1, D = 3, bernoulli: epoch 1/1" in printed
    assert {"cli-D-2", "cli-D-3"} <= {path.name for path in paths.checkpoints_dir().iterdir()}
    assert train.main([*words.split(), "--name", "cli", "--twins", "latent_dim", "3", "4"]) == 2
    assert "There is already a bundle 'cli-D-3'" in capsys.readouterr().err
    assert train.main([*words.split(), "--name", "odd", "--twins", "latent_dim", "3"]) == 2
    assert "Twins need two or three values" in capsys.readouterr().err
