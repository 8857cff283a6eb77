"""The sets of torchvision: read and downloaded exactly, and every damaged or missing file named in one sentence."""

import io
import urllib.error
import urllib.request
from pathlib import Path

import numpy as np
import pytest

from explorer.core.data.catalog import list_datasets, load
from explorer.core.errors import DataError
from tests.unit.core.data.tiny_mnist import NAMES, idx_bytes, tiny_mnist


def snapshot(place: Path) -> dict[str, int]:
    return {str(p): p.stat().st_mtime_ns for p in [place, *place.rglob("*")]}


@pytest.mark.parametrize("name, class_name", [("mnist", "7"), ("fashion-mnist", "Sneaker")])
def test_real_images(real_data, name, class_name):
    if name != "mnist" and not list_datasets()[1].present:
        pytest.skip(f"NO REAL DATA: {name} is not in {real_data}")
    before = snapshot(real_data)
    test = load(name, "test")
    assert test.images.shape == (10_000, 1, 28, 28) and test.images.dtype == np.uint8
    assert len(test.class_names) == 10 and test.class_names[7] == class_name
    assert np.bincount(test.labels).min() > 800
    assert len(load(name, "train")) == 60_000
    assert snapshot(real_data) == before
    if name == "mnist":
        assert test.labels[:5].tolist() == [7, 2, 1, 0, 4]


def test_files_in_place_are_read_and_nothing_is_written(raw):
    before = snapshot(raw.parents[1])
    train = load("mnist", "train")
    assert train.images.shape == (20, 1, 28, 28) and train.labels[:3].tolist() == [0, 1, 2]
    assert len(load("mnist", "test", download=False)) == 10
    assert snapshot(raw.parents[1]) == before


def test_offline_is_one_clear_sentence(home, capfd):
    with pytest.raises(DataError) as caught:
        load("mnist", "train")
    assert "MNIST is not on this machine and could not be fetched" in caught.value.message
    assert "no route to host" in caught.value.message and "\n" not in str(caught.value)
    assert str(home / "MNIST" / "raw") in caught.value.hint and "EXPLORER_DATA_DIR" in caught.value.hint
    assert all(name in caught.value.hint for name in NAMES)
    assert caught.value.__context__ is None
    assert list(home.iterdir()) == []  # nothing left behind
    assert capfd.readouterr() == ("", "")


def test_no_download_unless_allowed(home, monkeypatch):
    monkeypatch.setattr(urllib.request, "urlopen", lambda *_, **__: pytest.fail("went to the network"))
    with pytest.raises(DataError, match="KMNIST is not on this machine\\."):
        load("kmnist", "train", download=False)


def test_download_tells_its_progress_and_prints_nothing(home, archives, monkeypatch, capfd):
    class Response(io.BytesIO):
        url = None

    def plugged(request, *_, **__):
        response = Response(archives[request.full_url.rsplit("/")[-1]])
        response.length = len(response.getvalue())
        return response

    monkeypatch.setattr(urllib.request, "urlopen", plugged)
    heard = []
    train = load("mnist", "train", progress=lambda share, doing: heard.append((share, doing)))
    assert len(train) == 20
    shares = [share for share, _ in heard]
    assert shares == sorted(shares) and shares[-1] == 1.0 and "downloading MNIST" in heard[0][1]
    assert capfd.readouterr() == ("", "")


def test_a_download_of_the_wrong_bytes_is_refused(home, archives, monkeypatch):
    class Response(io.BytesIO):
        url, length = None, 4

    monkeypatch.setattr(urllib.request, "urlopen", lambda *_, **__: Response(b"<htm"))
    with pytest.raises(DataError) as caught:
        load("mnist", "train")
    assert "corrupted" in caught.value.message
    assert f"{NAMES[0]}.gz in {home / 'MNIST' / 'raw'} is damaged" in caught.value.hint


def test_packed_files_are_unpacked_without_the_network(home, archives):
    raw = home / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for name, content in archives.items():
        (raw / name).write_bytes(content)
    assert len(load("mnist", "test", download=False)) == 10


def test_a_half_packed_file_is_named(raw, archives):
    (raw / NAMES[0]).unlink()
    (raw / f"{NAMES[0]}.gz").write_bytes(archives[f"{NAMES[0]}.gz"][:100])
    with pytest.raises(DataError, match=f"{NAMES[0]}.gz in .* is damaged or incomplete"):
        load("mnist", "train")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "damage", [lambda b: b[:-5], lambda b: b[:6], lambda b: b"", lambda b: b + b"x", lambda b: b"\x1f\x8b" + b[2:]]
)
def test_a_damaged_file_is_named(raw, name, damage):
    (raw / name).write_bytes(damage((raw / name).read_bytes()))
    with pytest.raises(DataError) as caught:
        load("mnist", "train")
    assert f"{raw / name} is damaged or incomplete" in caught.value.message
    assert caught.value.hint == "Delete it and start again."


def test_labels_of_other_images_are_refused(raw):
    (raw / NAMES[3]).write_bytes(tiny_mnist()[NAMES[1]])
    with pytest.raises(DataError, match="t10k-labels-idx1-ubyte has 20 labels for 10 images"):
        load("mnist", "test")


def test_labels_that_are_no_classes_are_refused(raw):
    (raw / NAMES[1]).write_bytes(idx_bytes(np.full(20, 77)))
    with pytest.raises(DataError, match="label outside its 10 classes"):
        load("mnist", "train")


def test_an_unreadable_file_is_named(raw, monkeypatch):
    real_open = Path.open

    def locked(self, *args, **kwargs):
        if self.name == NAMES[2]:
            raise PermissionError(13, "Permission denied")
        return real_open(self, *args, **kwargs)

    monkeypatch.setattr(Path, "open", locked)
    with pytest.raises(DataError, match=f"{NAMES[2]} cannot be read .*Permission denied"):
        load("mnist", "train")


def test_a_broken_cache_of_an_old_torchvision_is_refused(raw):
    processed = raw.parent / "processed"
    processed.mkdir()
    for name in ("training.pt", "test.pt"):
        (processed / name).write_bytes(b"not a tensor")
    with pytest.raises(DataError, match="MNIST in .* cannot be read"):
        load("mnist", "train")
