"""How many frames a film gets and how they travel, so that what a release sends stays under 1 MB."""

import numpy as np

from explorer import figures

RAW_BYTES = 600_000  # up to here raw bytes beat any encoding: nothing to encode, nothing to decode
JPEG_PIXELS = 4_000_000  # of a sheet: some 700 KB at quality 85
MIN_FRAMES, MAX_FRAMES = 17, 65


def n_frames(n_films: int, image_shape: tuple[int, int, int]) -> int:
    """Frames of each film, an odd number, so that an even span has its middle among them."""
    channels, height, width = image_shape
    n = RAW_BYTES // (n_films * channels * height * width)
    if n < MIN_FRAMES:
        n = min(33, JPEG_PIXELS // (n_films * height * width))
    return max(MIN_FRAMES, min(MAX_FRAMES, n)) - 1 | 1


def travelling(frames: np.ndarray, columns: int) -> tuple[np.ndarray | bytes, dict[str, str]]:
    """Frames uint8 (F, C, H, W) as they go into a packet, and the packet's `encodings` for the array `frames`."""
    if frames.nbytes <= RAW_BYTES + frames[0].nbytes * columns:
        return frames, {}
    return figures.jpeg(figures.sheet(frames, columns)), {"frames": "image/jpeg"}
