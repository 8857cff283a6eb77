"""Folders of runs with given events, for the tests of what the page makes of them."""

import json
import time
from pathlib import Path

from explorer.core.runs import folder as run_folder
from explorer.core.runs import process
from explorer.core.runs.folder import RunSpec

MODEL = {"latent_dim": 3, "arch": "mlp", "widths": (16,)}
TRAIN = {"dataset": "digits", "limit": 96, "batch_size": 32, "precision": "fp32", "device": "cpu"}


def standing(name: str, *events, pid=None, **more) -> Path:
    """A run's folder with these events; its process is this one, or `pid`."""
    folder = run_folder.create(RunSpec(name, MODEL, TRAIN, created=more.pop("created", 1000.0)))
    who = process.this_process() if pid is None else {"pid": pid, "pid_started": 1000.0}
    run_folder.write_run(folder, run_folder.read_run(folder)[0], **who)
    (folder / run_folder.EVENTS).write_text("".join(json.dumps({"t": round(time.time(), 3)} | e) + "\n" for e in events))
    return folder
