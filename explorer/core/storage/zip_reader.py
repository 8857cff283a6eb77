"""Reads zips from untrusted sources. The whole table of contents is checked before any file is decompressed.

Refused: paths that lead out of the folder (`..`, absolute, a drive), links and devices, passwords, duplicate paths, more or
larger files than the limits, and files that compress suspiciously well (zip bombs). Files are decompressed one by one, on
request.
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

MAX_RATIO = 200  # decompressed to compressed size; real files stay below 20, deflate reaches 1,032
MIN_BOMB_BYTES = 1_000_000  # the ratio of smaller files (decompressed) is not checked
MAX_DIRECTORY_BYTES = 32_000_000  # size of the central directory, which zipfile reads before files can be counted
CHUNK_BYTES = 1_000_000
COMPRESSION_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_DAMAGED = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, OSError, ValueError, NotImplementedError, RuntimeError)


@dataclass(frozen=True)
class Limits:
    """Upper limits for one zip."""

    n_members: int  # files and folders
    member_bytes: int  # of one file, decompressed
    total_bytes: int  # of all files, decompressed


class Archive:
    """The files of a zip by path, in its order, without hidden files and the `__MACOSX` folder.

    `source`: its bytes or a seekable file. A zip that is refused raises `error` with a message and a hint.
    """

    def __init__(self, source: bytes | BinaryIO, limits: Limits, error: type[ExplorerError]):
        data = read_all(source)
        self._error = error
        try:
            self._zip = zipfile.ZipFile(_BoundedBytesIO(data))
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
        """Relative paths with forward slashes."""
        return list(self._members)

    def read(self, path: str) -> bytes:
        """The decompressed file, of exactly the declared size. Raises `error` if it is damaged."""
        info = self._members[path]
        try:
            with self._zip.open(info) as member:
                data = b"".join(iter(lambda: member.read(CHUNK_BYTES), b""))  # stops at the declared size; checks the CRC
        except _DAMAGED:
            raise self._damaged() from None
        if len(data) != info.file_size:
            raise self._damaged()
        return data

    def _damaged(self) -> ExplorerError:
        return self._error("The file is not a zip, or it is damaged or cut short.", "Make the zip again, and choose that one.")

    def _checked(self, infos: list[zipfile.ZipInfo], limit: int) -> dict[str, zipfile.ZipInfo]:
        members = {}
        for info in infos:
            name = info.filename.replace("\\", "/")  # some Windows programs write backslashes
            parts = [part for part in name.split("/") if part not in ("", ".")]
            if name.startswith("/") or re.match("[A-Za-z]:", name) or ".." in parts:
                raise self._error(f"The zip has the path {short(name)}, which leads out of its folder.", "Do not import it.")
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
        if info.compress_type not in COMPRESSION_METHODS:
            raise self._error(f"{short(path)} in the zip is compressed in an unusual way.", "Make an ordinary zip.")
        if n_bytes > limit:
            what = f"{short(path)} in the zip is too large ({n_bytes:,} bytes unpacked, at most {limit:,} are allowed)."
            raise self._error(what, "Leave it out.")
        if n_bytes > max(MIN_BOMB_BYTES, MAX_RATIO * info.compress_size):
            what = f"{short(path)} in the zip unpacks to {n_bytes / max(info.compress_size, 1):,.0f} times its size."
            raise self._error(what, "This is typical of a zip bomb: do not trust it.")


def read_all(source: bytes | BinaryIO) -> bytes:
    """The bytes of a seekable file from its start, wherever its position is; bytes are returned as they are."""
    if isinstance(source, bytes):
        return source
    source.seek(0)
    return source.read()


class _BoundedBytesIO(io.BytesIO):
    """Refuses a single large read: zipfile reads the central directory in one call, files in small parts."""

    def read(self, size: int | None = -1, /) -> bytes:
        if size is not None and size > MAX_DIRECTORY_BYTES:
            raise zipfile.BadZipFile("the table of contents is too large")
        return super().read(size)
