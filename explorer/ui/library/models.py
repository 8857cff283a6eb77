"""The Library's list of models, in pages, and import and export of zips."""

import logging
from collections.abc import Sequence
from contextlib import nullcontext
from itertools import count

import streamlit as st

from explorer.core import transfer
from explorer.core.bundles import library
from explorer.core.errors import ExplorerError
from explorer.core.paths import is_shipped
from explorer.ui import resources
from explorer.ui.library import search
from explorer.ui.state import messages
from explorer.ui.state import session as state
from explorer.ui.widgets import rows
from explorer.ui.widgets.guard import UNKNOWN, delete_model, guarded

NUMBERS = {
    "test_elbo": ("test ELBO, nats", "{:.1f}"),
    "active_units": ("active units", "{:.0f}"),
    "trustworthiness": ("map trust", "{:.2f}"),
}
PAGED_FROM, PAGE_ROWS = 20, 8  # from PAGED_FROM entries on, the list has pages
log = logging.getLogger(__name__)
MAX_UPLOAD_MB = 500  # an upload is held in the server's memory; .streamlit/config.toml has the same limit


def toolbar():
    """Draws the number of models and the import form. Returns the container of the Export all button.

    A model imported here is already in the list that `render` draws in the same run.
    """
    summary = st.container(width="content")
    with st.popover("Import a zip"):
        _import()
    infos = resources.bundles()
    total = rows.mb(sum(info.n_bytes for info in infos))
    summary.html(f"<span class='le-muted'>{len(infos)} model{'s' * (len(infos) != 1)}, {total}</span>")
    return st.container(width="content")


def render(export_box, search_box, runs: Sequence, text: str) -> str | None:
    """Draws the entries of one page that match `text`, Export all in `export_box`, and the pages in `search_box`.

    `runs`: all training runs. Returns the model whose Open was pressed in this run of the page.
    """
    infos, opened, damaged = resources.bundles(), None, set()
    if not infos:
        st.info("There are no models yet. Import a zip, or train one on the Train page.")
    row = count()
    for entry in _page(search.entries(infos, runs), text, search_box):
        with _entry_box(entry):
            for info in entry.models:
                key = f"book_{next(row)}"
                with st.container(key=key), guarded(info.name, info.name, delete_model(info.name)):
                    samples, error = _samples(info)
                    if error is not None:
                        damaged.add(info.name)
                    if _row(info, len(infos), samples, error, bool(entry.group)):
                        opened = info.name
    with export_box:
        _export_all([info.name for info in infos if info.error is None and info.name not in damaged], runs)
    return opened


