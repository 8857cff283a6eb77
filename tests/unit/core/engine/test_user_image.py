"""A visitor's picture as a model sees it: what is refused, what is turned round, and where it lands in the frame."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageDraw

from explorer.core.data import image_folder, sprites
from explorer.core.engine.user_image import InkLayout, ink_layout, prepare, read
from explorer.core.errors import DataError

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


def digit(side: int = 280, shift: tuple[int, int] = (0, 0), size: int = 140) -> np.ndarray:
    """A drawn 5, white on black, uint8 (side, side, 1)."""
    image = Image.new("L", (side, side))
    corner = (side - size) // 2
    points = [(0.9, 0.05), (0.2, 0.05), (0.15, 0.45), (0.6, 0.4), (0.85, 0.65), (0.6, 0.95), (0.1, 0.9)]
    at = [(corner + shift[0] + size * x, corner + shift[1] + size * y) for x, y in points]
    ImageDraw.Draw(image).line(at, fill=255, width=max(2, size // 8), joint="curve")
    return np.asarray(image)[..., None]


def centre_of_mass(image: np.ndarray) -> np.ndarray:
    """(y, x) of a grey image (H, W)."""
    return np.array([(image * axis).sum() / image.sum() for axis in np.indices(image.shape)])


def ink_box(image: np.ndarray) -> tuple[int, int]:
    """Height and width of what is not black in (H, W)."""
    return np.ptp(np.flatnonzero(image.max(1) > 30)) + 1, np.ptp(np.flatnonzero(image.max(0) > 30)) + 1


def likeness(a: np.ndarray, b: np.ndarray) -> float:
    """The correlation of two images (1, 1, H, W), where the rounding of the centre of mass may differ by a pixel."""
    moved = (np.roll(a[0, 0], (y, x), (0, 1)) for y in (-1, 0, 1) for x in (-1, 0, 1))
    return max(np.corrcoef(image.ravel(), b.ravel())[0, 1] for image in moved)


# Reading


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
        read(data)
    assert says in str(caught.value) and caught.value.hint and "\n" not in str(caught.value)


def test_no_bytes_at_all_raise_anything_but_a_sentence():
    chance, good = np.random.default_rng(0), bytearray(encoded(digit(64, size=40)))
    for _ in range(300):
        bad = bytearray(good)
        for at in chance.integers(0, len(bad), 4):
            bad[at] = chance.integers(256)
        try:
            assert read(bytes(bad)).dtype == np.uint8
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


def test_a_folder_and_a_visitor_read_the_same_pixels(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (2, 24, 24, 4), np.uint8)
    for i, image in enumerate(pixels):
        (tmp_path / f"{i}.png").write_bytes(encoded(image))
    images, *_ = image_folder.read_folder(tmp_path, 24)
    for image, data in zip(images, sorted(tmp_path.iterdir())):
        np.testing.assert_array_equal(image.transpose(1, 2, 0), read(data.read_bytes()))


# As the model sees it


@pytest.mark.parametrize("side, size", [(280, 140), (280, 250), (90, 40), (1000, 90)])
@pytest.mark.parametrize("shift", [(0, 0), (-30, 25), (60, -60)])
def test_a_digit_anywhere_and_of_any_size_comes_to_lie_as_mnist_has_it(side, size, shift):
    scale = (side - size) / 140
    seen = prepare(digit(side, (int(shift[0] * scale), int(shift[1] * scale)), size), (1, 28, 28), DIGITS)
    image = seen.image[0, 0].astype(float)
    assert seen.image.shape == (1, 1, 28, 28) and seen.image.dtype == np.uint8 and not seen.inverted
    assert abs(max(ink_box(image)) - 20) <= 1 and image.max() == 255 and image[0].max() == image[:, 0].max() == 0
    np.testing.assert_allclose(centre_of_mass(image), 14, atol=0.6)
    assert likeness(seen.image, prepare(digit(), (1, 28, 28), DIGITS).image) > 0.9  # the same 5, but for its edges


def test_a_digit_that_is_already_as_the_set_has_it_stays_as_it_is():
    image = prepare(digit(), (1, 28, 28), DIGITS).image
    again = prepare(image[0].transpose(1, 2, 0), (1, 28, 28), DIGITS).image
    assert np.abs(again.astype(int) - image).max() <= 3


def test_dark_ink_on_paper_is_inverted_where_needed_and_the_switch_overrides():
    paper = 235 - (digit() * 0.8).astype(np.uint8)
    light = prepare(digit(), (1, 28, 28), DIGITS)
    dark = prepare(paper, (1, 28, 28), DIGITS)
    assert dark.inverted and not light.inverted and dark.box == light.box
    assert np.abs(dark.image.astype(int) - light.image).max() <= 4
    assert prepare(paper, (1, 28, 28), DIGITS, invert=True).inverted
    left = prepare(paper, (1, 28, 28), DIGITS, centre=False, invert=False)
    assert not left.inverted and left.box is None and np.median(left.image) == 235
    forced = prepare(digit(), (1, 28, 28), DIGITS, centre=False, invert=True)
    np.testing.assert_allclose(255.0 - forced.image, prepare(digit(), (1, 28, 28), DIGITS, centre=False).image, atol=1)


def test_the_grain_and_the_shade_of_a_photographed_page_are_not_ink():
    chance = np.random.default_rng(0)
    page = 200 + chance.normal(0, 5, (280, 280, 1)) + np.linspace(-12, 12, 280)[:, None, None]
    photo = np.clip(page - digit() * 0.6, 0, 255).astype(np.uint8).repeat(3, 2)
    seen, ideal = (prepare(pixels, (1, 28, 28), DIGITS) for pixels in (photo, digit()))
    assert seen.inverted and np.abs(np.subtract(seen.box, ideal.box)).max() <= 3
    assert likeness(seen.image, ideal.image) > 0.98


@pytest.mark.parametrize("centre", [True, False])
@pytest.mark.parametrize("grey", [0, 130, 255])
def test_a_blank_picture_gets_a_sentence(centre, grey):
    blank = np.full((100, 100, 1), grey, np.uint8)
    blank[50:, :, 0] = max(0, grey - 8)  # nobody sees this
    with pytest.raises(DataError, match="The picture is blank. Draw something"):
        prepare(blank, (1, 28, 28), DIGITS, centre)


def test_a_picture_without_ink_is_fitted_whole():
    for pixels in (255 - digit(), np.random.default_rng(0).integers(0, 256, (99, 99, 1), np.uint8)):
        seen = prepare(pixels, (1, 28, 28), DIGITS, invert=False)
        assert seen.box is None and not seen.inverted
        np.testing.assert_array_equal(seen.image, prepare(pixels, (1, 28, 28), DIGITS, False, False).image)


@pytest.mark.parametrize("image_shape", [(1, 8, 8), (3, 8, 8), (1, 28, 28), (3, 64, 64), (1, 128, 128), (1, 20, 33)])
@pytest.mark.parametrize("like", [DIGITS, InkLayout(True, 1.0), PHOTOS])
@pytest.mark.parametrize("size", [(280, 280), (8, 8), (9, 400), (1024, 1)])
def test_any_picture_fits_any_model(image_shape, like, size):
    chance = np.random.default_rng(0)
    for channels in (1, 3):
        noise = chance.integers(0, 256, (*size, channels), np.uint8)
        for centre in (True, False):
            seen = prepare(noise, image_shape, like, centre)
            assert seen.image.shape == (1, *image_shape) and seen.image.dtype == np.uint8


def test_a_colour_picture_is_fitted_whole_and_never_inverted_by_itself():
    picture = np.full((60, 30, 3), (10, 200, 90), np.uint8)
    picture[20:40, 10:20] = (250, 0, 0)
    seen = prepare(picture, (3, 32, 32), PHOTOS)
    assert not seen.inverted and seen.box is None
    assert tuple(seen.image[0, :, 0, 0]) == (10, 200, 90) and tuple(seen.image[0, :, 16, 16]) == (250, 0, 0)
    assert tuple(prepare(picture, (3, 32, 32), PHOTOS, invert=True).image[0, :, 16, 16]) == (5, 255, 255)
    grey = prepare(picture, (1, 32, 32), PHOTOS).image
    assert grey[0, 0, 16, 16] == round(0.299 * 250)
    lifted = prepare(digit(), (3, 32, 32), PHOTOS).image[0]
    np.testing.assert_array_equal(lifted[0], lifted[2])


def test_the_habits_of_a_set_are_read_from_its_images():
    image = prepare(digit(), (1, 28, 28), DIGITS).image
    assert ink_layout(image.repeat(20, 0)) == InkLayout(True, 20 / 28)
    drawn = ink_layout(sprites.draw_sprites(sprites.random_factors(200, 0)))
    assert drawn.dark_background and 0.25 < drawn.share < 0.45
    assert not ink_layout(255 - image).dark_background and not ink_layout(image.repeat(3, 1)).dark_background
    assert not ink_layout(np.random.default_rng(0).integers(0, 256, (50, 1, 16, 16), np.uint8)).dark_background
    assert not ink_layout(np.zeros((5, 1, 8, 8), np.uint8)).dark_background and not ink_layout(image[:0]).dark_background


def test_mnist_lies_where_its_own_digits_are_put(real_data):
    from explorer.core.data import catalog as data

    images = data.load("mnist", "test").images[:100]
    assert ink_layout(images) == DIGITS
    seen = [prepare(image.transpose(1, 2, 0), (1, 28, 28), DIGITS).image[0] for image in images]
    assert np.median([np.abs(ours.astype(int) - image).mean() for ours, image in zip(seen, images)]) < 0.5  # of 255
