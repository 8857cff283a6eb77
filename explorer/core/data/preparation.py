"""Prepares a picture file for a model: the same way for the images of a folder and for a visitor's own image.

    with Image.open(path, formats=FORMATS) as opened:
        prepared = prepare(opened, (1, 28, 28), Preparation("pad"))   # prepared.image: uint8 (1, 1, 28, 28)

Pillow is imported when it is needed.
"""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from explorer.core.data import ink
from explorer.core.data.ink import InkLayout

FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP")  # decoders that Pillow may use: some of its others start programs
MIN_SIDE_PX = 8  # smaller pictures show nothing
MAX_READ_PX = 1024  # the longer side of a picture that is padded or centred, much larger than any model needs
ORIENTATION = 0x0112  # tag of EXIF

Fit = Literal["crop", "pad", "centre"]
FITS: tuple[Fit, ...] = get_args(Fit)


@dataclass(frozen=True)
class Preparation:
    """How a picture is fitted into the frame of the model. The default is that of the images of a folder.

    "crop" keeps the central part of the frame's proportions. "pad" keeps the whole picture, on the colour of its border.
    "centre", for grey images on a dark background only, sets paper to 0 and ink to 255, scales the ink to `layout.share` of
    the frame and moves its centre of mass to the middle; a picture without ink brighter than its border is padded instead.
    """

    fit: Fit = "crop"
    invert: bool | None = False  # None: if the data set has a dark background and the picture a bright border
    layout: InkLayout = InkLayout(False)  # of the data set


@dataclass(frozen=True, eq=False)
class PreparedImage:
    """The input of the model."""

    image: np.ndarray  # (1, C, H, W) uint8
    inverted: bool
    fit: Fit  # as applied
    is_trimmed: bool  # whether cropping removed, or padding added, a part
    said: str  # what was done, as a sentence
    box: ink.Box | None = None  # of the ink in the picture; None: not centred

    @property
    def is_blank(self) -> bool:
        """Whether the model sees nearly one colour."""
        return bool(np.ptp(self.image, (0, 2, 3)).max() < ink.MIN_CONTRAST)


def prepare(opened, image_shape: tuple[int, int, int], preparation: Preparation = Preparation()) -> PreparedImage:
    """Converts an opened Pillow image to the model's input.

    Rotates it according to EXIF, reduces 16 bits to 8, takes the first frame of an animation, and composites transparency
    on white, or on black where nothing would be visible on white. Pillow raises many exception types for damaged files.
    """
    channels, height, width = image_shape
    size = _upright_size(opened)
    steps = _steps_of_reading(opened)
    pixels, background = _cropped(opened, height, width) if preparation.fit == "crop" else read(opened)
    if background:
        steps.append(f"transparency put on {background}")
    if channels == 1 and not _is_grey(pixels):
        steps.append("made grey")
    pixels = _with_channels(pixels, channels)
    inverted = preparation.invert
    if inverted is None:
        inverted = _is_opposite(pixels, preparation.layout)
    if inverted:
        pixels = 255 - pixels
        steps.append("inverted")
    frame, fit, box = _fitted(pixels, height, width, preparation)
    is_trimmed = fit != "centre" and size[0] * height != size[1] * width
    steps += _steps_of_fitting(fit, size, (width, height), preparation.layout, is_trimmed)
    said = f"{', '.join(steps)}.".capitalize()
    if not inverted and fit != "centre" and _is_opposite(frame, preparation.layout):
        said += " Its background is bright, that of the data set is dark: try to invert it."
    return PreparedImage(np.ascontiguousarray(frame.transpose(2, 0, 1))[None], bool(inverted), fit, is_trimmed, said, box)


def read(opened) -> tuple[np.ndarray, str]:
    """Decodes an opened Pillow image: (uint8 (h, w, 3), its longer side at most MAX_READ_PX; background, see `composited`)."""
    from PIL import Image

    image = upright(opened, MAX_READ_PX)
    image.thumbnail((MAX_READ_PX, MAX_READ_PX), Image.Resampling.LANCZOS)
    return composited(image)


def upright(opened, side: int):
    """Decodes an opened Pillow image and rotates it according to EXIF: RGB, or RGBA if it has transparency, 8 bits a channel.

    A JPEG much larger than `side` px is decoded at a reduced size, which is many times faster. Pillow raises many exception
    types for damaged files.
    """
    from PIL import Image, ImageOps

    opened.draft(None, (side, side))
    image = ImageOps.exif_transpose(opened)
    if image.mode.startswith("I"):  # 16 or 32 bits: Pillow's own conversion clips at 255
        image = Image.fromarray(np.rint(np.clip(np.asarray(image), 0, 65535) / 257).astype(np.uint8))
    return image.convert("RGBA" if image.has_transparency_data else "RGB")


