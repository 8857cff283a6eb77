"""What can be done to training runs that rest: rename, duplicate, take along in a zip, bring in. Needs no torch.

Each verb checks all it can before it touches the disk, and raises BundleError, a sentence and a hint. In a zip a run lies as
on the disk, but for its process and for the map of its epochs, which is made anew.
"""

import json
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from reprlib import repr as short

from explorer.core.bundles.store import STATE_LIMITS, STATE_META
from explorer.core.data import catalog as datasets
from explorer.core.errors import BundleError
from explorer.core.paths import checked_name, checkpoints_dir, runs_dir
from explorer.core.runs import commands as runs
from explorer.core.runs import event_log
from explorer.core.runs import folder as run_folder
from explorer.core.runs.commands import Run
from explorer.core.runs.folder import CONTROL, EPOCHS, EVENTS, LATEST, MAX_JSON, RUN, Order
from explorer.core.runs.snapshots import EPOCH_BYTES
from explorer.core.storage import atomic, safe_read

FILES = {RUN: MAX_JSON, CONTROL: MAX_JSON, EVENTS: 100_000_000, LATEST: max(STATE_LIMITS.values()), **STATE_LIMITS}
MOST = 1_000_000_000  # bytes of a run in a zip
PROCESS = ("pid", "pid_started", "begun")  # what run.json says of it
LEFT = shutil.ignore_patterns("*.tmp", run_folder.MAKING, run_folder.LOG, run_folder.OWN_BUNDLE)


def rename(old: str, new: str) -> None:
    """Its bundle keeps its name. Raises BundleError where there is no such run, it is at work, or the name is bad or taken."""
    with runs.lock:
        run = _resting(old)
        _check_free(new, run.order, run.status == "done", but=old)
        with atomic.saving(f"the run '{new}'", runs_dir()):
            atomic.move_folder(run.folder, run.folder.with_name(new))


def duplicate(name: str, new: str) -> None:
    """A run of its own, which goes on from the same epoch. Raises BundleError as `rename`."""
    with runs.lock:
        run = _resting(name)
        _check_free(new, run.order, run.status == "done")
        with atomic.saving(f"the run '{new}'", runs_dir()), atomic.new_folder(runs_dir() / new) as folder:
            shutil.copytree(run.folder, folder, ignore=LEFT, dirs_exist_ok=True)  # with their times: the map is known by these
            _forget_process(folder)


def free_name(name: str) -> str:
    """The name, or the first of name-2, name-3 ... that neither a run nor a bundle has."""
    return safe_read.free_name(name, _names(runs_dir()) | _names(checkpoints_dir()))


# ---- zips


def contents(name: str) -> dict[str, bytes]:
    """The files of a run by their paths in its folder. Raises BundleError where there is none, or it is at work."""
    run, found = _resting(name), {}
    if run_folder.n_bytes(run.folder) > MOST:
        raise BundleError(f"The run '{name}' is too large for a zip.", "Copy the folder itself instead.")
    for path in sorted(run.folder.rglob("[!.]*")):
        inside = path.relative_to(run.folder).as_posix()
        limit = _limit(inside, run.order.twins)
        if limit is not None and path.is_file() and not path.is_symlink():
            safe_read.check_size(path.stat().st_size, limit, f"Run '{name}': {inside}")
            found[inside] = path.read_bytes()
    return found


def check(name: str, found: Mapping[str, bytes]) -> None:
    """Each of the files by their paths in the run's folder. Raises BundleError for what is no run's."""
    owner = f"Run '{checked_name(name)}' in the zip"
    if RUN not in found:
        raise BundleError(f"{owner} lacks {RUN}.", "Export it again.")
    order = _order(name, found[RUN])
    for twin in order.twins:
        if f"{twin}/{RUN}" not in found:
            raise BundleError(f"{owner} lacks {twin}/{RUN}.", "Export it again.")
    for path, data in found.items():
        limit = _limit(path, order.twins)
        if limit is None:
            raise BundleError(f"{owner} holds {short(path)}, which is no part of a run.", "Leave it out.")
        safe_read.check_size(len(data), limit, f"{owner}: {path}")
        if path.endswith(f"/{RUN}"):
            _order(name, data)
        elif path.endswith(".json"):
            safe_read.parse_json(data, f"{owner}: {path}")
        elif path.endswith(".safetensors"):
            safe_read.parse_safetensors(data, f"{owner}: {path}")


def bring_in(name: str, found: Mapping[str, bytes]) -> str:
    """Write the files of a run that `check` has passed -> its name, another one where that is taken. Raises BundleError."""
    order, is_over = _order(name, found[RUN]), runs.is_over(event_log.parse(found.get(EVENTS, b"")))
    with runs.lock:
        place = safe_read.free_name(name, _names(runs_dir()) | (set() if is_over else _names(checkpoints_dir())))
        _check_free(place, order, is_over)
        with atomic.saving(f"the run '{place}'", runs_dir()), atomic.new_folder(runs_dir() / place) as folder:
            for model in run_folder.members(folder, order):
                (model / EPOCHS).mkdir(parents=True)
            for path, data in found.items():
                (folder / path).write_bytes(_with_local_data(path, data))
            _forget_process(folder)
    return place


# ---- checks


def _resting(name: str) -> Run:
    run = runs.look(name)
    if run.order is None:
        run_folder.read_run(run.folder)  # says what is wrong with it
    if run.is_live:
        raise BundleError(f"The run '{name}' is at work.", "Stop it first.")
    for model in run.twins or (run,):
        making = run_folder.read_making(model.folder)
        if run_folder.is_alive(making.get("pid"), making.get("pid_started")):
            raise BundleError(f"The UMAP of '{name}' is being made.", "Wait for it, or cancel it.")
    return run


def _names(parent: Path) -> set[str]:
    try:
        return atomic.folders(parent)
    except FileNotFoundError:
        return set()


def _check_free(new: str, order: Order, is_over: bool, but: str | None = None) -> None:
    """A run that can go on will make a bundle of its name; one of twins, of its group's name and its own."""
    folded = checked_name(new).casefold()
    models = [checked_name(f"{new}-{twin}") for twin in order.twins] or [new]
    taken = sorted(_names(runs_dir()) - {but})
    clash = next((name for name in taken if name.casefold() == folded), new if new == but else None)
    if clash is None and not is_over:
        made = {name.casefold(): name for name in _names(checkpoints_dir())}
        clash = next((made[name.casefold()] for name in models if name.casefold() in made), None)
    if clash is not None:
        raise BundleError(f"The name '{clash}' is taken.", f"For example '{free_name(new)}' is free.")


def _limit(path: str, twins: tuple[str, ...]) -> int | None:
    """The most bytes of the file at this path of a run's folder; None: no part of a run."""
    first, _, rest = path.partition("/")
    if rest and first in twins:
        return _limit(rest, ())
    return EPOCH_BYTES if re.fullmatch(rf"{EPOCHS}/\d{{3,9}}\.safetensors", path) else FILES.get(path)


def _order(name: str, data: bytes) -> Order:
    return run_folder.parse_run(safe_read.parse_json(data, f"Run '{name}': {RUN}"), name, "Export it again.")


def _with_local_data(path: str, data: bytes) -> bytes:
    """A file of a run from a zip, which may name no folder of this machine."""
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
    """Who trained it is at work elsewhere, if at all."""
    for path in (folder / RUN, *folder.glob(f"*/{RUN}")):
        values = {key: value for key, value in json.loads(path.read_bytes()).items() if key not in PROCESS}
        path.write_text(json.dumps(values, indent=1))
