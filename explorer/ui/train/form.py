"""What to train: the data set, the model, how long. Start makes a run of it."""

import math
import time

import streamlit as st

from explorer.core.config import ARCHS, LIKELIHOODS
from explorer.core.data import catalog, zip_upload
from explorer.core.errors import ExplorerError
from explorer.core.paths import checkpoints_dir, runs_dir
from explorer.core.runs import commands as runs
from explorer.core.runs import twins
from explorer.core.runs.folder import RunSpec
from explorer.core.storage.safe_read import free_name
from explorer.ui import resources
from explorer.ui.state import messages
from explorer.ui.state import session as state
from explorer.ui.train.run_controls import AREA
from explorer.ui.train.run_view.panel import span
from explorer.ui.widgets.clock.panel import clock

AUTO = "auto: convolutional where the time buys ten epochs of it, else the MLP, whose steps are short"
STARTUP_S = 6.0  # until the first batch: the libraries and the images
TWICE_S = 1.0  # a second press within this is the same press
SIDE_BY_SIDE = "Two or three models of one seed, trained on the same batches, side by side"
ALONE = "nothing: one model"
TWINS = (ALONE, *twins.SETTINGS)
DEFAULTS = {
    "dataset": "mnist",
    "name": "",
    "latent_dim": 16,
    "arch": "auto",
    "likelihood": "bernoulli",
    "beta": 1.0,
    "length": "seconds",
    "seconds": 60,
    "epochs": 20,
    "seed": 0,
    "lr": 3e-3,
    "batch_size": 128,
    "twins": ALONE,
    "values": [],
}


def render(training) -> None:
    form = DEFAULTS | training.form
    form["dataset"] = catalog.current_name(form["dataset"])
    sets = {info.name: info for info in sorted(catalog.list_datasets(), key=lambda info: not info.present)}
    names = [*sets, *_uploads()]
    if "dataset" not in training.form or form["dataset"] not in names:
        if "dataset" in training.form:
            st.warning(f"There is no data set '{form['dataset']}' on this machine; choose one of these.")
        form["dataset"] = next((name for name in ("mnist", *names) if name in sets and sets[name].present), names[0])
    if (chosen := form.pop("chosen", None)) in names:
        form["dataset"] = chosen
        state.preset("f-dataset", chosen)
    ask = _Ask(form)
    form["dataset"] = st.selectbox(
        "data set", names, names.index(form["dataset"]), key="f-dataset", format_func=lambda name: _title(name, sets)
    )
    left, right = st.columns(2, gap="small")
    form["latent_dim"] = left.number_input("latent dimensions D", 1, 128, **ask("latent_dim"))
    form["beta"] = right.number_input("β, weight of the KL", 0.0, 1e4, step=0.5, format="%g", **ask("beta"))
    left, right = st.columns(2, gap="small")
    archs = ("auto", *ARCHS)
    form["arch"] = left.selectbox("architecture", archs, archs.index(form["arch"]), key="f-arch", help=AUTO)
    form["likelihood"] = right.selectbox("likelihood", LIKELIHOODS, LIKELIHOODS.index(form["likelihood"]), key="f-likelihood")
    left, right = st.columns(2, gap="small")
    lengths = ("seconds", "epochs")
    form["length"] = left.selectbox("how long, in", lengths, lengths.index(form["length"]), key="f-length")
    most = {"seconds": 86_400, "epochs": 100_000}[form["length"]]
    form[form["length"]] = right.number_input(form["length"], 1, most, value=form[form["length"]], key=f"f-{form['length']}")
    estimate = st.container(key="estimate")
    # above all that opens: what moves between the pointer's down and up is not clicked, and a busy machine opens late
    st.button("Start", key="run-start", type="primary", width="stretch", on_click=_start, args=(training,))
    form["twins"] = st.selectbox(
        "twins that differ in",
        TWINS,
        TWINS.index(form["twins"]),
        key="f-twins",
        help=SIDE_BY_SIDE,
        format_func=lambda setting: twins.SETTINGS.get(setting, (setting,))[0],
    )
    form["values"] = [] if form["twins"] == ALONE else _values(form["twins"])
    with st.expander("more"):
        form["name"] = st.text_input("name", form["name"], placeholder=_free_name(form), max_chars=64, key="f-name")
        left, right = st.columns(2, gap="small")
        form["seed"] = left.number_input("seed", 0, 2**31 - 1, **ask("seed"))
        form["batch_size"] = right.number_input("batch size", 1, 65_536, **ask("batch_size"))
        form["lr"] = st.number_input("peak learning rate", 1e-6, 10.0, step=1e-3, format="%g", **ask("lr"))
    training.form = form
    with st.popover("images of your own", width="stretch"):
        _upload(form)
    with estimate:
        if (words := _estimate(form, sets)) is None:
            _measuring(form, sets)
        else:
            st.caption(words)


