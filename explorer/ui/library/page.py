"""The Library page: lists the models and the training runs on this machine, to open, edit, import and export them."""

import streamlit as st

from explorer.ui import resources
from explorer.ui.library import models as library_models
from explorer.ui.library import runs as library_runs
from explorer.ui.library import search
from explorer.ui.state import session as state
from explorer.ui.state import training
from explorer.ui.widgets import nav
from explorer.ui.widgets.clock.panel import clock
from explorer.ui.widgets.guard import guarded

INTERVAL_S = 2.0  # between refreshes of the runs while one is live


def library() -> None:
    """The page at /library."""
    opened = None
    with st.container(key="library"):
        with guarded(""):  # listing the models fails if their folder cannot be read
            with st.container(key="library_bar", horizontal=True, vertical_alignment="center", horizontal_alignment="right"):
                export_box = library_models.toolbar()
            listed = resources.run_list()
            search_box = st.container(key="library_search", horizontal=True, vertical_alignment="center")
            with search_box:
                text = search.box(len(resources.bundles()) + len(listed))
            opened = library_models.render(export_box, search_box, listed, text)
            if listed:
                _runs(sum(run.is_live for run in listed), text)
    if opened is not None:
        state.choose_bundle(opened)
        nav.go_to("explore")


@st.fragment
def _runs(n_live: int, text: str) -> None:
    """The runs that match `text`, refreshed while one is live.

    When one has started or ended, the whole page runs again, with any new model.
    """
    if n_live:
        clock("runs", INTERVAL_S)
    opened = None
    with guarded(""):
        listed = resources.run_list()
        if sum(run.is_live for run in listed) != n_live:
            st.rerun()
        with st.container(key="library_runs"):
            opened = library_runs.render(listed, text)
    if opened is not None:
        training.training().watch(opened)
        nav.go_to("train")
