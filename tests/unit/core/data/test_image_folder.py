"""Folders of images: classes, size, colours and orientation; and every file that is skipped or refused."""

import os
import struct
from pathlib import Path

import numpy as np
import pytest

from explorer.core.data import image_folder
from explorer.core.data.catalog import load
from explorer.core.errors import ConfigError, DataError


def picture(path: Path, size=(16, 16), mode="RGB", colour=None, **how) -> Path:
    from PIL import Image

    path.parent.mkdir(parents=True, exist_ok=True)
    if colour is None:
        colour = {"L": 100, "RGB": (200, 30, 30), "RGBA": (200, 30, 30, 255)}[mode]
    Image.new(mode, size, colour).save(path, **how)
    return path


def whole(name: str, **how) -> tuple[np.ndarray, np.ndarray]:
    """Images and labels of both splits together."""
    parts = [load(name, split, **how) for split in ("train", "test")]
    return np.concatenate([p.images for p in parts]), np.concatenate([p.labels for p in parts])


def test_sub_folders_are_classes(tmp_path):
    for kind, n in (("cats", 10), ("dogs", 5)):
        for i in range(n):
            picture(tmp_path / kind / f"deep{i % 2}" / f"{i}.png")
    (tmp_path / "empty").mkdir()
    name = f"folder:{tmp_path}"
    train, test = load(name, "train"), load(name, "test")
    assert train.class_names == ("cats", "dogs") and train.name == name and train.title == tmp_path.name
    assert np.bincount(train.labels).tolist() == [8, 4] and np.bincount(test.labels).tolist() == [2, 1]
    assert train.images.shape == (12, 3, 16, 16) and train.notes == ()
    assert train.images[0, :, 0, 0].tolist() == [200, 30, 30]


def test_a_flat_folder_is_unlabelled_and_in_order(tmp_path):
    from PIL import Image

    for i in (3, 1, 2, 0):
        Image.fromarray(np.full((12, 12), 10 * i, np.uint8)).save(tmp_path / f"{i}.png")
    train = load(f"folder:{tmp_path}", "train")
    assert train.class_names == () and set(train.labels) == {-1}
    assert train.images.shape == (3, 1, 12, 12)  # grey
    assert (np.diff(train.images[:, 0, 0, 0].astype(int)) > 0).all()


def test_images_of_the_size_wanted_are_untouched(tmp_path):
    from PIL import Image

    pixels = np.random.RandomState(0).randint(256, size=(2, 20, 20, 3)).astype(np.uint8)
    for i in range(2):
        Image.fromarray(pixels[i]).save(tmp_path / f"{i}.png")
    images, _ = whole(f"folder:{tmp_path}")
    assert sorted(i.tobytes() for i in images) == sorted(p.transpose(2, 0, 1).tobytes() for p in pixels)


@pytest.mark.parametrize(
    "sides, size, expected",
    [((200, 300), None, 64), ((200, 300), 128, 128), ((30, 40), None, 35), ((9, 9), None, 9), ((9, 9), 8, 8)],
)
def test_the_size(tmp_path, sides, size, expected):
    for i, side in enumerate(sides):
        picture(tmp_path / f"{i}.jpg", (side, side + 10))
    assert load(f"folder:{tmp_path}", "test", size=size).images.shape[1:] == (3, expected, expected)


@pytest.mark.parametrize("size", [7, 129, 16.0, True])
def test_impossible_sizes(tmp_path, size):
    with pytest.raises(ConfigError, match="size must be a whole number from 8 to 128"):
        load(f"folder:{tmp_path}", "test", size=size)


def test_the_centre_is_kept(tmp_path):
    from PIL import Image

    wide = np.zeros((16, 48), np.uint8)
    wide[:, 16:32] = 255
    for i in range(2):
        Image.fromarray(wide).save(tmp_path / f"{i}.png")
    images, _ = whole(f"folder:{tmp_path}")
    assert images.shape == (2, 1, 16, 16) and (images == 255).all()


def test_grey_only_if_all_are(tmp_path):
    picture(tmp_path / "a.png", mode="L")
    picture(tmp_path / "b.png", colour=(7, 7, 7))
    picture(tmp_path / "c.jpg", colour=(90, 90, 90))
    assert load(f"folder:{tmp_path}", "train").images.shape[1] == 1
    picture(tmp_path / "d.png", colour=(7, 8, 7))
    for split in ("train", "test"):
        assert load(f"folder:{tmp_path}", split).images.shape[1] == 3


def test_every_kind_of_pixel(tmp_path):
    from PIL import Image

    picture(tmp_path / "clear.png", mode="RGBA", colour=(255, 0, 0, 0))
    Image.fromarray(np.full((16, 16), 40_000, np.uint16)).save(tmp_path / "deep.png")
    Image.new("1", (16, 16), 1).save(tmp_path / "one_bit.bmp")
    Image.new("P", (16, 16), 0).save(tmp_path / "palette.gif", transparency=0)
    Image.new("LA", (16, 16), (0, 128)).save(tmp_path / "half.png")
    frames = [Image.new("L", (16, 16), level) for level in (60, 200)]
    frames[0].save(tmp_path / "film.gif", save_all=True, append_images=frames[1:])
    Image.new("RGB", (16, 16), (50, 50, 50)).save(tmp_path / "web.webp", lossless=True)
    images, notes = image_folder.read_folder(tmp_path)[::3]
    found = dict(zip(sorted(p.name for p in tmp_path.iterdir()), images[:, 0, 8, 8].tolist()))
    assert notes == ()
    assert found == {
        "clear.png": 255,
        "deep.png": round(40_000 / 257),
        "one_bit.bmp": 255,
        "palette.gif": 255,
        "half.png": 127,
        "film.gif": 60,
        "web.webp": 50,
    }


