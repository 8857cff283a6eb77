"""What `streamlit run` does for a plain script and leaves out for an `st.App`: opening the browser, a quiet end on Ctrl-C."""

import signal
import threading
import webbrowser
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import streamlit as st

EVERY_INTERFACE = ("0.0.0.0", "::")


def host_names() -> list[str]:
    """The names that Streamlit's settings give the app."""
    configured = (st.get_option("browser.serverAddress"), st.get_option("server.address"))
    return [*st.get_option("server.allowedHosts"), *filter(None, configured)]


def address() -> str:
    """The address of the app, as `streamlit run` prints it."""
    scheme = "https" if st.get_option("server.sslCertFile") else "http"
    shown, bound = st.get_option("browser.serverAddress"), st.get_option("server.address")
    if shown == "localhost" and bound and bound not in EVERY_INTERFACE:
        shown = f"[{bound}]" if ":" in bound else bound
    path = st.get_option("server.baseUrlPath").strip("/")
    return f"{scheme}://{shown}:{st.get_option('browser.serverPort')}/{path}"


@asynccontextmanager
async def lifespan(_app: st.App) -> AsyncIterator[None]:
    """Opens the browser when the server starts, unless it is headless; stops without a complaint on Ctrl-C."""
    if not st.get_option("server.headless"):
        threading.Thread(target=webbrowser.open, args=(address(),), daemon=True).start()  # some browsers return when closed
    _end_quietly()
    yield


def _end_quietly() -> None:
    """Keeps uvicorn from raising Ctrl-C again once the server has stopped, which `streamlit run` reports as "Aborted!"."""
    server = getattr(signal.getsignal(signal.SIGINT), "__self__", None)
    if not hasattr(server, "should_exit"):  # not uvicorn's handler
        return

    def stop(*_) -> None:
        server.force_exit, server.should_exit = server.should_exit, True  # a second Ctrl-C does not wait

    signal.signal(signal.SIGINT, stop)
