"""The list of bundles: unchanged ones are not read again, and every change on disk shows in the next list."""

import errno
import gc
import json
import os
import shutil
import threading
import time
import weakref
from collections import Counter
from pathlib import Path

import pytest

from explorer.core.bundles import description_cache, library
from explorer.core.bundles.format import CONFIG, LIMITS, METRICS, MODEL
from explorer.core.bundles.store import describe, list_bundles
from explorer.core.storage import atomic
from tests.helpers import random_bundle


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """The folder of a valid bundle."""
    return random_bundle(tmp_path_factory.mktemp("made"), "good", arch="mlp", widths=(5,))


@pytest.fixture
def root(tmp_path, made) -> Path:
    """A checkpoints folder with the bundles `good` and `other`."""
    for name in ("good", "other"):
        shutil.copytree(made, tmp_path / "checkpoints" / name)
    return tmp_path / "checkpoints"


@pytest.fixture
def later(monkeypatch):
    """Sets the clock of this process one minute ahead, so that all files written before are a minute old."""
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + 60)


@pytest.fixture
def opened(monkeypatch, root) -> Counter:
    """How often each file below the root was opened, as {"bundle/file": n}."""
    counts, real = Counter(), open

    def counting(file, *args, **kwargs):
        if isinstance(file, str | os.PathLike) and Path(file).is_relative_to(os.path.realpath(root)):
            counts[os.path.relpath(file, os.path.realpath(root))] += 1
        return real(file, *args, **kwargs)

    monkeypatch.setattr("builtins.open", counting)
    monkeypatch.setattr("io.open", counting)
    return counts


def names_and_errors(root: Path) -> dict[str, str | None]:
    return {info.name: info.error for info in list_bundles(root)}


def edit_metrics(root: Path, **values) -> None:
    (root / "good" / METRICS).write_text(json.dumps(values))


def test_unchanged_bundles_are_not_opened_again(root, later, opened):
    (root / "other" / CONFIG).write_text("{")  # an invalid one
    shutil.copytree(root / "good", root / "lacking")
    (root / "lacking" / MODEL).unlink()
    first = list_bundles(root)
    assert [info.name for info in first if info.error] == ["lacking", "other"] and opened
    opened.clear()
    assert list_bundles(root) == first and not opened


def test_only_the_changed_bundle_is_opened_again(root, later, opened):
    list_bundles(root)
    opened.clear()
    edit_metrics(root, test_elbo=-7)
    list_bundles(root)
    assert {path.split("/")[0] for path in opened} == {"good"}


def in_place(root):
    """Other contents of the same size; the old modification time is restored."""
    path = root / "good" / METRICS
    text, before = path.read_text(), path.stat()
    path.write_text(text.replace("0", "1"))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert path.read_text() != text and path.stat().st_size == before.st_size


def saved_again(root):
    random_bundle(root, "good", arch="mlp", widths=(5,), seed=1, replace=True)


def swapped(root):
    (root / "good").rename(root / "new")
    (root / "other").rename(root / "good")
    (root / "new").rename(root / "other")


def moved_and_linked(root):
    """The same file, moved out of the bundle's folder and linked."""
    (root / "good" / CONFIG).rename(root.parent / "config")
    (root / "good" / CONFIG).symlink_to(root.parent / "config")


def folder_moved_and_linked(root):
    (root / "good").rename(root.parent / "elsewhere")
    (root / "good").symlink_to(root.parent / "elsewhere")


CHANGES = {
    "rewritten in place": (in_place, None),
    "saved again": (saved_again, None),
    "two swapped": (swapped, None),
    "renamed": (lambda root: library.rename("good", "new", root), None),
    "duplicated": (lambda root: library.duplicate("good", "new", root), None),
    "deleted": (lambda root: library.remove("good", root), None),
    "weights touched": (lambda root: os.utime(root / "good" / MODEL), None),
    "damaged": (lambda root: (root / "good" / CONFIG).write_text("{"), "not valid JSON"),
    "weights gone": (lambda root: (root / "good" / MODEL).unlink(), "is missing"),
    "emptied": (lambda root: [(root / "good" / file).unlink() for file in LIMITS], "is missing"),
    "a file outside": (moved_and_linked, "is a link to a place outside"),
    "a folder outside": (folder_moved_and_linked, "is a link out of"),
}


@pytest.mark.skipif(os.name != "posix", reason="links")
@pytest.mark.parametrize("change", CHANGES)
def test_a_change_and_its_repair_show_at_once(root, made, later, change):
    act, words = CHANGES[change]
    edit_metrics(root, test_elbo=-100)
    before = list_bundles(root)
    act(root)
    after = list_bundles(root)
    assert after != before
    assert [info.name for info in after] == sorted(path.name for path in root.iterdir())
    assert [info for info in after if info.error is None] == [describe(info.name, root) for info in after if info.error is None]
    errors = [info.error for info in after if info.error]
    assert words in errors[0] if words else not errors

    shutil.rmtree(root.parent / "elsewhere", ignore_errors=True)
    if (root / "good").is_symlink():
        (root / "good").unlink()
    shutil.rmtree(root / "good", ignore_errors=True)
    shutil.copytree(made, root / "good")
    (repaired,) = [info for info in list_bundles(root) if info.name == "good"]
    assert repaired == describe("good", root) and repaired.error is None