def _page(entries: Sequence[search.Entry], text: str, search_box) -> Sequence[search.Entry]:
    """The entries that match `text`; from PAGED_FROM entries on, one page of them."""
    found = search.found_entries(entries, text)
    if entries and not found:
        st.info(f"No model matches '{rows.plain(text)}'.")
    if len(entries) < PAGED_FROM:
        return found
    n_pages = max(1, -(-len(found) // PAGE_ROWS))
    with search_box:
        page = st.pagination(n_pages, key=f"library-page-{text}") if n_pages > 1 else 1
    return found[(page - 1) * PAGE_ROWS : page * PAGE_ROWS]


def _entry_box(entry: search.Entry):
    """The container of an entry's rows; for twins, with what they have in common above them."""
    if not entry.group:
        return nullcontext()
    container = st.container(key=f"library_twins_{entry.group}")
    origin = next((info.origin for info in entry.models if info.error is None), None)
    parts = (origin.title or origin.dataset, origin.origin, origin.licence) if origin else ()
    container.html(rows.heading(entry.group, parts, 2, f"{len(entry.models)} twins"))
    return container


def _export_all(names: list[str], runs: Sequence) -> None:
    """Draws the button that exports the models `names`, except damaged ones, and all of `runs` that are not live."""
    runs = [run.name for run in runs if run.spec is not None and not run.is_live]
    st.download_button(
        "Export all",
        lambda: transfer.export_zip([name for name in names if _is_sound(name)], runs),
        "models.zip",
        "application/zip",
        key="export-all",
        on_click="ignore",
        disabled=not names + runs,
    )


def _is_sound(name: str) -> bool:
    """Whether a model can be exported. Reads all its files, so it is called only when the zip is made."""
    try:
        library.contents(name)
    except ExplorerError:
        return False
    return True


def _row(info, n_models: int, samples: bytes | None, error: str | None, is_twin: bool) -> bool:
    """Draws the row of a model. Returns whether Open was pressed."""
    picture, description, buttons = st.columns(rows.COLUMNS, vertical_alignment="center", gap="medium")
    if samples is not None:
        picture.image(samples, width="stretch", alt=f"Six samples of {info.name}")
    description.html(_description(info, error, is_twin))
    with buttons.container(horizontal=True, horizontal_alignment="right"):
        is_opened = error is None and _buttons(info)
        # the number of models is in the key, so that all popovers close when one is added or removed
        with st.popover("Edit", key=f"edit-{n_models}-{info.name}", on_change="rerun") as popover:
            if popover.open:
                _edit(info, error)
            else:
                messages.clear(f"edit-{info.name}")
    return is_opened


def _samples(info) -> tuple[bytes | None, str | None]:
    """(PNG of six samples, None), or (None, error message) if the model cannot be opened."""
    if info.error is not None:
        return None, info.error
    try:
        return resources.samples_png(info.name, info.stamp), None
    except ExplorerError as problem:
        return None, str(problem)
    except Exception:
        log.exception("%r could not be opened", info.name)
        return None, f"{info.name}: {UNKNOWN}"


def _description(info, error: str | None, is_twin: bool) -> str:
    """The middle of the row, as HTML; the origin of twins is said once for all."""
    level = 3 if is_twin else 2
    if error is not None:
        return rows.words(info.name, (), {}, level, bad=error)
    config, origin = info.config, info.origin
    numbers = {"latent D": str(config.latent_dim), "network": config.arch, "likelihood": config.likelihood}
    numbers |= {label: rows.number(info.metrics.get(key), form) for key, (label, form) in NUMBERS.items()}
    numbers["on disk"] = rows.mb(info.n_bytes)
    parts = () if is_twin else (origin.title or origin.dataset, origin.origin, origin.licence)
    return rows.words(info.name, parts, numbers, level)


def _buttons(info) -> bool:
    """Draws Open and Export. Returns whether Open was pressed."""
    name = info.name
    opened = st.button("Open", key=f"open-{name}")
    st.download_button(
        "Export", lambda: transfer.export_zip(name), f"{name}.zip", "application/zip", key=f"export-{name}", on_click="ignore"
    )
    return opened


def _edit(info, error: str | None) -> None:
    """The content of the Edit popover."""
    name, shipped = info.name, is_shipped(info.name)
    new = st.text_input("Name", name, key=f"name-{name}", max_chars=64).strip()
    with st.container(horizontal=True):
        rename = st.button("Rename", key=f"rename-{name}", disabled=shipped)
        duplicate = st.button("Duplicate", key=f"duplicate-{name}", disabled=error is not None)
    if shipped:
        st.caption("This model comes with Latent Explorer and cannot be renamed or deleted. You can edit a duplicate.")
    else:
        confirmed = st.checkbox(f"Delete {rows.plain(name)} permanently", key=f"sure-{name}")
    delete = not shipped and st.button("Delete", key=f"delete-{name}", disabled=not confirmed, type="primary")
    area = f"edit-{name}"
    if rename:
        messages.attempt_and_rerun(area, lambda: (library.rename(name, new), state.follow(name, new)))
    elif duplicate:
        messages.attempt_and_rerun(area, lambda: library.duplicate(name, library.free_name(name) if new == name else new))
    elif delete:
        messages.attempt_and_rerun(area, lambda: library.remove(name))
    messages.show(area)


def _import() -> None:
    with st.form("import_form", clear_on_submit=True, border=False):
        uploaded = st.file_uploader(
            f"A zip made by Export, at most {MAX_UPLOAD_MB} MB", "zip", key="import_file", max_upload_size=MAX_UPLOAD_MB
        )
        replace = st.checkbox("Replace models of the same name", key="import_replace")
        submitted = st.form_submit_button("Import", key="import_send")
    if submitted and uploaded is None:
        hint = f"Choose one of at most {MAX_UPLOAD_MB} MB; copy larger models into the checkpoints folder."
        messages.post("import", f"No zip was uploaded. {hint}")
    elif submitted:
        messages.clear("import")
        try:
            names = transfer.import_zip(uploaded, replace)
        except ExplorerError as problem:
            messages.post("import", str(problem))
        else:
            messages.post("import", f"Imported: {', '.join(names)}.", is_error=False)
    messages.show("import")
