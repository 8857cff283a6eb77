"""Atomic replacement of folders, tested with bundles: full disks, crashes between renames, concurrent readers and writers."""

import errno
import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from explorer.core.bundles import store
from explorer.core.bundles.format import CONFIG
from explorer.core.errors import BundleError
from explorer.core.storage import atomic
from tests.unit.core.bundles.sample_bundles import (
    assert_one_sentence,
    full_gallery,
    make_model,
    names_in,
    same_gallery,
    same_weights,
    save,
)


@pytest.mark.parametrize("nth", range(4))
@pytest.mark.parametrize("number, words", [(errno.ENOSPC, "disk is full"), (errno.EIO, "failed (")])
def test_a_full_disk_leaves_the_old_bundle_whole(tmp_path, monkeypatch, nth, number, words):
    save(tmp_path)
    written, write_file = [], atomic.write_file

    def failing(path, data):
        if len(written) == nth:
            path.write_bytes(data[: len(data) // 2])
            raise OSError(number, os.strerror(number))
        written.append(path.name)
        write_file(path, data)

    monkeypatch.setattr(atomic, "write_file", failing)
    with pytest.raises(BundleError) as caught:
        save(tmp_path, seed=1)
    assert_one_sentence(caught.value, words, "'good'", str(tmp_path))
    assert len(written) == nth and names_in(tmp_path) == {"good"}
    bundle = store.load("good", tmp_path)
    assert same_weights(bundle.model, make_model(0)) and same_gallery(bundle.gallery, full_gallery(0))
    monkeypatch.undo()
    save(tmp_path, seed=1)
    assert same_weights(store.load("good", tmp_path).model, make_model(1))


def failing_rename(monkeypatch, fails, error):
    rename = os.rename

    def maybe(source, target):
        if fails(Path(source), Path(target)):
            raise error
        return rename(source, target)

    monkeypatch.setattr(atomic.os, "rename", maybe)
    monkeypatch.setattr(atomic, "PAUSE_S", 0.0)


@pytest.mark.parametrize("error", [OSError(errno.EACCES, "Permission denied"), KeyboardInterrupt()], ids=type)
def test_a_second_rename_that_fails_brings_the_old_one_back(tmp_path, monkeypatch, error):
    save(tmp_path)
    failing_rename(monkeypatch, lambda source, target: source.suffix == ".tmp", error)
    with pytest.raises(KeyboardInterrupt if isinstance(error, KeyboardInterrupt) else BundleError):
        save(tmp_path, seed=1)
    monkeypatch.undo()
    assert names_in(tmp_path) == {"good"}
    assert same_weights(store.load("good", tmp_path).model, make_model(0))


def test_a_reader_that_fills_the_gap_does_not_stop_the_writer(tmp_path, monkeypatch):
    save(tmp_path)
    rename, met = os.rename, []

    def slow(source, target):
        if str(source).endswith(".tmp") and not met:
            met.append(rename(tmp_path / ".good.old", tmp_path / "good"))  # as another process may do
        return rename(source, target)

    monkeypatch.setattr(atomic.os, "rename", slow)
    save(tmp_path, seed=1)
    assert met and names_in(tmp_path) == {"good"}
    assert same_weights(store.load("good", tmp_path).model, make_model(1))


@pytest.mark.parametrize("ask", ["load", "describe", "list", "save"])
def test_a_crash_between_the_renames_is_mended(tmp_path, monkeypatch, ask):
    path = save(tmp_path)
    path.rename(tmp_path / ".good.old")
    monkeypatch.setattr(atomic, "PAUSE_S", 0.0)
    if ask == "list":
        assert [(info.name, info.error) for info in store.list_bundles(tmp_path)] == [("good", None)]
    elif ask == "save":
        failing_rename(monkeypatch, lambda source, target: source.suffix == ".tmp", OSError(errno.EIO, "no"))
        with pytest.raises(BundleError):
            save(tmp_path, seed=1)
    else:
        assert getattr(store, ask)("good", tmp_path).name == "good"
    assert names_in(tmp_path) == {"good"}
    assert same_weights(store.load("good", tmp_path).model, make_model(0))


def test_a_disk_that_cannot_be_mended_says_what_is_missing(tmp_path, monkeypatch):
    save(tmp_path).rename(tmp_path / ".good.old")
    failing_rename(monkeypatch, lambda source, target: True, OSError(errno.EROFS, "Read-only file system"))
    with pytest.raises(BundleError) as caught:
        store.load("good", tmp_path)
    assert_one_sentence(caught.value, "There is no model 'good'")
    assert (tmp_path / ".good.old" / CONFIG).exists()


def dead_pid() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


@pytest.mark.skipif(os.name != "posix", reason="asks for processes by signal 0")
def test_leftovers_are_swept_and_the_living_left_alone(tmp_path, monkeypatch):
    path = save(tmp_path)
    shutil.copytree(path, tmp_path / ".good.old")  # a crash after the second rename
    gone = [f".good.{dead_pid()}-0123abcd.tmp", f".b.{os.getpid()}-0123abcd.tmp", f".c.{10**30}-0123abcd.tmp"]
    kept = [f".good.{os.getppid()}-0123abcd.tmp", ".notes.tmp"]
    for name in gone + kept:
        (tmp_path / name).mkdir()
    save(tmp_path, seed=1)
    assert names_in(tmp_path) == {"good", *kept}

    def not_ours(pid, signal):
        raise PermissionError

    monkeypatch.setattr(atomic.os, "kill", not_ours)
    assert atomic._is_other_process(1)
    monkeypatch.setattr(atomic.os, "name", "nt")
    assert atomic._is_other_process(os.getpid() + 1) and not atomic._is_other_process(os.getpid())


def test_what_cannot_be_removed_stays_hidden(tmp_path, monkeypatch):
    save(tmp_path)

    def refuse(path, **_):
        raise OSError(errno.EBUSY, "busy")

    monkeypatch.setattr(atomic.shutil, "rmtree", lambda path, ignore_errors=False: ignore_errors or refuse(path))
    save(tmp_path, seed=1)
    assert [info.name for info in store.list_bundles(tmp_path)] == ["good"]
    assert same_weights(store.load("good", tmp_path).model, make_model(1))


def test_loading_while_another_thread_saves(tmp_path):
    galleries, models = [full_gallery(s) for s in (0, 1)], [make_model(s) for s in (0, 1)]
    save(tmp_path)
    stop, problems, saved, loaded = time.monotonic() + 1, [], [], []

    def saver():
        while time.monotonic() < stop:
            seed = len(saved) % 2
            save(tmp_path, model=models[seed], gallery=galleries[seed], metrics={"seed": seed})
            saved.append(seed)

    def loader():
        while time.monotonic() < stop:
            bundle = store.load("good", tmp_path)
            seed = bundle.metrics.get("seed", 0)
            assert same_weights(bundle.model, models[seed]) and same_gallery(bundle.gallery, galleries[seed])
            assert [info.error for info in store.list_bundles(tmp_path)] == [None]
            loaded.append(seed)

    def guarded(work):
        try:
            work()
        except BaseException as error:
            problems.append(error)

    threads = [threading.Thread(target=guarded, args=(work,)) for work in (saver, saver, loader)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert not problems and len(saved) > 5 and len(loaded) > 5
    assert names_in(tmp_path) == {"good"}
