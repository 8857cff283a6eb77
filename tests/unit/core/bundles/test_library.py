"""What can be done to bundles: renamed, duplicated, removed, exported, imported; and every zip that must be refused."""

import errno
import io
import json
import os
import pickle
import stat
import struct
import zipfile
from pathlib import Path

import pytest

from explorer.core import paths, transfer
from explorer.core.bundles import library, store
from explorer.core.bundles.format import CONFIG, GALLERY, LIMITS, METRICS, MODEL
from explorer.core.errors import BundleError
from explorer.core.storage import atomic, safe_read, zip_reader
from tests.helpers import random_bundle


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> dict[str, bytes]:
    """The four files of a good bundle."""
    folder = random_bundle(tmp_path_factory.mktemp("made"), "good", arch="mlp", widths=(5,))
    return {file: (folder / file).read_bytes() for file in LIMITS}


@pytest.fixture
def root(tmp_path, made) -> Path:
    """A checkpoints folder with the bundle `good`."""
    put(tmp_path / "checkpoints", "good", made)
    return tmp_path / "checkpoints"


def put(root: Path, name: str, contents: dict[str, bytes]) -> Path:
    (root / name).mkdir(parents=True)
    for file, data in contents.items():
        (root / name / file).write_bytes(data)
    return root / name


