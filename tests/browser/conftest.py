"""A real server and a real browser: `serve` starts `streamlit run app.py`, `visit` opens it in headless Chromium."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest

PROJECT = Path(__file__).resolve().parents[2]
PATIENCE_S = 90  # for the server; a laptop needs 5
FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync",
         "--no-first-run")  # fmt: skip


@contextmanager
def serving(log: Path, **environment: str) -> Iterator[str]:
    """The address of a running app."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    kept = {name: value for name, value in os.environ.items() if name != "EXPLORER_MODEL"}
    command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.headless", "true", "--server.port", str(port)]
    with log.open("wb") as out:
        server = subprocess.Popen(command, cwd=PROJECT, env=kept | environment, stdout=out, stderr=out, start_new_session=True)
    try:
        _wait_until_healthy(server, url)
        yield url
    finally:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()


def _wait_until_healthy(server: subprocess.Popen, url: str) -> None:
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end and server.poll() is None:
        try:
            with urlopen(f"{url}/_stcore/health", timeout=5):
                return
        except (URLError, OSError):
            time.sleep(0.1)
    raise RuntimeError(f"streamlit did not answer at {url} (exit code {server.poll()})")


@pytest.fixture(scope="module")
def serve(request, tmp_path_factory):
    """serve(**environment) -> address; the servers stop with the module and show their logs if a test failed in it."""
    folder, logs, failed_before = tmp_path_factory.mktemp("servers"), [], request.session.testsfailed
    try:
        with ExitStack() as servers:

            def start(**environment: str) -> str:
                logs.append(folder / f"{len(logs)}.log")
                return servers.enter_context(serving(logs[-1], **environment))

            yield start
    finally:
        if request.session.testsfailed > failed_before:
            for log in logs:
                print(f"--- the server's log, {log} ---\n{log.read_text('utf-8', 'replace')}")


@pytest.fixture(scope="session")
def chromium():
    """A headless Chromium, or a skip that says what is missing."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="NO BROWSER TEST: pip install -r tests/requirements.txt")
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("NO BROWSER TEST: there is no chromium on the PATH")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=list(FLAGS))
        yield browser
        browser.close()


@pytest.fixture
def visit(chromium):
    """visit(url, theme="light") -> page; when the test ends, no page may have shown an error."""
    opened = []

    def go(url: str, theme: str = "light"):
        context = chromium.new_context(viewport={"width": 1280, "height": 800}, color_scheme=theme)
        page, complaints = context.new_page(), []
        page.set_default_timeout(60_000)
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        opened.append((context, page, complaints))
        page.goto(url)
        return page

    yield go
    for context, page, complaints in opened:
        text = page.inner_text("body")
        context.close()
        assert "Traceback" not in text and "Error" not in text
        assert complaints == []
