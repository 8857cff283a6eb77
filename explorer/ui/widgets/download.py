"""A line that says that a data set is not on this computer, with a button that downloads it."""

from collections.abc import Callable

import streamlit as st

from explorer.core.data import downloads
from explorer.core.data.downloads import DownloadStatus, downloader
from explorer.ui.state import messages
from explorer.ui.widgets import rows
from explorer.ui.widgets.clock.panel import clock

INTERVAL_S = 0.5  # between refreshes while a set is being downloaded


@st.fragment
def download_line(name: str, absent: str, key: str, on_done: Callable[[], None] = lambda: None) -> None:
    """Draws the line while the downloadable set `name` is missing; once it is here, runs `on_done` and the whole page again.

    `absent`: the sentence while nothing is being downloaded; "{}" in it becomes the title of the set.
    """
    info = downloads.missing(name)
    if info is None:
        on_done()
        st.rerun(scope="app")
    newest, is_own = downloader.look(), False
    if newest is not None:
        is_own = newest.info.name == name
        if newest.is_running:
            clock(key, INTERVAL_S)
    with st.container(key=key, horizontal=True, vertical_alignment="center"):
        if is_own and newest.is_running:
            done_mb = newest.share * info.download_mb
            _text(f"Downloading {info.title}: {done_mb:.1f} of {info.download_mb:.1f} MB")
            st.button("Cancel", key=f"{key}-cancel", on_click=downloader.cancel, args=(name,))
            return
        failed = newest.sentence if is_own and newest.status == DownloadStatus.FAILED else ""
        waiting = f"{newest.info.title} is being downloaded." if newest is not None and newest.is_running else ""
        _text(failed or waiting or absent.format(info.title))
        label = "Try again" if failed else f"Download {info.download_mb:.0f} MB"
        action = lambda: messages.attempt(key, lambda: downloader.start(name))  # noqa: E731
        st.button(label, key=f"{key}-start", disabled=bool(waiting), on_click=action)


def _text(text: str) -> None:
    st.caption(rows.plain(text))
