"""Operations on runs that are not live: rename, duplicate, export to a zip, import from one.

Each checks all it can before it writes, and raises BundleError. A zip holds a run's files as they are on disk, without its
process and the map of its epochs, which can be computed again.
"""

import json
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from reprlib import repr as short

from explorer.core.data import catalog as datasets
from explorer.core.errors import BundleError
from explorer.core.paths import checked_name, checkpoints_dir, runs_dir
from explorer.core.runs import epoch_maps, event_log, process
from explorer.core.runs import folder as run_folder
from explorer.core.runs import status as run_status
from explorer.core.runs.folder import CONTROL, EPOCHS, EVENTS, MAX_JSON, RUN, STATE_LIMITS, STATE_META, RunSpec
from explorer.core.runs.snapshots import EPOCH_BYTES
from explorer.core.runs.status import Run, RunStatus
from explorer.core.storage import atomic, safe_read

FILES = {RUN: MAX_JSON, CONTROL: MAX_JSON, EVENTS: 100_000_000, **STATE_LIMITS}  # bytes at most
IGNORED = "latest.safetensors"  # written by earlier versions; repeats the weights in the state
MAX_ZIP_BYTES = 1_000_000_000  # of a run
PROCESS_FIELDS = ("pid", "pid_started", "begun")  # of run.json
NOT_COPIED = shutil.ignore_patterns("*.tmp", run_folder.MAP_PROGRESS, run_folder.LOG, run_folder.OWN_BUNDLE, IGNORED)


def rename(old: str, new: str) -> None:
    """Renames a run, not its bundle. Raises BundleError if it does not exist or is live, or the name is invalid or taken."""
    with process.lock:
        run = _resting(old)
        _check_free(new, run.spec, run.status == RunStatus.DONE, but=old)
        with atomic.saving(f"the run '{new}'", runs_dir()):
            atomic.move_folder(run.folder, run.folder.with_name(new))


def duplicate(name: str, new: str) -> None:
    """Copies a run; the copy can be resumed from the same epoch. Raises BundleError as `rename`."""
    with process.lock:
        run = _resting(name)
        _check_free(new, run.spec, run.status == RunStatus.DONE)
        with atomic.saving(f"the run '{new}'", runs_dir()), atomic.new_folder(runs_dir() / new) as folder:
            # the copies keep their modification times, by which the map finds its epochs
            shutil.copytree(run.folder, folder, ignore=NOT_COPIED, dirs_exist_ok=True)
            _forget_process(folder)


def free_name(name: str) -> str:
    """The name, or the first of name-2, name-3 ... that neither a run nor a bundle has."""
    return safe_read.free_name(name, _names(runs_dir()) | _names(checkpoints_dir()))


# ---- zips


def contents(name: str) -> dict[str, bytes]:
    """The files of a run by their paths in its folder. Raises BundleError if there is none, or it is live."""
    run, found = _resting(name), {}
    if run_folder.n_bytes(run.folder) > MAX_ZIP_BYTES:
        raise BundleError(f"The run '{name}' is too large for a zip.", "Copy the folder itself instead.")
    for path in sorted(run.folder.rglob("[!.]*")):
        inside = path.relative_to(run.folder).as_posix()
        limit = _limit(inside, run.spec.twins)
        if limit is not None and path.is_file() and not path.is_symlink():
            safe_read.check_size(path.stat().st_size, limit, f"Run '{name}': {inside}")
            found[inside] = path.read_bytes()
    return found


def check(name: str, found: Mapping[str, bytes]) -> None:
    """Check the files of a run, by their paths in its folder. Raises BundleError for an invalid one."""
    owner = f"Run '{checked_name(name)}' in the zip"
    if RUN not in found:
        raise BundleError(f"{owner} lacks {RUN}.", "Export it again.")
    spec = _spec(name, found[RUN])
    for twin in spec.twins:
        if f"{twin}/{RUN}" not in found:
            raise BundleError(f"{owner} lacks {twin}/{RUN}.", "Export it again.")
    for path, data in found.items():
        if _is_ignored(path, spec.twins):
            continue
        limit = _limit(path, spec.twins)
        if limit is None:
            raise BundleError(f"{owner} holds {short(path)}, which is no part of a run.", "Leave it out.")
        safe_read.check_size(len(data), limit, f"{owner}: {path}")
        if path.endswith(f"/{RUN}"):
            _spec(name, data)
        elif path.endswith(".json"):
            safe_read.parse_json(data, f"{owner}: {path}")
        elif path.endswith(".safetensors"):
            safe_read.parse_safetensors(data, f"{owner}: {path}")


