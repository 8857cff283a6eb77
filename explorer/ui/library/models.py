"""The Library's list of models, with a search box, pages, and import and export of zips."""

import logging
from collections.abc import Sequence

import streamlit as st

from explorer.core import transfer
from explorer.core.bundles import library
from explorer.core.errors import ExplorerError
from explorer.core.paths import is_shipped
from explorer.ui import resources
from explorer.ui.state import messages
from explorer.ui.state import session as state
from explorer.ui.widgets import rows
from explorer.ui.widgets.guard import UNKNOWN, delete_model, guarded

NUMBERS = {
    "test_elbo": ("test ELBO, nats", "{:.1f}"),
    "active_units": ("active units", "{:.0f}"),
    "trustworthiness": ("map trust", "{:.2f}"),
}
PAGED_FROM, PAGE_ROWS = 20, 8  # with PAGED_FROM or more models there are pages and a search box
log = logging.getLogger(__name__)
MAX_UPLOAD_MB = 500  # an upload is held in the server's memory; .streamlit/config.toml has the same limit


def toolbar():
    """Draws the number of models and the import form. Returns the container of the Export all button.

    A model imported here is already in the list that `render` draws in the same run.
    """
    count = st.container(width="content")
    with st.popover("Import a zip"):
        _import()
    infos = resources.bundles()
    total = rows.mb(sum(info.n_bytes for info in infos))
    count.html(f"<span class='le-muted'>{len(infos)} model{'s' * (len(infos) != 1)}, {total}</span>")
    return st.container(width="content")


def render(export_box) -> str | None:
    """Draws the rows of one page, and Export all in `export_box`. Returns the model whose Open was pressed in this run."""
    infos, opened, damaged = resources.bundles(), None, set()
    if not infos:
        st.info("There are no models yet. Import a zip, or train one on the Train page.")
    for row, info in enumerate(_page(infos)):
        with st.container(key=f"book_{row}"), guarded(info.name, info.name, delete_model(info.name)):
            samples, error = _samples(info)
            if error is not None:
                damaged.add(info.name)
            if _row(info, len(infos), samples, error):
                opened = info.name
    with export_box:
        _export_all([info.name for info in infos if info.error is None and info.name not in damaged])
    return opened


def _page(infos: Sequence) -> Sequence:
    """The models to show: all, or from PAGED_FROM models on, one page of those that match the search."""
    if len(infos) < PAGED_FROM:
        return infos
    with st.container(key="library_search", horizontal=True, vertical_alignment="center"):
        text = st.text_input(
            "Search models",
            key="library-search",
            placeholder="Search by name or data set",
            label_visibility="collapsed",
            width=320,
        )
        words = text.casefold().split()
        found = [info for info in infos if all(word in _searchable_text(info) for word in words)]
        n_pages = max(1, -(-len(found) // PAGE_ROWS))
        page = st.pagination(n_pages, key=f"library-page-{text}") if n_pages > 1 else 1
    if not found:
        st.info(f"No model matches '{rows.plain(text.strip())}'.")
    return found[(page - 1) * PAGE_ROWS : page * PAGE_ROWS]


def _searchable_text(info) -> str:
    """The text that a search is matched against; of a damaged bundle only the name is known."""
    parts = [info.name] if info.error is not None else [info.name, info.origin.title, info.origin.dataset]
    return " ".join(part for part in parts if part).casefold()


def _export_all(names: list[str]) -> None:
    """Draws the button that exports the models `names`, except damaged ones, and all runs that are not live."""
    runs = [run.name for run in resources.run_list() if run.spec is not None and not run.is_live]
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


def _row(info, n_models: int, samples: bytes | None, error: str | None) -> bool:
    """Draws the row of a model. Returns whether Open was pressed."""
    picture, description, buttons = st.columns(rows.COLUMNS, vertical_alignment="center", gap="medium")
    if samples is not None:
        picture.image(samples, width="stretch", alt=f"Six samples of {info.name}")
    description.html(_description(info, error))
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


def _description(info, error: str | None) -> str:
    """The middle of the row, as HTML."""
    if error is not None:
        return rows.words(info.name, (), {}, bad=error)
    config, origin = info.config, info.origin
    numbers = {"latent D": str(config.latent_dim), "network": config.arch, "likelihood": config.likelihood}
    numbers |= {label: rows.number(info.metrics.get(key), form) for key, (label, form) in NUMBERS.items()}
    numbers["on disk"] = rows.mb(info.n_bytes)
    return rows.words(info.name, (origin.title or origin.dataset, origin.origin, origin.licence), numbers)


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
