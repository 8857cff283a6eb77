"""The state of one Train tab: the run that is watched, and the form."""

import time
from dataclasses import dataclass, field, fields, replace

import streamlit as st

from explorer.core.data import catalog
from explorer.core.runs import twins
from explorer.ui.state import link, widgets

ONE_MODEL = "none: a single model"  # the choice of `twins` without twins
MAX_LENGTH = {"seconds": link.MAX_BUDGET_S, "epochs": link.MAX_EPOCHS}  # by the unit of the duration
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

    def link(self) -> str:
        """The query string of the link that restores the form: data set, duration, and what differs from the defaults."""
        default = vars(TrainForm())
        changed = {name: value for name, value in vars(self).items() if value != default[name]}
        kept = {name: value for name, value in changed.items() if name not in MAX_LENGTH}
        return link.write_train({"dataset": self.dataset, self.length: getattr(self, self.length)} | kept)

    def read_widgets(self) -> "TrainForm":
        """A copy with the values of the widgets that are on the page; other fields are unchanged."""
        form = replace(self, **widgets.entries("f-", [f.name for f in fields(self)]))
        kept = self.values if self.twins == form.twins else ()
        return replace(form, values=tuple(widgets.entries("f-twins-", [form.twins]).get(form.twins, kept)))


FORM_FIELDS = {f.name for f in fields(TrainForm)} - {"name", "twins", "values", "length", "seconds"}


def form_of(run) -> TrainForm:
    """The form that starts a run with the settings of `run`, under a new name."""
    spec = run.spec
    given = {name: value for name, value in (spec.model | spec.train).items() if name in FORM_FIELDS}
    given["dataset"] = catalog.current_name(given.get("dataset", ""))
    if spec.budget_s:
        given |= {"length": "seconds", "seconds": max(1, round(spec.budget_s))}
    else:
        given["length"] = "epochs"
    setting, values = _twins_of(spec.twins)
    return TrainForm(**given, twins=setting, values=values)


def _twins_of(names: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    """The setting in which twins differ and its values, from the names of their folders (see core/runs/twins.py)."""
    if not names:
        return ONE_MODEL, ()
    for setting, prefix in (("beta", "beta-"), ("latent_dim", "D-")):
        if all(name.startswith(prefix) for name in names):
            return setting, tuple(name.removeprefix(prefix) for name in names)
    terms = {value.replace("reconstruction", "recon").replace(" ", "-"): value for value in twins.TERMS}
    return ("terms", tuple(terms[name] for name in names)) if terms.keys() >= {*names} else ("likelihood", names)


@dataclass(eq=False)
class Training:
    """The run that one tab watches on the Train page, and its form. Panels change it through its methods only."""

    watched: str | None = None  # a run's name
    version: int = 0  # increases when another run is watched; a late event of the old run selector is then ignored
    form: TrainForm = field(default_factory=TrainForm)
    is_editing: bool = False  # whether the form is shown, not the run
    have: dict[str, set[str]] = field(default_factory=dict)  # by run or twin: the epochs whose pictures the browser has
    _uploaded: str | None = None  # the data set of a zip that was just uploaded
    _pressed: float = float("-inf")  # time.monotonic() of the last press of Start

    def watch(self, name: str | None) -> None:
        """Shows a run; None: the newest, or the form if there is none."""
        self.is_editing = False
        if name != self.watched:
            self.watched, self.have, self.version = name, {}, self.version + 1

    def follow(self, old: str, new: str) -> None:
        """Keeps watching a renamed run."""
        if self.watched == old:
            self.watch(new)

    def edit(self, form: TrainForm) -> None:
        """Shows the form with these settings, instead of the run."""
        self.form, self.is_editing = form, True

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


def initial(key: str, value) -> str:
    """Gives a widget its first value, unless it is on the page already. Returns the key."""
    if key not in st.session_state:
        widgets.preset(key, value)
    return key


def training() -> Training:
    """The state of this tab; a new tab reads its link."""
    kept = st.session_state.get("explorer_training")
    if kept is None:
        linked = link.read_train(st.query_params)
        kept = Training(watched=linked.pop("run", None), form=TrainForm(**linked))
        kept.is_editing = kept.watched is None and bool(linked)
        st.session_state["explorer_training"] = kept
    return kept


def receive_epochs(key: str, training: Training) -> None:
    """Stores which epochs' pictures the browser reports to have."""
    report = (st.session_state.get(key) or {}).get("have")
    if not isinstance(report, dict) or report.get("run") != training.watched or not isinstance(report.get("keys"), dict):
        return
    for model, names in report["keys"].items():
        if isinstance(names, list) and model.partition("/")[0] == training.watched:
            training.have[model] = {name for name in names if isinstance(name, str)}
