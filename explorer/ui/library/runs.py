"""The training runs on this machine: a row each with its last samples, its numbers, how it stands and what it takes."""

from functools import partial

import streamlit as st

from explorer.core import transfer
from explorer.core.config import ModelConfig, TrainConfig
from explorer.core.data import catalog
from explorer.core.runs import commands as runs
from explorer.core.runs import folder as run_folder
from explorer.core.runs import library as run_library
from explorer.core.runs import twins
from explorer.ui import resources
from explorer.ui.state import messages, training
from explorer.ui.train.run_view.panel import span
from explorer.ui.widgets import rows
from explorer.ui.widgets.guard import guarded

STATUS = {"queued": "waits for its turn", "mapping": "makes its map", "stopped": "stopped, can go on", "lost": "broke off"}


def render(found: list) -> str | None:
    """The rows. The name of the run that shall be opened on the Train page, if one was asked for just now."""
    sizes, opened = [run_folder.n_bytes(run.folder) for run in found], None
    count = f"{len(found)} run{'s' * (len(found) != 1)}, {rows.mb(sum(sizes))}"
    st.html(f"<div class='le-section'><h2>Training runs</h2><span class='le-muted'>{count}</span></div>")
    sets = {info.name: info for info in catalog.list_datasets()}
    for place, (run, n_bytes) in enumerate(zip(found, sizes)):
        delete = partial(runs.delete, run.name)
        with st.container(key=f"book_run_{place}"), guarded(run.name, f"shelf-{run.name}", delete):
            if _row(run, n_bytes, sets, place, len(found)):
                opened = run.name
    return opened


def _row(run, n_bytes: int, sets: dict, place: int, n_runs: int) -> bool:
    """Whether the run shall be opened."""
    picture, words, verbs = st.columns(rows.COLUMNS, vertical_alignment="center", gap="medium")
    if (portrait := resources.run_portrait((run.twins or (run,))[0].folder)) is not None:
        picture.image(portrait, width="stretch", alt=f"Six samples of the run {run.name}")
    words.html(_words(run, n_bytes, sets))
    with verbs.container(horizontal=True, horizontal_alignment="right"):
        is_opened = run.spec is not None and _verbs(run)
        # counted, so that every one is closed again when a run has come or gone
        with st.popover("Edit", key=f"shelf-edit-{n_runs}-{run.name}", on_change="rerun") as popover:
            if popover.open:
                with st.container(key=f"run_edit_{place}", width=380):
                    _edit(run, n_bytes)
            else:
                messages.clear(f"edit-run-{run.name}")
    return is_opened


def _words(run, n_bytes: int, sets: dict) -> str:
    is_bad = run.status in ("failed", "lost", "damaged")
    if run.spec is None:
        return rows.words(run.name, (), {}, 3, run.status, bad=run.sentence)
    train, model = run.spec.train, run.spec.model
    last = _last(run.folder)
    seconds = last.get("seconds")
    beta = run_folder.read_control(run.folder).beta
    numbers = {
        "latent D": str(model.get("latent_dim", ModelConfig.latent_dim)),
        "\u03b2": f"{train.get('beta', TrainConfig.beta) if beta is None else beta:g}",
        "likelihood": model.get("likelihood", ModelConfig.likelihood),
        "test ELBO, nats": _elbo(last),
        "epochs": f"{run.epoch:,} of {run.n_epochs:,}" if run.n_epochs else "\u2013",
        "trained": span(seconds) if isinstance(seconds, int | float) else "\u2013",
        "on disk": rows.mb(n_bytes),
    }
    if run.twins:  # what they differ in says more than what they share
        shared = {key: numbers[key] for key in ("epochs", "on disk")}
        numbers = shared | {f"ELBO, {twins.shown(twin.folder.name)}": _elbo(_last(twin.folder)) for twin in run.twins}
    name = train.get("dataset", TrainConfig.dataset)
    info = sets.get(name)
    where = "its images are not on this machine" if name == catalog.IMPORTED else "a folder of images"
    folder = name.rstrip("/").rpartition("/")[2].removeprefix("upload:")
    parts = (info.title, info.origin, info.licence) if info else (folder, where)
    parts += (run.sentence,) if run.status == "done" else ()
    return rows.words(
        run.name, parts, numbers, 3, STATUS.get(run.status, run.status), run.is_live, run.sentence if is_bad else ""
    )


def _last(folder) -> dict:
    """The event of the last epoch."""
    return next((e for e in reversed(resources.run_events(folder)) if e["kind"] == "epoch"), {})


def _elbo(epoch: dict) -> str:
    test = epoch.get("test")
    return rows.number(test.get("elbo") if isinstance(test, dict) else None, "{:.1f}")


def _verbs(run) -> bool:
    """Whether it shall be opened."""
    name = run.name
    opened = st.button("Open in Train", key=f"shelf-open-{name}")
    st.download_button(
        "Export",
        lambda: transfer.export_zip(runs=[name]),
        f"{name}-run.zip",
        "application/zip",
        key=f"shelf-export-{name}",
        on_click="ignore",
        disabled=run.is_live,
    )
    return opened


def _edit(run, n_bytes: int) -> None:
    name, rests = run.name, run.spec is not None and not run.is_live
    new = st.text_input("Name", name, key=f"shelf-name-{name}", max_chars=64, disabled=not rests).strip()
    with st.container(horizontal=True):
        rename = st.button("Rename", key=f"shelf-rename-{name}", disabled=not rests)
        duplicate = st.button("Duplicate", key=f"shelf-duplicate-{name}", disabled=not rests)
    st.markdown(_warning(run, n_bytes))
    sure = st.checkbox(f"Delete {rows.plain(name)} for good", key=f"shelf-sure-{name}")
    delete = st.button("Delete", key=f"shelf-delete-{name}", disabled=not sure, type="primary")
    place = f"edit-run-{name}"
    if rename:
        messages.attempt_and_rerun(place, lambda: (run_library.rename(name, new), training.training().follow(name, new)))
    elif duplicate:
        messages.attempt_and_rerun(
            place, lambda: run_library.duplicate(name, run_library.free_name(name) if new == name else new)
        )
    elif delete:
        messages.attempt_and_rerun(place, lambda: runs.delete(name))
    messages.show(place)


def _warning(run, n_bytes: int) -> str:
    stops = "It is at work: it will be stopped. " if run.is_live else ""
    made = [model.bundle for model in run.twins or (run,) if model.bundle]
    names = rows.plain(", ".join(made))
    stays = "No model was made of it."
    if made:
        stays = f"The models {names} stay." if len(made) > 1 else f"The model {names} stays."
    return f"{stops}Deleted, its pictures, curves and weights, {rows.mb(n_bytes)}, are gone for good. {stays}"
