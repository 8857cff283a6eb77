"""Sprites: 32 x 32 px images of simple shapes, drawn from known factors (after dSprites, Matthey et al. 2017).

The factors of a sprite, in this order, as float32:
    shape     0 square, 1 ellipse, 2 heart
    scale     0.5 to 1, relative to the full size (a square of 11 px)
    rotation  -45 to 45 degrees, clockwise
    x, y      -8 to 8 px from the centre of the image to the centre of the shape; x to the right, y down
A square has a rotational symmetry of 90 degrees and an ellipse of 180, so 90 degrees is the widest range in which the
rotation is unique. For every combination of factors in these ranges the shape stays inside the image.
"""

import numpy as np

from explorer.core.errors import DataError

SIDE_PX = 32
SHAPES = ("square", "ellipse", "heart")
FACTOR_NAMES = ("shape", "scale", "rotation", "x", "y")
LOW, HIGH = (0.5, -45.0, -8.0, -8.0), (1.0, 45.0, 8.0, 8.0)  # of scale, rotation, x, y
CHUNK = 256  # images drawn at once: temporary arrays of about 1 MB stay in the CPU cache


def random_factors(n: int, seed: int) -> np.ndarray:
    """(n, 5) float32: random shapes and factors, uniform and independent."""
    rng = np.random.RandomState(seed)  # legacy, but its stream is guaranteed not to change
    shape = rng.randint(len(SHAPES), size=(n, 1))
    return np.hstack([shape, rng.uniform(LOW, HIGH, size=(n, 4))]).astype(np.float32)


def draw_sprites(factors: np.ndarray) -> np.ndarray:
    """Factors (N, 5) -> uint8 (N, 1, 32, 32), white on black with anti-aliased edges. Deterministic.

    Raises DataError for an array of another shape, values that are not finite, scales of 0 or less and unknown shapes.
    """
    factors = np.asarray(factors, np.float64)
    if factors.ndim != 2 or factors.shape[1] != len(FACTOR_NAMES):
        raise DataError(f"Factors of sprites must be (N, {len(FACTOR_NAMES)}), not {factors.shape}.")
    shape, scale = factors[:, 0], factors[:, 1]
    if not (np.isfinite(factors).all() and (scale > 0).all() and np.isin(shape, range(len(SHAPES))).all()):
        raise DataError("A factor of a sprite is invalid.", "Shapes are 0, 1, 2; scales positive; all finite.")

    images = np.empty((len(factors), 1, SIDE_PX, SIDE_PX), np.uint8)
    for kind, distance in enumerate((_square, _ellipse, _heart)):
        chosen = np.flatnonzero(shape == kind)
        for start in range(0, len(chosen), CHUNK):
            rows = chosen[start : start + CHUNK]
            images[rows, 0] = _draw(distance, *factors[rows, 1:].T)
    return images


def _draw(distance, scale, rotation, x, y) -> np.ndarray:
    """Draws one shape with (n,) scales, rotations and positions -> (n, H, W) uint8.

    `distance(u, v)` is the signed distance in px to the edge of the shape at scale 1, negative inside.
    """
    centre = (SIDE_PX - 1) / 2
    across = (np.arange(SIDE_PX) - centre - x[:, None])[:, None, :]
    down = (np.arange(SIDE_PX) - centre - y[:, None])[:, :, None]
    cos, sin = (f(np.radians(rotation))[:, None, None] / scale[:, None, None] for f in (np.cos, np.sin))
    u = (across * cos).astype(np.float32) + (down * sin).astype(np.float32)
    v = (down * cos).astype(np.float32) - (across * sin).astype(np.float32)
    # Anti-aliasing: black half a pixel outside the edge, white half a pixel inside, linear between.
    coverage = 0.5 - distance(u, v) * scale[:, None, None].astype(np.float32)
    return np.rint(255 * np.clip(coverage, 0, 1)).astype(np.uint8)


def _square(u, v):
    return np.maximum(np.abs(u), np.abs(v)) - 5.5


def _ellipse(u, v, a=4.5, b=7.5):
    """First-order approximation (implicit function over the norm of its gradient), accurate near the edge."""
    p, q = u / a, v / b
    radius = np.sqrt(p * p + q * q)
    slope = np.sqrt((p / a) ** 2 + (q / b) ** 2)
    return radius * (radius - 1) / np.maximum(slope, 1e-6)


def _heart(u, v, size=11.5):
    """A square standing on a corner with a half disc on each upper side; the distance is exact."""
    p, q = np.abs(u) / size, 0.55 - v / size  # tip at (0, 0), notch at (0, 1)
    lobe = np.sqrt((p - 0.25) ** 2 + (q - 0.75) ** 2) - 2**0.5 / 4
    along = np.maximum(p + q, 0) / 2
    to_side = np.minimum(p * p + (q - 1) ** 2, (p - along) ** 2 + (q - along) ** 2)
    return np.where(p + q > 1, lobe, np.sqrt(to_side) * np.sign(p - q)) * size
