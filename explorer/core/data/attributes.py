"""Measured attributes of images of bright ink on a dark background: slant, thickness, width, height, ink.

After Castro et al. 2019 (Morpho-MNIST), with moments in place of bounding parallelograms. The ink of a pixel is its value.
    slant      degrees from the vertical, positive to the right: the shear that makes the ink's covariance diagonal
    thickness  px: twice the mean distance to the background along the ridges of the distance transform
    width      px, and height: the sides of the uniform rectangle with the same second moments as the ink
    ink        px: the area of white pixels with as much ink
All are 0 for an image without ink.
"""

import numpy as np

NAMES = ("slant", "thickness", "width", "height", "ink")
UNITS = {"slant": "degrees", "thickness": "px", "width": "px", "height": "px", "ink": "px"}
CHUNK = 500  # images measured at once: temporary arrays of about 20 MB
FINE_PX = 28  # images of about this size are enlarged twice to measure thickness, smaller ones more


def measure(images) -> np.ndarray:
    """Images (N, C, H, W), uint8 or in [0, 1] -> float32 (N, 5), the attributes in the order of NAMES. Averages colours."""
    images = np.asarray(images)
    scale = 255 if images.dtype == np.uint8 else 1
    parts = [_measure(images[i : i + CHUNK].mean(1, dtype=np.float64) / scale) for i in range(0, len(images), CHUNK)]
    return np.concatenate(parts or [np.zeros((0, len(NAMES)))]).astype(np.float32)


def _measure(grey: np.ndarray) -> np.ndarray:
    """grey (n, H, W) -> (n, 5)."""
    ink = grey.sum((1, 2))
    weights = grey / np.maximum(ink, np.finfo(float).tiny)[:, None, None]
    y, x = (np.arange(side, dtype=float) for side in grey.shape[1:])
    rows, columns = weights.sum(2), weights.sum(1)
    dy, dx = y - (rows @ y)[:, None], x - (columns @ x)[:, None]
    var_y, var_x = (rows * dy**2).sum(1), (columns * dx**2).sum(1)
    covariance = (weights * dy[:, :, None] * dx[:, None]).sum((1, 2))
    slant = np.degrees(np.arctan2(-covariance, var_y))
    has_ink = ink > 0
    width, height = (has_ink * np.sqrt(12 * variance + 1) for variance in (var_x, var_y))  # n px have variance (n^2 - 1) / 12
    return np.stack([slant, _thickness(grey), width, height, ink], 1)


def _thickness(grey: np.ndarray) -> np.ndarray:
    """grey (n, H, W) -> (n,). Ink is what exceeds half of the image's brightest pixel."""
    from scipy import ndimage

    n, height, width = grey.shape
    scale = 2 * max(1, round(FINE_PX / max(height, width)))  # even: then a stroke of k px has a ridge at a distance of k / 2
    fine = _interpolation(height, scale) @ grey @ _interpolation(width, scale).T
    is_ink = fine > grey.max((1, 2), initial=0)[:, None, None] / 2
    # One tall image, with a row of background between two images, so that one call measures all of them.
    is_ink = np.pad(is_ink, ((0, 0), (1, 0), (1, 1)))
    tall = np.pad(is_ink.reshape(-1, is_ink.shape[2]), ((0, 1), (0, 0)))
    distance = ndimage.distance_transform_edt(tall)
    is_ridge = tall & (distance == ndimage.maximum_filter(distance, 3))
    distance, is_ridge = (part[:-1].reshape(is_ink.shape) for part in (distance, is_ridge))
    total, count = (distance * is_ridge).sum((1, 2)), is_ridge.sum((1, 2))
    return 2 * total / np.maximum(count, 1) / scale


def _interpolation(side: int, scale: int) -> np.ndarray:
    """(side * scale, side): interpolates linearly between the centres of pixels; beyond the outermost, repeats them."""
    centres = (np.arange(side * scale) + 0.5) / scale - 0.5
    return np.stack([np.interp(centres, np.arange(side), unit) for unit in np.eye(side)], 1)
