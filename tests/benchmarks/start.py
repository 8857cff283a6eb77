"""From `streamlit run` to the first image in a browser: the app against a trivial page that imports the same packages."""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

PROJECT = Path(__file__).resolve().parents[2]
CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
SEEN = """() => [...document.images].some(i => i.complete && i.naturalWidth > 50) || [...document.querySelectorAll('*')].some(
  e => e.shadowRoot?.querySelector('[data-testid=stage]')?.dataset.seq)"""
IMPORTED = """
import sys
from streamlit.testing.v1 import AppTest
AppTest.from_file("app.py", default_timeout=120).run()
third = {m.split(".")[0] for m, v in sys.modules.items() if "site-packages" in (getattr(v, "__file__", None) or "")}
print(",".join(sorted(third)))
"""


def rows(n: int = 5):
    from playwright.sync_api import sync_playwright

    packages = _imported()
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        trivial = Path(folder) / "trivial.py"
        lines = [f"try:\n    import {p}\nexcept ImportError:\n    pass" for p in packages]
        picture = "import numpy, streamlit\nstreamlit.image(numpy.zeros((280, 280), 'uint8'))"
        trivial.write_text("\n".join([*lines, picture]))
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=CHROMIUM_FLAGS)
        times = {"app.py": [], str(trivial): []}
        for _ in range(n + 1):
            for script, kept in times.items():
                kept.append(first_image_s(browser, script))
        browser.close()
    ours, peer = (median(kept[1:]) for kept in times.values())  # the first of each warms the disk
    yield "start to first image", f"{ours:.2f} s", f"trivial page {peer:.2f} s", f"{ours / peer:.2f}", "1.4"


def first_image_s(browser, script: str) -> float:
    """Seconds from starting the server to an image that is loaded in a page."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    began = time.perf_counter()
    server = subprocess.Popen(
        [sys.executable, "-m", "streamlit", "run", script, "--server.headless", "true", "--server.port", str(port)],
        cwd=PROJECT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    page = browser.new_page()
    try:
        while True:
            try:
                page.goto(f"http://127.0.0.1:{port}")
                break
            except Exception:
                if time.perf_counter() - began > 60 or server.poll() is not None:
                    raise
                time.sleep(0.02)
        page.wait_for_function(SEEN, timeout=60_000, polling=10)
        return time.perf_counter() - began
    finally:
        page.close()
        server.terminate()
        server.wait()


def _imported() -> list[str]:
    """The third-party packages that the app has imported once its first page is there."""
    found = subprocess.run(
        [sys.executable, "-c", IMPORTED],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"PYTHONWARNINGS": "ignore"},
    )
    return [p for p in found.stdout.strip().splitlines()[-1].split(",") if p.isidentifier() and not p.startswith("_")]
