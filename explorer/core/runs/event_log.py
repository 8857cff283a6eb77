"""What has happened in a run, one event a line, append only; a torn last line is passed over. Needs no torch."""

import json
import os
import time
from pathlib import Path
from typing import BinaryIO

from explorer.core.runs.event_schema import is_sound
from explorer.core.runs.folder import EVENTS, GOOD
from explorer.core.storage import atomic

MAX_LINE = 1_000_000  # bytes of an event
TAIL = 65_536  # bytes read at a time from the end


class Events:
    """The trainer's pen. One writer a folder."""

    def __init__(self, folder: Path):
        with atomic.saving("the run's events", folder):
            self._file = open(folder / EVENTS, "ab+")
            if (end := _end_of_lines(self._file)) < self._file.seek(0, os.SEEK_END):
                self._file.truncate(end)

    def write(self, kind: str, **values) -> None:
        """Raises BundleError on a full disk."""
        line = json.dumps({"kind": kind, "t": round(time.time(), 3)} | values, allow_nan=True).encode() + b"\n"
        with atomic.saving("the run's events", Path(self._file.name).parent):
            self._file.write(line)
            self._file.flush()

    def close(self) -> None:
        """Never fails."""
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
    return parse(data), start + data.rfind(b"\n") + 1


def parse(data: bytes) -> list[dict]:
    """The events of the whole lines of `data`: a torn last line is none, whatever it says. What is no event is passed over."""
    events = []
    for line in data[: data.rfind(b"\n") + 1].splitlines():
        try:
            event = json.loads(line[:MAX_LINE])
        except (ValueError, RecursionError):  # torn, or edited by hand
            continue
        if is_sound(event):
            events.append(event)
    return events


def _end_of_lines(file: BinaryIO) -> int:
    """The size of the file without a torn last line, which no reader counts and no later line may complete."""
    end = file.seek(0, os.SEEK_END)
    for at in range(end - TAIL, -TAIL, -TAIL):
        file.seek(max(0, at))
        if (found := file.read(min(TAIL, at + TAIL)).rfind(b"\n")) >= 0:
            return max(0, at) + found + 1
    return 0


def first_line(folder: Path) -> bytes:
    """By which the events of a run are told from those of a later run of the name."""
    try:
        with open(folder / EVENTS, "rb") as file:
            line = file.readline(1000)
            return line if line.endswith(b"\n") else b""
    except OSError:
        return b""


def in_force(events: list[dict]) -> list[dict]:
    """The events without those that a resume has taken back: it begins again at the end of the last whole epoch."""
    kept, n_dims = [], None
    for event in events:
        if event["kind"] == "training" and "step" in event:
            kept = [e for e in kept if "step" not in e or e["step"] < event["step"] + (e["kind"] != "dial")]
        if event["kind"] == "epoch" and "kl_per_dim" in event:
            n_dims = len(event["kl_per_dim"]) if n_dims is None else n_dims
            if len(event["kl_per_dim"]) != n_dims:  # an epoch of another model
                continue
        kept += [event] if event["kind"] != "dial" or _is_dial(event) else []
    return kept


def dials(events: list[dict]) -> list[dict]:
    """The turns of the dial that a run makes again when it goes on, however often it broke off, by step.

    Without those after which the loss was no longer a number, or it never could go on: "diverged" says from which step.
    """
    found = {}
    for event in events:
        if event["kind"] == "dial" and _is_dial(event):
            found[event["step"]] = event
        elif event["kind"] == "diverged" and (since := event.get("step")) is not None:
            found = {step: dial for step, dial in found.items() if step < since}
    return [found[step] for step in sorted(found)]


def _is_dial(event: dict) -> bool:
    beta, scale = event.get("beta"), event.get("lr_scale")
    return type(event.get("step")) is int and beta is not None and GOOD["beta"](beta) and GOOD["lr_scale"](scale)
