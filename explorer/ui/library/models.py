"""The models of the Library: a row each with picture, numbers and buttons, in pages; above them import and export."""

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
MANY, PAGE_ROWS = 20, 8  # from MANY models on there are pages and a search box
log = logging.getLogger(__name__)
MAX_UPLOAD_MB = 500  # held in the server's memory; .streamlit/config.toml has the same limit


def toolbar():
    """The number of models, import, and a container for the Export all button, which is returned. An imported model is in the
    list of the same run."""
    count = st.container(width="content")
    with st.popover("Import a zip"):
        _import()
    infos = resources.bundles()
    total = rows.mb(sum(info.n_bytes for info in infos))
    count.html(f"<span class='le-muted'>{len(infos)} model{'s' * (len(infos) != 1)}, {total}</span>")
    return st.container(width="content")


def render(export_box) -> str | None:
    """The rows of one page, and Export all in `export_box`. The name of the model whose Open was pressed just now."""
    infos, chosen, damaged = resources.bundles(), None, set()
    if not infos:
        st.info("There is no model here. Import a zip, or train one on the Train page.")
    for place, info in enumerate(_page(infos)):
        with st.container(key=f"book_{place}"), guarded(info.name, info.name, delete_model(info.name)):
            portrait, error = _look(info)
            if error is not None:
                damaged.add(info.name)
            if _row(info, len(infos), portrait, error):
                chosen = info.name
    with export_box:
        _export_all([info.name for info in infos if info.error is None and info.name not in damaged])
    return chosen


def _page(infos: Sequence) -> Sequence:
    """The models that are shown: all, or where they are many, one page of those that match the search."""
    if len(infos) < MANY:
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
        found = [info for info in infos if all(word in _searched(info) for word in words)]
        n_pages = max(1, -(-len(found) // PAGE_ROWS))
        page = st.pagination(n_pages, key=f"library-page-{text}") if n_pages > 1 else 1
    if not found:
        st.info(f"No model matches '{rows.plain(text.strip())}'.")
    return found[(page - 1) * PAGE_ROWS : page * PAGE_ROWS]


def _searched(info) -> str:
    """The text that a search is matched against. Of a damaged bundle only its name is known."""
    parts = [info.name] if info.error is not None else [info.name, info.origin.title, info.origin.dataset]
    return " ".join(part for part in parts if part).casefold()


def _export_all(names: list[str]) -> None:
    """The models `names`, damaged ones left out, and all runs that are not at work."""
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
    """Whether a model can be exported: all its files are read, so this is asked only when the zip is made."""
    try:
        library.contents(name)
    except ExplorerError:
        return False
    return True


def _row(info, n_models: int, portrait: bytes | None, error: str | None) -> bool:
    """Whether Open was pressed."""
    picture, words, buttons = st.columns(rows.COLUMNS, vertical_alignment="center", gap="medium")
    if portrait is not None:
        picture.image(portrait, width="stretch", alt=f"Six samples of {info.name}")
    words.html(_words(info, error))
    with buttons.container(horizontal=True, horizontal_alignment="right"):
        is_chosen = error is None and _buttons(info)
        # the number is in the key, so that all popovers close when a model is added or removed
        with st.popover("Edit", key=f"edit-{n_models}-{info.name}", on_change="rerun") as popover:
            if popover.open:
                _edit(info, error)
            else:
                messages.clear(f"edit-{info.name}")
    return is_chosen


def _look(info) -> tuple[bytes | None, str | None]:
    """(a model's picture, None) or (None, what is wrong with it). The first call opens the model."""
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


def _buttons(info) -> bool:
    """Whether Open was pressed."""
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
        messages.attempt_and_rerun(place, lambda: (library.rename(name, new), state.follow(name, new)))
    elif duplicate:
        messages.attempt_and_rerun(place, lambda: library.duplicate(name, library.free_name(name) if new == name else new))
    elif delete:
        messages.attempt_and_rerun(place, lambda: library.remove(name))
    messages.show(place)


def _import() -> None:
    with st.form("import_form", clear_on_submit=True, border=False):
        uploaded = st.file_uploader(
            f"A zip as Export makes it, at most {MAX_UPLOAD_MB} MB", "zip", key="import_file", max_upload_size=MAX_UPLOAD_MB
        )
        replace = st.checkbox("Replace models of the same name", key="import_replace")
        sent = st.form_submit_button("Import", key="import_send")
    if sent and uploaded is None:
        messages.post("import", f"No zip arrived. Choose one of at most {MAX_UPLOAD_MB} MB; a larger model comes as a folder.")
    elif sent:
        messages.clear("import")
        try:
            names = transfer.import_zip(uploaded, replace)
        except ExplorerError as problem:
            messages.post("import", str(problem))
        else:
            messages.post("import", f"On the shelf now: {', '.join(names)}.", is_error=False)
    messages.show("import")
