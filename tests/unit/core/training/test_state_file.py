"""The resumable state of a run on disk: exact, and whole whenever the process is killed or the disk is full."""

import errno
import json
import os
import pickle
import shutil
from pathlib import Path

import pytest
import torch

from explorer.core.errors import BundleError
from explorer.core.runs.folder import STATE, STATE_META
from explorer.core.storage import atomic
from explorer.core.training import state_file


def names_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def assert_one_sentence(error: BundleError, *words: str) -> None:
    assert error.message.endswith(".") and error.hint.endswith((".", "?", "'", "s")), str(error)
    assert len(str(error)) < 600 and "\n" not in str(error)
    for word in words:
        assert word in str(error), f"{word!r} is not in {str(error)!r}"


def cut(file, n):
    return lambda folder: os.truncate(folder / file, (folder / file).stat().st_size + n)


class Trap:
    """Creates a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


def pickled(file, protocol):
    return lambda folder: (folder / file).write_bytes(pickle.dumps(Trap(folder.parent / "trapped"), protocol))


def edit_json(file, **changes):
    def damage(folder):
        values = json.loads((folder / file).read_text())
        for key, value in changes.items():
            values.pop(key) if value is ... else values.update({key: value})
        (folder / file).write_text(json.dumps(values))

    return damage


def make_state(seed=0):
    generator = torch.Generator().manual_seed(seed)
    tensors = {
        "model.w": torch.randn(3, 4, generator=generator).t(),
        "optimizer.0.step": torch.tensor(float(seed)),
        "rng": generator.get_state(),
        "n": torch.arange(3),
        "on": torch.tensor([True, False]),
    }
    return tensors, {"epoch": seed, "history": [{"elbo": -1 / 3}], "tensors_sha256": "mine"}


def same_state(a, b) -> bool:
    return (
        a[1] == b[1]
        and set(a[0]) == set(b[0])
        and all(torch.equal(a[0][k], b[0][k]) and a[0][k].dtype == b[0][k].dtype for k in a[0])
    )


def test_a_state_comes_back_exactly(tmp_path):
    for seed in (0, 1):
        state_file.save_state(tmp_path / "runs" / "try", *make_state(seed))
        assert same_state(state_file.load_state(tmp_path / "runs" / "try"), make_state(seed))
    assert names_in(tmp_path / "runs" / "try") == {STATE, STATE_META}


@pytest.mark.parametrize(
    "damage, words",
    [
        (lambda folder: shutil.rmtree(folder), "There is no run"),
        (lambda folder: (folder / STATE).unlink(), f"{STATE} is missing"),
        (lambda folder: (folder / STATE_META).unlink(), f"{STATE_META} is missing"),
        (cut(STATE, -1), "two saves, or cut short"),
        (cut(STATE_META, -3), "not valid JSON"),
        (pickled(STATE, 4), "two saves, or cut short"),
        (edit_json(STATE_META, tensors_sha256="0"), "two saves"),
        (edit_json(STATE_META, meta=3), "two saves"),
        (edit_json(STATE_META, meta=...), "two saves"),
    ],
)
def test_a_damaged_state_is_refused(tmp_path, damage, words):
    folder = tmp_path / "try"
    state_file.save_state(folder, *make_state())
    damage(folder)
    with pytest.raises(BundleError) as caught:
        state_file.load_state(folder)
    assert_one_sentence(caught.value, "try", words)
    assert not (tmp_path / "trapped").exists()


class Crash(BaseException):
    """The process dies: nothing after it runs on."""


@pytest.mark.parametrize("first_save", [True, False])
@pytest.mark.parametrize("at", range(4))
def test_a_state_survives_a_crash_at_every_step(tmp_path, monkeypatch, at, first_save):
    """Steps: tensors written, JSON written, tensors renamed, JSON renamed. Then a second crash at each step, on top."""
    for again in range(6):
        folder = tmp_path / str(again)
        there = []  # the seed of the state that can be loaded, if any
        if not first_save:
            state_file.save_state(folder, *make_state(0))
            there = [0]
        for seed, step in ((1, at), (2, again)):
            crash_at(monkeypatch, step)
            try:
                state_file.save_state(folder, *make_state(seed))
                there = [seed]
            except Crash:
                pass
            monkeypatch.undo()
            try:
                loaded = state_file.load_state(folder)
                there = [s for s in {*there, seed} if same_state(loaded, make_state(s))]
                assert len(there) == 1
            except BundleError:
                assert not there
        assert there or again < 3
        state_file.save_state(folder, *make_state(3))
        assert same_state(state_file.load_state(folder), make_state(3))
        assert names_in(folder) == {STATE, STATE_META}


def crash_at(monkeypatch, step):
    """Dies before the write (0, 1) or the rename (2, 3) of that number; no clean-up runs."""
    done, write_file, replace_ = [], atomic.write_file, os.replace

    def counted(work):
        def one(*args):
            if len(done) == step:
                monkeypatch.setattr(Path, "unlink", lambda *a, **k: None)
                raise Crash
            done.append(args)
            return work(*args)

        return one

    monkeypatch.setattr(atomic, "write_file", counted(write_file))
    monkeypatch.setattr(atomic.os, "replace", counted(replace_))


@pytest.mark.parametrize("nth", range(2))
def test_a_full_disk_leaves_the_old_state_whole(tmp_path, monkeypatch, nth):
    state_file.save_state(tmp_path, *make_state(0))
    written, write_file = [], atomic.write_file

    def failing(path, data):
        write_file(path, data)
        written.append(path)
        if len(written) > nth:
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(atomic, "write_file", failing)
    with pytest.raises(BundleError) as caught:
        state_file.save_state(tmp_path, *make_state(1))
    assert_one_sentence(caught.value, "disk is full", tmp_path.name)
    assert same_state(state_file.load_state(tmp_path), make_state(0)) and names_in(tmp_path) == {STATE, STATE_META}
