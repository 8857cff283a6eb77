"""A visitor's own picture -> what a model sees. Knows pixels, and Pillow when asked; knows no model and no screen.

    picture = read(data)                                     # any PNG, JPEG, WebP, BMP or GIF
    seen = prepare(picture, (1, 28, 28), ink_layout(images))      # seen.image: uint8 (1, 1, 28, 28)

How a set lays its images out (black ground or not, how much of the frame the ink takes) is read from its images, because a
model has seen nothing else: MNIST's digits take 20 of 28 px and lie with their centre of mass in the middle (LeCun et al.
1998, section III-A); the 8 x 8 digits and Fashion-MNIST fill the frame.
"""

import io
from dataclasses import dataclass

import numpy as np

from explorer.core.data.image_folder import FORMATS, on_white, upright
from explorer.core.errors import DataError

MAX_BYTES = 5_000_000
MAX_PIXELS = 24_000_000  # 96 MB while it is decoded, and visitors share the machine; a bomb has far more
MAX_SIDE_PX = 12_000
MIN_SIDE_PX = 8
KEPT_PX = 1024  # the longer side of what is kept: many times any model's
FAINT = 12  # grey levels between paper and ink: with less the picture counts as blank
INK = 64  # grey levels from which a pixel of a data set's image counts as ink
MNIST_SHARE = 20 / 28

OTHER = "Save it as PNG or JPEG and try again."


@dataclass(frozen=True)
class InkLayout:
    """How the images of a set are laid out."""

    dark_background: bool  # grey, with bright ink on black: for such sets only is ink inverted and centred
    share: float = MNIST_SHARE  # of the frame, that the longer side of the ink takes


@dataclass(frozen=True, eq=False)
class PreparedImage:
    """A picture as the model sees it."""

    image: np.ndarray  # (1, C, H, W) uint8
    inverted: bool
    box: tuple[int, int, int, int] | None  # left, top, right, bottom of the ink that was taken; None: the whole picture


def ink_layout(images: np.ndarray) -> InkLayout:
    """images (N, C, H, W) uint8, some hundred of a set -> its InkLayout."""
    if images.shape[1] != 1 or not len(images):
        return InkLayout(False)
    grey = images[:, 0]
    border = np.concatenate([grey[:, 0], grey[:, -1], grey[:, :, 0], grey[:, :, -1]], 1)
    boxes = [box for image in grey if (box := _box(image > INK))]
    if not boxes or (np.median(border, 1) < INK).mean() < 0.8:
        return InkLayout(False)
    height, width = grey.shape[1:]
    return InkLayout(
        True, float(np.median([max((right - left) / width, (low - top) / height) for left, top, right, low in boxes]))
    )


