"""A real server: `streamlit run` on a free port, in a process group of its own."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple
from urllib.error import URLError
from urllib.request import urlopen

import psutil

PROJECT = Path(__file__).resolve().parents[2]
SCRIPT = os.environ.get("EXPLORER_SCRIPT", "app.py")
HEADLESS = ("--server.headless", "true")
PATIENCE_S = 90  # a laptop needs 5
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)


class Server(NamedTuple):
    url: str
    process: subprocess.Popen

    @property
    def pid(self) -> int:
        return self.process.pid

    def rss_mb(self) -> float:
        """Resident memory of the process in MB."""
        told = subprocess.run(["ps", "-o", "rss=", "-p", str(self.pid)], capture_output=True, text=True, check=True)
        return int(told.stdout) / 1024

    def cpu_s(self) -> float:
        """Seconds of CPU time that the process has used."""
        times = psutil.Process(self.pid).cpu_times()
        return times.user + times.system


@contextmanager
def serving(
    log: Path, script: str = SCRIPT, folder: Path = PROJECT, options: tuple[str, ...] = HEADLESS, **environment: str
) -> Iterator[Server]:
    """A running app; `folder` is where it is started, so whose .streamlit/config.toml is in force."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    kept = {name: value for name, value in os.environ.items() if name != "EXPLORER_MODEL"}
    command = [sys.executable, "-m", "streamlit", "run", script, "--server.port", str(port), *options]
    with log.open("wb") as out:
        server = subprocess.Popen(command, cwd=folder, env=kept | environment, stdout=out, stderr=out, start_new_session=True)
    try:
        _wait_until_healthy(server, url)
        yield Server(url, server)
    finally:
        with suppress(ProcessLookupError):  # it has ended, and all that it started
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
