"""The lectures of one tab: the one that is edited, and the one that runs with its step."""

from dataclasses import dataclass, field, replace

import streamlit as st

from explorer.ui.state.lecture import MAX_ENTRIES, MAX_TEXT, Entry, Lecture

KEY = "explorer_lectures"
OWN = "own"  # the id of the tab's own lecture
N_UNDO = 50


@dataclass(eq=False)
class Lectures:
    """`own` is the lecture that the visitor edits; `running` is shown at `step`."""

    own: Lecture = field(default_factory=Lecture)
    running: Lecture | None = None
    id: str = ""  # of `running`: that of a shipped lecture, or OWN
    step: int = 0
    is_due: bool = False  # the page of the step has not been shown yet
    is_adding: bool = False  # "Add this view" is on all pages
    message: str = ""  # result of the last action of the editor
    past: list[Lecture] = field(default_factory=list)
    acks: dict[str, int] = field(default_factory=dict)

    # ---- the lecture that runs

    def start(self, id: str, lecture: Lecture, step: int = 0) -> None:
        """Shows a lecture, if it has an entry."""
        if lecture.entries:
            self.id, self.running, self.step, self.is_due = id, lecture, 0, True
            self.step_by(step)

    def step_by(self, by: int) -> None:
        """Goes forward, or back if `by` is negative, up to the ends."""
        if self.running is not None:
            step = min(max(self.step + by, 0), len(self.running.entries) - 1)
            self.step, self.is_due = step, self.is_due or step != self.step

    def end(self) -> None:
        self.running, self.id, self.is_due = None, "", False

    def arrive(self) -> None:
        """Notes that the page of the step is shown."""
        self.is_due = False

    @property
    def entry(self) -> Entry:
        """The entry of the running lecture that is shown."""
        return self.running.entries[self.step]

    # ---- the lecture that is edited

    def edit(self, lecture: Lecture, message: str = "") -> None:
        """Replaces the own lecture; `undo` brings the old one back. A running own lecture keeps the entries it began with."""
        if lecture != self.own:
            self.past = [*self.past[-N_UNDO + 1 :], self.own]
        self.own, self.message = lecture, message

    def undo(self) -> None:
        if self.past:
            self.own, self.message = self.past.pop(), ""

    def say(self, message: str) -> None:
        self.message = message

    def add(self, entry: Entry) -> None:
        if len(self.own.entries) >= MAX_ENTRIES:
            self.message = f"A lecture has at most {MAX_ENTRIES} entries; this view was not added."
            return
        entries = (*self.own.entries, entry)
        self.edit(replace(self.own, entries=entries), f"Added as number {len(entries)}.")

    def rename(self, title: str) -> None:
        self.edit(replace(self.own, title=title[:MAX_TEXT]))

    def annotate(self, index: int, note: str) -> None:
        """Changes the note of an entry."""
        if 0 <= index < len(self.own.entries):
            entries = list(self.own.entries)
            entries[index] = replace(entries[index], note=note[:MAX_TEXT])
            self.edit(replace(self.own, entries=tuple(entries)))

    def move(self, index: int, by: int) -> None:
        """Exchanges an entry with its neighbour; `by`: 1 or -1."""
        entries = list(self.own.entries)
        if by in (-1, 1) and 0 <= index < len(entries) and 0 <= index + by < len(entries):
            entries[index], entries[index + by] = entries[index + by], entries[index]
            self.edit(replace(self.own, entries=tuple(entries)))

    def remove(self, index: int) -> None:
        if 0 <= index < len(self.own.entries):
            entries = self.own.entries[:index] + self.own.entries[index + 1 :]
            self.edit(replace(self.own, entries=entries), f"Removed number {index + 1}.")

    def offer_adding(self, is_on: bool) -> None:
        """Shows or hides "Add this view" on all pages."""
        self.is_adding = is_on

    def acknowledge(self, name: str, seq: int) -> None:
        self.acks[name] = seq


def lectures() -> tuple[Lectures, bool]:
    """(the lectures of this tab, whether it has just been opened)."""
    is_new = KEY not in st.session_state
    return st.session_state.setdefault(KEY, Lectures()), is_new
