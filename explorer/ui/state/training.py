"""The state of one tab of the Train page."""

from dataclasses import dataclass, field

import streamlit as st

from explorer.ui.state import link


@dataclass(eq=False)
class Training:
    """The run that one tab watches on the Train page, and the settings of its form."""

    watched: str | None = None  # a run's name
    version: int = 0  # rises when another run is watched, so that a late choice in the old selector is ignored
    form: dict = field(default_factory=dict)  # settings by name, as they were left
    have: dict[str, set[str]] = field(default_factory=dict)  # by run or twin: epochs whose pictures the browser holds
    error: str = ""  # why the last action was refused
    pressed: float = 0.0  # when Start was pressed last, time.monotonic()

    def watch(self, name: str | None) -> None:
        if name != self.watched:
            self.watched, self.have, self.version = name, {}, self.version + 1

    def follow(self, old: str, new: str) -> None:
        """Keeps watching a run that was renamed."""
        if self.watched == old:
            self.watch(new)


def training() -> Training:
    """The state of this tab; a new tab reads its link."""
    kept = st.session_state.get("explorer_training")
    if kept is None:
        linked = link.read_train(st.query_params)
        kept = Training(watched=linked.pop("run", None), form=linked)
        st.session_state["explorer_training"] = kept
    return kept


def receive_epochs(key: str, training: Training) -> None:
    """Keeps which epochs' pictures the browser reports to hold."""
    report = (st.session_state.get(key) or {}).get("have")
    if isinstance(report, dict) and isinstance(report.get("run"), str) and isinstance(report.get("keys"), list):
        if report["run"].partition("/")[0] == training.watched:
            training.have[report["run"]] = {name for name in report["keys"] if isinstance(name, str)}
