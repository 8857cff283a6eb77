"""Short runs on the digits, and ways to interrupt them, for the tests of the training process."""

import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from explorer.core import paths
from explorer.core.bundles import format as bundle_format
from explorer.core.runs import event_log
from explorer.core.runs import folder as run_folder
from explorer.core.runs.folder import RunSpec, read_control, write_control
from explorer.core.training import state_file
from explorer.core.worker import job, recorder
from explorer.core.worker.job import work

MODEL = {"latent_dim": 2, "arch": "mlp", "widths": (16,)}
TRAIN = {"dataset": "digits", "limit": 96, "batch_size": 32, "epochs": 4, "precision": "fp32", "device": "cpu"}  # 3 an epoch


def new(name: str, map=False, budget_s=0.0, created=None, **settings) -> Path:
    model = MODEL | {k: settings.pop(k) for k in ("latent_dim", "arch", "widths") if k in settings}
    created = time.time() if created is None else created
    return run_folder.create(RunSpec(name, model, TRAIN | settings, None, map, False, budget_s, created=created))


def events(folder: Path, *kinds: str) -> list[dict]:
    return [e for e in event_log.read_events(folder)[0] if not kinds or e["kind"] in kinds]


def weights(name: str) -> bytes:
    return (paths.checkpoints_dir() / name / bundle_format.MODEL).read_bytes()


def state_weights(folder: Path) -> dict:
    """The weights in the run's state."""
    tensors = state_file.load_state(folder)[0]
    return {name.removeprefix("model."): value for name, value in tensors.items() if name.startswith("model.")}


def same(a: dict, b: dict) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def whole(name: str = "whole", **settings) -> bytes:
    """The weights of a run that nothing came between."""
    work(new(name, **settings))
    return weights(name)


def on(step: int, act):
    """For `on_report`: act as soon as that many batches have been trained."""
    return lambda report, state, n_steps: act() if report.step == step and not report.is_epoch else None


def change(folder: Path, **changes):
    """What the page does when something is pressed."""
    return lambda: write_control(folder, replace(read_control(folder), **changes))


class Killed(BaseException):
    pass


def killed(monkeypatch, folder: Path, step: int) -> None:
    """A process that is gone after `step` batches and has had no time to say or save anything."""

    def now():
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(recorder.RunRecorder, "close", lambda self: None)
        patch.setattr(job, "_write_failure", lambda *args: None)
        with pytest.raises(Killed):
            work(folder, on_report=on(step, now))
