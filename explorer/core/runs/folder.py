"""A training run as a folder: its files and their contents. The page and the training process both use it.

    run.json            the run's settings, and its process (id, start time)
    events.jsonl        one event a line, append only (event_log.py)
    control.json        beta, learning rate, pause, stop: written by the page, read between batches
    epochs/NNN.safetensors   reconstructions, samples and means of the same images after epoch NNN (snapshots.py)
    map.safetensors     a map of some of these epochs; map.json while it is computed, or if that failed (epoch_maps.py)
    state.*             the resumable state (core/training/state_file.py)
    log.txt             the output of the training process
    bundle.json         the bundle that the run has written, or may replace; valid on this machine only

Twins, models that one process trains in turn, have a folder each inside that of their group. The group's own files hold
what concerns all of them: process, queue, pause and stop.
"""

import json
import os
from contextlib import suppress
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path

from explorer.core.config import ModelConfig, TrainConfig
from explorer.core.errors import BundleError, ConfigError, unknown
from explorer.core.paths import checked_name, runs_dir
from explorer.core.runs.event_schema import is_time
from explorer.core.storage import atomic, safe_read

RUN, EVENTS, CONTROL, EPOCHS = "run.json", "events.jsonl", "control.json", "epochs"
STATE, STATE_META = "state.safetensors", "state.json"
STATE_LIMITS = {STATE: 4_000_000_000, STATE_META: 100_000_000}  # bytes
MAP, MAP_PROGRESS = "map.safetensors", "map.json"
LOG, OWN_BUNDLE = "log.txt", "bundle.json"
FORMAT = 1
MAX_JSON = 1_000_000  # bytes of run.json and control.json


@dataclass(frozen=True)
class RunSpec:
    """The settings of a run. `model` and `train` hold those that were given, by their names in the configs."""

    name: str
    model: dict = field(default_factory=dict)
    train: dict = field(default_factory=dict)
    size: int | None = None  # side in px that a folder's images are resized to
    map: bool = True
    thumbs: bool = True
    budget_s: float = 0.0  # seconds from the first batch to the last, without pauses; 0: as many epochs as `train` says
    background: bool = False  # run at a low priority
    created: float = 0.0  # Unix time of the click
    twins: tuple[str, ...] = ()  # the folders of a group's models


@dataclass(frozen=True)
class ControlFile:
    """The contents of control.json."""

    beta: float | None = None
    lr_scale: float = 1.0
    pause: bool = False
    step_to: int | None = None  # pause at the end of this epoch
    stop: str = ""  # "stop": the run can be resumed later; "keep": save the model as it is as a bundle


@dataclass(frozen=True)
class OwnBundle:
    """The contents of bundle.json: the bundle that a run has written and may replace; any other only if `replace`."""

    name: str = ""
    stamp: str = ""  # see core/bundles/store.stamp
    replace: bool = False  # the command line's --replace


def create(
    spec: RunSpec, twins: dict[str, RunSpec] | None = None, replace_bundles: bool = False, parent: Path | None = None
) -> Path:
    """Create a new run's folder; `twins`: the models of a group, by the names of their folders. `parent`: default `runs_dir()`.

    Raises BundleError if the name is invalid or taken, or the disk is full.
    """
    folder, twins = (parent or runs_dir()) / checked_name(spec.name), twins or {}
    with atomic.saving(f"the run '{spec.name}'", folder.parent):
        try:
            with atomic.new_folder(folder) as new:
                for name, twin in twins.items():
                    (new / checked_name(name) / EPOCHS).mkdir(parents=True)
                    write_run(new / name, twin)
                if not twins:
                    (new / EPOCHS).mkdir()
                write_run(new, replace(spec, twins=tuple(twins)))
                for model in [new / name for name in twins] or [new]:
                    if replace_bundles:
                        write_own_bundle(model, OwnBundle(replace=True))
        except OSError:
            if not os.path.lexists(folder):
                raise
            raise BundleError(f"There is already a run '{spec.name}'.", "Choose another name, or delete that run.") from None
    return folder


def find(name: str) -> Path:
    """The folder of a run, or of the twin "group/twin". Raises BundleError with the existing names."""
    folder = runs_dir().joinpath(*map(checked_name, name.split("/")))
    if not (folder / RUN).is_file():
        raise unknown("run", name, [path.name for path in folders()], BundleError)
    return folder


def folders(parent: Path | None = None) -> list[Path]:
    """All runs' folders in `parent` (default: `runs_dir()`), by name."""
    return sorted(path.parent for path in (parent or runs_dir()).glob(f"[!.]*/{RUN}"))


def members(folder: Path, spec: RunSpec) -> list[Path]:
    """The folders of the models: a group's twins, else the run's own."""
    return [folder / name for name in spec.twins] or [folder]


