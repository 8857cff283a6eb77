"""Fixtures for tests of bundles, storage and transfer."""

from pathlib import Path

import pytest

from explorer.core.bundles.format import LIMITS
from tests.helpers import random_bundle
from tests.unit.core.bundle_zips import put


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> dict[str, bytes]:
    """The four files of a valid bundle."""
    folder = random_bundle(tmp_path_factory.mktemp("made"), "good", arch="mlp", widths=(5,))
    return {file: (folder / file).read_bytes() for file in LIMITS}


@pytest.fixture
def root(tmp_path, made) -> Path:
    """A checkpoints folder with the bundle `good`."""
    put(tmp_path / "checkpoints", "good", made)
    return tmp_path / "checkpoints"
