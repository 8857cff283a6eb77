"""One zip of bundles and training runs: made of what is on this machine, checked whole and taken in on another.

A bundle is a folder of its four files, a run lies in the folder `runs`: as in the folder of the checkpoints itself.
"""

import io
import zipfile
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from reprlib import repr as short
from typing import BinaryIO

from explorer.core.bundles import format as bundle_format
from explorer.core.bundles import library
from explorer.core.errors import BundleError
from explorer.core.paths import checked_name, runs_dir
from explorer.core.runs import library as run_library
from explorer.core.storage import atomic, zip_reader

RUNS = "runs"  # no bundle may be called so
MAX_BYTES = 1_000_000_000  # of all in a zip, unpacked: it is in memory until all of it is known to be good
LIMITS = zip_reader.Limits(10_000, MAX_BYTES, MAX_BYTES)
DATE = (1980, 1, 1, 0, 0, 0)  # the first there is: the same bundle gives the same zip
COPY = "Copy the folder itself instead."
NOTHING = "Nothing was imported."


def export_zip(names: str | Iterable[str] = (), runs: Iterable[str] = (), root: Path | None = None) -> bytes:
    """A zip of these bundles and of these runs. Raises BundleError where one is damaged or at work, or all are too much."""
    buffer, total = io.BytesIO(), 0
    parts = [(name, library.contents, (name, root)) for name in ([names] if isinstance(names, str) else names)]
    parts += [(f"{RUNS}/{name}", run_library.contents, (name,)) for name in runs]
    with zipfile.ZipFile(buffer, "w") as out:
        for folder, contents, of in parts:
            for file, data in contents(*of).items():
                total += len(data)
                if total > MAX_BYTES:
                    raise BundleError(f"More than {MAX_BYTES // 1_000_000:,} MB are too much for one zip.", COPY)
                entry = zipfile.ZipInfo(f"{folder}/{file}", DATE)
                entry.external_attr = 0o644 << 16
                out.writestr(entry, data, zipfile.ZIP_DEFLATED, 1)
    return buffer.getvalue()


def import_zip(source: bytes | BinaryIO, replace: bool = False, root: Path | None = None) -> list[str]:
    """Every bundle and every run of a zip as `export_zip` makes it -> the names they have now. Nothing is opened as a pickle.

    The whole zip is checked, each bundle as strictly as when it is loaded, before anything is written. A name that is
    taken becomes name-2; with `replace` the bundle in the way is replaced, a run never. Raises BundleError, and then nothing
    new stays.
    """
    bundles, runs = _inside(zip_reader.Archive(source, LIMITS, BundleError))
    brought = []
    try:
        for name, found in runs.items():
            brought.append(run_library.bring_in(name, found))
        return library.bring_in(bundles, replace, root) + brought
    except BundleError:
        for name in brought:
            with suppress(OSError):
                atomic.remove_folder(runs_dir() / name)
        raise


def _inside(zipped: zip_reader.Archive) -> tuple[dict[str, dict[str, bytes]], dict[str, dict[str, bytes]]]:
    """(the bundles, the runs): {name: {path in its folder: bytes}}, each checked whole."""
    bundles: dict[str, dict[str, bytes]] = {}
    runs: dict[str, dict[str, bytes]] = {}
    for path in zipped.paths:
        top, _, rest = path.partition("/")
        kind, (name, _, file) = (runs, rest.partition("/")) if top == RUNS else (bundles, (top, "", rest))
        if not file or (kind is bundles and file not in bundle_format.LIMITS):
            what = f"The zip holds {short(path)}, which is no part of a {'run' if kind is runs else 'bundle'}."
            raise BundleError(what, f"It may hold folders of a bundle's four files, runs, and nothing else. {NOTHING}")
        kind.setdefault(checked_name(name), {})[file] = path
    if not bundles and not runs:
        raise BundleError("The zip holds no bundle.", f"It may hold folders of a bundle's four files, and runs. {NOTHING}")
    try:
        for kind, check in ((bundles, library.check), (runs, run_library.check)):
            for name, paths in kind.items():
                kind[name] = {file: zipped.read(path) for file, path in paths.items()}
                check(name, kind[name])
    except BundleError as error:
        raise BundleError(error.message, NOTHING) from error
    return bundles, runs
