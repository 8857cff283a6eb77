"""Messages to the visitor. Each area of a page keeps the result of its last action until the next one."""

from collections.abc import Callable

import streamlit as st

from explorer.core.errors import ExplorerError

TOAST_S = 12


def show(area: str) -> None:
    """Draws the message of an area, if it has one."""
    text, is_error = st.session_state.get(f"explorer_message_{area}", ("", True))
    if text:
        (st.error if is_error else st.success)(text)


def post(area: str, text: str, is_error: bool = True) -> None:
    """Replaces the message of an area."""
    st.session_state[f"explorer_message_{area}"] = text, is_error


def clear(area: str) -> None:
    post(area, "")


def attempt(area: str, action: Callable[[], None]) -> bool:
    """Runs `action`; an ExplorerError becomes the message of the area. Returns whether it succeeded."""
    clear(area)
    try:
        action()
    except ExplorerError as error:
        post(area, str(error))
        return False
    return True


def attempt_and_rerun(area: str, action: Callable[[], None]) -> None:
    """Like `attempt`, and runs the whole page again on success."""
    if attempt(area, action):
        st.rerun()


def error(text: str) -> None:
    """Draws an error about the current state of the page. It is not kept."""
    st.error(text)


def warning(text: str) -> None:
    """Draws a warning about the current state of the page. It is not kept."""
    st.warning(text)


def toast(text: str, stays: bool = False) -> None:
    """Draws a notice that disappears after TOAST_S seconds, or `stays` until the visitor closes it."""
    st.toast(text, duration="infinite" if stays else TOAST_S)


def toast_once(text: str, stays: bool = False) -> None:
    """Like `toast`, the first time in a tab that it is called with this text."""
    shown = st.session_state.setdefault("explorer_toasts", set())
    if text not in shown:
        shown.add(text)
        toast(text, stays)
