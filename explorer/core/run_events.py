"""What has happened in a run, one event a line, append only; a torn last line is passed over. Needs no torch."""

import json
import os
import time
from pathlib import Path

from explorer.core import atomic
from explorer.core.run_folder import EVENTS, GOOD

MAX_LINE = 1_000_000  # bytes of an event


class Events:
    """The trainer's pen. One writer a folder."""

    def __init__(self, folder: Path):
        with atomic.saving("the run's events", folder):
            self._file = open(folder / EVENTS, "ab+")
            if self._file.tell() and (self._file.seek(-1, os.SEEK_END), self._file.read(1))[1] != b"\n":
                self._file.write(b"\n")  # the last line is torn: what comes is a line of its own

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
    whole = data[: data.rfind(b"\n") + 1]
    return parse(whole), start + len(whole)


def parse(whole: bytes) -> list[dict]:
    """The events of whole lines. What is no event is passed over."""
    events = []
    for line in whole.splitlines():
        try:
            event = json.loads(line[:MAX_LINE])
        except (ValueError, RecursionError):  # torn, or edited by hand
            continue
        if isinstance(event, dict) and isinstance(event.get("kind"), str):
            events.append(event)
    return events


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
    kept = []
    for event in events:
        if event["kind"] == "training" and type(step := event.get("step")) is int:
            kept = [e for e in kept if type(e.get("step")) is not int or e["step"] < step + (e["kind"] != "dial")]
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
        elif event["kind"] == "diverged" and type(since := event.get("step")) is int:
            found = {step: dial for step, dial in found.items() if step < since}
    return [found[step] for step in sorted(found)]


def _is_dial(event: dict) -> bool:
    beta, scale = event.get("beta"), event.get("lr_scale")
    return type(event.get("step")) is int and beta is not None and GOOD["beta"](beta) and GOOD["lr_scale"](scale)
