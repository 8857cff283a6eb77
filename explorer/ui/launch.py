"""Opens the browser at the start and exits cleanly on Ctrl-C, as `streamlit run` does for a script but not for an `st.App`."""

import signal
import threading
import webbrowser
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import streamlit as st

ALL_INTERFACES = ("0.0.0.0", "::")


def host_names() -> list[str]:
    """The host names of the app in Streamlit's settings."""
    configured = (st.get_option("browser.serverAddress"), st.get_option("server.address"))
    return [*st.get_option("server.allowedHosts"), *filter(None, configured)]


def address() -> str:
    """The URL of the app, as `streamlit run` prints it."""
    scheme = "https" if st.get_option("server.sslCertFile") else "http"
    shown, bound = st.get_option("browser.serverAddress"), st.get_option("server.address")
    if shown == "localhost" and bound and bound not in ALL_INTERFACES:
        shown = f"[{bound}]" if ":" in bound else bound
    path = st.get_option("server.baseUrlPath").strip("/")
    return f"{scheme}://{shown}:{st.get_option('browser.serverPort')}/{path}"


@asynccontextmanager
async def lifespan(_app: st.App) -> AsyncIterator[None]:
    """Opens the browser when the server starts, unless it is headless, and installs the handler of Ctrl-C."""
    if not st.get_option("server.headless"):
        threading.Thread(target=webbrowser.open, args=(address(),), daemon=True).start()  # some browsers block until closed
    _replace_sigint_handler()
    yield


def _replace_sigint_handler() -> None:
    """Stops the server on Ctrl-C. uvicorn's handler raises it again afterwards, and `streamlit run` then prints "Aborted!"."""
    server = getattr(signal.getsignal(signal.SIGINT), "__self__", None)
    if not hasattr(server, "should_exit"):  # not uvicorn's handler
        return

    def stop(*_) -> None:
        server.force_exit, server.should_exit = server.should_exit, True  # a second Ctrl-C does not wait for open connections

    signal.signal(signal.SIGINT, stop)
