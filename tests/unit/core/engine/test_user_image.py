"""A visitor's picture file: what is refused, how its pixels are read, and the usual preparation for a data set."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from explorer.core.data import preparation
from explorer.core.data.ink import InkLayout
from explorer.core.data.preparation import Preparation
from explorer.core.engine.user_image import opened, preparation_for, prepare
from explorer.core.errors import DataError
from tests.helpers import digit

DIGITS = InkLayout(True, 20 / 28)
PHOTOS = InkLayout(False)


def encoded(pixels: np.ndarray, kind: str = "PNG", **options) -> bytes:
    """uint8 (h, w, c) as a file."""
    buffer = io.BytesIO()
    Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels).save(buffer, kind, **options)
    return buffer.getvalue()


def claiming(width: int, height: int) -> bytes:
    """A PNG of a few bytes that says it has so many pixels."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")


def read(data: bytes) -> np.ndarray:
    """The pixels of a picture file, uint8 (h, w, c): c is 1 if it is grey."""
    with opened(data) as image:
        pixels, _ = preparation.read(image)
    return pixels[..., :1] if (pixels == pixels[..., :1]).all() else pixels


@pytest.mark.parametrize("kind, exact", [("PNG", True), ("BMP", True), ("GIF", True), ("WEBP", False), ("JPEG", False)])
@pytest.mark.parametrize("channels", [1, 3])
def test_every_format_is_read(kind, exact, channels):
    pixels = np.random.default_rng(0).integers(0, 16, (4, 3, channels)).repeat(10, 0).repeat(10, 1).astype(np.uint8) * 16
    found = read(encoded(pixels, kind))
    assert found.shape == (40, 30, channels) and found.dtype == np.uint8
    assert not exact or np.array_equal(found, pixels)


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize(
    "data, says",
    [
        (b"", "The file is empty. Choose another one."),
        (b"Dear model, this is a letter." * 50, "not a picture that can be read"),
        (b"%PDF-1.7 and so on", "not a picture that can be read"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "Save it as PNG or JPEG"),
        (encoded(digit())[:20], "not a picture that can be read"),
        (encoded(digit())[:-200], "is damaged or cut short"),
        (encoded(digit(), "JPEG")[:900], "is damaged or cut short"),
        (encoded(np.zeros((1, 1, 1), np.uint8)), "has 1 x 1 px, too few to show anything"),
        (encoded(np.zeros((300, 7, 3), np.uint8)), "has 7 x 300 px"),
        (claiming(100_000, 100_000), "too large: 24 megapixels, 12000 px a side and 5 MB are allowed"),
        (claiming(10_000, 10_000), "too large"),
        (claiming(5_000, 5_000), "too large"),
        (claiming(20_000, 100), "too large"),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 5_000_000, "too large"),
        (claiming(3_000, 3_000), "is damaged or cut short"),
    ],
)
def test_a_bad_file_gets_a_sentence(data, says):
    with pytest.raises(DataError) as caught:
        prepare(data, (3, 28, 28), Preparation("pad"))
    assert says in str(caught.value) and caught.value.hint and "\n" not in str(caught.value)


def test_no_bytes_at_all_raise_anything_but_a_sentence():
    chance, good = np.random.default_rng(0), bytearray(encoded(digit(64, size=40)))
    for _ in range(300):
        bad = bytearray(good)
        for at in chance.integers(0, len(bad), 4):
            bad[at] = chance.integers(256)
        try:
            assert prepare(bytes(bad), (1, 28, 28), Preparation()).image.dtype == np.uint8
        except DataError:
            pass


def test_a_photograph_is_turned_as_its_camera_says():
    pixels = np.zeros((40, 60, 3), np.uint8)
    pixels[:, :30] = 255
    exif = Image.Exif()
    exif[0x0112] = 6  # a quarter turn clockwise
    found = read(encoded(pixels, "JPEG", exif=exif))
    assert found.shape[:2] == (60, 40) and found[:25].min() > 200 and found[35:].max() < 50


def test_what_is_transparent_is_white_and_sixteen_bits_are_kept_apart():
    pixels = np.zeros((20, 20, 4), np.uint8)
    pixels[5:15, 5:15, 3] = 255  # a black square on nothing
    found = read(encoded(pixels))
    assert found.shape == (20, 20, 1) and found[0, 0] == 255 and found[10, 10] == 0
    deep = np.linspace(0, 65535, 400).astype(np.uint16).reshape(20, 20)
    buffer = io.BytesIO()
    Image.fromarray(deep).save(buffer, "PNG")
    np.testing.assert_array_equal(read(buffer.getvalue())[..., 0], np.rint(deep / 257))


def test_a_film_gives_its_first_frame_and_a_large_picture_is_kept_small():
    frames = [Image.new("L", (30, 30), grey) for grey in (200, 50)]
    buffer = io.BytesIO()
    frames[0].save(buffer, "GIF", save_all=True, append_images=frames[1:])
    assert read(buffer.getvalue()).max() == 200
    assert read(encoded(np.zeros((1500, 3000, 1), np.uint8))).shape == (512, 1024, 1)
    assert read(encoded(np.zeros((8, 12_000, 1), np.uint8))).shape == (1, 1024, 1)


@pytest.mark.parametrize("fit", ["crop", "pad", "centre"])
@pytest.mark.parametrize("grey", [0, 130, 255])
def test_a_blank_picture_gets_a_sentence(fit, grey):
    blank = np.full((100, 100, 1), grey, np.uint8)
    blank[50:, :, 0] = max(0, grey - 8)  # nobody sees this
    with pytest.raises(DataError, match="The picture is blank. Draw something"):
        prepare(encoded(blank), (1, 28, 28), Preparation(fit, None, DIGITS))


@pytest.mark.parametrize(
    "dataset, layout, expected",
    [
        ("mnist", DIGITS, Preparation("centre", None, DIGITS)),
        ("photos", PHOTOS, Preparation("pad", None, PHOTOS)),
        ("folder:/nowhere", DIGITS, Preparation("crop", False, DIGITS)),
        ("upload:none", PHOTOS, Preparation("crop", False, PHOTOS)),
        ("imported", PHOTOS, Preparation("crop", False, PHOTOS)),
    ],
)
def test_the_usual_preparation_is_that_of_the_training_images(dataset, layout, expected):
    assert preparation_for(dataset, layout) == expected
    chosen = preparation_for(dataset, layout, "pad", True)
    assert (chosen.fit, chosen.invert) == ("pad", True)


def test_a_folder_that_pads_its_images_pads_a_visitors(tmp_path):
    (tmp_path / ".fit").write_text("pad")
    assert preparation_for(f"folder:{tmp_path}", PHOTOS).fit == "pad"
    (tmp_path / ".fit").write_text("stretch")
    assert preparation_for(f"folder:{tmp_path}", PHOTOS).fit == "crop"
