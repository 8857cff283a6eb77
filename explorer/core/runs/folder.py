"""A training run as a folder on disk: its files and what is in them. Both sides read it: the trainer and the page.

    run.json            what was asked for, by whom it is trained (process, its start time)
    events.jsonl        one event a line, append only (see run_events.py)
    control.json        beta, learning rate, pause, stop: written by the page, read between batches
    epochs/NNN.safetensors   the same images seen through the model of epoch NNN (see run_epochs.py)
    map.safetensors     a map of some of these epochs; map.json while it is made, or if it failed (see run_umap.py)
    latest.safetensors  the weights of the last whole epoch
    state.*, log.txt    for going on (see checkpoint.py); what the trainer's process has printed
    bundle.json         which bundle the run has written, or may replace; it holds on this machine only

Twins, models that one process trains in turn, have a folder each within that of their group, whose own files say what
concerns them all: who trains, whose turn it is, pause and stop.

Needs no torch: the folder is there before torch is imported.
"""

import json
import os
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path

import psutil

from explorer.core.config import ModelConfig, TrainConfig
from explorer.core.errors import BundleError, ConfigError, unknown
from explorer.core.paths import checked_name, runs_dir
from explorer.core.storage import atomic, safe_read

RUN, EVENTS, CONTROL, EPOCHS = "run.json", "events.jsonl", "control.json", "epochs"
LATEST, LOG = "latest.safetensors", "log.txt"
MAP, MAKING = "map.safetensors", "map.json"
OWN_BUNDLE = "bundle.json"
FORMAT = 1
MAX_JSON = 1_000_000  # bytes of run.json and control.json
FAR = 1e11  # seconds; no time of ours is later
PATIENCE_S = 5.0  # with a process that is killed
LIVELY = ("queued", "starting", "training", "paused", "mapping")  # a process is at work, or should be


@dataclass(frozen=True)
class Order:
    """What a run shall do. `model` and `train` are the settings that were given, by their names in the configs."""

    name: str
    model: dict = field(default_factory=dict)
    train: dict = field(default_factory=dict)
    size: int | None = None  # side in px that a folder's images are resized to
    map: bool = True
    thumbs: bool = True
    budget_s: float = 0.0  # seconds from `created` to the last batch; 0: as many epochs as `train` says
    background: bool = False  # leave a core to the page and give way to others
    created: float = 0.0  # Unix time of the click
    twins: tuple[str, ...] = ()  # the folders of a group's models


@dataclass(frozen=True)
class Control:
    """What the page wants of a run that goes on."""

    beta: float | None = None
    lr_scale: float = 1.0
    pause: bool = False
    step_to: int | None = None  # go on until this epoch's end, then pause
    stop: str = ""  # "stop": can go on later; "keep": make a bundle of the model as it is


@dataclass(frozen=True)
class OwnBundle:
    """The bundle that a run has written: nothing else of its name may be replaced, unless `replace` says so."""

    name: str = ""
    stamp: str = ""  # see checkpoint.stamp
    replace: bool = False  # the command line's --replace


def create(order: Order, twins: dict[str, Order] | None = None, replace_bundles: bool = False) -> Path:
    """A new run's folder; `twins`: a group's, by the names of their folders in it.

    Raises BundleError where the name is no name, or taken, or the disk is full.
    """
    folder, twins = runs_dir() / checked_name(order.name), twins or {}
    with atomic.saving(f"the run '{order.name}'", runs_dir()):
        try:
            with atomic.new_folder(folder) as new:
                for name, twin in twins.items():
                    (new / checked_name(name) / EPOCHS).mkdir(parents=True)
                    write_run(new / name, twin)
                if not twins:
                    (new / EPOCHS).mkdir()
                write_run(new, replace(order, twins=tuple(twins)))
                for model in [new / name for name in twins] or [new]:
                    if replace_bundles:
                        write_own_bundle(model, OwnBundle(replace=True))
        except OSError:
            if not os.path.lexists(folder):
                raise
            raise BundleError(f"There is already a run '{order.name}'.", "Choose another name, or delete that run.") from None
    return folder


def find(name: str) -> Path:
    """The folder of a run, or of a twin, as "group/twin". Raises BundleError with the names that there are."""
    folder = runs_dir().joinpath(*map(checked_name, name.split("/")))
    if not (folder / RUN).is_file():
        raise unknown("run", name, [path.name for path in folders()], BundleError)
    return folder


def folders() -> list[Path]:
    """All runs' folders, by name."""
    return sorted(path.parent for path in runs_dir().glob(f"[!.]*/{RUN}"))


def members(folder: Path, order: Order) -> list[Path]:
    """The folders of the models: a group's twins, else the run's own."""
    return [folder / name for name in order.twins] or [folder]


def n_bytes(folder: Path) -> int:
    """What a run takes on disk, of what can be seen."""
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):  # files come and go while it trains
                total += os.stat(os.path.join(parent, name), follow_symlinks=False).st_size
    return total


# ---- run.json, control.json


def write_run(folder: Path, order: Order, **more) -> None:
    """`more`: who trains it (`pid`, `pid_started`, `device`, `versions`). Raises BundleError on a full disk."""
    values = {"format": FORMAT, "order": asdict(order)} | more
    with atomic.saving(f"the run '{order.name}'", runs_dir()):
        atomic.replace_file(folder / RUN, json.dumps(values, indent=1).encode())


