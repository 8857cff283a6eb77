"""Fixtures for the unit tests."""

import errno
from contextlib import contextmanager
from fnmatch import fnmatch
from pathlib import Path

import pytest

from explorer.core.storage import atomic
from explorer.core.training import loop
from explorer.core.worker import recorder


@pytest.fixture
def every_step_counts(tmp_path, monkeypatch) -> Path:
    """Every batch is reported and every epoch saved."""
    monkeypatch.setenv("EXPLORER_CHECKPOINTS", str(tmp_path))
    monkeypatch.setattr(loop, "EVERY", 1)
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
