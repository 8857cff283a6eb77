"""The answer to the last press at a place of the page. It stands there until the next one: a page runs again at any time."""

import streamlit as st

from explorer.ui import state


def answer(place: str) -> None:
    words, is_bad = state.said(place)
    if words:
        (st.error if is_bad else st.success)(words)