def n_bytes(folder: Path) -> int:
    """Size of a run on disk; files that cannot be read are left out."""
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):  # files come and go while it trains
                total += os.stat(os.path.join(parent, name), follow_symlinks=False).st_size
    return total


# ---- run.json, control.json


def write_run(folder: Path, spec: RunSpec, **more) -> None:
    """`more`: `pid`, `pid_started`, `device`, `versions`. Raises BundleError on a full disk."""
    values = {"format": FORMAT, "order": asdict(spec)} | more
    with atomic.saving(f"the run '{spec.name}'", runs_dir()):
        atomic.replace_file(folder / RUN, json.dumps(values, indent=1).encode())


def read_run(folder: Path) -> tuple[RunSpec, dict]:
    """(settings, all of run.json). Raises BundleError for an invalid file."""
    values = read_json(folder / RUN)
    return replace(parse_run(values, folder.name, f"Delete the folder {folder}."), name=_name(folder)), values


def parse_run(values: dict, name: str, hint: str) -> RunSpec:
    """The settings in the run.json of the run `name`. Raises BundleError with `hint` if they are invalid."""
    given = values.get("order")
    given = {"twins": []} | given if isinstance(given, dict) else given  # not written by earlier versions
    if values.get("format") != FORMAT or not isinstance(given, dict) or set(given) != {f.name for f in fields(RunSpec)}:
        raise BundleError(f"Run '{name}': {RUN} is not a run's.", hint)
    model, train = given["model"], given["train"]
    try:
        model = {name: tuple(value) if isinstance(value, list) else value for name, value in model.items()}
        ModelConfig((1, 128, 128), **model), TrainConfig(**train)
        twins = tuple(map(checked_name, given["twins"] + []))  # raises for anything but a list
    except (AttributeError, BundleError, ConfigError, TypeError) as error:
        why = error.message.rstrip(".") if isinstance(error, ConfigError) else "of the wrong kind"
        raise BundleError(f"Run '{name}': {RUN} has settings that cannot be ({why}).", hint) from None
    if not is_time(given["created"]) or not _is_real(given["budget_s"], 0, 1e9):
        raise BundleError(f"Run '{name}': {RUN} has a time that cannot be.", hint)
    return RunSpec(**{**given, "name": name, "model": model, "twins": twins})


def _name(folder: Path) -> str:
    """The name by the folder, which may have been renamed; a twin's begins with that of its group."""
    return f"{folder.parent.name}-{folder.name}" if (folder.parent / RUN).is_file() else folder.name


def write_control(folder: Path, control: ControlFile) -> None:
    """Replaces the file atomically: the training process may read it at any time. Raises BundleError on a full disk."""
    with atomic.saving(f"the controls of '{folder.name}'", folder):
        atomic.replace_file(folder / CONTROL, json.dumps(asdict(control)).encode())


def read_control(folder: Path) -> ControlFile:
    """Invalid values are left at their defaults."""
    try:
        given = read_json(folder / CONTROL)
    except BundleError:
        return ControlFile()
    valid = [name for name, is_valid in CONTROL_FIELDS.items() if name in given and is_valid(given[name])]
    return ControlFile(**{name: given[name] for name in valid})


def _is_real(value, low: float, high: float) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high  # NaN is not


CONTROL_FIELDS = {  # which values of control.json are valid
    "beta": lambda v: v is None or _is_real(v, 0, 1e4),
    "lr_scale": lambda v: _is_real(v, 0, 100),
    "pause": lambda v: isinstance(v, bool),
    "step_to": lambda v: v is None or type(v) is int,
    "stop": lambda v: v in ("", "stop", "keep"),
}


def read_json(path: Path) -> dict:
    """The contents of a small JSON file of a run. Raises BundleError if it cannot be read or is invalid."""
    context = f"Run '{path.parent.name}': {path.name}"
    try:
        safe_read.check_size(path.stat().st_size, MAX_JSON, context)
        data = path.read_bytes()
    except OSError as error:
        raise BundleError(f"{context} cannot be read ({atomic.reason(error)}).", "Look at the folder's permissions.") from error
    return safe_read.parse_json(data, context)


def write_own_bundle(folder: Path, own: OwnBundle) -> None:
    """Raises BundleError on a full disk."""
    with atomic.saving(f"the run '{folder.name}'", folder):
        atomic.replace_file(folder / OWN_BUNDLE, json.dumps(asdict(own)).encode())


def read_own_bundle(folder: Path) -> OwnBundle:
    """An empty OwnBundle if the file is missing or invalid."""
    try:
        given = read_json(folder / OWN_BUNDLE)
    except BundleError:
        return OwnBundle()
    is_valid = set(given) == {"name", "stamp", "replace"} and [type(given[key]) for key in sorted(given)] == [str, bool, str]
    return OwnBundle(**given) if is_valid else OwnBundle()
