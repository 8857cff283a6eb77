"""Reads and writes the events of a run: one JSON object per line, append only. An incomplete last line is ignored."""

import json
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, TypeVar

from explorer.core.runs.event_schema import is_valid_event
from explorer.core.runs.folder import CONTROL_FIELDS, EVENTS
from explorer.core.storage import atomic

MAX_LINE = 1_000_000  # bytes of an event
BLOCK = 65_536  # bytes read at a time from the end

T = TypeVar("T")


class EventWriter:
    """Appends events to a run's file. One writer per folder."""

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
            pass  # the disk is full, which `write` has reported


class EventLog:
    """Reads a run's events as they are appended. Keep one per run; any thread may call it."""

    def __init__(self, folder: Path):
        self.folder = folder
        self._events: list[dict] = []
        self._offset, self._first_line = 0, b""
        self._summary = (None, None, None)
        self._lock = threading.Lock()

    def read(self) -> list[dict]:
        """All events in force, oldest first. The list is not changed later."""
        with self._lock:
            if (first := first_line(self.folder)) != self._first_line:  # a new run of the same name
                self._events, self._offset, self._first_line = [], 0, first
            new, self._offset = read_events(self.folder, self._offset)
            if new:
                self._events = in_force([*self._events, *new])
            return self._events

    def summary(self, summarise: Callable[[list[dict]], T]) -> tuple[list[dict], T]:
        """(the events in force, `summarise` of them), computed once until an event is added: a long run has thousands."""
        events = self.read()
        kept = self._summary
        if kept[0] is not events or kept[1] is not summarise:
            kept = self._summary = events, summarise, summarise(events)
        return events, kept[2]


def read_events(folder: Path, start: int = 0) -> tuple[list[dict], int]:
    """(the events from byte `start` on, the offset of the next). Invalid lines are skipped."""
    try:
        with open(folder / EVENTS, "rb") as file:
            file.seek(start)
            data = file.read()
    except OSError:
        return [], start
    return parse(data), start + data.rfind(b"\n") + 1


def parse(data: bytes) -> list[dict]:
    """The events in `data`. An incomplete last line and invalid lines are skipped."""
    events = []
    for line in data[: data.rfind(b"\n") + 1].splitlines():
        try:
            event = json.loads(line[:MAX_LINE])
        except (ValueError, RecursionError):  # cut short, or edited
            continue
        if is_valid_event(event):
            events.append(event)
    return events


def _end_of_lines(file: BinaryIO) -> int:
    """The size of the file without an incomplete last line."""
    end = file.seek(0, os.SEEK_END)
    for at in range(end - BLOCK, -BLOCK, -BLOCK):
        file.seek(max(0, at))
        if (found := file.read(min(BLOCK, at + BLOCK)).rfind(b"\n")) >= 0:
            return max(0, at) + found + 1
    return 0


def first_line(folder: Path) -> bytes:
    """The first line, which differs between runs of the same name."""
    try:
        with open(folder / EVENTS, "rb") as file:
            line = file.readline(1000)
            return line if line.endswith(b"\n") else b""
    except OSError:
        return b""


def in_force(events: list[dict]) -> list[dict]:
    """The events without those that a resume has undone: it starts again at the end of the last whole epoch."""
    kept, n_dims = [], None
    for event in events:
        if event["kind"] == "training" and "step" in event:
            kept = [e for e in kept if "step" not in e or e["step"] < event["step"] + (e["kind"] != "dial")]
        if event["kind"] == "epoch" and "kl_per_dim" in event:
            n_dims = len(event["kl_per_dim"]) if n_dims is None else n_dims
            if len(event["kl_per_dim"]) != n_dims:  # an epoch of another model
                continue
        kept += [event] if event["kind"] != "dial" or _is_live_change(event) else []
    return kept


def live_changes(events: list[dict]) -> list[dict]:
    """The changes of beta and the learning rate that a resumed run repeats, by step.

    Those that led to a loss that is not finite are left out: "diverged" has the first such step.
    """
    found = {}
    for event in events:
        if event["kind"] == "dial" and _is_live_change(event):
            found[event["step"]] = event
        elif event["kind"] == "diverged" and (since := event.get("step")) is not None:
            found = {step: change for step, change in found.items() if step < since}
    return [found[step] for step in sorted(found)]


def _is_live_change(event: dict) -> bool:
    if type(event.get("step")) is not int or event.get("beta") is None:
        return False
    return all(CONTROL_FIELDS[name](event.get(name)) for name in ("beta", "lr_scale"))
