"""The page of one exhibit: links to its neighbours, the model selector, the image chooser and the exhibit itself."""

from collections.abc import Callable
from types import ModuleType

import streamlit as st

from explorer.core.errors import ExplorerError
from explorer.ui import resources
from explorer.ui.exhibits.images import panel as images
from explorer.ui.state import arrival, messages, widgets
from explorer.ui.state import exhibit as state_of
from explorer.ui.widgets import nav
from explorer.ui.widgets.guard import guarded
from explorer.ui.widgets.rows import plain

MODEL = "exhibit-model"  # key of the model selector


def exhibit_page(panel_of: Callable[[], ModuleType], before: str | None, after: str | None) -> Callable[[], None]:
    """The function that draws the page of an exhibit, with links to the exhibits `before` and `after` it.

    `panel_of` returns its panel module; it is called when the page is opened.
    """

    def draw() -> None:
        panel = panel_of()
        exhibit = panel.EXHIBIT
        with st.container(key=exhibit.path), guarded(""):
            with st.container(key="exhibit_bar", horizontal=True, vertical_alignment="center"):
                _title(exhibit, before, after)
                engine = _choose_model(exhibit) if exhibit.models else None
            if exhibit.models:
                if engine is None:
                    return
                if (reason := exhibit.misfit(engine)) is not None:
                    _offer_others(exhibit, engine, reason)
                    return
            state, is_new = state_of.exhibit(exhibit.path, exhibit.settings, len(exhibit.predictions))
            if engine is not None:
                state.open_model(engine)
            if (linked := arrival.take(exhibit.path)) is not None:
                state.follow(linked)
            elif is_new:
                state.read(state_of.query())
            _body(panel, engine, state)

    return draw


@st.fragment
def _body(panel: ModuleType, engine, state) -> None:
    with guarded(""):
        if panel.EXHIBIT.has_image:
            with st.container(key="exhibit_images"):
                images.render(engine, state)
        with st.container(key="exhibit_body"):
            panel.render(engine, state)


def _title(exhibit, before: str | None, after: str | None) -> None:
    nav.link("exhibits", "All exhibits")
    for path, arrow in ((before, "\N{LEFTWARDS ARROW}"), (after, "\N{RIGHTWARDS ARROW}")):
        if path is not None:
            nav.link(path, arrow)
    st.html(f"<h2>{exhibit.title}</h2>", width="content")


def _choose_model(exhibit):
    """Draws the model selector. Returns the chosen engine; None if there is no model."""
    good = {info.name: info for info in resources.bundles() if info.error is None}
    live = resources.live_runs()
    names = [*good, *live]
    if not names:
        messages.error("There is no model on this machine. Train one: python -m explorer.train --dataset digits --name digits")
        return None
    arriving = arrival.opening(exhibit.path)
    wanted = state_of.wanted_model(exhibit.path) if arriving is None else arriving.get("model")
    if wanted is not None and wanted not in names:
        messages.toast_once(f"The model '{plain(wanted)}' is not on this machine.")
        wanted = None
    index = names.index(wanted or _first_model(exhibit, good) or names[0])
    key = f"{MODEL}-{exhibit.path}"
    if arriving is not None:
        widgets.preset(key, names[index])
        index = 0  # a widget whose value is set has no other default
    name = st.selectbox("Model", names, index, key=key, label_visibility="collapsed")
    return resources.run_engine(name) if name in live else resources.engine(name, good[name].stamp)


def _first_model(exhibit, good: dict) -> str | None:
    """The first of the exhibit's models whose images are on this machine; if there is none, the first that is there."""
    present = [name for name in exhibit.models if name in good]
    for name in present if exhibit.has_image else ():
        try:
            if not resources.engine(name, good[name].stamp).images_or_recons([0])[1]:
                return name
        except ExplorerError:
            continue  # a damaged model; the Library says so
    return present[0] if present else None


def _offer_others(exhibit, engine, reason: str) -> None:
    """Says why the model does not fit, and offers those that do."""
    st.info(plain(f"{engine.name}: {reason}"))
    names = {info.name for info in resources.bundles() if info.error is None} - {engine.name}
    for name in exhibit.models:
        if name in names:
            st.button(f"Show it on {name}", on_click=widgets.preset, args=(f"{MODEL}-{exhibit.path}", name))
