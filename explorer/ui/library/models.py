"""The shelf of models: a row each with its picture, its numbers and its verbs; above it a zip comes in or goes out."""

import logging

import streamlit as st

from explorer.core import transfer
from explorer.core.bundles import library
from explorer.core.errors import ExplorerError
from explorer.core.paths import is_shipped
from explorer.ui import resources
from explorer.ui.state import session as state
from explorer.ui.widgets import rows
from explorer.ui.widgets.actions import answer, attempt
from explorer.ui.widgets.guard import UNKNOWN, delete_model, guarded

NUMBERS = {
    "test_elbo": ("test ELBO, nats", "{:.1f}"),
    "active_units": ("active units", "{:.0f}"),
    "trustworthiness": ("map trust", "{:.2f}"),
}
log = logging.getLogger(__name__)
MAX_UPLOAD_MB = 500  # it lies in the server's memory; .streamlit/config.toml has the same


def bring_and_take() -> None:
    """How much there is, a zip in, all of it out. What came in is on the shelf below in the same run."""
    count = st.container(width="content")
    with st.popover("Import a zip"):
        _import()
    infos = resources.bundles()
    good = [info.name for info in infos if _look(info)[1] is None]
    resting = [run.name for run in resources.run_list() if run.spec is not None and not run.is_live]
    total = rows.mb(sum(info.n_bytes for info in infos))
    count.html(f"<span class='le-muted'>{len(infos)} model{'s' * (len(infos) != 1)}, {total}</span>")
    st.download_button(
        "Export all",
        lambda: transfer.export_zip(good, resting),
        "models.zip",
        "application/zip",
        key="export-all",
        on_click="ignore",
        disabled=not good + resting,
    )


def render() -> str | None:
    """The shelf. The name of the model that shall be opened, if one was asked for just now."""
    infos, chosen = resources.bundles(), None
    if not infos:
        st.info("There is no model here. Import a zip, or train one on the Train page.")
    for place, info in enumerate(infos):
        with st.container(key=f"book_{place}"), guarded(info.name, info.name, delete_model(info.name)):
            if _row(info, len(infos)):
                chosen = info.name
    return chosen


def _row(info, n_models: int) -> bool:
    """Whether the model shall be opened."""
    picture, words, verbs = st.columns(rows.COLUMNS, vertical_alignment="center", gap="medium")
    portrait, error = _look(info)
    if portrait is not None:
        picture.image(portrait, width="stretch", alt=f"Six samples of {info.name}")
    words.html(_words(info, error))
    with verbs.container(horizontal=True, horizontal_alignment="right"):
        is_chosen = error is None and _verbs(info)
        # counted, so that every one is closed again when a model has come or gone
        with st.popover("Edit", key=f"edit-{n_models}-{info.name}", on_change="rerun") as popover:
            if popover.open:
                _edit(info, error)
            else:
                state.say(f"edit-{info.name}")
    return is_chosen


def _look(info) -> tuple[bytes | None, str | None]:
    """A model's picture, or what is wrong with it: its weights are opened here, once."""
    if info.error is not None:
        return None, info.error
    try:
        return resources.portrait(info.name, info.stamp), None
    except ExplorerError as problem:
        return None, str(problem)
    except Exception:
        log.exception("%r could not be opened", info.name)
        return None, f"{info.name}: {UNKNOWN}"


def _words(info, error: str | None) -> str:
    if error is not None:
        return rows.words(info.name, (), {}, bad=error)
    config, origin = info.config, info.origin
    numbers = {"latent D": str(config.latent_dim), "network": config.arch, "likelihood": config.likelihood}
    numbers |= {label: rows.number(info.metrics.get(key), form) for key, (label, form) in NUMBERS.items()}
    numbers["on disk"] = rows.mb(info.n_bytes)
    return rows.words(info.name, (origin.title or origin.dataset, origin.origin, origin.licence), numbers)


def _verbs(info) -> bool:
    """Whether it shall be opened."""
    name = info.name
    opened = st.button("Open", key=f"open-{name}")
    st.download_button(
        "Export", lambda: transfer.export_zip(name), f"{name}.zip", "application/zip", key=f"export-{name}", on_click="ignore"
    )
    return opened


def _edit(info, error: str | None) -> None:
    name, stays = info.name, is_shipped(info.name)
    new = st.text_input("Name", name, key=f"name-{name}", max_chars=64).strip()
    with st.container(horizontal=True):
        rename = st.button("Rename", key=f"rename-{name}", disabled=stays)
        duplicate = st.button("Duplicate", key=f"duplicate-{name}", disabled=error is not None)
    if stays:
        st.caption("It comes with Latent Explorer: it keeps its name and stays. A duplicate is yours.")
    else:
        sure = st.checkbox(f"Delete {rows.plain(name)} for good", key=f"sure-{name}")
    delete = not stays and st.button("Delete", key=f"delete-{name}", disabled=not sure, type="primary")
    place = f"edit-{name}"
    if rename:
        attempt(place, lambda: (library.rename(name, new), state.follow(name, new)))
    elif duplicate:
        attempt(place, lambda: library.duplicate(name, library.free_name(name) if new == name else new))
    elif delete:
        attempt(place, lambda: library.remove(name))
    answer(place)


def _import() -> None:
    with st.form("import_form", clear_on_submit=True, border=False):
        uploaded = st.file_uploader(
            f"A zip as Export makes it, at most {MAX_UPLOAD_MB} MB", "zip", key="import_file", max_upload_size=MAX_UPLOAD_MB
        )
        replace = st.checkbox("Replace models of the same name", key="import_replace")
        sent = st.form_submit_button("Import", key="import_send")
    if sent and uploaded is None:
        state.say("import", f"No zip arrived. Choose one of at most {MAX_UPLOAD_MB} MB; a larger model comes as a folder.")
    elif sent:
        state.say("import")
        try:
            names = transfer.import_zip(uploaded, replace)
        except ExplorerError as problem:
            state.say("import", str(problem))
        else:
            state.say("import", f"On the shelf now: {', '.join(names)}.", is_bad=False)
    answer("import")
