"""A training run as a folder on disk: its files and what is in them. Both sides read it: the trainer and the page.

    run.json            what was asked for, by whom it is trained (process, its start time)
    events.jsonl        one event a line, append only; a torn last line is passed over
    control.json        beta, learning rate, pause, stop: written by the page, read between batches
    epochs/NNN.safetensors   the same images seen through the model of epoch NNN; at most MAX_EPOCHS of them
    latest.safetensors  the weights of the last whole epoch
    state.*, log.txt    for going on (see checkpoint.py); what the trainer's process has printed

Needs no torch: the folder is there before torch is imported.
"""

import json
import os
import time
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

import numpy as np
import psutil
from safetensors.numpy import save as pack_arrays

from explorer.core import atomic, files
from explorer.core.errors import BundleError, unknown
from explorer.core.places import checked_name, runs_dir

RUN, EVENTS, CONTROL, EPOCHS = "run.json", "events.jsonl", "control.json", "epochs"
LATEST, LOG = "latest.safetensors", "log.txt"
FORMAT = 1
MAX_EPOCHS = 64
MAX_LINE = 1_000_000
EPOCH_BYTES = 64_000_000
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
    with atomic.saving(f"the run '{order.name}'", folder):
        runs_dir().mkdir(parents=True, exist_ok=True)
        try:
            folder.mkdir()
        except FileExistsError:
            raise BundleError(f"There is already a run '{order.name}'.", "Choose another name, or delete that run.") from None
        (folder / EPOCHS).mkdir()
        write_run(folder, order)
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


# ---- run.json, control.json


def write_run(folder: Path, order: Order, **more) -> None:
    """`more`: who trains it (`pid`, `pid_started`, `device`, `versions`)."""
    values = {"format": FORMAT, "order": asdict(order)} | more
    atomic.replace_file(folder / RUN, json.dumps(values, indent=1).encode())


def read_run(folder: Path) -> tuple[Order, dict]:
    """(the order, all of run.json). Raises BundleError for a file that is not ours."""
    values = _read_json(folder / RUN)
    given = values.get("order")
    if values.get("format") != FORMAT or not isinstance(given, dict) or set(given) != {f.name for f in fields(Order)}:
        raise BundleError(f"Run '{folder.name}': {RUN} is not a run's.", f"Delete the folder {folder}.")
    if not isinstance(given["model"], dict) or not isinstance(given["train"], dict):
        raise BundleError(f"Run '{folder.name}': {RUN} has settings of the wrong kind.", f"Delete the folder {folder}.")
    model = {name: tuple(value) if isinstance(value, list) else value for name, value in given["model"].items()}
    return Order(**{**given, "name": folder.name, "model": model}), values


def write_control(folder: Path, control: Control) -> None:
    with atomic.saving(f"the controls of '{folder.name}'", folder):
        atomic.replace_file(folder / CONTROL, json.dumps(asdict(control)).encode())


def read_control(folder: Path) -> Control:
    """What is not a good value in it is as if it were not there."""
    try:
        given = _read_json(folder / CONTROL)
    except BundleError:
        return Control()
    good = {
        "beta": lambda v: v is None or (_is_real(v) and 0 <= v <= 1e4),
        "lr_scale": lambda v: _is_real(v) and 0 <= v <= 100,
        "pause": lambda v: isinstance(v, bool),
        "step_to": lambda v: v is None or type(v) is int,
        "stop": lambda v: v in ("", "stop", "keep"),
    }
    return Control(**{name: given[name] for name in good if name in given and good[name](given[name])})


def _is_real(value) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value == value


def _read_json(path: Path) -> dict:
    where = f"Run '{path.parent.name}': {path.name}"
    try:
        data = path.read_bytes()
    except OSError as error:
        raise BundleError(f"{where} cannot be read ({atomic.reason(error)}).", "Look at the folder's permissions.") from error
    return files.parse_json(data, where)


# ---- events


