"""Procedural shapes: factors in, pictures out. Knows numpy only: no files, no data sets, no screen.

The factors of a sprite, in this order, in float32:
    shape     0 square, 1 ellipse, 2 heart
    scale     0.5 to 1, relative to the full size (a square of 11 px)
    rotation  -45 to 45 degrees, clockwise on the screen
    x, y      -8 to 8 px from the centre of the image to the centre of the shape; x to the right, y down
A square looks the same every 90 degrees and an ellipse every 180, so a quarter turn is the widest range in which every
picture has one rotation. At any combination the shape stays inside the frame.
"""

import numpy as np

from explorer.core.errors import DataError

SIDE_PX = 32
SHAPES = ("square", "ellipse", "heart")
FACTOR_NAMES = ("shape", "scale", "rotation", "x", "y")
LOW, HIGH = (0.5, -45.0, -8.0, -8.0), (1.0, 45.0, 8.0, 8.0)  # of scale, rotation, x, y
CHUNK = 256  # images at once: about 1 MB for each array on the way, which stays in the cache


def random_factors(n: int, seed: int) -> np.ndarray:
    """(n, 5) float32: shapes and factors drawn uniformly and independently; the same for a seed with every numpy."""
    chance = np.random.RandomState(seed)  # its stream is frozen; that of default_rng may change with a release
    shape = chance.randint(len(SHAPES), size=(n, 1))
    return np.hstack([shape, chance.uniform(LOW, HIGH, size=(n, 4))]).astype(np.float32)


def draw_sprites(factors: np.ndarray) -> np.ndarray:
    """Factors (N, 5) -> uint8 (N, 1, 32, 32), white on black with soft edges; equal factors give equal bytes.

    Raises DataError for factors of another shape, a value that is not finite, a scale of 0 or less, an unknown shape.
    """
    factors = np.asarray(factors, np.float64)
    if factors.ndim != 2 or factors.shape[1] != len(FACTOR_NAMES):
        raise DataError(f"Factors of sprites must be (N, {len(FACTOR_NAMES)}), not {factors.shape}.")
    shape, scale = factors[:, 0], factors[:, 1]
    if not (np.isfinite(factors).all() and (scale > 0).all() and np.isin(shape, range(len(SHAPES))).all()):
        raise DataError("A factor of a sprite is impossible.", "Shapes are 0, 1, 2; scales positive; all finite.")

    images = np.empty((len(factors), 1, SIDE_PX, SIDE_PX), np.uint8)
    for kind, distance in enumerate((_square, _ellipse, _heart)):
        chosen = np.flatnonzero(shape == kind)
        for start in range(0, len(chosen), CHUNK):
            part = chosen[start : start + CHUNK]
            images[part, 0] = _draw(distance, *factors[part, 1:].T)
    return images


def _draw(distance, scale, rotation, x, y) -> np.ndarray:
    """One shape at (n,) scales, rotations and places -> (n, H, W) uint8, by its signed distance in px at scale 1."""
    centre = (SIDE_PX - 1) / 2
    across = (np.arange(SIDE_PX) - centre - x[:, None])[:, None, :]
    down = (np.arange(SIDE_PX) - centre - y[:, None])[:, :, None]
    cos, sin = (f(np.radians(rotation))[:, None, None] / scale[:, None, None] for f in (np.cos, np.sin))
    u = (across * cos).astype(np.float32) + (down * sin).astype(np.float32)
    v = (down * cos).astype(np.float32) - (across * sin).astype(np.float32)
    # Half a pixel outside the edge is black, half a pixel inside white, and linear between.
    covered = 0.5 - distance(u, v) * scale[:, None, None].astype(np.float32)
    return np.rint(255 * np.clip(covered, 0, 1)).astype(np.uint8)


def _square(u, v):
    return np.maximum(np.abs(u), np.abs(v)) - 5.5


def _ellipse(u, v, a=4.5, b=7.5):
    """To first order: the implicit function over the length of its gradient; right at the edge, where it is needed."""
    p, q = u / a, v / b
    radius = np.sqrt(p * p + q * q)
    slope = np.sqrt((p / a) ** 2 + (q / b) ** 2)
    return radius * (radius - 1) / np.maximum(slope, 1e-6)


def _heart(u, v, size=11.5):
    """A square on its corner with a half disc on each upper side; exact."""
    p, q = np.abs(u) / size, 0.55 - v / size  # tip at (0, 0), notch at (0, 1)
    lobe = np.sqrt((p - 0.25) ** 2 + (q - 0.75) ** 2) - 2**0.5 / 4
    along = np.maximum(p + q, 0) / 2
    to_side = np.minimum(p * p + (q - 1) ** 2, (p - along) ** 2 + (q - along) ** 2)
    return np.where(p + q > 1, lobe, np.sqrt(to_side) * np.sign(p - q)) * size
