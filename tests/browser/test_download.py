"""A data set that is not on this computer: the page says so, downloads it for all visitors, and then shows its images."""

import gzip
import hashlib
import re
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from playwright.sync_api import expect

from tests.browser.server import serving
from tests.browser.test_layout import until_drawn
from tests.helpers import noise_set, random_bundle
from tests.unit.core.data.tiny_mnist import NAMES, idx_bytes

ABSENT = "Reconstructions only: MNIST is not on this computer."
CHUNK = 2000
PATCH = """
from torchvision.datasets import MNIST
MNIST.mirrors, MNIST.resources = ["http://127.0.0.1:{port}/"], {resources}
"""


class Mirror(BaseHTTPRequestHandler):
    """Sends the archives; of each, no more than a chunk while the gate is shut, and nothing while the line is cut."""

    archives: dict[str, bytes] = {}
    gate, line = threading.Event(), threading.Event()

    def do_HEAD(self):
        self._head()

    def do_GET(self):
        if not self._head():
            return
        content = self.archives[self.path.strip("/")]
        with suppress(ConnectionError):  # the download was cancelled
            for start in range(0, len(content), CHUNK):
                self.wfile.write(content[start : start + CHUNK])
                self.wfile.flush()
                self.gate.wait(60)

    def _head(self) -> bool:
        if not self.line.is_set():
            self.close_connection = True
            return False
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.archives[self.path.strip("/")])))
        self.end_headers()
        return True

    def log_message(self, *_):
        pass


@pytest.fixture
def app_without_data(tmp_path):
    """(address, data folder) of an app with a model of an MNIST of 60 images, which only its mirror has."""
    images = {"t10k": noise_set(60, (1, 28, 28), "mnist"), "train": noise_set(30, (1, 28, 28), "mnist", seed=1)}
    for part, split in images.items():
        for name in NAMES:
            if name.startswith(part):
                content = split.images[:, 0] if "images" in name else split.labels
                Mirror.archives[f"{name}.gz"] = gzip.compress(idx_bytes(content), mtime=0)
    random_bundle(tmp_path / "checkpoints", "own", images["t10k"], latent_dim=4, gain=2.5)
    Mirror.gate.clear()
    Mirror.line.set()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Mirror)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    resources = [(f"{name}.gz", hashlib.md5(Mirror.archives[f"{name}.gz"]).hexdigest()) for name in NAMES]
    patches = tmp_path / "patches"
    patches.mkdir()
    (patches / "sitecustomize.py").write_text(PATCH.format(port=server.server_address[1], resources=resources))
    environment = {
        "EXPLORER_CHECKPOINTS": str(tmp_path / "checkpoints"),
        "EXPLORER_DATA_DIR": str(tmp_path / "data"),
        "PYTHONPATH": str(patches),
    }
    with serving(tmp_path / "log", **environment) as app:
        yield app.url, tmp_path / "data"
    Mirror.gate.set()
    server.shutdown()


def line(page):
    return page.locator(".st-key-download")


def press(page, name: str) -> None:
    line(page).get_by_role("button", name=name).click()


def test_all_visitors_see_one_download_and_then_the_images(app_without_data, visit):
    url, data = app_without_data
    page = visit(f"{url}/?image=7")
    told = page.locator(".stage .description")
    expect(line(page)).to_contain_text(ABSENT)
    expect(told).to_contain_text("reconstruction only")
    press(page, "Download 12 MB")
    expect(line(page)).to_contain_text(re.compile(r"Downloading MNIST: \d+\.\d of 11\.6 MB"))
    other = visit(f"{url}/?image=7")
    expect(line(other)).to_contain_text("Downloading MNIST")
    press(other, "Cancel")
    for visitor in (other, page):
        expect(line(visitor)).to_contain_text(ABSENT)
    press(page, "Download 12 MB")
    expect(line(page)).to_contain_text("Downloading MNIST")
    Mirror.gate.set()
    expect(line(page)).to_have_count(0)
    expect(told).not_to_contain_text("reconstruction only")
    expect(page.locator(".stage [data-part=picked]")).to_be_visible()
    assert sorted(path.name for path in (data / "MNIST" / "raw").iterdir() if not path.suffix) == sorted(NAMES)


def test_without_a_connection_the_line_says_so_and_can_be_pressed_again(app_without_data, visit):
    url, data = app_without_data
    Mirror.line.clear()
    page = visit(url)
    until_drawn(page, "")
    press(page, "Download 12 MB")
    expect(line(page)).to_contain_text("MNIST could not be downloaded: there is no connection to its server")
    assert not (data / "MNIST").exists()
    Mirror.line.set()
    Mirror.gate.set()
    press(page, "Try again")
    expect(line(page)).to_have_count(0)


def test_the_form_of_train_offers_the_download_too(app_without_data, visit):
    url, _ = app_without_data
    page = visit(f"{url}/train?dataset=mnist&budget=20")
    expect(line(page)).to_contain_text("MNIST is not on this computer. Start downloads it first.")
    press(page, "Download 12 MB")
    expect(line(page)).to_contain_text("Downloading MNIST")
    page.locator(".st-key-run-start button").click()
    expect(page.get_by_text("The data set is being downloaded. Start the run once it is here.")).to_be_visible()
    Mirror.gate.set()
    expect(line(page)).to_have_count(0)
    expect(page.locator(".st-key-f-dataset input")).to_have_value("MNIST")