def read(data: bytes) -> np.ndarray:
    """A picture file -> uint8 (h, w, c): c 1 if it is grey, else 3; the longer side at most KEPT_PX.

    Turned as EXIF says, laid on white, the first frame of a film. Raises DataError, one sentence each, for a file that is
    empty, no picture, cut short, too small or too large; what is too large is refused before it is decoded.
    """
    from PIL import Image

    large = DataError(
        f"The picture is too large: {MAX_PIXELS // 1_000_000} megapixels, {MAX_SIDE_PX} px a side and "
        f"{MAX_BYTES // 1_000_000} MB are the most.",
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
        raise DataError("The file is no picture that can be read here.", OTHER) from None
    with opened:
        width, height = opened.size
        if width * height > MAX_PIXELS or max(width, height) > MAX_SIDE_PX:
            raise large
        if min(width, height) < MIN_SIDE_PX:
            raise DataError(
                f"The picture has {width} x {height} px, too few to show anything.",
                f"Choose one with {MIN_SIDE_PX} px or more a side.",
            )
        try:
            image = upright(opened, KEPT_PX)
            image.thumbnail((KEPT_PX, KEPT_PX), Image.Resampling.LANCZOS)
            pixels = np.asarray(on_white(image))
        except Exception:  # a sound header, and a body that is not
            raise DataError("The picture breaks off or is damaged.", OTHER) from None
    grey = (pixels[..., 0] == pixels[..., 1]).all() and (pixels[..., 1] == pixels[..., 2]).all()
    return pixels[..., :1].copy() if grey else pixels


def prepare(
    picture: np.ndarray,
    image_shape: tuple[int, int, int],
    layout: InkLayout,
    centre: bool = True,
    invert: bool | None = None,
) -> PreparedImage:
    """picture uint8 (h, w, c) -> PreparedImage, its image of the shape (1, *image_shape).

    invert: None means where needed: for a set with a dark background, where the border is brighter than the middle.
    centre: for such a set the paper becomes 0 and the ink 255, the ink's bounding box is scaled until its longer side takes
    `layout.share` of the frame, and its centre of mass is moved to the middle, as far as nothing is cut. Otherwise, and where
    no ink is brighter than the border, the whole picture is fitted into the frame and the rest filled with its border's colour.

    Raises DataError for a picture on which nothing can be seen.
    """
    channels, height, width = image_shape
    pixels = _channels(picture, channels)
    if np.ptp(pixels, (0, 1)).max() < FAINT:
        raise DataError("The picture is blank.", "Draw something, or choose one on which something can be seen.")
    if invert is None:
        invert = layout.dark_background and _bright_border(_channels(picture, 1)[..., 0])
    if invert:
        pixels = 255 - pixels
    found = _ink(pixels[..., 0]) if centre and layout.dark_background and channels == 1 else None
    if found is None:
        frame, box = _fitted(pixels, height, width), None
    else:
        ink, box = found
        frame = _centred(ink, box, height, width, layout.share)[..., None]
    return PreparedImage(np.ascontiguousarray(frame.transpose(2, 0, 1))[None], bool(invert), box)


def _channels(picture: np.ndarray, n: int) -> np.ndarray:
    """uint8 (h, w, n), n 1 or 3; grey is the luma of ITU-R 601, as Pillow has it."""
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
    """The outermost twentieth on every side, (n,) or (n, c)."""
    rim = max(1, min(pixels.shape[:2]) // 20)
    inner = np.zeros(pixels.shape[:2], bool)
    inner[rim:-rim, rim:-rim] = True
    return pixels[~inner]


def _box(ink: np.ndarray) -> tuple[int, int, int, int] | None:
    """bool (h, w) -> left, top, right, bottom of what is True, the last two exclusive."""
    rows, columns = np.flatnonzero(ink.any(1)), np.flatnonzero(ink.any(0))
    return (int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1) if len(rows) else None


def _ink(grey: np.ndarray) -> tuple[np.ndarray, tuple[int, int, int, int]] | None:
    """uint8 (h, w) -> the bright ink on its paper, uint8 (h, w) from 0 to 255, and its box; None where there is none."""
    border = _border(grey).astype(float)
    paper = np.median(border)
    paper += 3 * np.median(np.abs(border - paper))  # what a photographed sheet of paper varies by is not ink
    top = np.percentile(grey[grey > paper], 95) if (grey > paper).any() else 0
    if top - paper < FAINT:
        return None
    ink = np.rint(255 * np.clip((grey - paper) / (top - paper), 0, 1)).astype(np.uint8)
    return ink, _box(ink > INK)


def _centred(ink: np.ndarray, box: tuple[int, int, int, int], height: int, width: int, share: float) -> np.ndarray:
    """The ink in its box, as large as the set has it, its centre of mass in the middle of uint8 (height, width)."""
    left, top, right, low = box
    scale = min(share * height / (low - top), share * width / (right - left))
    size = min(height, max(1, round(scale * (low - top)))), min(width, max(1, round(scale * (right - left))))
    small = _resized(ink[top:low, left:right], *size)
    frame = np.zeros((height, width), np.uint8)
    y, x = (_offset(small.sum(1 - axis), side) for axis, side in enumerate((height, width)))
    frame[y : y + size[0], x : x + size[1]] = small
    return frame


def _offset(mass: np.ndarray, side: int) -> int:
    """Where ink (n,) begins in a frame of `side` px, so that its centre of mass lies at side / 2 (MNIST: 14) and all is in."""
    centre = (mass * np.arange(len(mass))).sum() / max(1, mass.sum())
    return int(np.clip(round(side / 2 - centre), 0, side - len(mass)))


def _fitted(pixels: np.ndarray, height: int, width: int) -> np.ndarray:
    """uint8 (h, w, c) -> uint8 (height, width, c): the whole picture in the middle, on the colour of its border."""
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
    """uint8 (h, w) -> uint8 (height, width). A pixel of a smaller picture is the mean of its area, as MNIST's were made: a test
    digit drawn sharply at 280 px has an ELBO 10 nats lower where the resampling blurs (bilinear)."""
    from PIL import Image

    smaller = height <= grey.shape[0] and width <= grey.shape[1]
    filter_ = Image.Resampling.BOX if smaller else Image.Resampling.BILINEAR
    return np.asarray(Image.fromarray(np.ascontiguousarray(grey)).resize((width, height), filter_))
