"""The answer to the last press at a place of the page. It stands there until the next one: a page runs again at any time."""

from collections.abc import Callable

import streamlit as st

from explorer.core.errors import ExplorerError
from explorer.ui.state import session as state


def answer(place: str) -> None:
    words, is_bad = state.said(place)
    if words:
        (st.error if is_bad else st.success)(words)


def attempt(place: str, act: Callable[[], None]) -> None:
    """Do it and draw the whole page again; where it cannot be done, the reason is the answer."""
    try:
        act()
    except ExplorerError as error:
        state.say(place, str(error))
    else:
        state.say(place)
        st.rerun()
