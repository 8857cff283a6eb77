"""Error boundary for a part of a page: a failure in it becomes a message, with a button that deletes the broken item."""

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
    """Runs the body; an exception shows `name` and one sentence instead, and a Delete button if `delete` is given.

    `key`: of that button, unique on the page. Streamlit's own exceptions, which rerun or stop a page, pass through.
    """
    try:
        yield
    except ExplorerError as error:
        _show_error(name, str(error), key, delete)
    except Exception:
        log.exception("%r could not be shown", name)
        _show_error(name, UNKNOWN, key, delete)


def delete_model(name: str) -> Callable[[], None] | None:
    """A function that deletes the model; None for a model shipped with the app."""
    return None if is_shipped(name) else lambda: library.remove(name)


def _show_error(name: str, sentence: str, key: str, delete: Callable[[], None] | None) -> None:
    messages.error(f"{plain(name)}: {sentence}" if name else sentence)
    if delete is not None:
        if st.button(f"Delete {plain(name)}", key=f"broken-{key}"):
            messages.attempt_and_rerun(f"broken-{key}", delete)
        messages.show(f"broken-{key}")