def zipped(members: dict[str, bytes] | list, kind: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", kind) as out:
        for name, data in members.items() if isinstance(members, dict) else members:
            out.writestr(name, data)
    return buffer.getvalue()


def of(name: str, contents: dict[str, bytes], **changes: bytes) -> dict[str, bytes]:
    return {f"{name}/{file}": data for file, data in (contents | changes).items()}


def names(root: Path) -> set[str]:
    return {path.name for path in root.iterdir()}


def refused(action, *words: str) -> BundleError:
    with pytest.raises(BundleError) as caught:
        action()
    error = caught.value
    assert error.message.endswith(".") and error.hint.endswith((".", "?")) and "\n" not in str(error) and len(str(error)) < 600
    for word in words:
        assert word in str(error), f"{word!r} is not in {str(error)!r}"
    return error


# ---- rename, duplicate, remove


def test_rename(root, made):
    library.rename("good", "better", root)
    assert names(root) == {"better"} and store.load("better", root).name == "better"
    library.rename("better", "Better", root)  # capitals alone
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
    refused(lambda: act(root), "There is no bundle")
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
    refused(lambda: library.remove("notes", root), "no file of a bundle")
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


def test_a_disk_that_fills_up_between_two_bundles(root, made, monkeypatch):
    write, written = atomic.write_file, []

    def until_full(path, data):
        written.append(path)
        full() if len(written) > 6 else write(path, data)

    monkeypatch.setattr(atomic, "write_file", until_full)
    refused(lambda: transfer.import_zip(zipped(of("a", made) | of("b", made)), False, root), "The disk is full")
    assert names(root) == {"good"}


def test_a_folder_that_lets_nothing_go(root, monkeypatch):
    def forbidden(*_):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(os, "rename", forbidden)
    refused(lambda: library.remove("good", root), "could not be deleted (Permission denied)")
    refused(lambda: library.rename("good", "new", root), "failed (Permission denied)")


# ---- zips that are good


def test_a_zip_comes_back_exactly(root, made, tmp_path):
    library.duplicate("good", "copy", root)
    data = transfer.export_zip(["good", "copy"], root=root)
    assert transfer.export_zip(["good", "copy"], root=root) == data  # no clock in it
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
    refused(lambda: transfer.import_zip(data, True, root), "differ in capitals only")
    assert transfer.import_zip(data, root=root) == ["Good-2", "GOOD-3"]


def test_replacing_leaves_alone_what_is_no_bundle(root, made):
    (root / "notes").mkdir()
    (root / "notes" / "thesis.tex").write_text("years")
    refused(lambda: transfer.import_zip(zipped(of("notes", made)), True, root), "no file of a bundle")
    assert (root / "notes" / "thesis.tex").is_file()


def test_what_other_programs_add_is_passed_over(root, made):
    windows = {name.replace("/", "\\"): data for name, data in of("windows", made).items()}
    extra = {"mac/": b"", "mac/.DS_Store": b"x", "__MACOSX/mac/._config.json": b"x"}
    assert transfer.import_zip(zipped(of("mac", made) | extra | windows), root=root) == ["mac", "windows"]


# ---- zips that are not


def deflate_bomb(made) -> bytes:
    return zipped(of("bomb", made, **{METRICS: b" " * 15_000_000}))


def flagged(made) -> bytes:
    """Marked as locked with a password."""
    data = bytearray(zipped(of("locked", made)))
    at = data.rindex(b"PK\1\2")
    data[at + 8] |= 1
    return bytes(data)


def declared(made, n_bytes: int, of_file: str = MODEL) -> bytes:
    """The table of contents gives a size that is not so."""
    data = bytearray(zipped(of("forged", made), zipfile.ZIP_STORED))
    at = data.index(f"forged/{of_file}".encode(), data.index(b"PK\1\2")) - 46
    struct.pack_into("<L", data, at + 24, n_bytes)
    return bytes(data)


def linked(made) -> bytes:
    entry = zipfile.ZipInfo(f"link/{MODEL}")
    entry.external_attr = (stat.S_IFLNK | 0o777) << 16
    rest = [(name, data) for name, data in of("link", made).items() if not name.endswith(MODEL)]
    return zipped([(entry, b"/etc/passwd"), *rest])


def twice(made) -> bytes:
    with pytest.warns(UserWarning, match="Duplicate"):
        return zipped([*of("two", made).items(), (f"two/{CONFIG}", b"{}")])


def endless_contents(made) -> bytes:
    """Its end says that the table of contents has four gigabytes."""
    data = bytearray(zipped(of("endless", made)))
    struct.pack_into("<L", data, len(data) - 10, 0xFFFFFFF0)
    return bytes(data)


def cut(made) -> bytes:
    data = zipped(of("cut", made))
    return data[: len(data) // 2]


def spoilt(made) -> bytes:
    data = bytearray(zipped(of("spoilt", made), zipfile.ZIP_STORED))
    data[data.index(made[MODEL]) + len(made[MODEL]) // 2] ^= 0xFF
    return bytes(data)


class Evil:
    def __reduce__(self):
        return os.mkdir, ("/tmp/a-pickle-was-opened",)


BAD = {
    "nothing": (lambda made: b"", ["no zip"]),
    "no zip": (lambda made: b"hello" * 100, ["no zip"]),
    "a picture": (lambda made: b"\x89PNG\r\n\x1a\n" + bytes(100), ["no zip"]),
    "cut short": (cut, ["cut short"]),
    "spoilt": (spoilt, ["damaged"]),
    "empty": (lambda made: zipped({}), ["holds no bundle"]),
    "up": (lambda made: zipped(of("..", made)), ["leads out"]),
    "up, inside": (lambda made: zipped(of("a/../../b", made)), ["leads out"]),
    "up, the Windows way": (lambda made: zipped({"a\\..\\..\\config.json": b""}), ["leads out"]),
    "absolute": (lambda made: zipped(of("/etc", made)), ["leads out"]),
    "a drive": (lambda made: zipped(of("C:", made)), ["leads out"]),
    "a link": (linked, ["is a link or a device"]),
    "a file twice": (twice, ["twice"]),
    "a password": (flagged, ["password"]),
    "another compression": (lambda made: zipped(of("a", made), zipfile.ZIP_BZIP2), ["unusual way"]),
    "a bomb": (deflate_bomb, ["times its size"]),
    "declares four gigabytes": (lambda made: declared(made, 0xFFFFFFF0), ["too large", "4,294,967,280"]),
    "declares a gigabyte": (lambda made: declared(made, 900_000_000), ["times its size"]),
    "declares more than it holds": (lambda made: declared(made, len(made[MODEL]) + 9), ["damaged"]),
    "declares less than it holds": (lambda made: declared(made, len(made[MODEL]) - 9), ["damaged"]),
    "an endless table of contents": (endless_contents, ["damaged"]),
    "no folder": (lambda made: zipped(made), ["no part of a bundle"]),
    "a folder in a folder": (lambda made: zipped(of("checkpoints/a", made)), ["no part of a bundle"]),
    "another file": (lambda made: zipped(of("a", made, **{"weights.pt": b"x"})), ["'a/weights.pt'", "no part of a bundle"]),
    "other capitals": (lambda made: zipped({"a/CONFIG.JSON": made[CONFIG]}), ["no part of a bundle"]),
    "a file too few": (lambda made: zipped({f"a/{CONFIG}": made[CONFIG]}), ["lacks", MODEL, GALLERY]),
    "a name that cannot be": (lambda made: zipped(of("Größe", made)), ["cannot be called"]),
    "a reserved name": (lambda made: zipped(of("runs", made)), ["'runs/config.json', which is no part of a run"]),
    "a pickle": (lambda made: zipped(of("a", made, **{MODEL: pickle.dumps(Evil())})), ["pickle, which is never opened"]),
    "JSON that is none": (lambda made: zipped(of("a", made, **{CONFIG: b"{"})), ["not valid JSON", "Nothing was imported"]),
    "a config too large": (lambda made: zipped(of("a", made, **{CONFIG: os.urandom(1_000_001)})), ["too large"]),
    "weights of another": (lambda made: zipped(of("a", made, **{CONFIG: hashless(made)})), ["do not belong together"]),
}


def hashless(made) -> bytes:
    return json.dumps(json.loads(made[CONFIG]) | {"content_hash": "0" * 16}).encode()


@pytest.mark.parametrize("case", BAD)
def test_a_bad_zip_is_refused_and_the_folder_stays_as_it_was(root, made, case):
    make, words = BAD[case]
    refused(lambda: transfer.import_zip(make(made), root=root), *words)
    assert names(root) == {"good"} and not Path("/tmp/a-pickle-was-opened").exists()


def test_a_good_bundle_beside_a_bad_one_stays_outside(root, made):
    data = zipped(of("fine", made) | of("a", made, **{GALLERY: made[GALLERY][:-8]}))
    refused(lambda: transfer.import_zip(data, root=root), "Bundle 'a'", "Nothing was imported")
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
    refused(lambda: transfer.export_zip(["good", "copy"], root=root), "too much for one zip")


@pytest.mark.parametrize(
    "name, taken, free",
    [
        ("a", [], "a"),
        ("a", ["A"], "a-2"),
        ("a", ["a", "a-2", "A-3"], "a-4"),
        ("x" * 64, ["x" * 64], "x" * 62 + "-2"),
        ("straße", ["STRASSE"], "straße-2"),
    ],
)
def test_free_names(name, taken, free):
    assert safe_read.free_name(name, taken) == free
