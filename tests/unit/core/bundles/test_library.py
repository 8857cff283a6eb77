"""Operations on a folder of bundles: rename, duplicate, remove."""

import errno
import os

import pytest

from explorer.core import paths, transfer
from explorer.core.bundles import library, store
from explorer.core.bundles.format import CONFIG, LIMITS, MODEL
from explorer.core.storage import atomic
from tests.unit.core.bundle_zips import names, put, refused


def test_rename(root, made):
    library.rename("good", "better", root)
    assert names(root) == {"better"} and store.load("better", root).name == "better"
    library.rename("better", "Better", root)  # a change of case only
    assert names(root) == {"Better"}


def test_duplicate(root, made):
    library.duplicate("good", "copy", root)
    assert names(root) == {"good", "copy"}
    assert {file: (root / "copy" / file).read_bytes() for file in LIMITS} == made


def test_remove(root):
    library.remove("good", root)
    assert names(root) == set() and store.list_bundles(root) == []


@pytest.mark.parametrize("verb", [library.rename, library.duplicate])
@pytest.mark.parametrize(
    "new, words",
    [
        ("other", ["'other' is taken", "'other-2' is free"]),
        ("OTHER", ["'other' is taken"]),
        ("good", ["'good' is taken"]),
        ("README.md", ["is taken"]),
        ("runs", ["reserved"]),
        ("../up", ["cannot be called"]),
        ("", ["cannot be called"]),
        ("große Ziffern", ["cannot be called", "'gro-e-Ziffern'"]),
    ],
)
def test_a_name_that_cannot_be(root, made, verb, new, words):
    put(root, "other", made)
    (root / "README.md").write_text("about")
    before = names(root)
    refused(lambda: verb("good", new, root), *words)
    assert names(root) == before


@pytest.mark.parametrize(
    "act",
    [
        lambda root: library.rename("goood", "new", root),
        lambda root: library.duplicate("goood", "new", root),
        lambda root: library.remove("goood", root),
        lambda root: transfer.export_zip("goood", root=root),
        lambda root: library.remove("../checkpoints", root),
    ],
)
def test_a_bundle_that_is_not_there(root, act):
    refused(lambda: act(root), "There is no model")
    assert names(root) == {"good"}


def test_a_damaged_bundle_can_be_renamed_and_removed_but_goes_nowhere(root, made):
    put(root, "my model (1)", made)
    (root / "good" / CONFIG).write_text("{")
    refused(lambda: library.duplicate("good", "new", root), "not valid JSON")
    refused(lambda: transfer.export_zip("good", root=root), "not valid JSON")
    library.remove("good", root)
    library.rename("my model (1)", "my-model", root)
    assert names(root) == {"my-model"} and store.load("my-model", root)


def test_a_bundle_whose_weights_are_damaged_is_not_duplicated(root, made):
    (root / "good" / MODEL).write_bytes(made[MODEL][:-8])
    refused(lambda: library.duplicate("good", "new", root), "damaged or cut short")
    refused(lambda: transfer.export_zip("good", root=root), "damaged or cut short")
    assert names(root) == {"good"}


def test_a_folder_that_is_no_bundle_stays(root):
    (root / "notes").mkdir()
    (root / "notes" / "thesis.tex").write_text("years")
    refused(lambda: library.remove("notes", root), "no file of a model")
    assert (root / "notes" / "thesis.tex").is_file()


@pytest.mark.skipif(os.name != "posix", reason="links")
def test_of_a_link_the_link_alone_goes(root, tmp_path, made):
    elsewhere = put(tmp_path, "elsewhere", made)
    (root / "link").symlink_to(elsewhere)
    library.remove("link", root)
    assert names(root) == {"good"} and names(elsewhere) == set(LIMITS)


def test_what_a_crash_left_does_not_come_back(root, made):
    put(root, ".good.old", made)
    library.rename("good", "new", root)
    assert [info.name for info in store.list_bundles(root)] == ["new"]
    put(root, ".new.old", made)
    library.remove("new", root)
    assert store.list_bundles(root) == []


def test_shipped_bundles_stay_in_the_project_and_nowhere_else(root, made, monkeypatch):
    for name in ("mnist", "fashion"):
        put(root, name, made)
    monkeypatch.setattr(paths, "SHIPPED_DIR", root)
    zip_bytes = transfer.export_zip("mnist", root=root)
    refused(lambda: library.remove("mnist", root), "comes with Latent Explorer", "deleted")
    refused(lambda: library.rename("mnist", "mine", root), "comes with Latent Explorer", "renamed")
    refused(lambda: transfer.import_zip(zip_bytes, True, root), "comes with Latent Explorer", "replaced")
    library.duplicate("mnist", "mine", root)
    library.remove("mine", root)
    monkeypatch.setattr(paths, "SHIPPED_DIR", root / "elsewhere")
    library.remove("mnist", root)
    assert names(root) == {"good", "fashion"}


def full(*_):
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize(
    "act",
    [
        lambda root: library.duplicate("good", "new", root),
        lambda root: transfer.import_zip(transfer.export_zip("good", root=root), False, root),
    ],
)
def test_a_full_disk(root, monkeypatch, act):
    monkeypatch.setattr(atomic, "write_file", full)
    refused(lambda: act(root), "The disk is full", "Free some space")
    assert names(root) == {"good"}


def test_a_folder_that_lets_nothing_go(root, monkeypatch):
    def forbidden(*_):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(os, "rename", forbidden)
    refused(lambda: library.remove("good", root), "could not be deleted (Permission denied)")
    refused(lambda: library.rename("good", "new", root), "failed (Permission denied)")
