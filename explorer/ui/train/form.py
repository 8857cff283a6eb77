"""The form of the Train page: three cards, Start, and the settings: data set, model, duration and twins."""

import math
from dataclasses import replace
from html import escape

import streamlit as st

from explorer.core.config import ARCHS, LIKELIHOODS
from explorer.core.data import catalog, downloads
from explorer.core.errors import DataError
from explorer.core.paths import checkpoints_dir, runs_dir
from explorer.core.runs import commands as runs
from explorer.core.runs import twins
from explorer.core.runs.folder import RunSpec
from explorer.core.storage.safe_read import free_name
from explorer.ui import resources
from explorer.ui.state import messages, widgets
from explorer.ui.state.training import MAX_LENGTH, ONE_MODEL, TrainForm, Training, initial
from explorer.ui.train import cards
from explorer.ui.train.address import panel as address
from explorer.ui.train.run_controls import AREA
from explorer.ui.train.run_view.facts import span
from explorer.ui.train.settings import summary
from explorer.ui.widgets.clock.panel import clock
from explorer.ui.widgets.download import download_line

ARCH_HELP = "auto: convolutional if the time is enough for ten epochs of it, otherwise the MLP, whose steps are faster"
TWINS_HELP = "Two or three models of one seed, trained on the same batches, side by side"
ABSENT = "{} is not on this computer. Start downloads it first."
STARTUP_S = 6.0  # to load the libraries and the images, before the first batch


def render(training: Training) -> None:
    """Draws the widgets, which hold the form while the page is open; `training` keeps a copy for the next visit."""
    kept = training.form
    sets = {info.name: info for info in sorted(catalog.list_datasets(), key=lambda info: not info.present)}
    names = [*sets, *_uploads()]
    _choose_dataset(kept.dataset, sets, names, training.take_upload())
    cards.render(training, sets)
    with st.container(key="start_row"):
        # above everything that can expand: a button that moves between pointer down and up gets no click
        st.button("Start", key="run-start", type="primary", width="stretch", on_click=_start, args=(training,))
        estimate = st.container(key="estimate")
    with st.expander("Settings"), st.container(key="settings"):
        st.selectbox("data set", names, key="f-dataset", format_func=lambda name: _title(name, sets))
        _model(kept)
        _length(kept)
        _twins(kept)
        _more(kept)
    form = kept.read_widgets()
    training.keep(form)
    address.render(form.link())
    with estimate:
        st.html(f"<p class='le-settings'>{escape(summary(form))}</p>")
        is_missing = downloads.missing(form.dataset) is not None
        text = "" if is_missing else _estimate(form, sets)
        if is_missing:
            # chosen again, because its name in the list changes
            download_line(form.dataset, ABSENT, "download", lambda: widgets.preset("f-dataset", form.dataset))
        if text is None or not resources.are_card_pictures_ready():
            _measuring(form, sets, is_missing)
        elif text:
            st.caption(text)


def _choose_dataset(kept: str, sets: dict, names: list[str], uploaded: str | None) -> None:
    chosen = catalog.current_name(kept) if kept else ""
    if chosen not in names:
        if chosen:
            messages.warning(f"There is no data set '{chosen}' on this machine. Choose another.")
        chosen = next((name for name in ("mnist", *names) if name in sets and sets[name].present), names[0])
        widgets.preset("f-dataset", chosen)
    if uploaded in names:
        widgets.preset("f-dataset", uploaded)
    initial("f-dataset", chosen)


def _model(kept: TrainForm) -> None:
    st.number_input("latent dimensions D", 1, 128, key=initial("f-latent_dim", kept.latent_dim))
    st.number_input("β, weight of the KL", 0.0, 1e4, step=0.5, format="%g", key=initial("f-beta", kept.beta))
    st.selectbox("architecture", ("auto", *ARCHS), key=initial("f-arch", kept.arch), help=ARCH_HELP)
    st.selectbox("likelihood", LIKELIHOODS, key=initial("f-likelihood", kept.likelihood))


def _length(kept: TrainForm) -> None:
    length = st.selectbox("duration in", tuple(MAX_LENGTH), key=initial("f-length", kept.length))
    st.number_input(length, 1, MAX_LENGTH[length], key=initial(f"f-{length}", getattr(kept, length)))


def _twins(kept: TrainForm) -> None:
    setting = st.selectbox(
        "twins that differ in",
        (ONE_MODEL, *twins.SETTINGS),
        key=initial("f-twins", kept.twins),
        help=TWINS_HELP,
        format_func=lambda setting: twins.SETTINGS.get(setting, (setting,))[0],
    )
    if setting != ONE_MODEL:
        _values(setting, kept.values if kept.twins == setting else ())


