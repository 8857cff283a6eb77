"""Downloads for the pages: one at a time, with progress, cancelled without a trace, and one sentence if they fail."""

import errno
import io
import threading
import time
import urllib.error
import urllib.request

import pytest

from explorer.core.data import downloads
from explorer.core.data.catalog import load
from explorer.core.data.downloads import Downloader
from explorer.core.errors import DataError

PATIENCE_S = 20.0


class Response(io.BytesIO):
    """What a mirror sends, in small chunks; after the first, it waits for the gate, if there is one."""

    url = None
    gate: threading.Event | None = None

    def __init__(self, content: bytes):
        super().__init__(content)
        self.length = len(content)

    def read(self, size=-1):
        if self.gate is not None and self.tell():
            self.gate.wait(PATIENCE_S)
        return super().read(min(size, 100) if size > 0 else size)


@pytest.fixture
def mirror(home, archives, monkeypatch):
    """A mirror that sends the tiny MNIST."""
    monkeypatch.setattr(urllib.request, "urlopen", lambda request, **_: Response(archives[request.full_url.rsplit("/")[-1]]))
    return home


@pytest.fixture
def gate(mirror, monkeypatch):
    """The mirror sends no more than the beginning of a file until the gate is set."""
    gate = threading.Event()
    monkeypatch.setattr(Response, "gate", gate)
    yield gate
    gate.set()


def wait(condition) -> None:
    end = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def finish(downloader: Downloader):
    wait(lambda: not downloader.look().is_running)
    return downloader.look()


def test_a_set_is_downloaded(mirror):
    downloader = Downloader()
    assert downloader.look() is None and downloads.missing("mnist").title == "MNIST"
    downloader.start("mnist")
    done = finish(downloader)
    assert (done.status, done.share, done.sentence) == ("done", 1.0, "")
    assert downloads.missing("mnist") is None and len(load("mnist", "train", download=False)) == 20


def test_a_second_press_changes_nothing_and_another_set_waits(gate):
    downloader = Downloader()
    downloader.start("mnist")
    wait(lambda: downloader.look().share > 0)
    running = downloader.look()
    downloader.start("mnist")
    assert downloader.look().info is running.info and 0 < running.share < 1
    with pytest.raises(DataError, match="MNIST is being downloaded. Wait"):
        downloader.start("kmnist")
    downloader.cancel("kmnist")
    assert downloader.is_running("mnist") and not downloader.is_running("kmnist")
    gate.set()
    assert finish(downloader).status == "done"


def test_what_is_cancelled_leaves_nothing_and_can_be_started_again(gate):
    downloader = Downloader()
    downloader.start("mnist")
    wait(lambda: downloader.look().share > 0)
    downloader.cancel("mnist")
    assert downloader.look().status == "cancelled"
    downloader.start("mnist")  # waits for the first, which is still in the mirror's hands
    gate.set()
    assert finish(downloader).status == "done" and len(load("mnist", "test", download=False)) == 10


def test_a_cancelled_download_deletes_its_files(gate, home):
    downloader = Downloader()
    downloader.start("mnist")
    wait(lambda: downloader.look().share > 0)
    downloader.cancel("mnist")
    gate.set()
    wait(lambda: not (home / "MNIST").exists())


@pytest.mark.parametrize(
    "error, sentence",
    [
        (urllib.error.URLError("no route to host"), "there is no connection to its server (no route to host)."),
        (OSError(errno.ENOSPC, "No space left on device"), "the disk is full."),
        (PermissionError(errno.EACCES, "Permission denied"), "the data folder cannot be written."),
    ],
)
def test_a_failure_is_one_sentence(home, monkeypatch, error, sentence):
    def fails(*_, **__):
        raise error

    monkeypatch.setattr(urllib.request, "urlopen", fails)
    downloader = Downloader()
    downloader.start("mnist")
    failed = finish(downloader)
    assert (failed.status, failed.sentence) == ("failed", f"MNIST could not be downloaded: {sentence}")
    assert list(home.iterdir()) == [] and downloads.missing("mnist")


def test_wrong_bytes_are_one_sentence_and_deleted(home, archives, monkeypatch):
    monkeypatch.setattr(urllib.request, "urlopen", lambda *_, **__: Response(b"<htm"))
    downloader = Downloader()
    downloader.start("mnist")
    assert finish(downloader).sentence.startswith("MNIST could not be downloaded: its server sent something else")
    assert not (home / "MNIST").exists()


@pytest.mark.parametrize("name", ["digits", "upload:cats", "nothing"])
def test_only_the_known_sets_can_be_downloaded(home, name):
    assert downloads.missing(name) is None
    with pytest.raises(DataError, match="cannot be downloaded"):
        Downloader().start(name)
