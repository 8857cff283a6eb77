"""How many frames a film gets and how they travel, so that what a release sends stays under 1 MB."""

import numpy as np

from explorer import figures

RAW_BYTES = 450_000  # up to here raw bytes beat any encoding: nothing to encode, nothing to decode
JPEG_BYTES = 700_000
JPEG_PIXELS = 1_500_000  # of a sheet: more would take longer to decode and to encode than a hand waits
FEWEST, MOST = 9, 65
QUALITIES = (85, 60, 35, 15)  # noise needs the low ones; the picture at rest is exact whatever these are


def n_frames(n_films: int, image_shape: tuple[int, int, int]) -> int:
    """Frames of each film, an odd number, so that an even span has its middle among them."""
    channels, height, width = image_shape
    n = RAW_BYTES // (n_films * channels * height * width)
    if n < 17:
        n = min(33, JPEG_PIXELS // (n_films * height * width))
    return max(FEWEST, min(MOST, n - 1 | 1))


def travelling(
    frames: np.ndarray, columns: int, raw_bytes: int = RAW_BYTES, jpeg_bytes: int = JPEG_BYTES
) -> tuple[np.ndarray | bytes, dict[str, str]]:
    """Frames uint8 (F, C, H, W) as they go into a packet, and the packet's `encodings` for the array `frames`: raw where they
    are few, else a JPEG of all, the best that stays within `jpeg_bytes` (noise may not, even at its worst). What is scrubbed
    may be lossy; the stage shows the exact image at the release."""
    if frames.nbytes <= raw_bytes:
        return frames, {}
    sheet = figures.sheet(frames, columns)
    for quality in QUALITIES:
        encoded = figures.jpeg(sheet, quality)
        if len(encoded) <= jpeg_bytes:
            break
    return encoded, {"frames": "image/jpeg"}