def read_run(folder: Path) -> tuple[Order, dict]:
    """(the order, all of run.json). Raises BundleError for a file that is not ours."""
    values = _read_json(folder / RUN)
    return replace(parse_run(values, folder.name, f"Delete the folder {folder}."), name=_name(folder)), values


def parse_run(values: dict, name: str, away: str) -> Order:
    """The order of the run `name` by its run.json. Raises BundleError where it is none, with the hint `away`."""
    given = values.get("order")
    given = {"twins": []} | given if isinstance(given, dict) else given  # which earlier versions do not say
    if values.get("format") != FORMAT or not isinstance(given, dict) or set(given) != {f.name for f in fields(Order)}:
        raise BundleError(f"Run '{name}': {RUN} is not a run's.", away)
    model, train = given["model"], given["train"]
    try:
        model = {name: tuple(value) if isinstance(value, list) else value for name, value in model.items()}
        ModelConfig((1, 128, 128), **model), TrainConfig(**train)
        twins = tuple(map(checked_name, given["twins"] + []))  # a list, or it raises
    except (AttributeError, BundleError, ConfigError, TypeError) as error:
        why = error.message.rstrip(".") if isinstance(error, ConfigError) else "of the wrong kind"
        raise BundleError(f"Run '{name}': {RUN} has settings that cannot be ({why}).", away) from None
    if not _is_real(given["created"], 0, FAR) or not _is_real(given["budget_s"], 0, 1e9):
        raise BundleError(f"Run '{name}': {RUN} has a time that cannot be.", away)
    return Order(**{**given, "name": name, "model": model, "twins": twins})


def _name(folder: Path) -> str:
    """What the folder says, whatever its run.json does: that of the group is a part of a twin's name."""
    return f"{folder.parent.name}-{folder.name}" if (folder.parent / RUN).is_file() else folder.name


def write_control(folder: Path, control: Control) -> None:
    """Replaced whole, since the trainer may read at any time. Raises BundleError on a full disk."""
    with atomic.saving(f"the controls of '{folder.name}'", folder):
        atomic.replace_file(folder / CONTROL, json.dumps(asdict(control)).encode())


def read_control(folder: Path) -> Control:
    """What is not a good value in it is as if it were not there."""
    try:
        given = _read_json(folder / CONTROL)
    except BundleError:
        return Control()
    return Control(**{name: given[name] for name in GOOD if name in given and GOOD[name](given[name])})


def _is_real(value, low: float, high: float) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high  # NaN is not


GOOD = {  # what a control may say
    "beta": lambda v: v is None or _is_real(v, 0, 1e4),
    "lr_scale": lambda v: _is_real(v, 0, 100),
    "pause": lambda v: isinstance(v, bool),
    "step_to": lambda v: v is None or type(v) is int,
    "stop": lambda v: v in ("", "stop", "keep"),
}


def _read_json(path: Path) -> dict:
    where = f"Run '{path.parent.name}': {path.name}"
    try:
        safe_read.check_size(path.stat().st_size, MAX_JSON, where)
        data = path.read_bytes()
    except OSError as error:
        raise BundleError(f"{where} cannot be read ({atomic.reason(error)}).", "Look at the folder's permissions.") from error
    return safe_read.parse_json(data, where)


def write_own_bundle(folder: Path, own: OwnBundle) -> None:
    """Raises BundleError on a full disk."""
    with atomic.saving(f"the run '{folder.name}'", folder):
        atomic.replace_file(folder / OWN_BUNDLE, json.dumps(asdict(own)).encode())


def read_own_bundle(folder: Path) -> OwnBundle:
    """Nothing of the run's own where the file is missing or not ours."""
    try:
        given = _read_json(folder / OWN_BUNDLE)
    except BundleError:
        return OwnBundle()
    good = set(given) == {"name", "stamp", "replace"} and [type(given[key]) for key in sorted(given)] == [str, bool, str]
    return OwnBundle(**given) if good else OwnBundle()


# ---- the map of the epochs: who makes it


def read_making(folder: Path) -> dict:
    """What map.json says: pid, pid_started, share; or failed, a sentence. Empty where nobody makes a map."""
    try:
        return _read_json(folder / MAKING)
    except BundleError:
        return {}


def end_map(folder: Path) -> None:
    """Ends the process that makes the run's map, where there is one, and removes what it has begun. A map that was there
    before stays. Raises BundleError where that is not allowed."""
    values = read_making(folder)
    if is_alive(values.get("pid"), values.get("pid_started")):
        with suppress(psutil.Error):
            process = psutil.Process(values["pid"])
            process.kill()
            process.wait(PATIENCE_S)
    with atomic.saving(f"the map of '{folder.name}'", folder):
        for path in (folder / MAKING, *folder.glob(".map.*.tmp")):
            path.unlink(missing_ok=True)


# ---- the process


def is_alive(pid, started) -> bool:
    """Whether the process that began at `started` (Unix time) still lives: a number that was given anew does not count."""
    if type(pid) is not int or not _is_real(started, 0, FAR):  # psutil takes None for this process
        return False
    try:
        process = psutil.Process(pid)
        return abs(process.create_time() - started) < 2 and process.status() != psutil.STATUS_ZOMBIE
    except (psutil.Error, ValueError):
        return False


def this_process() -> dict:
    """What run.json says of whoever trains; `begun`: since when, by the clock of the events."""
    return process_of(os.getpid())


def process_of(pid: int) -> dict:
    """The same of another process. Raises psutil.Error where there is none."""
    return {"pid": pid, "pid_started": psutil.Process(pid).create_time(), "begun": round(time.time(), 3)}
