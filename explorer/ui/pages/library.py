"""Library: the models on this machine, what is known of each, and what can be done with them."""

import streamlit as st

from explorer.ui import state
from explorer.ui.pages.explore import explore
from explorer.ui.panels import library as shelf
from explorer.ui.resources import ExplorerError


def library() -> None:
    """The page at /library."""
    chosen = None
    with st.container(key="library"):
        try:
            with st.container(key="library_bar", horizontal=True, vertical_alignment="center", horizontal_alignment="right"):
                shelf.bring_and_take()
            chosen = shelf.render()
        except ExplorerError as error:  # the folder cannot be read
            st.error(str(error))
    if chosen is not None:
        state.choose_bundle(chosen)
        st.switch_page(st.Page(explore, url_path="", default=True))
