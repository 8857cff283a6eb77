"""Shared by the unit tests."""

import errno
from contextlib import contextmanager
from fnmatch import fnmatch

import pytest

from explorer.core import atomic


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
