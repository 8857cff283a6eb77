"""Prepares a visitor's own picture for a model: reads the file, and matches the layout of the data set.

    picture = read(data)                                         # any PNG, JPEG, WebP, BMP or GIF
    prepared = prepare(picture, (1, 28, 28), ink_layout(images))   # prepared.image: uint8 (1, 1, 28, 28)

The layout (dark background or not, share of the frame that the ink fills) is estimated from the images of the data set,
because a model works only on images like those: MNIST digits fill 20 of 28 px and have their centre of mass in the middle
(LeCun et al. 1998, section III-A); the 8 x 8 digits and Fashion-MNIST fill the frame.
"""

import io
from dataclasses import dataclass

import numpy as np

from explorer.core.data.image_folder import FORMATS, on_white, upright
from explorer.core.errors import DataError

MAX_BYTES = 5_000_000
MAX_PIXELS = 24_000_000  # 96 MB while decoding, on a machine that visitors share; a decompression bomb has far more
MAX_SIDE_PX = 12_000
MIN_SIDE_PX = 8
MAX_READ_PX = 1024  # the longer side of the picture after reading, much larger than any model needs
MIN_CONTRAST = 12  # a picture with less contrast (in grey levels) between paper and ink counts as blank
INK = 64  # grey level from which a pixel counts as ink
MNIST_SHARE = 20 / 28

RETRY_HINT = "Save it as PNG or JPEG and try again."


@dataclass(frozen=True)
class InkLayout:
    """The layout that the images of a data set share."""

    dark_background: bool  # grey images with bright ink on black; only for these is ink inverted and centred
    share: float = MNIST_SHARE  # of the frame that the longer side of the ink fills


@dataclass(frozen=True, eq=False)
class PreparedImage:
    """The input of the model."""

    image: np.ndarray  # (1, C, H, W) uint8
    inverted: bool
    box: tuple[int, int, int, int] | None  # left, top, right, bottom of the ink; None: the whole picture was used


def ink_layout(images: np.ndarray) -> InkLayout:
    """Estimates the layout from images (N, C, H, W) uint8; a few hundred of a data set suffice."""
    if images.shape[1] != 1 or not len(images):
        return InkLayout(False)
    grey = images[:, 0]
    border = np.concatenate([grey[:, 0], grey[:, -1], grey[:, :, 0], grey[:, :, -1]], 1)
    boxes = [box for image in grey if (box := _box(image > INK))]
    if not boxes or (np.median(border, 1) < INK).mean() < 0.8:
        return InkLayout(False)
    height, width = grey.shape[1:]
    return InkLayout(
        True, float(np.median([max((right - left) / width, (bottom - top) / height) for left, top, right, bottom in boxes]))
    )


def read(data: bytes) -> np.ndarray:
    """Decodes a picture file to uint8 (h, w, c): c is 1 if it is grey, else 3; the longer side is at most MAX_READ_PX.

    Applies the EXIF orientation, puts transparency on white, and takes the first frame of an animation. Raises DataError for
    a file that is empty, not a picture, cut short, too small or too large (refused before decoding).
    """
    from PIL import Image

    large = DataError(
        f"The picture is too large: {MAX_PIXELS // 1_000_000} megapixels, {MAX_SIDE_PX} px a side and "
        f"{MAX_BYTES // 1_000_000} MB are allowed.",
        "Make it smaller and try again.",
    )
    if not data:
        raise DataError("The file is empty.", "Choose another one.")
    if len(data) > MAX_BYTES:
        raise large
    try:
        opened = Image.open(io.BytesIO(data), formats=FORMATS)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise large from None
    except Exception:  # Pillow's plugins raise nearly anything on a broken file
        raise DataError("The file is not a picture that can be read.", RETRY_HINT) from None
    with opened:
        width, height = opened.size
        if width * height > MAX_PIXELS or max(width, height) > MAX_SIDE_PX:
            raise large
        if min(width, height) < MIN_SIDE_PX:
            raise DataError(
                f"The picture has {width} x {height} px, too few to show anything.",
                f"Choose one with at least {MIN_SIDE_PX} px on each side.",
            )
        try:
            image = upright(opened, MAX_READ_PX)
            image.thumbnail((MAX_READ_PX, MAX_READ_PX), Image.Resampling.LANCZOS)
            pixels = np.asarray(on_white(image))
        except Exception:  # a valid header with a damaged body
            raise DataError("The picture is damaged or cut short.", RETRY_HINT) from None
    grey = (pixels[..., 0] == pixels[..., 1]).all() and (pixels[..., 1] == pixels[..., 2]).all()
    return pixels[..., :1].copy() if grey else pixels


