"""Makes folders and zips of bundles for tests, and checks error messages."""

import io
import zipfile
from pathlib import Path

import pytest

from explorer.core.errors import BundleError


def put(root: Path, name: str, contents: dict[str, bytes]) -> Path:
    (root / name).mkdir(parents=True)
    for file, data in contents.items():
        (root / name / file).write_bytes(data)
    return root / name


def zipped(members: dict[str, bytes] | list, kind: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", kind) as out:
        for name, data in members.items() if isinstance(members, dict) else members:
            out.writestr(name, data)
    return buffer.getvalue()


def of(name: str, contents: dict[str, bytes], **changes: bytes) -> dict[str, bytes]:
    return {f"{name}/{file}": data for file, data in (contents | changes).items()}


def names(root: Path) -> set[str]:
    return {path.name for path in root.iterdir()}


def refused(action, *words: str) -> BundleError:
    with pytest.raises(BundleError) as caught:
        action()
    error = caught.value
    assert error.message.endswith(".") and error.hint.endswith((".", "?")) and "\n" not in str(error) and len(str(error)) < 600
    for word in words:
        assert word in str(error), f"{word!r} is not in {str(error)!r}"
    return error
