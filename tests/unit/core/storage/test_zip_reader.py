"""Unsafe and damaged zips, tested with the import of bundles: each is refused and nothing is written."""

import stat
import struct
import zipfile
from pathlib import Path

import pytest

from explorer.core import transfer
from explorer.core.bundles.format import CONFIG, METRICS, MODEL
from tests.unit.core.bundle_zips import names, of, refused, zipped


def deflate_bomb(made) -> bytes:
    return zipped(of("bomb", made, **{METRICS: b" " * 15_000_000}))


def flagged(made) -> bytes:
    """With the flag of a password-protected file."""
    data = bytearray(zipped(of("locked", made)))
    at = data.rindex(b"PK\1\2")
    data[at + 8] |= 1
    return bytes(data)


def declared(made, n_bytes: int, of_file: str = MODEL) -> bytes:
    """With a wrong file size in the central directory."""
    data = bytearray(zipped(of("forged", made), zipfile.ZIP_STORED))
    at = data.index(f"forged/{of_file}".encode(), data.index(b"PK\1\2")) - 46
    struct.pack_into("<L", data, at + 24, n_bytes)
    return bytes(data)


def linked(made) -> bytes:
    entry = zipfile.ZipInfo(f"link/{MODEL}")
    entry.external_attr = (stat.S_IFLNK | 0o777) << 16
    rest = [(name, data) for name, data in of("link", made).items() if not name.endswith(MODEL)]
    return zipped([(entry, b"/etc/passwd"), *rest])


def twice(made) -> bytes:
    with pytest.warns(UserWarning, match="Duplicate"):
        return zipped([*of("two", made).items(), (f"two/{CONFIG}", b"{}")])


def endless_contents(made) -> bytes:
    """With a central directory of four gigabytes, according to the end record."""
    data = bytearray(zipped(of("endless", made)))
    struct.pack_into("<L", data, len(data) - 10, 0xFFFFFFF0)
    return bytes(data)


def cut(made) -> bytes:
    data = zipped(of("cut", made))
    return data[: len(data) // 2]


def spoilt(made) -> bytes:
    data = bytearray(zipped(of("spoilt", made), zipfile.ZIP_STORED))
    data[data.index(made[MODEL]) + len(made[MODEL]) // 2] ^= 0xFF
    return bytes(data)


BAD = {
    "nothing": (lambda made: b"", ["not a zip"]),
    "no zip": (lambda made: b"hello" * 100, ["not a zip"]),
    "a picture": (lambda made: b"\x89PNG\r\n\x1a\n" + bytes(100), ["not a zip"]),
    "cut short": (cut, ["cut short"]),
    "spoilt": (spoilt, ["damaged"]),
    "up": (lambda made: zipped(of("..", made)), ["leads out"]),
    "up, inside": (lambda made: zipped(of("a/../../b", made)), ["leads out"]),
    "up, the Windows way": (lambda made: zipped({"a\\..\\..\\config.json": b""}), ["leads out"]),
    "absolute": (lambda made: zipped(of("/etc", made)), ["leads out"]),
    "a drive": (lambda made: zipped(of("C:", made)), ["leads out"]),
    "a link": (linked, ["is a link or a device"]),
    "a file twice": (twice, ["twice"]),
    "a password": (flagged, ["password"]),
    "another compression": (lambda made: zipped(of("a", made), zipfile.ZIP_BZIP2), ["unusual way"]),
    "a bomb": (deflate_bomb, ["times its size"]),
    "declares four gigabytes": (lambda made: declared(made, 0xFFFFFFF0), ["too large", "4,294,967,280"]),
    "declares a gigabyte": (lambda made: declared(made, 900_000_000), ["times its size"]),
    "declares more than it holds": (lambda made: declared(made, len(made[MODEL]) + 9), ["damaged"]),
    "declares less than it holds": (lambda made: declared(made, len(made[MODEL]) - 9), ["damaged"]),
    "an endless table of contents": (endless_contents, ["damaged"]),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_zip_is_refused_and_the_folder_stays_as_it_was(root, made, case):
    make, words = BAD[case]
    refused(lambda: transfer.import_zip(make(made), root=root), *words)
    assert names(root) == {"good"} and not Path("/tmp/a-pickle-was-opened").exists()
