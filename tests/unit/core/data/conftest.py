"""Data folders for tests: an empty one without a network, one with a tiny MNIST, and the same as archives."""

import gzip
import hashlib
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from tests.unit.core.data.tiny_mnist import tiny_mnist


@pytest.fixture
def home(tmp_path, monkeypatch) -> Path:
    """An empty data folder, and no network."""
    monkeypatch.setenv("EXPLORER_DATA_DIR", str(tmp_path))

    def unplugged(*_, **__):
        raise urllib.error.URLError("no route to host")

    monkeypatch.setattr(urllib.request, "urlopen", unplugged)
    return tmp_path


@pytest.fixture
def raw(home) -> Path:
    """The four tiny files in torchvision's layout."""
    raw = home / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for name, content in tiny_mnist().items():
        (raw / name).write_bytes(content)
    return raw


@pytest.fixture
def archives(monkeypatch) -> dict[str, bytes]:
    """The four tiny files as .gz, with checksums that torchvision is patched to expect."""
    from torchvision.datasets import MNIST

    files = {f"{name}.gz": gzip.compress(content, mtime=0) for name, content in tiny_mnist().items()}
    monkeypatch.setattr(MNIST, "resources", [(name, hashlib.md5(files[name]).hexdigest()) for name in files])
    monkeypatch.setattr(MNIST, "mirrors", ["http://mirror.test/"])
    return files