@st.fragment
def _measuring(form: dict, sets: dict) -> None:
    clock("estimate", 1.0)
    if _estimate(form, sets) is not None:
        st.rerun()
    st.caption("measuring how long an epoch takes")


def _estimate(form: dict, sets: dict) -> str | None:
    """How far the time goes, from a short measurement on this machine; None until that is done."""
    info = sets.get(form["dataset"])
    if info is None:
        return "&nbsp;"
    model = {name: form[name] for name in ("latent_dim", "likelihood")}
    words = []
    for arch in ARCHS if form["arch"] == "auto" else (form["arch"],):
        seconds = resources.epoch_seconds(model | {"arch": arch}, {"batch_size": form["batch_size"]}, info.shape, info.n_train)
        if seconds is None:
            return None
        if not math.isfinite(seconds):
            continue
        seconds *= len(form["values"]) or 1
        if form["length"] == "seconds":
            words.append(f"{arch}: about {max(0.0, form['seconds'] - STARTUP_S) / seconds:,.0f} epochs in {form['seconds']} s")
        else:
            words.append(f"{arch}: about {span(STARTUP_S + seconds * form['epochs'])} for {form['epochs']} epochs")
    return "  \n".join(words) or "&nbsp;"


def _upload(form: dict) -> None:
    """A zip of images becomes a data set of this machine."""
    with st.form("f-images", clear_on_submit=True, border=False):
        uploaded = st.file_uploader(
            "A zip of images, at most 500 MB; its folders are the classes", "zip", key="f-zip", max_upload_size=500
        )
        sent = st.form_submit_button("Add", key="f-add")
    if sent and uploaded is None:
        messages.post("images", "No zip arrived. Choose one of at most 500 MB; a larger set goes by --dataset folder:PATH.")
    elif sent:
        messages.clear("images")
        try:
            with st.spinner("Reading the images"):
                folder = zip_upload.unpack(uploaded, uploaded.name.rpartition(".")[0])
        except ExplorerError as error:
            messages.post("images", str(error))
        else:
            form["chosen"] = catalog.upload_name(folder)
            st.rerun()  # the data set's box is drawn already
    messages.show("images")


class _Ask:
    """A number's value and key."""

    def __init__(self, form: dict):
        self.form = form

    def __call__(self, name: str) -> dict:
        return {"value": self.form[name], "key": f"f-{name}"}


def _values(setting: str) -> list:
    """Of the setting that twins differ in: two or three of those proposed, or numbers of one's own."""
    label, proposed = twins.SETTINGS[setting]
    is_number = not isinstance(proposed[0], str)
    words = [f"{value:g}" if is_number else value for value in proposed]
    return st.multiselect(
        label,
        words,
        words[: twins.MOST],
        key=f"f-twins-{setting}",
        max_selections=twins.MOST,
        accept_new_options=is_number,
        label_visibility="collapsed",
    )


def _uploads() -> list[str]:
    names = [catalog.upload_name(path) for path in sorted(catalog.uploads_dir().glob("[!.]*/"))]
    return [name for name in names if catalog.is_upload(name)]


def _title(name: str, sets: dict) -> str:
    if name not in sets:
        return name.removeprefix("upload:")
    info = sets[name]
    return info.title if info.present else f"{info.title} (download, {info.download_mb:.0f} MB)"


def _free_name(form: dict) -> str:
    """The data set's name and D, with a number where that is taken."""
    what = f"{form['latent_dim']}d" if form["twins"] == ALONE else "twins"
    base = f"{form['dataset'].removeprefix('upload:')}-{what}"
    base = "".join(c if c.isalnum() and c.isascii() or c in "-_" else "-" for c in base)[:50].strip("-") or "model"
    taken = [path.name for folder in (checkpoints_dir(), runs_dir()) if folder.is_dir() for path in folder.iterdir()]
    return free_name(base, taken)


def _start(training) -> None:
    if time.monotonic() - training.pressed < TWICE_S:
        return
    training.pressed = time.monotonic()
    # the press may come with the last word typed, and before the whole form was drawn once
    form = training.form = DEFAULTS | training.form | state.entries("f-", DEFAULTS)
    form["values"] = state.entries("f-twins-", [form["twins"]]).get(form["twins"], [])
    messages.attempt(AREA, lambda: _start_run(training, form))


def _start_run(training, form: dict) -> None:
    settings = {name: form[name] for name in ("latent_dim", "arch", "likelihood") if form[name] != "auto"}
    run = {name: form[name] for name in ("beta", "seed", "lr", "batch_size")}
    run["dataset"] = catalog.current_name(form["dataset"])
    budget = float(form["seconds"]) if form["length"] == "seconds" else 0.0
    run |= {} if budget else {"epochs": form["epochs"]}
    spec = RunSpec(form["name"].strip() or _free_name(form), settings, run, budget_s=budget)
    alike = None if form["twins"] == ALONE else twins.twins(spec, form["twins"], form["values"])
    training.watch(runs.start(spec, alike).name)
    training.form["name"] = ""
