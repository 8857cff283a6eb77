"""Library: the models and the training runs on this machine, what is known of each, and what can be done with them."""

import streamlit as st

from explorer.ui import resources
from explorer.ui.library import models as shelf
from explorer.ui.library import runs as library_runs
from explorer.ui.state import session as state
from explorer.ui.state import training
from explorer.ui.widgets import nav
from explorer.ui.widgets.clock.panel import clock
from explorer.ui.widgets.guard import guarded

EVERY_S = 2.0  # while a run is at work


def library() -> None:
    """The page at /library."""
    chosen = None
    with st.container(key="library"):
        with guarded(""):  # the folder may be closed to us
            with st.container(key="library_bar", horizontal=True, vertical_alignment="center", horizontal_alignment="right"):
                export_box = shelf.toolbar()
            chosen = shelf.render(export_box)
            if found := resources.run_list():
                n_live = sum(run.is_live for run in found)
                _runs(n_live)
    if chosen is not None:
        state.choose_bundle(chosen)
        nav.go_to("explore")


@st.fragment
def _runs(n_live: int) -> None:
    """The runs, anew as long as one is at work; when one has begun or ended, the models are looked at again too."""
    if n_live:
        clock("runs", EVERY_S)
    opened = None
    with guarded(""):
        found = resources.run_list()
        if sum(run.is_live for run in found) != n_live:
            st.rerun()
        with st.container(key="library_runs"):
            opened = library_runs.render(found)
    if opened is not None:
        training.training().watch(opened)
        nav.go_to("train")
