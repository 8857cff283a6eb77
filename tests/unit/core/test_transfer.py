"""Export and import of bundles as a zip: exact round trips, taken names, and every zip that is not one of bundles."""

import errno
import io
import json
import os
import pickle
import zipfile
from pathlib import Path

import pytest

from explorer.core import transfer
from explorer.core.bundles import library
from explorer.core.bundles.format import CONFIG, GALLERY, LIMITS, MODEL
from explorer.core.storage import atomic, zip_reader
from tests.unit.core.bundle_zips import names, of, refused, zipped


def full(*_):
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_zip_comes_back_exactly(root, made, tmp_path):
    library.duplicate("good", "copy", root)
    data = transfer.export_zip(["good", "copy"], root=root)
    assert transfer.export_zip(["good", "copy"], root=root) == data  # contains no current time
    with zipfile.ZipFile(io.BytesIO(data)) as written:
        assert set(written.namelist()) == {f"{name}/{file}" for name in ("good", "copy") for file in LIMITS}
        assert all(info.external_attr >> 16 == 0o644 for info in written.infolist())
    assert transfer.import_zip(data, root=tmp_path / "new") == ["good", "copy"]
    assert {file: (tmp_path / "new" / "good" / file).read_bytes() for file in LIMITS} == made
    assert transfer.import_zip(io.BytesIO(data), root=root) == ["good-2", "copy-2"]
    assert transfer.import_zip(data, True, root) == ["good", "copy"]
    assert names(root) == {"good", "copy", "good-2", "copy-2"}


def test_names_that_differ_in_capitals_only(root, made):
    data = zipped(of("Good", made) | of("GOOD", made))
    refused(lambda: transfer.import_zip(data, True, root), "differ only in upper and lower case")
    assert transfer.import_zip(data, root=root) == ["Good-2", "GOOD-3"]


def test_replacing_leaves_alone_what_is_no_bundle(root, made):
    (root / "notes").mkdir()
    (root / "notes" / "thesis.tex").write_text("years")
    refused(lambda: transfer.import_zip(zipped(of("notes", made)), True, root), "no file of a model")
    assert (root / "notes" / "thesis.tex").is_file()


def test_what_other_programs_add_is_passed_over(root, made):
    windows = {name.replace("/", "\\"): data for name, data in of("windows", made).items()}
    extra = {"mac/": b"", "mac/.DS_Store": b"x", "__MACOSX/mac/._config.json": b"x"}
    assert transfer.import_zip(zipped(of("mac", made) | extra | windows), root=root) == ["mac", "windows"]


class Evil:
    def __reduce__(self):
        return os.mkdir, ("/tmp/a-pickle-was-opened",)


def hashless(made) -> bytes:
    return json.dumps(json.loads(made[CONFIG]) | {"content_hash": "0" * 16}).encode()


BAD = {
    "empty": (lambda made: zipped({}), ["holds no model"]),
    "no folder": (lambda made: zipped(made), ["no part of a model"]),
    "a folder in a folder": (lambda made: zipped(of("checkpoints/a", made)), ["no part of a model"]),
    "another file": (lambda made: zipped(of("a", made, **{"weights.pt": b"x"})), ["'a/weights.pt'", "no part of a model"]),
    "other capitals": (lambda made: zipped({"a/CONFIG.JSON": made[CONFIG]}), ["no part of a model"]),
    "a file too few": (lambda made: zipped({f"a/{CONFIG}": made[CONFIG]}), ["lacks", MODEL, GALLERY]),
    "a name that cannot be": (lambda made: zipped(of("Größe", made)), ["cannot be called"]),
    "a reserved name": (lambda made: zipped(of("runs", made)), ["'runs/config.json', which is no part of a run"]),
    "a pickle": (lambda made: zipped(of("a", made, **{MODEL: pickle.dumps(Evil())})), ["pickle, which is never opened"]),
    "JSON that is none": (lambda made: zipped(of("a", made, **{CONFIG: b"{"})), ["not valid JSON", "Nothing was imported"]),
    "a config too large": (lambda made: zipped(of("a", made, **{CONFIG: os.urandom(1_000_001)})), ["too large"]),
    "weights of another": (lambda made: zipped(of("a", made, **{CONFIG: hashless(made)})), ["do not belong together"]),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_zip_is_refused_and_the_folder_stays_as_it_was(root, made, case):
    make, words = BAD[case]
    refused(lambda: transfer.import_zip(make(made), root=root), *words)
    assert names(root) == {"good"} and not Path("/tmp/a-pickle-was-opened").exists()


def test_a_good_bundle_beside_a_bad_one_stays_outside(root, made):
    data = zipped(of("fine", made) | of("a", made, **{GALLERY: made[GALLERY][:-8]}))
    refused(lambda: transfer.import_zip(data, root=root), "Model 'a'", "Nothing was imported")
    assert names(root) == {"good"}


def test_more_than_is_allowed(root, made, monkeypatch):
    size = sum(map(len, made.values()))
    monkeypatch.setattr(transfer, "LIMITS", zip_reader.Limits(1_000, 10**9, size + 9))
    refused(lambda: transfer.import_zip(zipped(of("a", made) | of("b", made)), root=root), "unpacked", "Split it")
    monkeypatch.setattr(transfer, "LIMITS", zip_reader.Limits(3, 10**9, 10**9))
    refused(lambda: transfer.import_zip(zipped(of("a", made)), root=root), "4 files and folders", "at most 3")
    monkeypatch.setattr(transfer, "MAX_BYTES", size)
    assert transfer.export_zip("good", root=root)
    library.duplicate("good", "copy", root)
    refused(lambda: transfer.export_zip(["good", "copy"], root=root), "do not fit into one zip")


def test_a_disk_that_fills_up_between_two_bundles(root, made, monkeypatch):
    write, written = atomic.write_file, []

    def until_full(path, data):
        written.append(path)
        full() if len(written) > 6 else write(path, data)

    monkeypatch.setattr(atomic, "write_file", until_full)
    refused(lambda: transfer.import_zip(zipped(of("a", made) | of("b", made)), False, root), "The disk is full")
    assert names(root) == {"good"}
