"""Fixtures for the unit tests."""

import errno
from contextlib import contextmanager
from fnmatch import fnmatch
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from explorer import train
from explorer.core.storage import atomic
from explorer.core.training import loop
from explorer.core.worker import recorder


@pytest.fixture
def every_step_counts(tmp_path, monkeypatch) -> Path:
    """Every batch is reported and every epoch saved."""
    monkeypatch.setenv("EXPLORER_CHECKPOINTS", str(tmp_path))
    monkeypatch.setattr(loop, "REPORT_STEPS", 1)
    for name in ("EVENT_S", "EPOCH_S", "STATE_S"):
        monkeypatch.setattr(recorder, name, -1.0)
    return tmp_path


@pytest.fixture
def full_disk(monkeypatch):
    """`with full_disk("state.*"):` no file of such a name can be replaced, for want of space."""

    @contextmanager
    def full(pattern: str):
        def fails(write):
            def attempt(path, data):
                if fnmatch(path.name.removeprefix("."), pattern):
                    raise OSError(errno.ENOSPC, "No space left on device")
                write(path, data)

            return attempt

        with monkeypatch.context() as patch:
            for name in ("replace_file", "write_file"):
                patch.setattr(atomic, name, fails(getattr(atomic, name)))
            yield

    return full


@pytest.fixture
def cli(capsys):
    """Runs the command line here: (exit code, stdout, stderr)."""

    def run(*argv: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = train.main([str(part) for part in argv])
        return code, *capsys.readouterr()

    return run


@pytest.fixture
def pictures(tmp_path_factory) -> Path:
    """A folder of 30 images in two classes, and a file that is no image."""
    folder, rng = tmp_path_factory.mktemp("pictures"), np.random.default_rng(0)
    for i in range(30):
        (folder / "ab"[i % 2]).mkdir(exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (40, 40, 3), dtype=np.uint8)).save(folder / "ab"[i % 2] / f"{i}.png")
    (folder / "notes.txt").write_text("no picture")
    return folder
