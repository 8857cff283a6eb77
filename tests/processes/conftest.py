"""Shared by the tests that begin processes: a folder for what these leave, and none of them left."""

from pathlib import Path

import psutil
import pytest

from explorer.core.runs import process as run_process
from tests.processes.children import offspring, strangers


@pytest.fixture(autouse=True)
def checkpoints(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("EXPLORER_CHECKPOINTS", str(tmp_path))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.delenv("EXPLORER_DEVICE", raising=False)
    strangers.update(psutil.Process().children())
    yield tmp_path
    for child in list(run_process._children):
        child.kill()
        child.wait()
    run_process.reap()
    assert offspring() == []
