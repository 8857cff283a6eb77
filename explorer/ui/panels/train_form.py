"""What to train: the data set, the model, how long. Start makes a run of it."""

import time

import streamlit as st

from explorer.core import data, runs
from explorer.core.config import ARCHS, LIKELIHOODS
from explorer.core.places import checkpoints_dir, runs_dir
from explorer.core.run_folder import Order
from explorer.ui.resources import ExplorerError

AUTO = "auto: convolutional where the time buys ten epochs of it, else the MLP, whose steps are short"
TWICE_S = 1.0  # a second press within this is the same press
DEFAULTS = {"dataset": "mnist", "name": "", "latent_dim": 16, "arch": "auto", "likelihood": "bernoulli", "beta": 1.0,
            "length": "seconds", "seconds": 60, "epochs": 20, "seed": 0, "lr": 3e-3, "batch_size": 128}  # fmt: skip


def render(training) -> None:
    form = DEFAULTS | training.form
    sets = {info.name: info for info in sorted(data.list_datasets(), key=lambda info: not info.present)}
    names = [*sets, *_uploads()]
    if form["dataset"] not in names:
        if "dataset" in training.form:
            st.warning(f"There is no data set '{form['dataset']}' on this machine; choose one of these.")
        form["dataset"] = next((name for name in ("mnist", *names) if name in sets and sets[name].present), names[0])
    ask = _Ask(form)
    form["dataset"] = st.selectbox("data set", names, names.index(form["dataset"]), key="f-dataset",
                                   format_func=lambda name: _title(name, sets))  # fmt: skip
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
    with st.expander("more"):
        form["name"] = st.text_input("name", form["name"], placeholder=_free_name(form), max_chars=64, key="f-name")
        left, right = st.columns(2, gap="small")
        form["seed"] = left.number_input("seed", 0, 2**31 - 1, **ask("seed"))
        form["batch_size"] = right.number_input("batch size", 1, 65_536, **ask("batch_size"))
        form["lr"] = st.number_input("peak learning rate", 1e-6, 10.0, step=1e-3, format="%g", **ask("lr"))
    training.form = form
    st.button("Start", key="run-start", type="primary", width="stretch", on_click=_start, args=(training,))


class _Ask:
    """A number's value and key."""

    def __init__(self, form: dict):
        self.form = form

    def __call__(self, name: str) -> dict:
        return {"value": self.form[name], "key": f"f-{name}"}


def _uploads() -> list[str]:
    return [f"folder:{path}" for path in sorted((data.data_dir() / "uploads").glob("[!.]*/"))]


def _title(name: str, sets: dict) -> str:
    if name not in sets:
        return name.rstrip("/").rpartition("/")[2]
    info = sets[name]
    return info.title if info.present else f"{info.title} (download, {info.download_mb:.0f} MB)"


def _free_name(form: dict) -> str:
    """The data set's name and D, with a number where that is taken."""
    base = f"{form['dataset'].rstrip('/').rpartition('/')[2]}-{form['latent_dim']}d"
    base = "".join(c if c.isalnum() and c.isascii() or c in "-_" else "-" for c in base)[:50].strip("-") or "model"
    taken = lambda name: (checkpoints_dir() / name).exists() or (runs_dir() / name).exists()  # noqa: E731
    return next(name for name in (base, *(f"{base}-{i}" for i in range(2, 100_000))) if not taken(name))


def _start(training) -> None:
    if time.monotonic() - training.pressed < TWICE_S:
        return
    training.pressed, training.said, form = time.monotonic(), "", training.form
    try:
        settings = {name: form[name] for name in ("latent_dim", "arch", "likelihood") if form[name] != "auto"}
        run = {name: form[name] for name in ("dataset", "beta", "seed", "lr", "batch_size")}
        budget = float(form["seconds"]) if form["length"] == "seconds" else 0.0
        run |= {} if budget else {"epochs": form["epochs"]}
        training.watch(runs.start(Order(form["name"].strip() or _free_name(form), settings, run, budget_s=budget)).name)
        training.form["name"] = ""
    except ExplorerError as error:
        training.said = str(error)
