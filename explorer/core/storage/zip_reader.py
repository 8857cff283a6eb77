"""A zip from somebody else, read with care: what it says of itself is checked, then counted. Knows names and bytes only.

Refused: paths that lead out (`..`, absolute, a drive), links and devices, passwords, a name twice, more or larger files
than the limits, and what shrinks better than honest data does (a bomb). Nothing is unpacked but what is asked for.
"""

import io
import re
import stat
import struct
import zipfile
import zlib
from dataclasses import dataclass
from reprlib import repr as short
from typing import BinaryIO

from explorer.core.errors import ExplorerError

MAX_RATIO = 200  # unpacked to packed: honest files stay below 20, deflate reaches 1,032
SMALL = 1_000_000  # bytes unpacked: below, no ratio is suspicious
MAX_CONTENTS = 32_000_000  # bytes of the table of contents, which is read before a file can be counted
CHUNK = 1_000_000
KINDS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_DAMAGED = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, OSError, ValueError, NotImplementedError, RuntimeError)


@dataclass(frozen=True)
class Limits:
    """The most that is taken from one zip."""

    n_members: int  # files and folders
    member_bytes: int  # of one file, unpacked
    total_bytes: int  # of all, unpacked


class Archive:
    """The files of a zip by their paths, in its order; hidden files and what macOS adds are passed over.

    `source`: its bytes, or a file that can be read from its start. Each refusal is one `error` with a sentence and a hint.
    """

    def __init__(self, source: bytes | BinaryIO, limits: Limits, error: type[ExplorerError]):
        data = whole(source)
        self._error = error
        try:
            self._zip = zipfile.ZipFile(_Wary(data))
        except _DAMAGED:
            raise self._damaged() from None
        infos = self._zip.infolist()
        if len(infos) > limits.n_members:
            what = f"The zip has {len(infos):,} files and folders, at most {limits.n_members:,} are allowed."
            raise error(what, "Split it into several.")
        self._members = self._checked(infos, limits.member_bytes)
        total = sum(info.file_size for info in self._members.values())
        if total > limits.total_bytes:
            what = f"The zip would take {total:,} bytes unpacked, at most {limits.total_bytes:,} are allowed."
            raise error(what, "Split it into several.")

    @property
    def paths(self) -> list[str]:
        """Relative, with slashes."""
        return list(self._members)

    def read(self, path: str) -> bytes:
        """The file's bytes, as many as it declared. Raises the error for one that is damaged."""
        info = self._members[path]
        try:
            with self._zip.open(info) as member:
                data = b"".join(iter(lambda: member.read(CHUNK), b""))  # ends at the declared size, and checks the CRC
        except _DAMAGED:
            raise self._damaged() from None
        if len(data) != info.file_size:
            raise self._damaged()
        return data

    def _damaged(self) -> ExplorerError:
        return self._error("The file is no zip, or it is damaged or cut short.", "Make the zip again, and choose that one.")

    def _checked(self, infos: list[zipfile.ZipInfo], limit: int) -> dict[str, zipfile.ZipInfo]:
        members = {}
        for info in infos:
            name = info.filename.replace("\\", "/")  # as some programs write it
            parts = [part for part in name.split("/") if part not in ("", ".")]
            if name.startswith("/") or re.match("[A-Za-z]:", name) or ".." in parts:
                raise self._error(f"The zip has the path {short(name)}, which leads out of its folder.", "Do not trust it.")
            mode = info.external_attr >> 16
            if stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise self._error(f"{short(name)} in the zip is a link or a device.", "Zip the file itself.")
            if name.endswith("/") or stat.S_ISDIR(mode) or not parts:
                continue
            if any(part.startswith(".") or part == "__MACOSX" for part in parts):
                continue
            path = "/".join(parts)
            if path in members:
                raise self._error(f"The zip has {short(path)} twice.", "Make the zip again.")
            self._check_bytes(info, path, limit)
            members[path] = info
        return members

    def _check_bytes(self, info: zipfile.ZipInfo, path: str, limit: int) -> None:
        n_bytes = info.file_size
        if info.flag_bits & 1:
            raise self._error("The zip is locked with a password.", "Make it without one.")
        if info.compress_type not in KINDS:
            raise self._error(f"{short(path)} in the zip is compressed in an unusual way.", "Make an ordinary zip.")
        if n_bytes > limit:
            what = f"{short(path)} in the zip is too large ({n_bytes:,} bytes unpacked, at most {limit:,} are allowed)."
            raise self._error(what, "Leave it out.")
        if n_bytes > max(SMALL, MAX_RATIO * info.compress_size):
            what = f"{short(path)} in the zip unpacks to {n_bytes / max(info.compress_size, 1):,.0f} times its size."
            raise self._error(what, "No honest file does; do not trust it.")


def whole(source: bytes | BinaryIO) -> bytes:
    """All of a file, wherever it was read to."""
    if isinstance(source, bytes):
        return source
    source.seek(0)
    return source.read()


class _Wary(io.BytesIO):
    """A zip's bytes; refuses to hand out a table of contents that would fill the memory."""

    def read(self, size: int | None = -1, /) -> bytes:
        if size is not None and size > MAX_CONTENTS:  # members are read in small parts
            raise zipfile.BadZipFile("the table of contents is too large")
        return super().read(size)
