"""The layout of bright ink on a dark background: estimates that of a data set, and centres a picture's ink accordingly.

A model works only on images like those of its data set: MNIST digits fill 20 of 28 px and have their centre of mass in the
middle (LeCun et al. 1998, section III-A); the 8 x 8 digits and Fashion-MNIST fill the frame.
"""

from dataclasses import dataclass

import numpy as np

MIN_CONTRAST = 12  # a picture with less contrast (in grey levels) between paper and ink counts as blank
INK = 64  # grey level from which a pixel counts as ink
MNIST_SHARE = 20 / 28

Box = tuple[int, int, int, int]  # left, top, right, bottom; the last two exclusive


@dataclass(frozen=True)
class InkLayout:
    """The layout that the images of a data set share."""

    dark_background: bool  # grey images with bright ink on black; only for these is ink inverted and centred
    share: float = MNIST_SHARE  # of the frame that the longer side of the ink fills


def ink_layout(images: np.ndarray) -> InkLayout:
    """Estimates the layout from images (N, C, H, W) uint8; a few hundred of a data set suffice."""
    if images.shape[1] != 1 or not len(images):
        return InkLayout(False)
    grey = images[:, 0]
    borders = np.concatenate([grey[:, 0], grey[:, -1], grey[:, :, 0], grey[:, :, -1]], 1)
    boxes = [box for image in grey if (box := _box(image > INK))]
    if not boxes or (np.median(borders, 1) < INK).mean() < 0.8:
        return InkLayout(False)
    height, width = grey.shape[1:]
    return InkLayout(
        True, float(np.median([max((right - left) / width, (bottom - top) / height) for left, top, right, bottom in boxes]))
    )


def has_bright_border(grey: np.ndarray) -> bool:
    """Whether the border of uint8 (h, w) is brighter than its middle."""
    height, width = grey.shape
    middle = grey[height // 4 : height - height // 4, width // 4 : width - width // 4]
    return float(np.median(border(grey))) > float(middle.mean())


def border(pixels: np.ndarray) -> np.ndarray:
    """The pixels in the outermost 5 % of each side, (n,) or (n, c)."""
    rim = max(1, min(pixels.shape[:2]) // 20)
    inner = np.zeros(pixels.shape[:2], bool)
    inner[rim:-rim, rim:-rim] = True
    return pixels[~inner]


def find_ink(grey: np.ndarray) -> tuple[np.ndarray, Box] | None:
    """Separates bright ink from paper in uint8 (h, w): (ink uint8 (h, w) from 0 to 255, its box), or None without ink."""
    rim = border(grey).astype(float)
    paper = np.median(rim)
    paper += 3 * np.median(np.abs(rim - paper))  # variation of photographed paper is not ink
    top = np.percentile(grey[grey > paper], 95) if (grey > paper).any() else 0
    if top - paper < MIN_CONTRAST:
        return None
    ink = np.rint(255 * np.clip((grey - paper) / (top - paper), 0, 1)).astype(np.uint8)
    return ink, _box(ink > INK)


def centred(ink: np.ndarray, box: Box, height: int, width: int, share: float) -> np.ndarray:
    """Scales the ink in `box` until its longer side fills `share` of the frame: uint8 (height, width).

    Its centre of mass is in the middle, as far as nothing is cut off.
    """
    left, top, right, bottom = box
    scale = min(share * height / (bottom - top), share * width / (right - left))
    size = min(height, max(1, round(scale * (bottom - top)))), min(width, max(1, round(scale * (right - left))))
    small = resized(ink[top:bottom, left:right], *size)
    frame = np.zeros((height, width), np.uint8)
    y, x = (_offset(small.sum(1 - axis), side) for axis, side in enumerate((height, width)))
    frame[y : y + size[0], x : x + size[1]] = small
    return frame


def resized(grey: np.ndarray, height: int, width: int) -> np.ndarray:
    """Resizes uint8 (h, w) to uint8 (height, width).

    Downscaling averages areas, as for MNIST: a test digit drawn sharply at 280 px has an ELBO 10 nats lower if the
    resampling blurs (bilinear).
    """
    from PIL import Image

    smaller = height <= grey.shape[0] and width <= grey.shape[1]
    filter_ = Image.Resampling.BOX if smaller else Image.Resampling.BILINEAR
    return np.asarray(Image.fromarray(np.ascontiguousarray(grey)).resize((width, height), filter_))


def _box(ink: np.ndarray) -> Box | None:
    """Bounding box of True in bool (h, w)."""
    rows, columns = np.flatnonzero(ink.any(1)), np.flatnonzero(ink.any(0))
    return (int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1) if len(rows) else None


def _offset(mass: np.ndarray, side: int) -> int:
    """Start of ink with `mass` (n,) in a frame of `side` px that puts its centre of mass at side / 2, or as near as fits."""
    centre = (mass * np.arange(len(mass))).sum() / max(1, mass.sum())
    return int(np.clip(round(side / 2 - centre), 0, side - len(mass)))
