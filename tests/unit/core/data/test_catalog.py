"""The data sets by name: the list, the splits, the digits, and unknown names."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from explorer.core import paths
from explorer.core.data import catalog
from explorer.core.data.catalog import list_datasets, load, split_indices, stratified_draw
from explorer.core.errors import ConfigError, DataError
from tests.unit.core.data.tiny_mnist import NAMES


def test_importing_data_needs_numpy_only():
    heavy = ["torch", "torchvision", "sklearn", "scipy", "PIL", "streamlit"]
    code = "import sys; from explorer.core.data import catalog; catalog.list_datasets(); "
    code += f"print([name for name in {heavy} if name in sys.modules])"
    project = paths.PROJECT
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=project)
    assert done.stdout.strip() == "[]", done.stderr


def test_data_dir_is_read_at_each_call(monkeypatch):
    monkeypatch.setenv("EXPLORER_DATA_DIR", "~/pictures")
    assert catalog.data_dir() == Path.home() / "pictures"
    monkeypatch.delenv("EXPLORER_DATA_DIR")
    assert catalog.data_dir() == paths.PROJECT / "data"


def test_list_says_what_is_there(home):
    infos = {info.name: info for info in list_datasets()}
    assert list(infos) == ["mnist", "fashion-mnist", "kmnist", "digits", "sprites"]
    assert not infos["mnist"].present and infos["mnist"].download_mb > 5
    assert infos["digits"].present and infos["digits"].download_mb == 0
    assert all(info.title and info.licence and info.origin for info in infos.values())


def test_list_accepts_packed_and_unpacked_files(raw):
    (raw / NAMES[0]).rename(raw / f"{NAMES[0]}.gz")
    mnist = list_datasets()[0]
    assert mnist.present and mnist.download_mb == 0


@pytest.mark.parametrize(
    "name, suggestion",
    [
        ("mnits", "mnist"),
        ("fashion", "fashion-mnist"),
        ("MNIST", "mnist"),
        ("folder", "folder:PATH"),
        ("folder:", "folder:PATH"),
    ],
)
def test_unknown_name_suggests_the_near_one(name, suggestion):
    with pytest.raises(DataError, match=f"no data set '{name}'. Did you mean '{suggestion}'"):
        load(name, "train")


def test_unknown_split_and_misplaced_size():
    with pytest.raises(ConfigError, match="no split 'tset'. Did you mean 'test'"):
        load("digits", "tset")
    with pytest.raises(ConfigError, match="own size"):
        load("digits", "test", size=16)


@pytest.mark.parametrize("name", ["digits", "sprites"])
def test_the_listing_tells_the_truth(name):
    info = next(i for i in list_datasets() if i.name == name)
    train, test = load(name, "train"), load(name, "test")
    assert (len(train), len(test)) == (info.n_train, info.n_test)
    for part in (train, test):
        assert part.images.shape[1:] == info.shape
        assert len(part.class_names) == info.n_classes == len(np.unique(part.labels))
        assert (part.title, part.licence) == (info.title, info.licence)


def test_split_is_stratified_disjoint_and_always_the_same():
    labels = np.repeat([0, 1, 2], [500, 100, 10])
    train, test = split_indices(labels, 610)
    assert sorted([*train, *test]) == list(range(610))
    assert [int((labels[test] == k).sum()) for k in range(3)] == [100, 20, 2]
    assert (split_indices(labels, 610)[1] == test).all()
    assert (split_indices(labels, 610, seed=1)[1] != test).any()


def test_split_never_changes_between_versions():
    """The galleries of bundles on disk store positions in this split."""
    assert split_indices(None, 20)[1].tolist() == [1, 5, 15, 17]
    assert stratified_draw(np.arange(20) % 2, 4).tolist() == [5, 6, 10, 15]


@pytest.mark.parametrize("labels", [[0, 1], [0, 0], [-1] * 5, [0, 0, 1, 1, 2, 2], list(range(9)), [0] * 50 + [1, 1, 2]])
def test_small_classes_are_in_both_splits(labels):
    labels = np.array(labels)
    train, test = split_indices(labels, len(labels))
    assert len(train) and len(test)
    for label in np.unique(labels):
        if (labels == label).sum() > 1:
            assert label in labels[train] and label in labels[test]


def test_one_image_is_for_training():
    train, test = split_indices(None, 1)
    assert (len(train), len(test)) == (1, 0)


def test_draw_keeps_the_proportions():
    labels = np.repeat([0, 1, 2], [600, 300, 100])
    drawn = stratified_draw(labels, 100)
    assert (np.diff(drawn) > 0).all()
    assert np.abs(np.bincount(labels[drawn]) - [60, 30, 10]).max() <= 1 and len(drawn) == 100
    assert stratified_draw(labels, 5000).tolist() == list(range(1000))


def test_digits_fill_the_grey_scale():
    test = load("digits", "test")
    assert test.images.dtype == np.uint8 and test.labels.dtype == np.int64
    assert (test.images.min(), test.images.max()) == (0, 255)
    assert 128 in test.images  # 8 of 16, rounded


def test_digits_are_not_in_both_splits():
    seen = {image.tobytes() for image in load("digits", "train").images}
    assert not any(image.tobytes() in seen for image in load("digits", "test").images)