def composited(image) -> tuple[np.ndarray, str]:
    """(uint8 (h, w, 3), background) of an RGB or RGBA Pillow image.

    The background of transparency is "white", or "black" for a picture that would be blank on white (white ink on nothing);
    it is "" without transparency.
    """
    from PIL import Image

    if image.mode != "RGBA":
        return np.asarray(image), ""
    found = {}
    for background in ("white", "black"):
        pixels = np.asarray(Image.alpha_composite(Image.new("RGBA", image.size, background), image).convert("RGB"))
        if np.ptp(pixels, (0, 1)).max() >= ink.MIN_CONTRAST:
            return pixels, background
        found[background] = pixels
    return found["white"], "white"


def _cropped(opened, height: int, width: int) -> tuple[np.ndarray, str]:
    """Like `read`, cropped to the central part and resized: uint8 (height, width, 3)."""
    from PIL import Image, ImageOps

    image = upright(opened, 2 * max(height, width))
    return composited(ImageOps.fit(image, (width, height), Image.Resampling.LANCZOS))


def _fitted(pixels: np.ndarray, height: int, width: int, preparation: Preparation) -> tuple[np.ndarray, Fit, ink.Box | None]:
    """(uint8 (height, width, c), the fit applied, box of the ink if it was centred)."""
    if preparation.fit == "crop":
        return pixels, "crop", None
    layout = preparation.layout
    if preparation.fit == "centre" and layout.dark_background and pixels.shape[2] == 1:
        found = ink.find_ink(pixels[..., 0])
        if found is not None:
            return ink.centred(*found, height, width, layout.share)[..., None], "centre", found[1]
    return _padded(pixels, height, width), "pad", None


def _padded(pixels: np.ndarray, height: int, width: int) -> np.ndarray:
    """Fits uint8 (h, w, c) into uint8 (height, width, c), in the middle, padded with the colour of its border."""
    scale = min(height / pixels.shape[0], width / pixels.shape[1])
    size = [min(side, max(1, round(scale * n))) for side, n in zip((height, width), pixels.shape)]
    frame = np.empty((height, width, pixels.shape[2]), np.uint8)
    frame[:] = np.median(ink.border(pixels), 0).round()
    top, left = (height - size[0]) // 2, (width - size[1]) // 2
    parts = [ink.resized(pixels[..., c], *size) for c in range(pixels.shape[2])]
    frame[top : top + size[0], left : left + size[1]] = np.stack(parts, 2)
    return frame


def _is_opposite(pixels: np.ndarray, layout: InkLayout) -> bool:
    """Whether the data set has a dark background, and the picture uint8 (h, w, 1) a bright border."""
    return layout.dark_background and ink.has_bright_border(pixels[..., 0])


def _is_grey(pixels: np.ndarray) -> bool:
    return bool((pixels[..., :1] == pixels).all())


def _with_channels(pixels: np.ndarray, n: int) -> np.ndarray:
    """uint8 (h, w, 3) -> (h, w, n), n 1 or 3; grey is the ITU-R 601 luma, as in Pillow."""
    if n == 3:
        return pixels
    return np.rint(pixels @ np.array([0.299, 0.587, 0.114])).astype(np.uint8)[..., None]


def _upright_size(opened) -> tuple[int, int]:
    """Width and height in px after the rotation according to EXIF."""
    width, height = opened.size
    return (height, width) if opened.getexif().get(ORIENTATION, 1) >= 5 else (width, height)


def _steps_of_reading(opened) -> list[str]:
    steps = ["first frame of the animation"] if getattr(opened, "is_animated", False) else []
    return steps + ["turned upright"] * (opened.getexif().get(ORIENTATION, 1) not in (0, 1))


def _steps_of_fitting(fit: Fit, size, frame_size, layout: InkLayout, is_trimmed: bool) -> list[str]:
    """What `_fitted` did to a picture of `size` (width, height)."""
    width, height = frame_size
    frame = f"{width} x {height} px"
    if fit == "centre":
        return [f"ink scaled to {round(layout.share * max(frame_size))} px and centred by its mass in {frame}"]
    if size == frame_size:
        return [f"used at its size of {frame}"]
    done = {"crop": "cropped to its middle", "pad": "padded with the colour of its border"}
    return [done[fit]] * is_trimmed + [f"resized to {frame}"]
