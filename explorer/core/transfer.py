"""Export of bundles and training runs as one zip, and import of such a zip.

The zip has the layout of the checkpoints folder: `NAME/` for a bundle, `runs/NAME/` for a run.
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

RUNS = "runs"  # a reserved name: no bundle can have it
MAX_BYTES = 1_000_000_000  # of all files, decompressed: they are held in memory until all are validated
LIMITS = zip_reader.Limits(10_000, MAX_BYTES, MAX_BYTES)
DATE = (1980, 1, 1, 0, 0, 0)  # the earliest date in a zip, for all files: the same bundle gives the same zip
COPY_HINT = "Copy the folder itself instead."
NOTHING_IMPORTED = "Nothing was imported."


def export_zip(names: str | Iterable[str] = (), runs: Iterable[str] = (), root: Path | None = None) -> bytes:
    """A zip of the given bundles and runs. Raises BundleError if one is damaged or still training, or all exceed MAX_BYTES."""
    buffer, total = io.BytesIO(), 0
    parts = [(name, library.contents, (name, root)) for name in ([names] if isinstance(names, str) else names)]
    parts += [(f"{RUNS}/{name}", run_library.contents, (name,)) for name in runs]
    with zipfile.ZipFile(buffer, "w") as out:
        for folder, contents, args in parts:
            for file, data in contents(*args).items():
                total += len(data)
                if total > MAX_BYTES:
                    raise BundleError(f"More than {MAX_BYTES // 1_000_000:,} MB do not fit into one zip.", COPY_HINT)
                entry = zipfile.ZipInfo(f"{folder}/{file}", DATE)
                entry.external_attr = 0o644 << 16
                out.writestr(entry, data, zipfile.ZIP_DEFLATED, 1)
    return buffer.getvalue()


def import_zip(source: bytes | BinaryIO, replace: bool = False, root: Path | None = None) -> list[str]:
    """Adds all bundles and runs of a zip from `export_zip`. Returns the names under which they were added.

    The whole zip is validated, each bundle as strictly as by `store.load`, before anything is written. A name that is taken
    becomes name-2; with `replace` an existing bundle is replaced, but never a run. Raises BundleError; then nothing is added.
    """
    bundles, runs = _validated_contents(zip_reader.Archive(source, LIMITS, BundleError))
    added_runs = []
    try:
        for name, contents in runs.items():
            added_runs.append(run_library.bring_in(name, contents))
        return library.bring_in(bundles, replace, root) + added_runs
    except BundleError:
        for name in added_runs:
            with suppress(OSError):
                atomic.remove_folder(runs_dir() / name)
        raise


def _validated_contents(archive: zip_reader.Archive) -> tuple[dict[str, dict[str, bytes]], dict[str, dict[str, bytes]]]:
    """(bundles, runs), each as {name: {path in its folder: bytes}}. Raises BundleError unless all are valid."""
    bundles: dict[str, dict[str, bytes]] = {}
    runs: dict[str, dict[str, bytes]] = {}
    for path in archive.paths:
        top, _, rest = path.partition("/")
        kind, (name, _, file) = (runs, rest.partition("/")) if top == RUNS else (bundles, (top, "", rest))
        if not file or (kind is bundles and file not in bundle_format.LIMITS):
            what = f"The zip holds {short(path)}, which is no part of a {'run' if kind is runs else 'model'}."
            raise BundleError(what, f"It may hold folders of a model's four files, runs, and nothing else. {NOTHING_IMPORTED}")
        kind.setdefault(checked_name(name), {})[file] = path
    if not bundles and not runs:
        raise BundleError(
            "The zip holds no model.", f"It may hold folders of a model's four files, and runs. {NOTHING_IMPORTED}"
        )
    try:
        for kind, check in ((bundles, library.check), (runs, run_library.check)):
            for name, paths in kind.items():
                kind[name] = {file: archive.read(path) for file, path in paths.items()}
                check(name, kind[name])
    except BundleError as error:
        raise BundleError(error.message, NOTHING_IMPORTED) from error
    return bundles, runs
