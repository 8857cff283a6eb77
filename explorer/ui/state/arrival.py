"""The link with which a lecture opens a page in a running tab, until the page has taken its state from it."""

import streamlit as st

KEY = "explorer_arrival"
OPENED = "explorer_arrival_opened"  # whether the page has chosen the link's model


def send(page: str, parameters: dict[str, str]) -> None:
    """Makes `page` take its model and then its state from the parameters when it is drawn next."""
    st.session_state[KEY], st.session_state[OPENED] = (page, parameters), False


def opening(page: str) -> dict[str, str] | None:
    """The parameters of the link, once, for the choice of the model. Later the visitor may choose another."""
    if st.session_state.get(OPENED, True) or st.session_state[KEY][0] != page:
        return None
    st.session_state[OPENED] = True
    return st.session_state[KEY][1]


def take(page: str) -> dict[str, str] | None:
    """The parameters of the link, once, for the page's state."""
    to, parameters = st.session_state.get(KEY, ("", {}))
    if to != page:
        return None
    del st.session_state[KEY]
    st.session_state[OPENED] = True
    return parameters
