"""Pictures as a model sees them: one preparation of training images and of a visitor's own, to the byte."""

import io
import zipfile

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageOps

from explorer.core.data import catalog, image_folder, preparation, sprites, zip_upload
from explorer.core.data.ink import InkLayout, ink_layout
from explorer.core.data.preparation import Preparation
from explorer.core.engine import user_image
from explorer.core.errors import DataError
from tests.helpers import digit

DIGITS = InkLayout(True, 20 / 28)
PHOTOS = InkLayout(False)


def prepare(pixels: np.ndarray, image_shape, layout: InkLayout, centre: bool = True, invert: bool | None = None):
    """Prepares uint8 (h, w, c)."""
    image = Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)
    return preparation.prepare(image, image_shape, Preparation("centre" if centre else "pad", invert, layout))


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
    images = catalog.load("mnist", "test").images[:100]
    assert ink_layout(images) == DIGITS
    seen = [prepare(image.transpose(1, 2, 0), (1, 28, 28), DIGITS).image[0] for image in images]
    assert np.median([np.abs(ours.astype(int) - image).mean() for ours, image in zip(seen, images)]) < 0.5  # of 255


# Training images and a visitor's own


def file(image: Image.Image, kind: str = "PNG", **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def seven(size: tuple[int, int] = (60, 80)) -> Image.Image:
    """The ink of a 7 as a mask."""
    mask = Image.new("L", size)
    points = [(0.2, 0.15), (0.8, 0.15), (0.4, 0.9)]
    ImageDraw.Draw(mask).line([(x * size[0], y * size[1]) for x, y in points], fill=255, width=7, joint="curve")
    return mask


def on_nothing(mode: str, grey: int) -> Image.Image:
    """The 7 in a grey level on transparency."""
    mask = seven()
    ink = Image.new("L", mask.size, grey)
    return Image.merge("LA", (ink, mask)) if mode == "LA" else Image.merge("RGBA", (ink, ink, ink, mask))


def with_palette() -> Image.Image:
    """The 7, whose background is a transparent colour of the palette that is as black as the ink."""
    image = Image.fromarray((np.asarray(seven()) > 127).astype(np.uint8), "P")
    image.putpalette([0, 0, 0, 0, 0, 0])
    return image


def deep() -> Image.Image:
    return Image.fromarray(np.asarray(seven()).astype(np.uint16) * 257)


def turned() -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6
    return file(seven().transpose(Image.Transpose.ROTATE_90).convert("RGB"), "JPEG", exif=exif, quality=95)


PHOTO = np.random.default_rng(3).integers(0, 256, (30, 45, 3), np.uint8).repeat(30, 0).repeat(30, 1)
FILES = {
    "black-on-nothing.png": file(on_nothing("RGBA", 0)),
    "white-on-nothing.png": file(on_nothing("RGBA", 255)),
    "black-and-alpha.png": file(on_nothing("LA", 0)),
    "white-and-alpha.png": file(on_nothing("LA", 255)),
    "palette.png": file(with_palette(), transparency=0),
    "palette.gif": file(with_palette(), "GIF", transparency=0),
    "deep.png": file(deep()),
    "cmyk.jpg": file(Image.merge("RGB", [seven()] * 3).convert("CMYK"), "JPEG"),
    "turned.jpg": turned(),
    "large.jpg": file(Image.fromarray(PHOTO), "JPEG"),
    "wide.png": file(Image.fromarray(PHOTO)),
}


@pytest.fixture
def uploads(tmp_path, monkeypatch):
    monkeypatch.setenv("EXPLORER_DATA_DIR", str(tmp_path / "data"))


def unpacked(files: dict[str, bytes], fit: str):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return zip_upload.unpack(buffer.getvalue(), "sevens", fit=fit)


@pytest.mark.parametrize("size", [28, 64])
@pytest.mark.parametrize("fit", ["crop", "pad"])
def test_a_training_image_and_the_same_file_as_ones_own_image_are_equal_to_the_byte(uploads, fit, size):
    folder = unpacked(FILES, fit)
    images, _, _, notes = image_folder.read_folder(folder, size)
    dataset = catalog.upload_name(folder)
    assert len(images) == len(FILES) and images.shape[1] == 3
    for image, data in zip(images, (FILES[name] for name in sorted(FILES))):
        how = user_image.preparation_for(dataset, ink_layout(images))
        np.testing.assert_array_equal(user_image.prepare(data, images.shape[1:], how).image[0], image)
    done = {"crop": "cropped to the middle", "pad": "padded with the colour of the border"}[fit]
    assert notes == (f"{len(FILES)} of {len(FILES)} images are not square and were {done}",)


@pytest.mark.parametrize("alpha", [False, True])
def test_cropped_images_of_existing_sets_keep_their_bytes(alpha):
    chance = np.random.default_rng(0)
    image = Image.fromarray(chance.integers(0, 256, (40, 50, 3 + alpha), np.uint8))
    fitted = ImageOps.fit(image, (16, 16), Image.Resampling.LANCZOS)
    if alpha:
        fitted = Image.alpha_composite(Image.new("RGBA", (16, 16), "white"), fitted).convert("RGB")
    found = preparation.prepare(image, (3, 16, 16)).image[0]
    np.testing.assert_array_equal(found, np.asarray(fitted).transpose(2, 0, 1))


@pytest.mark.parametrize("fit", ["crop", "pad"])
@pytest.mark.parametrize("name", [name for name in FILES if name not in ("large.jpg", "wide.png")])
def test_grey_sets_are_equal_to_the_byte_too_and_show_the_seven(uploads, fit, name):
    folder = unpacked({"a.png": FILES[name], name: FILES[name]}, fit)
    images = image_folder.read_folder(folder, 28)[0]
    assert images.shape == (2, 1, 28, 28) and np.ptp(images) > 150
    how = user_image.preparation_for(catalog.upload_name(folder), ink_layout(images))
    np.testing.assert_array_equal(user_image.prepare(FILES[name], (1, 28, 28), how).image[0], images[1])


@pytest.mark.parametrize("name", [name for name in FILES if name not in ("large.jpg", "wide.png")])
def test_a_seven_however_it_is_stored_is_white_on_black_for_a_model_of_digits(name):
    reference = prepare(np.asarray(seven())[..., None], (1, 28, 28), DIGITS).image
    prepared = user_image.prepare(FILES[name], (1, 28, 28), user_image.preparation_for("mnist", DIGITS))
    assert prepared.fit == "centre" and likeness(prepared.image, reference) > 0.9
    assert prepared.inverted == (name.startswith(("black", "palette")))


def test_black_ink_on_nothing_is_on_white_and_white_ink_on_black():
    for grey, background in ((0, "white"), (255, "black")):
        prepared = preparation.prepare(on_nothing("RGBA", grey), (1, 28, 28))
        assert f"Transparency put on {background}, " in prepared.said
        assert (
            prepared.image[0, 0, 0, 0] == 255 - grey and abs(int(prepared.image[0, 0].max()) - int(prepared.image.min())) > 150
        )
    empty = preparation.prepare(Image.new("RGBA", (28, 28), (255, 255, 255, 0)), (1, 28, 28))
    assert empty.is_blank and empty.image.min() == 255  # as folders always had it


@pytest.mark.parametrize(
    "image, how, says",
    [
        (seven((28, 28)), Preparation(), "Used at its size of 28 x 28 px."),
        (seven((56, 56)), Preparation(), "Resized to 28 x 28 px."),
        (seven((56, 40)), Preparation(), "Cropped to its middle, resized to 28 x 28 px."),
        (seven((56, 40)), Preparation("pad"), "Padded with the colour of its border, resized to 28 x 28 px."),
        (seven(), Preparation("centre", None, DIGITS), "Ink scaled to 20 px and centred by its mass in 28 x 28 px."),
        (
            on_nothing("RGBA", 0),
            Preparation("centre", None, DIGITS),
            "Transparency put on white, inverted, ink scaled to 20 px and centred by its mass in 28 x 28 px.",
        ),
        (Image.new("RGB", (28, 28), (9, 99, 0)), Preparation(), "Made grey, used at its size of 28 x 28 px."),
        (
            Image.eval(seven((56, 56)), lambda v: 255 - v),
            Preparation("crop", False, DIGITS),
            "Resized to 28 x 28 px. Its background is bright, that of the data set is dark: try to invert it.",
        ),
        (
            Image.eval(seven((56, 56)), lambda v: 255 - v),
            Preparation("centre", False, DIGITS),
            "Resized to 28 x 28 px. Its background is bright, that of the data set is dark: try to invert it.",
        ),
    ],
)
def test_the_message_says_what_was_done(image, how, says):
    assert preparation.prepare(image, (1, 28, 28), how).said == says


def test_the_message_names_the_turn_and_the_first_frame():
    with Image.open(io.BytesIO(turned())) as image:
        assert preparation.prepare(image, (1, 80, 60)).said == "Turned upright, used at its size of 60 x 80 px."
    frames = [seven((28, 28)), Image.new("L", (28, 28), 99)]
    with Image.open(io.BytesIO(file(frames[0], "GIF", save_all=True, append_images=frames[1:]))) as image:
        said = preparation.prepare(image, (1, 28, 28)).said
    assert said == "First frame of the animation, used at its size of 28 x 28 px."


def test_a_picture_of_one_pixel_is_refused_both_ways(tmp_path):
    dot = file(Image.new("L", (1, 1), 255))
    with pytest.raises(DataError, match="1 x 1 px, too few"):
        user_image.prepare(dot, (1, 28, 28), Preparation())
    (tmp_path / "dot.png").write_bytes(dot)
    for i in range(2):
        (tmp_path / f"{i}.png").write_bytes(file(seven()))
    notes = image_folder.read_folder(tmp_path)[3]
    assert notes[0] == "1 of 3 files is smaller than 8 px and was left out: dot.png"
