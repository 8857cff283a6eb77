"""The values of Streamlit widgets, by key."""

from typing import Any

import streamlit as st


def widget(key: str) -> Any:
    """The value of a Streamlit widget, for its callback."""
    return st.session_state[key]


def entries(prefix: str, names) -> dict:
    """The values of the Streamlit widgets with the keys `prefix` + name that are on the page, by name."""
    return {name: st.session_state[prefix + name] for name in names if prefix + name in st.session_state}


def preset(key: str, value) -> None:
    """Sets the value of a Streamlit widget before it is drawn."""
    if st.session_state.get(key) != value:
        st.session_state[key] = value
