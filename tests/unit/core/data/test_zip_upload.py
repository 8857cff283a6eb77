"""Uploaded zips of images: the folder that is created, and zips that are refused without leaving a file."""

import errno
import io
import os
import stat
import struct
import threading
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from explorer.core.data import catalog, zip_upload
from explorer.core.errors import DataError
from explorer.core.storage import zip_reader


@pytest.fixture(autouse=True)
def uploads(tmp_path, monkeypatch) -> Path:
    """The uploads folder, which does not exist yet."""
    monkeypatch.setenv("EXPLORER_DATA_DIR", str(tmp_path / "data"))
    return tmp_path / "data" / "uploads"


def picture(value: int = 0, suffix: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.full((12, 10, 3), (value, 40, 90), np.uint8)).save(buffer, suffix)
    return buffer.getvalue()


def zipped(members: dict[str, bytes] | list, kind: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", kind) as out:
        for name, content in members.items() if isinstance(members, dict) else members:
            out.writestr(name, content)
    return buffer.getvalue()


def pictures(*folders: str, n: int = 4) -> dict[str, bytes]:
    return {f"{folder}{i}.png": picture(50 * i + len(folder)) for folder in folders for i in range(n)}


def files_in(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def refused(action, *words: str) -> None:
    with pytest.raises(DataError) as caught:
        action()
    error = caught.value
    assert error.message.endswith(".") and error.hint.endswith((".", "?")) and "\n" not in str(error) and len(str(error)) < 600
    for word in words:
        assert word in str(error), f"{word!r} is not in {str(error)!r}"


# ---- valid zips


def test_folders_become_classes(uploads):
    path = zip_upload.unpack(zipped(pictures("cats/", "dogs/")), "pets.zip")
    assert path == uploads / "pets"
    train, test = catalog.load(f"folder:{path}", "train"), catalog.load(f"folder:{path}", "test")
    assert train.class_names == ("cats", "dogs") and len(train.images) + len(test.images) == 8
    assert train.title == "pets" and train.notes == ("8 of 8 images are not square and were cropped to the middle",)


def test_images_in_no_folder_have_no_class(uploads):
    upload = io.BytesIO(zipped(pictures("")))
    path = zip_upload.unpack(upload, "flat")
    assert zip_upload.unpack(upload, "flat") == path  # its position is at the end
    assert catalog.load(f"folder:{path}", "train").class_names == ()


@pytest.mark.parametrize("around", ["pets/", "a/b/c/", "./pets/", "Uploads\\pets\\"])
def test_a_folder_around_everything_is_no_class(uploads, around):
    path = zip_upload.unpack(zipped(pictures(f"{around}cats/", f"{around}dogs/")), "pets")
    assert catalog.load(f"folder:{path}", "train").class_names == ("cats", "dogs")
    alone = zip_upload.unpack(zipped(pictures(around, n=3)), "alone")
    assert catalog.load(f"folder:{alone}", "train").class_names == ()


def test_deeper_folders_belong_to_their_class_and_no_picture_is_lost(uploads):
    path = zip_upload.unpack(zipped(pictures("cats/old/", "cats/new/", "dogs/")), "pets")
    assert len(files_in(path / "cats")) == 8 and len(files_in(path / "dogs")) == 4


def test_what_is_no_picture_is_passed_over(uploads):
    extra = {"__MACOSX/cats/._0.png": b"x", ".DS_Store": b"x", "cats/.hidden.png": b"x", "labels.csv": b"a,b", "cats/": b""}
    path = zip_upload.unpack(zipped(extra | pictures("cats/", "dogs/")), "pets")
    notes = catalog.load(f"folder:{path}", "train").notes
    assert len(files_in(path)) == 8 + 1 and notes == ("8 of 8 images are not square and were cropped to the middle",)


def test_every_kind_of_picture(uploads):
    kinds = {"a.PNG": "PNG", "b.jpg": "JPEG", "c.JPEG": "JPEG", "d.bmp": "BMP", "e.gif": "GIF", "f.webp": "WEBP"}
    path = zip_upload.unpack(zipped({name: picture(9, kind) for name, kind in kinds.items()}), "kinds")
    assert len(catalog.load(f"folder:{path}", "train").images) + len(catalog.load(f"folder:{path}", "test").images) == 6


def test_one_text_among_pictures_is_named_when_the_set_is_loaded(uploads):
    path = zip_upload.unpack(zipped(pictures("", n=9) | {"zz notes.png": b"hello"}), "mixed")
    assert catalog.load(f"folder:{path}", "train").notes == (
        "1 of 10 files is not an image and was left out: 000009-zz notes.png",
        "9 of 9 images are not square and were cropped to the middle",
    )


def test_names_of_any_script_and_names_that_disks_refuse(uploads):
    members = pictures("Kätzchen/", "猫/", "con/", 'ab:?"c/') | {"猫/ganz: neu?.png": picture(3)}
    path = zip_upload.unpack(zipped(members), "Übung 1: Tiere.zip")
    assert path == uploads / "Übung 1- Tiere"
    assert catalog.load(f"folder:{path}", "train").class_names == ("Kätzchen", "_con", "ab-c", "猫")


@pytest.mark.parametrize(
    "name, folder",
    [("..", "images"), ("", "images"), ("../../etc.zip", "etc"), ("NUL.zip", "_NUL"), ("x" * 200, "x" * 40), ("a\0b", "a-b")],
)
def test_the_name_of_the_upload_leads_nowhere(uploads, name, folder):
    assert zip_upload.unpack(zipped(pictures("")), name) == uploads / folder


def test_the_same_zip_gives_the_same_folder_and_another_a_new_one(uploads):
    first = zip_upload.unpack(zipped(pictures("")), "pets")
    assert zip_upload.unpack(zipped(pictures("")), "pets.zip") == first
    assert zip_upload.unpack(zipped(pictures("", n=5)), "PETS") == uploads / "PETS-2"
    assert len(files_in(first)) == 5


def test_padded_and_cropped_images_of_one_zip_are_two_sets(uploads):
    data = zipped(pictures("cats"))
    cropped, padded = zip_upload.unpack(data, "pets"), zip_upload.unpack(data, "pets", fit="pad")
    assert (cropped.name, padded.name) == ("pets", "pets-2")
    assert zip_upload.unpack(data, "again", fit="pad") == padded and zip_upload.unpack(data, "again") == cropped
    assert [catalog.fit_of(catalog.upload_name(folder)) for folder in (cropped, padded)] == ["crop", "pad"]
    assert catalog.fit_of("mnist") is None and catalog.fit_of("imported") == "crop"


def test_a_class_that_uploads_one_zip_at_once_gets_one_folder(uploads):
    found, whole = [], zipped(pictures("cats/", "dogs/"))
    crowd = [threading.Thread(target=lambda: found.append(zip_upload.unpack(whole, "pets"))) for _ in range(5)]
    for one in crowd:
        one.start()
    for one in crowd:
        one.join()
    assert found == [uploads / "pets"] * 5


def test_progress_is_told(uploads):
    told = []
    zip_upload.unpack(zipped(pictures("")), "pets", lambda share, doing: told.append((share, doing)))
    assert told == [(0.0, "unpacking 4 images"), (1.0, "unpacked 4 images")]


# ---- zips that are refused


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">L", len(content)) + kind + content + struct.pack(">L", zlib.crc32(kind + content))


def wide(width: int, height: int) -> bytes:
    """A PNG with a large declared size and almost no data."""
    header = chunk(b"IHDR", struct.pack(">LLBBBBB", width, height, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def declared(n_bytes: int) -> bytes:
    """With a wrong size of the last file in the central directory."""
    whole = bytearray(zipped(pictures(""), zipfile.ZIP_STORED))
    struct.pack_into("<L", whole, whole.rindex(b"PK\1\2") + 24, n_bytes)
    return bytes(whole)


def linked() -> bytes:
    entry = zipfile.ZipInfo("cats/link.png")
    entry.external_attr = (stat.S_IFLNK | 0o777) << 16
    return zipped([*pictures("cats/").items(), (entry, b"/etc/passwd")])


BAD = {
    "nothing": (lambda: b"", ["not a zip"]),
    "no zip": (lambda: picture(), ["not a zip"]),
    "cut short": (lambda: zipped(pictures(""))[:-40], ["cut short"]),
    "empty": (lambda: zipped({}), ["no image that can be read", "Put two or more there (png"]),
    "one image": (lambda: zipped(pictures("", n=1)), ["one image only"]),
    "texts only": (lambda: zipped({"a.txt": b"a", "b.txt": b"b"}), ["no image that can be read"]),
    "texts renamed": (lambda: zipped({"a.png": b"hello", "b.png": b"world"}), ["'a.png' is not an image, despite its name"]),
    "a program for Pillow": (lambda: zipped({"a.png": b"%!PS-Adobe-3.0 EPSF-3.0\n", "b.png": picture()}), ["one image only"]),
    "up": (lambda: zipped(pictures("../")), ["leads out"]),
    "up, inside": (lambda: zipped(pictures("", "a/../../")), ["leads out"]),
    "up, the Windows way": (lambda: zipped(pictures("..\\")), ["leads out"]),
    "absolute": (lambda: zipped(pictures("/tmp/")), ["leads out"]),
    "a drive": (lambda: zipped(pictures("C:\\")), ["leads out"]),
    "a link": (linked, ["link or a device"]),
    "a bomb": (lambda: zipped(pictures("") | {"bomb.bmp": bytes(20_000_000)}), ["times its size"]),
    "too large a file": (lambda: declared(3_000_000_000), ["too large", "3,000,000,000"]),
    "declares more than it holds": (lambda: declared(200), ["damaged"]),
    "too many pixels": (lambda: zipped(pictures("") | {"w.png": wide(10_000, 6_000)}), ["'w.png'", "50 megapixels"]),
    "far too many pixels": (lambda: zipped(pictures("") | {"w.png": wide(100_000, 100_000)}), ["'w.png'", "50 megapixels"]),
    "capitals": (lambda: zipped(pictures("Cats/", "cats/")), ["'Cats' and 'cats'", "Rename one"]),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_zip_is_refused_and_leaves_nothing(uploads, tmp_path, case):
    make, words = BAD[case]
    whole = make()
    refused(lambda: zip_upload.unpack(whole, "bad"), *words)
    assert not uploads.exists() or os.listdir(uploads) == []
    assert set(os.listdir(tmp_path)) <= {"data"}


@pytest.mark.parametrize(
    "limits, words",
    [
        (zip_reader.Limits(3, 10**6, 10**9), ["4 files and folders, at most 3"]),
        (zip_reader.Limits(100, 10, 10**9), ["too large", "at most 10"]),
        (zip_reader.Limits(100, 10**6, 100), ["unpacked, at most 100"]),
    ],
)
def test_more_than_is_allowed(uploads, monkeypatch, limits, words):
    monkeypatch.setattr(zip_upload, "LIMITS", limits)
    refused(lambda: zip_upload.unpack(zipped(pictures("")), "big"), *words)
    assert not uploads.exists()


def test_a_full_disk_leaves_nothing(uploads, monkeypatch):
    write, written = Path.write_bytes, []

    def until_full(path, content):
        written.append(path)
        if len(written) > 2:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(path, content)

    monkeypatch.setattr(Path, "write_bytes", until_full)
    refused(lambda: zip_upload.unpack(zipped(pictures("")), "pets"), "The disk is full", "'pets'", "Free some space")
    assert len(written) == 3 and os.listdir(uploads) == []


def test_what_a_crash_left_is_swept(uploads):
    left = uploads / ".pets.99999999-0123abcd.tmp"
    left.mkdir(parents=True)
    zip_upload.unpack(zipped(pictures("")), "pets")
    assert os.listdir(uploads) == ["pets"]