def prepare(
    picture: np.ndarray,
    image_shape: tuple[int, int, int],
    layout: InkLayout,
    centre: bool = True,
    invert: bool | None = None,
) -> PreparedImage:
    """Converts picture uint8 (h, w, c) to the model's input, uint8 (1, *image_shape).

    invert: None inverts only for a layout with a dark background, if the border is brighter than the middle.
    centre: for such a layout, sets paper to 0 and ink to 255, scales the bounding box of the ink until its longer side fills
    `layout.share` of the frame, and moves its centre of mass to the middle, as far as nothing is cut off. Otherwise, or if no
    ink is brighter than the border, the whole picture is fitted into the frame, padded with the colour of its border.

    Raises DataError for a blank picture.
    """
    channels, height, width = image_shape
    pixels = _channels(picture, channels)
    if np.ptp(pixels, (0, 1)).max() < MIN_CONTRAST:
        raise DataError("The picture is blank.", "Draw something, or choose a picture with more contrast.")
    if invert is None:
        invert = layout.dark_background and _bright_border(_channels(picture, 1)[..., 0])
    if invert:
        pixels = 255 - pixels
    ink_and_box = _ink(pixels[..., 0]) if centre and layout.dark_background and channels == 1 else None
    if ink_and_box is None:
        frame, box = _fitted(pixels, height, width), None
    else:
        ink, box = ink_and_box
        frame = _centred(ink, box, height, width, layout.share)[..., None]
    return PreparedImage(np.ascontiguousarray(frame.transpose(2, 0, 1))[None], bool(invert), box)


def _channels(picture: np.ndarray, n: int) -> np.ndarray:
    """Converts to uint8 (h, w, n), n 1 or 3; grey is the ITU-R 601 luma, as in Pillow."""
    if picture.shape[2] == n:
        return picture
    if n == 3:
        return picture.repeat(3, 2)
    return np.rint(picture @ np.array([0.299, 0.587, 0.114])).astype(np.uint8)[..., None]


def _bright_border(grey: np.ndarray) -> bool:
    height, width = grey.shape
    middle = grey[height // 4 : height - height // 4, width // 4 : width - width // 4]
    return float(np.median(_border(grey))) > float(middle.mean())


def _border(pixels: np.ndarray) -> np.ndarray:
    """The pixels in the outermost 5 % of each side, (n,) or (n, c)."""
    rim = max(1, min(pixels.shape[:2]) // 20)
    inner = np.zeros(pixels.shape[:2], bool)
    inner[rim:-rim, rim:-rim] = True
    return pixels[~inner]


def _box(ink: np.ndarray) -> tuple[int, int, int, int] | None:
    """Bounding box of True in bool (h, w): left, top, right, bottom, the last two exclusive."""
    rows, columns = np.flatnonzero(ink.any(1)), np.flatnonzero(ink.any(0))
    return (int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1) if len(rows) else None


def _ink(grey: np.ndarray) -> tuple[np.ndarray, tuple[int, int, int, int]] | None:
    """Separates bright ink from paper in uint8 (h, w): (ink uint8 (h, w) from 0 to 255, its box), or None without ink."""
    border = _border(grey).astype(float)
    paper = np.median(border)
    paper += 3 * np.median(np.abs(border - paper))  # variation of photographed paper is not ink
    top = np.percentile(grey[grey > paper], 95) if (grey > paper).any() else 0
    if top - paper < MIN_CONTRAST:
        return None
    ink = np.rint(255 * np.clip((grey - paper) / (top - paper), 0, 1)).astype(np.uint8)
    return ink, _box(ink > INK)


def _centred(ink: np.ndarray, box: tuple[int, int, int, int], height: int, width: int, share: float) -> np.ndarray:
    """Scales the ink in `box` to `share` of the frame and centres its mass: uint8 (height, width)."""
    left, top, right, bottom = box
    scale = min(share * height / (bottom - top), share * width / (right - left))
    size = min(height, max(1, round(scale * (bottom - top)))), min(width, max(1, round(scale * (right - left))))
    small = _resized(ink[top:bottom, left:right], *size)
    frame = np.zeros((height, width), np.uint8)
    y, x = (_offset(small.sum(1 - axis), side) for axis, side in enumerate((height, width)))
    frame[y : y + size[0], x : x + size[1]] = small
    return frame


def _offset(mass: np.ndarray, side: int) -> int:
    """Start of ink with `mass` (n,) in a frame of `side` px that puts its centre of mass at side / 2, or as near as fits."""
    centre = (mass * np.arange(len(mass))).sum() / max(1, mass.sum())
    return int(np.clip(round(side / 2 - centre), 0, side - len(mass)))


def _fitted(pixels: np.ndarray, height: int, width: int) -> np.ndarray:
    """Fits uint8 (h, w, c) into uint8 (height, width, c), centred, padded with the colour of its border."""
    scale = min(height / pixels.shape[0], width / pixels.shape[1])
    size = [min(side, max(1, round(scale * n))) for side, n in zip((height, width), pixels.shape)]
    frame = np.empty((height, width, pixels.shape[2]), np.uint8)
    frame[:] = np.median(_border(pixels), 0).round()
    top, left = (height - size[0]) // 2, (width - size[1]) // 2
    frame[top : top + size[0], left : left + size[1]] = np.stack(
        [_resized(pixels[..., c], *size) for c in range(pixels.shape[2])], 2
    )
    return frame


def _resized(grey: np.ndarray, height: int, width: int) -> np.ndarray:
    """Resizes uint8 (h, w) to uint8 (height, width).

    Downscaling averages areas, as for MNIST: a test digit drawn sharply at 280 px has an ELBO 10 nats lower if the
    resampling blurs (bilinear).
    """
    from PIL import Image

    smaller = height <= grey.shape[0] and width <= grey.shape[1]
    filter_ = Image.Resampling.BOX if smaller else Image.Resampling.BILINEAR
    return np.asarray(Image.fromarray(np.ascontiguousarray(grey)).resize((width, height), filter_))