def _more(kept: TrainForm) -> None:
    free = _free_name(kept.read_widgets())
    st.text_input("name", placeholder=free, max_chars=64, key=initial("f-name", kept.name))
    st.number_input("seed", 0, 2**31 - 1, key=initial("f-seed", kept.seed))
    st.number_input("batch size", 1, 65_536, key=initial("f-batch_size", kept.batch_size))
    st.number_input("peak learning rate", 1e-6, 10.0, step=1e-3, format="%g", key=initial("f-lr", kept.lr))


@st.fragment
def _measuring(form: TrainForm, sets: dict, is_missing: bool) -> None:
    """Waits for the pictures of the cards and, unless the data set is missing, for the estimate."""
    clock("estimate", 1.0)
    if resources.are_card_pictures_ready() and (is_missing or _estimate(form, sets) is not None):
        st.rerun()
    if not is_missing:
        st.caption("Measuring how long an epoch takes.")


def _estimate(form: TrainForm, sets: dict) -> str | None:
    """The estimated duration as text, from a short measurement on this machine; None while it runs."""
    info = sets.get(form.dataset)
    if info is None:
        return "&nbsp;"
    model = {"latent_dim": form.latent_dim, "likelihood": form.likelihood}
    lines = []
    for arch in ARCHS if form.arch == "auto" else (form.arch,):
        seconds = resources.epoch_seconds(model | {"arch": arch}, {"batch_size": form.batch_size}, info.shape, info.n_train)
        if seconds is None:
            return None
        if not math.isfinite(seconds):
            continue
        seconds *= len(form.values) or 1
        if form.length == "seconds":
            n = form.seconds / seconds
            epochs = f"about {n:,.0f} epochs" if n >= 1 else "less than one epoch"
            lines.append(f"{arch}: {epochs} in {form.seconds} s")
        else:
            lines.append(f"{arch}: about {span(STARTUP_S + seconds * form.epochs)} for {form.epochs} epochs")
    return "  \n".join(lines) or "&nbsp;"


def _values(setting: str, kept: tuple[str, ...]) -> None:
    """The selector of the two or three values in which twins differ; other numbers can be typed."""
    label, defaults = twins.SETTINGS[setting]
    is_number = not isinstance(defaults[0], str)
    options = [f"{value:g}" if is_number else value for value in defaults]
    st.multiselect(
        label,
        list(dict.fromkeys([*options, *kept])),
        key=initial(f"f-twins-{setting}", list(kept or options[: twins.MAX_TWINS])),
        max_selections=twins.MAX_TWINS,
        accept_new_options=is_number,
    )


def _uploads() -> list[str]:
    names = [catalog.upload_name(path) for path in sorted(catalog.uploads_dir().glob("[!.]*/"))]
    return [name for name in names if catalog.is_upload(name)]


def _title(name: str, sets: dict) -> str:
    if name not in sets:
        return name.removeprefix("upload:")
    info = sets[name]
    return info.title if info.present else f"{info.title} (download, {info.download_mb:.0f} MB)"


def _free_name(form: TrainForm) -> str:
    """The name of the data set and D, with a number if that is taken."""
    base = f"{form.dataset.removeprefix('upload:')}-{'twins' if form.has_twins else f'{form.latent_dim}d'}"
    base = "".join(c if c.isalnum() and c.isascii() or c in "-_" else "-" for c in base)[:50].strip("-") or "model"
    taken = [path.name for folder in (checkpoints_dir(), runs_dir()) if folder.is_dir() for path in folder.iterdir()]
    return free_name(base, taken)


def _start(training: Training) -> None:
    if training.press():
        training.keep(training.form.read_widgets())  # an edit that is still in a text field arrives with the click
        messages.attempt(AREA, lambda: _start_run(training))


def _start_run(training: Training) -> None:
    """Starts and watches a run, and clears the name. Raises ExplorerError."""
    form = training.form
    if downloads.downloader.is_running(form.dataset):  # the run would download the same files
        raise DataError("The data set is being downloaded.", "Start the run once it is here.")
    model = {name: getattr(form, name) for name in ("latent_dim", "arch", "likelihood") if getattr(form, name) != "auto"}
    train = {name: getattr(form, name) for name in ("beta", "seed", "lr", "batch_size")}
    train["dataset"] = catalog.current_name(form.dataset)
    budget = float(form.seconds) if form.length == "seconds" else 0.0
    train |= {} if budget else {"epochs": form.epochs}
    spec = RunSpec(form.name.strip() or _free_name(form), model, train, budget_s=budget)
    group = twins.twins(spec, form.twins, form.values) if form.has_twins else None
    training.watch(runs.start(spec, group).name)
    training.keep(replace(form, name=""))
    widgets.preset("f-name", "")
