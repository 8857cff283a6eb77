"""Draws one part of a page so that a fault in it takes nothing else along: the part says what is wrong and can be deleted."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import streamlit as st

from explorer.core.bundles import library
from explorer.core.errors import ExplorerError
from explorer.core.paths import is_shipped
from explorer.ui.state import messages
from explorer.ui.widgets.rows import plain

UNKNOWN = "It holds something that cannot be shown; the server's log says what."
log = logging.getLogger(__name__)


@contextmanager
def guarded(name: str, key: str = "", delete: Callable[[], None] | None = None) -> Iterator[None]:
    """Where the body fails, `name` and one sentence stand in its place, and a button for `delete` where it is given.

    `key`: of that button, unique on the page. What Streamlit itself raises to rerun or stop a page passes through.
    """
    try:
        yield
    except ExplorerError as error:
        _broken(name, str(error), key, delete)
    except Exception:
        log.exception("%r could not be shown", name)
        _broken(name, UNKNOWN, key, delete)


def delete_model(name: str) -> Callable[[], None] | None:
    """What deletes a model; None for one that comes with the app and stays."""
    return None if is_shipped(name) else lambda: library.remove(name)


def _broken(name: str, sentence: str, key: str, delete: Callable[[], None] | None) -> None:
    messages.error(f"{plain(name)}: {sentence}" if name else sentence)
    if delete is not None:
        if st.button(f"Delete {plain(name)}", key=f"broken-{key}"):
            messages.attempt_and_rerun(f"broken-{key}", delete)
        messages.show(f"broken-{key}")
