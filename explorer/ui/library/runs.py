"""The Library's list of training runs, with samples, status, numbers and the buttons of each."""

from functools import partial

import streamlit as st

from explorer.core import transfer
from explorer.core.config import ModelConfig, TrainConfig
from explorer.core.data import catalog
from explorer.core.paths import checkpoints_dir
from explorer.core.runs import commands, twins
from explorer.core.runs import folder as run_folder
from explorer.core.runs import library as run_library
from explorer.ui import resources
from explorer.ui.library import search
from explorer.ui.state import messages, training
from explorer.ui.train.run_view.facts import span, status_text
from explorer.ui.widgets import rows
from explorer.ui.widgets.guard import guarded

STATUS_TEXT = {"mapping": "computing its map", "stopped": "stopped, can be resumed", "lost": "interrupted"}


def render(runs: list, text: str) -> str | None:
    """Draws a row for each run that matches `text`. Returns the run whose Open was pressed in this run of the page."""
    sizes, opened = {run.name: run_folder.n_bytes(run.folder) for run in runs}, None
    count = f"{len(runs)} run{'s' * (len(runs) != 1)}, {rows.mb(sum(sizes.values()))}"
    st.html(f"<div class='le-section'><h2>Training runs</h2><span class='le-muted'>{count}</span></div>")
    sets = {info.name: info for info in catalog.list_datasets()}
    found = search.found_runs(runs, text, {name: info.title for name, info in sets.items()})
    if not found:
        st.info(f"No run matches '{rows.plain(text)}'.")
    for row, run in enumerate(found):
        n_bytes = sizes[run.name]
        delete = partial(commands.delete, run.name)
        with st.container(key=f"book_run_{row}"), guarded(run.name, f"shelf-{run.name}", delete):
            if _row(run, n_bytes, sets, row, len(runs)):
                opened = run.name
    return opened


def _row(run, n_bytes: int, sets: dict, row: int, n_runs: int) -> bool:
    """Draws the row of a run. Returns whether Open was pressed."""
    picture, description, buttons = st.columns(rows.COLUMNS, vertical_alignment="center", gap="medium")
    if (samples := resources.run_samples_png((run.twins or (run,))[0].folder)) is not None:
        picture.image(samples, width="stretch", alt=f"Six samples of the run {run.name}")
    description.html(_description(run, n_bytes, sets))
    with buttons.container(horizontal=True, horizontal_alignment="right"):
        is_opened = run.spec is not None and _buttons(run)
        # the number of runs is in the key, so that all popovers close when one is added or removed
        with st.popover("Edit", key=f"shelf-edit-{n_runs}-{run.name}", on_change="rerun") as popover:
            if popover.open:
                with st.container(key=f"run_edit_{row}", width=380):
                    _edit(run, n_bytes)
            else:
                messages.clear(f"edit-run-{run.name}")
    return is_opened


def _description(run, n_bytes: int, sets: dict) -> str:
    """The middle of the row, as HTML."""
    is_bad = run.status in ("failed", "lost", "damaged")
    if run.spec is None:
        return rows.words(run.name, (), {}, 3, run.status, bad=run.sentence)
    train, model = run.spec.train, run.spec.model
    last = _last_epoch(run.folder)
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
    if run.twins:  # their settings differ, so the row shows the ELBO of each instead
        shared = {key: numbers[key] for key in ("epochs", "on disk")}
        numbers = shared | {f"ELBO, {twins.shown(twin.folder.name)}": _elbo(_last_epoch(twin.folder)) for twin in run.twins}
    name = train.get("dataset", TrainConfig.dataset)
    info = sets.get(name)
    source = "its images are not on this machine" if name == catalog.IMPORTED else "a folder of images"
    folder = name.rstrip("/").rpartition("/")[2].removeprefix("upload:")
    parts = (info.title, info.origin, info.licence) if info else (folder, source)
    parts += (status_text(run),) if run.status == "queued" else (run.sentence,) if run.status == "done" else ()
    return rows.words(
        run.name, parts, numbers, 3, STATUS_TEXT.get(run.status, run.status), run.is_live, run.sentence if is_bad else ""
    )


def _last_epoch(folder) -> dict:
    """The event of the last epoch; {} before the first."""
    return next((event for event in reversed(resources.run_events(folder)) if event["kind"] == "epoch"), {})


def _elbo(epoch: dict) -> str:
    test = epoch.get("test")
    return rows.number(test.get("elbo") if isinstance(test, dict) else None, "{:.1f}")


def _buttons(run) -> bool:
    """Draws Open and Export. Returns whether Open was pressed."""
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
    """The content of the Edit popover."""
    name, is_editable = run.name, run.spec is not None and not run.is_live
    new = st.text_input("Name", name, key=f"shelf-name-{name}", max_chars=64, disabled=not is_editable).strip()
    with st.container(horizontal=True):
        rename = st.button("Rename", key=f"shelf-rename-{name}", disabled=not is_editable)
        duplicate = st.button("Duplicate", key=f"shelf-duplicate-{name}", disabled=not is_editable)
    st.markdown(_warning(run, n_bytes))
    confirmed = st.checkbox(f"Delete {rows.plain(name)} permanently", key=f"shelf-sure-{name}")
    delete = st.button("Delete", key=f"shelf-delete-{name}", disabled=not confirmed, type="primary")
    area = f"edit-run-{name}"
    if rename:
        messages.attempt_and_rerun(area, lambda: (run_library.rename(name, new), training.training().follow(name, new)))
    elif duplicate:
        messages.attempt_and_rerun(
            area, lambda: run_library.duplicate(name, run_library.free_name(name) if new == name else new)
        )
    elif delete:
        messages.attempt_and_rerun(area, lambda: commands.delete(name))
    messages.show(area)


def _warning(run, n_bytes: int) -> str:
    """What deleting a run does, as Markdown."""
    stops = "The run is active and will be stopped. " if run.is_live else ""
    saved = [model.bundle for model in run.twins or (run,) if model.bundle]
    present = [name for name in saved if (checkpoints_dir() / name).is_dir()]
    names = rows.plain(", ".join(present))
    kept = f"The models {names} are kept." if len(present) > 1 else f"The model {names} is kept."
    if not present:
        kept = "Its model has been renamed or deleted since." if saved else "It has saved no model."
    return f"{stops}Deleting removes its pictures, curves and weights ({rows.mb(n_bytes)}). {kept}"
