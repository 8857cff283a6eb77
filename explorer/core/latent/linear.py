"""Vector arithmetic in the latent space: class means, directions and principal directions. No torch.

Results are float32, computed in float64.
"""

import numpy as np

from explorer.core.errors import ConfigError
from explorer.core.latent.arrays import as_points, as_vector, to_float32


def arithmetic(a, b, c) -> np.ndarray:
    """a - b + c: adds to c the vector from b to a (Radford et al. 2016)."""
    a, b, c = (np.asarray(v, np.float64) for v in (a, b, c))
    return to_float32(a - b + c)


def class_means(means, labels, n_classes: int) -> np.ndarray:
    """The mean of the encoder means (N, D) of each class -> (n_classes, D).

    The row of a class without points is NaN. Points with labels outside 0 to n_classes - 1 (-1: unlabelled) are ignored.
    """
    means, labels = as_points(means), np.asarray(labels)
    if labels.shape != means.shape[:1]:
        raise ConfigError(f"{len(means)} points need as many labels, not {labels.size}.")
    result = np.full((n_classes, means.shape[1]), np.nan)
    for label in np.intersect1d(labels, np.arange(n_classes)):
        result[label] = means[labels == label].mean(0)
    return to_float32(result)


def direction(from_mean, to_mean) -> np.ndarray:
    """The unit vector (D,) from one mean to the other; zeros if they are equal."""
    step = as_vector(to_mean) - as_vector(from_mean)
    return to_float32(step / (np.linalg.norm(step) or 1))


def principal_directions(means, k: int) -> tuple[np.ndarray, np.ndarray]:
    """The first k principal directions of the means (N, D): (unit rows (k, D), standard deviations (k,)).

    Eigenvectors of the covariance (Pearson 1901; divided by N), the largest variance first; the sign makes the entry with the
    largest magnitude of each row positive. Raises ConfigError if there are no points or k is outside 1 to D.
    """
    means = as_points(means)
    if not 1 <= k <= means.shape[1]:
        raise ConfigError(f"{means.shape[1]} dimensions have 1 to {means.shape[1]} principal directions, not {k}.")
    centred = means - means.mean(0)
    variance, columns = np.linalg.eigh(centred.T @ centred / len(means))
    rows = columns.T[::-1][:k]
    largest = np.take_along_axis(rows, np.abs(rows).argmax(1)[:, None], axis=1)
    return to_float32(rows * np.where(largest < 0, -1, 1)), to_float32(np.sqrt(variance[::-1][:k].clip(0)))