def test_exif_turns_the_picture(tmp_path):
    from PIL import Image

    exif = Image.Exif()
    exif[0x0112] = 6  # the top of the scene is at the right of the file
    pixels = np.zeros((32, 32), np.uint8)
    pixels[:, 16:] = 255
    for i in range(2):
        Image.fromarray(pixels).save(tmp_path / f"{i}.png", exif=exif)
    images, _ = whole(f"folder:{tmp_path}")
    assert images[0, 0, 31].min() > 200 and images[0, 0, 0].max() < 50


def test_what_cannot_be_used_is_counted_and_named(tmp_path, capfd, recwarn):
    for i in range(8):
        picture(tmp_path / "good" / f"{i}.jpg", (64, 64))
    (tmp_path / "good" / "a.txt").write_text("hello")
    (tmp_path / "good" / "b.png").write_bytes(b"no picture")
    (tmp_path / "good" / ".hidden.png").write_bytes(b"no picture")
    (tmp_path / ".cache").mkdir()
    (tmp_path / ".cache" / "x.png").write_bytes(b"no picture")
    cut = picture(tmp_path / "good" / "c.jpg", (300, 300))
    cut.write_bytes(cut.read_bytes()[:700])
    (tmp_path / "good" / "d.png").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n")
    picture(tmp_path / "bad" / "tiny.png", (1, 1))
    picture(tmp_path / "loose.png")
    os.mkfifo(tmp_path / "pipe.png")
    train = load(f"folder:{tmp_path}", "train")
    assert train.notes == (
        "1 of 15 files is smaller than 8 px and was left out: bad/tiny.png",
        "5 of 15 files are not images and were left out: good/a.txt, good/b.png, good/c.jpg, good/d.png, pipe.png",
        "1 of 9 images are in no sub-folder and have no class",
    )
    assert train.class_names == ("good",)
    assert capfd.readouterr() == ("", "") and not list(recwarn)


def test_many_are_counted_and_a_few_named(tmp_path):
    for i in range(9):
        picture(tmp_path / f"{i}.png")
        (tmp_path / f"{i}.txt").write_text("")
    assert load(f"folder:{tmp_path}", "test").notes == (
        "9 of 18 files are not images and were left out: 0.txt, 1.txt, 2.txt, 3.txt, 4.txt and 4 more",
    )


def png_claiming(width: int, height: int) -> bytes:
    import zlib

    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    chunk = struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))
    return b"\x89PNG\r\n\x1a\n" + chunk + struct.pack(">I", 0) + b"IDAT" + struct.pack(">I", zlib.crc32(b"IDAT"))


@pytest.mark.filterwarnings("error")
def test_bombs_are_refused_before_they_are_decoded(tmp_path, monkeypatch):
    from PIL import Image, PngImagePlugin

    for i in range(2):
        picture(tmp_path / f"{i}.png")
    for name, side in (("large", 8_000), ("warned", 10_000), ("bomb", 60_000)):
        (tmp_path / f"{name}.png").write_bytes(png_claiming(side, side))
    limit, decode = Image.MAX_IMAGE_PIXELS, PngImagePlugin.PngImageFile.load

    def small_only(self):
        assert self.size == (16, 16), "decoded a bomb"
        return decode(self)

    monkeypatch.setattr(PngImagePlugin.PngImageFile, "load", small_only)
    train = load(f"folder:{tmp_path}", "train")
    assert train.notes == ("3 of 5 files are larger than 50 megapixels and were left out: bomb.png, large.png, warned.png",)
    assert Image.MAX_IMAGE_PIXELS == limit


def test_links_out_of_the_folder_are_not_followed(tmp_path):
    inside, outside = tmp_path / "inside", tmp_path / "outside"
    for i in range(3):
        picture(inside / f"{i}.png")
    secret = picture(outside / "secret.png")
    (inside / "link.png").symlink_to(secret)
    (inside / "linked").symlink_to(outside)
    (inside / "loop.png").symlink_to(inside / "loop.png")
    (inside / "again.png").symlink_to(inside / "0.png")
    (tmp_path / "door").symlink_to(inside)
    for path in (inside, tmp_path / "door"):
        images, labels, classes, notes = image_folder.read_folder(path)
        assert len(images) == 4 and classes == ()
        assert notes == (
            "1 of 6 files is a link out of the folder and was left out: link.png",
            "1 of 6 files is not an image and was left out: loop.png",
        )


@pytest.mark.parametrize(
    "make, says",
    [
        (lambda p: None, "There is no folder"),
        (lambda p: p.write_text(""), "is a file, not a folder"),
        (lambda p: p.mkdir(), "holds no image that can be read"),
        (lambda p: picture(p / "a.png"), "holds one image only"),
        (lambda p: (p.mkdir(), (p / "a.txt").write_text("")), "1 of 1 files is not an image and was left out: a.txt"),
    ],
)
def test_folders_that_are_no_data_set(tmp_path, make, says):
    make(tmp_path / "pictures")
    with pytest.raises(DataError, match=says):
        load(f"folder:{tmp_path / 'pictures'}", "train")


def test_a_folder_is_read_once_for_both_splits_and_again_when_it_changes(tmp_path):
    heard = []
    for i in range(5):
        picture(tmp_path / f"{i}.png")
    for split in ("train", "test"):
        load(f"folder:{tmp_path}", split, progress=lambda share, doing: heard.append(share))
    assert heard == [0.0, 1.0]
    picture(tmp_path / "5.png")
    images, _ = whole(f"folder:{tmp_path}")
    assert len(images) == 6