class Events:
    """The trainer's pen. One writer a folder."""

    def __init__(self, folder: Path):
        path = folder / EVENTS
        torn = path.exists() and not path.read_bytes().endswith(b"\n") and path.stat().st_size
        self._file = open(path, "ab")
        if torn:
            self._file.write(b"\n")

    def write(self, kind: str, **values) -> None:
        """Raises BundleError on a full disk."""
        line = json.dumps({"kind": kind, "t": round(time.time(), 3)} | values, allow_nan=True).encode() + b"\n"
        with atomic.saving("the run's events", Path(self._file.name).parent):
            self._file.write(line)
            self._file.flush()

    def close(self) -> None:
        try:
            self._file.close()
        except OSError:
            pass  # a full disk was said before


def read_events(folder: Path, start: int = 0) -> tuple[list[dict], int]:
    """(whole lines from byte `start` on, where to go on). What is no event is passed over."""
    try:
        with open(folder / EVENTS, "rb") as file:
            file.seek(start)
            data = file.read()
    except OSError:
        return [], start
    whole = data[: data.rfind(b"\n") + 1]
    events = []
    for line in whole.splitlines():
        try:
            event = json.loads(line[:MAX_LINE])
        except ValueError:  # torn, or edited by hand
            continue
        if isinstance(event, dict) and isinstance(event.get("kind"), str):
            events.append(event)
    return events, start + len(whole)


def in_force(events: list[dict]) -> list[dict]:
    """The events without those that a resume has taken back: it begins again at the end of the last whole epoch."""
    kept = []
    for event in events:
        if event["kind"] == "training" and type(step := event.get("step")) is int:
            kept = [e for e in kept if type(e.get("step")) is not int or e["step"] < step + (e["kind"] != "dial")]
        good = event["kind"] != "dial" or all(_is_real(event.get(name)) for name in ("step", "beta", "lr_scale"))
        kept += [event] if good else []
    return kept


# ---- epochs


def epoch_path(folder: Path, epoch: int) -> Path:
    return folder / EPOCHS / f"{epoch:03}.safetensors"


def kept_epochs(n_epochs: int) -> set[int]:
    """At most MAX_EPOCHS epochs from 0 to the last, log-spaced."""
    if n_epochs < MAX_EPOCHS:
        return set(range(n_epochs + 1))
    spread = np.geomspace(1, n_epochs, MAX_EPOCHS - 1)
    return {0, n_epochs} | {round(e) for e in spread}


def write_epoch(folder: Path, epoch: int, arrays: dict[str, np.ndarray]) -> None:
    with atomic.saving("an epoch's pictures", folder):
        atomic.replace_file(epoch_path(folder, epoch), pack_arrays({k: np.ascontiguousarray(v) for k, v in arrays.items()}))


def saved_epochs(folder: Path) -> list[int]:
    return sorted(int(path.stem) for path in (folder / EPOCHS).glob("[0-9]*.safetensors") if path.stem.isdigit())


def read_epoch(folder: Path, epoch: int) -> dict[str, np.ndarray]:
    """Raises BundleError for a file that is not what the trainer wrote."""
    path = epoch_path(folder, epoch)
    where = f"Run '{folder.name}': epoch {epoch}"
    try:
        files.check_size(path.stat().st_size, EPOCH_BYTES, where)
        return files.parse_safetensors(path.read_bytes(), where)
    except OSError as error:
        raise BundleError(f"{where} cannot be read ({atomic.reason(error)}).", "The others are not affected.") from error


# ---- the process


def is_alive(pid, started) -> bool:
    """Whether the process that began at `started` (Unix time) still lives: a number that was given anew does not count."""
    try:
        process = psutil.Process(pid)
        return abs(process.create_time() - started) < 2 and process.status() != psutil.STATUS_ZOMBIE
    except (psutil.Error, TypeError, ValueError):
        return False


def this_process() -> dict:
    return {"pid": os.getpid(), "pid_started": psutil.Process().create_time()}