@pytest.mark.skipif(os.name != "posix", reason="links")
def test_a_link_below_which_a_folder_moves_out_of_the_root(root, later):
    (root / "mid").mkdir()
    (root / "good").rename(root / "mid" / "good")
    (root / "alias").symlink_to("mid/good")
    assert names_and_errors(root)["alias"] is None
    (root / "mid").rename(root.parent / "elsewhere")
    (root / "mid").symlink_to(root.parent / "elsewhere")
    assert "is a link out of" in names_and_errors(root)["alias"]


@pytest.mark.skipif(os.name != "posix", reason="links")
def test_a_file_linked_to_a_place_outside_that_moves_in(root, later):
    outside, inside = root.parent / "outside", root / "good" / "part" / "inside"
    outside.mkdir()
    inside.parent.mkdir()
    (root / "good" / CONFIG).rename(outside / CONFIG)
    inside.symlink_to(outside)
    (root / "good" / CONFIG).symlink_to(f"part/inside/{CONFIG}")
    assert "is a link to a place outside" in names_and_errors(root)["good"]
    inside.unlink()
    outside.rename(inside)
    assert names_and_errors(root)["good"] is None


@pytest.mark.parametrize("number", [errno.EACCES, errno.EMFILE, errno.EIO])
def test_a_failed_reading_is_tried_again(root, later, monkeypatch, number):
    def refuse(*_, **__):
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        patch.setattr("builtins.open", refuse)
        assert "cannot be read" in names_and_errors(root)["good"]
    assert names_and_errors(root) == {"good": None, "other": None}


def test_a_bundle_in_the_middle_of_a_failed_save_is_whole_again(root, later, monkeypatch):
    """A writer moves the folder aside, fails, and moves it back while a reader is reading."""
    real, met = open, []

    def interrupted(file, *args, **kwargs):
        if met or not str(file).endswith(f"good/{CONFIG}"):
            return real(file, *args, **kwargs)
        met.append(file)
        (root / "good").rename(root / ".good.old")
        try:
            return real(file, *args, **kwargs)
        finally:
            (root / ".good.old").rename(root / "good")

    monkeypatch.setattr("builtins.open", interrupted)
    monkeypatch.setattr(atomic, "PAUSE_S", 0.0)
    assert names_and_errors(root) == {"good": None, "other": None} and met


def test_two_writes_in_one_tick_of_the_file_system(root, monkeypatch):
    """All timestamps are equal: the two files differ only in their contents."""
    ticks = {"st_mtime_ns": 10**18, "st_ctime_ns": 10**18}

    def coarse(real):
        return lambda *args, **kwargs: os.stat_result(real(*args, **kwargs)[:10], ticks)

    for name in ("stat", "lstat"):
        monkeypatch.setattr(os, name, coarse(getattr(os, name)))
    monkeypatch.setattr(time, "time", lambda: 10**9 + 1)  # a second later
    for elbo in (-1, -2):
        edit_metrics(root, test_elbo=elbo)
        assert list_bundles(root)[0].metrics == {"test_elbo": elbo}


def test_visitors_who_arrive_together_read_each_bundle_once(root, later, opened, monkeypatch):
    lists, start, real = [], threading.Barrier(8), open

    def slow(*args, **kwargs):
        time.sleep(0.02)  # lets the other threads run
        return real(*args, **kwargs)

    def visit():
        start.wait()
        lists.append(list_bundles(root))

    monkeypatch.setattr("builtins.open", slow)
    threads = [threading.Thread(target=visit) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert lists == [list_bundles(root)] * 8
    assert set(opened.values()) == {1}


def test_no_visitor_sees_a_bundle_older_than_the_last_save(root, later):
    contents = {file: (root / "good" / file).read_bytes() for file in LIMITS}
    stop, saved, seen, problems = time.monotonic() + 1, [0], [], []
    edit_metrics(root, n=0)

    def save():
        while time.monotonic() < stop:
            n = saved[0] + 1  # the size differs too: a fast disk gives two saves the same time, and one's inode to the next
            atomic.write_folder(root / "good", contents | {METRICS: json.dumps({"n": n, "pad": "x" * n}).encode()})
            saved[0] = n

    def visit():
        while time.monotonic() < stop:
            least = saved[0]
            info = list_bundles(root)[0]
            assert info.error is None and info.metrics["n"] >= least
            seen.append(info.metrics["n"])

    def guarded(work):
        try:
            work()
        except BaseException as error:
            problems.append(error)

    threads = [threading.Thread(target=guarded, args=(work,)) for work in (save, visit, visit, visit)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert not problems and len(set(seen)) > 5


def test_what_is_gone_is_forgotten(root, later):
    kept = weakref.ref(list_bundles(root)[0])
    gc.collect()
    assert kept() is list_bundles(root)[0]
    library.remove("good", root)
    list_bundles(root)
    gc.collect()
    assert kept() is None


def test_what_would_take_too_much_memory_is_read_each_time(root, later, monkeypatch, opened):
    one = sum((root / "good" / file).stat().st_size for file in (CONFIG, METRICS))
    monkeypatch.setattr(description_cache, "MAX_BYTES", one * 3 // 2)
    first = list_bundles(root)
    opened.clear()
    assert list_bundles(root) == first and {path.split("/")[0] for path in opened} == {"other"}
