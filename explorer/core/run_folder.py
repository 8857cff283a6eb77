"""A training run as a folder on disk: its files and what is in them. Both sides read it: the trainer and the page.

    run.json            what was asked for, by whom it is trained (process, its start time)
    events.jsonl        one event a line, append only (see run_events.py)
    control.json        beta, learning rate, pause, stop: written by the page, read between batches
    epochs/NNN.safetensors   the same images seen through the model of epoch NNN (see run_epochs.py)
    latest.safetensors  the weights of the last whole epoch
    state.*, log.txt    for going on (see checkpoint.py); what the trainer's process has printed

Needs no torch: the folder is there before torch is imported.
"""

import json
import os
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

import psutil

from explorer.core import atomic, files
from explorer.core.config import ModelConfig, TrainConfig
from explorer.core.errors import BundleError, ConfigError, unknown
from explorer.core.places import checked_name, runs_dir

RUN, EVENTS, CONTROL, EPOCHS = "run.json", "events.jsonl", "control.json", "epochs"
LATEST, LOG = "latest.safetensors", "log.txt"
FORMAT = 1
MAX_JSON = 1_000_000  # bytes of run.json and control.json
FAR = 1e11  # seconds; no time of ours is later
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


@dataclass(frozen=True)
class Control:
    """What the page wants of a run that goes on."""

    beta: float | None = None
    lr_scale: float = 1.0
    pause: bool = False
    step_to: int | None = None  # go on until this epoch's end, then pause
    stop: str = ""  # "stop": can go on later; "keep": make a bundle of the model as it is


def create(order: Order) -> Path:
    """A new run's folder. Raises BundleError where the name is no name, or taken, or the disk is full."""
    folder = runs_dir() / checked_name(order.name)
    with atomic.saving(f"the run '{order.name}'", runs_dir()):
        try:
            with atomic.new_folder(folder) as new:
                (new / EPOCHS).mkdir()
                write_run(new, order)
        except OSError:
            if not os.path.lexists(folder):
                raise
            raise BundleError(f"There is already a run '{order.name}'.", "Choose another name, or delete that run.") from None
    return folder


def find(name: str) -> Path:
    """The folder of a run. Raises BundleError with the names that there are."""
    folder = runs_dir() / checked_name(name)
    if not (folder / RUN).is_file():
        raise unknown("run", name, [path.name for path in folders()], BundleError)
    return folder


def folders() -> list[Path]:
    """All runs' folders, by name."""
    return sorted(path.parent for path in runs_dir().glob(f"[!.]*/{RUN}"))


def n_bytes(folder: Path) -> int:
    """What a run takes on disk, of what can be seen."""
    total = 0
    for parent in (folder, folder / EPOCHS):
        with suppress(OSError), os.scandir(parent) as entries:  # files come and go while it trains
            for entry in entries:
                with suppress(OSError):
                    total += entry.stat(follow_symlinks=False).st_size
    return total


# ---- run.json, control.json


def write_run(folder: Path, order: Order, **more) -> None:
    """`more`: who trains it (`pid`, `pid_started`, `device`, `versions`). Raises BundleError on a full disk."""
    values = {"format": FORMAT, "order": asdict(order)} | more
    with atomic.saving(f"the run '{order.name}'", runs_dir()):
        atomic.replace_file(folder / RUN, json.dumps(values, indent=1).encode())


def read_run(folder: Path) -> tuple[Order, dict]:
    """(the order, all of run.json). Raises BundleError for a file that is not ours."""
    values, away = _read_json(folder / RUN), f"Delete the folder {folder}."
    given = values.get("order")
    if values.get("format") != FORMAT or not isinstance(given, dict) or set(given) != {f.name for f in fields(Order)}:
        raise BundleError(f"Run '{folder.name}': {RUN} is not a run's.", away)
    model, train = given["model"], given["train"]
    try:
        model = {name: tuple(value) if isinstance(value, list) else value for name, value in model.items()}
        ModelConfig((1, 128, 128), **model), TrainConfig(**train)
    except (AttributeError, ConfigError, TypeError) as error:
        why = error.message.rstrip(".") if isinstance(error, ConfigError) else "of the wrong kind"
        raise BundleError(f"Run '{folder.name}': {RUN} has settings that cannot be ({why}).", away) from None
    if not _is_real(given["created"], 0, FAR) or not _is_real(given["budget_s"], 0, 1e9):
        raise BundleError(f"Run '{folder.name}': {RUN} has a time that cannot be.", away)
    return Order(**{**given, "name": folder.name, "model": model}), values


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
        files.check_size(path.stat().st_size, MAX_JSON, where)
        data = path.read_bytes()
    except OSError as error:
        raise BundleError(f"{where} cannot be read ({atomic.reason(error)}).", "Look at the folder's permissions.") from error
    return files.parse_json(data, where)


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