def bring_in(name: str, found: Mapping[str, bytes]) -> str:
    """Write the files of a run that `check` has passed; returns its name, a free one if that is taken. Raises BundleError."""
    spec, is_over = _spec(name, found[RUN]), run_status.is_done(event_log.parse(found.get(EVENTS, b"")))
    with process.lock:
        place = safe_read.free_name(name, _names(runs_dir()) | (set() if is_over else _names(checkpoints_dir())))
        _check_free(place, spec, is_over)
        with atomic.saving(f"the run '{place}'", runs_dir()), atomic.new_folder(runs_dir() / place) as folder:
            for model in run_folder.members(folder, spec):
                (model / EPOCHS).mkdir(parents=True)
            for path, data in found.items():
                if not _is_ignored(path, spec.twins):
                    (folder / path).write_bytes(_with_local_data(path, data))
            _forget_process(folder)
    return place


# ---- checks


def _resting(name: str) -> Run:
    run = run_status.look(name)
    if run.spec is None:
        run_folder.read_run(run.folder)  # raises BundleError with the reason
    if run.is_live:
        raise BundleError(f"The run '{name}' is still active.", "Stop it first.")
    for model in run.twins or (run,):
        making = epoch_maps.read_progress(model.folder)
        if process.is_alive(making.get("pid"), making.get("pid_started")):
            raise BundleError(f"The UMAP of '{name}' is being computed.", "Wait for it, or cancel it.")
    return run


def _names(parent: Path) -> set[str]:
    try:
        return atomic.folders(parent)
    except FileNotFoundError:
        return set()


def _check_free(new: str, spec: RunSpec, is_over: bool, but: str | None = None) -> None:
    """A run that can be resumed will write a bundle of its own name; each twin, one named after the group and itself."""
    folded = checked_name(new).casefold()
    models = [checked_name(f"{new}-{twin}") for twin in spec.twins] or [new]
    taken = sorted(_names(runs_dir()) - {but})
    clash = next((name for name in taken if name.casefold() == folded), new if new == but else None)
    if clash is None and not is_over:
        existing = {name.casefold(): name for name in _names(checkpoints_dir())}
        clash = next((existing[name.casefold()] for name in models if name.casefold() in existing), None)
    if clash is not None:
        raise BundleError(f"The name '{clash}' is taken.", f"For example '{free_name(new)}' is free.")


def _limit(path: str, twins: tuple[str, ...]) -> int | None:
    """The size limit in bytes of the file at this path of a run's folder; None if runs have no such file."""
    first, _, rest = path.partition("/")
    if rest and first in twins:
        return _limit(rest, ())
    return EPOCH_BYTES if re.fullmatch(rf"{EPOCHS}/\d{{3,9}}\.safetensors", path) else FILES.get(path)


def _is_ignored(path: str, twins: tuple[str, ...]) -> bool:
    return path in (IGNORED, *(f"{twin}/{IGNORED}" for twin in twins))


def _spec(name: str, data: bytes) -> RunSpec:
    return run_folder.parse_run(safe_read.parse_json(data, f"Run '{name}': {RUN}"), name, "Export it again.")


def _with_local_data(path: str, data: bytes) -> bytes:
    """A file of a run from a zip: the name of its data set must not lead to a folder of this machine."""
    keys = {RUN: ("order", "train"), STATE_META: ("meta", "config")}.get(path.rpartition("/")[2])
    if keys is None:
        return data
    values = settings = json.loads(data)
    for key in keys:
        settings = settings.get(key) if isinstance(settings, dict) else None
    if isinstance(settings, dict) and "dataset" in settings:
        settings["dataset"] = datasets.after_import(settings["dataset"])
    return json.dumps(values, indent=1).encode()


def _forget_process(folder: Path) -> None:
    """A copy has no process of its own."""
    for path in (folder / RUN, *folder.glob(f"*/{RUN}")):
        values = {key: value for key, value in json.loads(path.read_bytes()).items() if key not in PROCESS_FIELDS}
        path.write_text(json.dumps(values, indent=1))
