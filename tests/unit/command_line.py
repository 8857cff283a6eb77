"""The command line of the training, for its tests."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import torch

from explorer import train
from explorer.core import paths
from explorer.core.bundles import format as bundle_format
from explorer.core.bundles import store

PROJECT = Path(train.__file__).resolve().parents[1]
QUICK = ["--dataset", "digits", "--limit", "96", "--latent-dim", "2", "--device", "cpu", "--precision", "fp32", "--no-map"]


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
