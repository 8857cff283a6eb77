"""The state of one Train tab: the run that is watched, and the form."""

import time
from dataclasses import dataclass, field, fields, replace

import streamlit as st

from explorer.ui.state import link, widgets

ONE_MODEL = "none: a single model"  # the choice of `twins` without twins
DOUBLE_CLICK_S = 1.0  # a second press within this time is ignored


@dataclass(frozen=True)
class TrainForm:
    """The settings in the form of the Train page. They are checked when a run starts.

    The key of a widget is "f-" and the name of its field; that of `values` is "f-twins-" and the setting. Streamlit forgets the
    values of widgets when the visitor leaves the page, so Training keeps the last form.
    """

    dataset: str = ""  # "": not chosen yet
    name: str = ""  # "": the next free name
    latent_dim: int = 16
    arch: str = "auto"
    likelihood: str = "bernoulli"
    beta: float = 1.0
    length: str = "seconds"  # or "epochs"
    seconds: int = 60
    epochs: int = 20
    seed: int = 0
    lr: float = 3e-3
    batch_size: int = 128
    twins: str = ONE_MODEL  # the setting in which twins differ
    values: tuple[str, ...] = ()  # of that setting, as text

    @property
    def has_twins(self) -> bool:
        return self.twins != ONE_MODEL

    def read_widgets(self) -> "TrainForm":
        """A copy with the values of the widgets that are on the page; other fields are unchanged."""
        form = replace(self, **widgets.entries("f-", [f.name for f in fields(self)]))
        kept = self.values if self.twins == form.twins else ()
        return replace(form, values=tuple(widgets.entries("f-twins-", [form.twins]).get(form.twins, kept)))


@dataclass(eq=False)
class Training:
    """The run that one tab watches on the Train page, and its form. Panels change it through its methods only."""

    watched: str | None = None  # a run's name
    version: int = 0  # increases when another run is watched; a late event of the old run selector is then ignored
    form: TrainForm = field(default_factory=TrainForm)
    have: dict[str, set[str]] = field(default_factory=dict)  # by run or twin: the epochs whose pictures the browser has
    _uploaded: str | None = None  # the data set of a zip that was just uploaded
    _pressed: float = float("-inf")  # time.monotonic() of the last press of Start

    def watch(self, name: str | None) -> None:
        if name != self.watched:
            self.watched, self.have, self.version = name, {}, self.version + 1

    def follow(self, old: str, new: str) -> None:
        """Keeps watching a renamed run."""
        if self.watched == old:
            self.watch(new)

    def keep(self, form: TrainForm) -> None:
        self.form = form

    def press(self) -> bool:
        """Registers a press of Start. Returns whether it counts: the second click of a double click does not."""
        now = time.monotonic()
        if now - self._pressed < DOUBLE_CLICK_S:
            return False
        self._pressed = now
        return True

    def choose_upload(self, dataset: str) -> None:
        """Selects an uploaded data set at the next run of the page."""
        self._uploaded = dataset

    def take_upload(self) -> str | None:
        """The data set given to `choose_upload` since the last call, or None."""
        taken, self._uploaded = self._uploaded, None
        return taken


def training() -> Training:
    """The state of this tab; a new tab reads its link."""
    kept = st.session_state.get("explorer_training")
    if kept is None:
        linked = link.read_train(st.query_params)
        kept = Training(watched=linked.pop("run", None), form=TrainForm(**linked))
        st.session_state["explorer_training"] = kept
    return kept


def receive_epochs(key: str, training: Training) -> None:
    """Stores which epochs' pictures the browser reports to have."""
    report = (st.session_state.get(key) or {}).get("have")
    if isinstance(report, dict) and isinstance(report.get("run"), str) and isinstance(report.get("keys"), list):
        if report["run"].partition("/")[0] == training.watched:
            training.have[report["run"]] = {name for name in report["keys"] if isinstance(name, str)}
