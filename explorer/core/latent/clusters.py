"""Places in a cloud of labelled points: the point nearest to a class mean, and the densest place of each class."""

import numpy as np

from explorer.core.latent import linear
from explorer.core.latent.arrays import random_rows

N_DENSITY = 400  # points of a class whose density is compared
RADIUS = 0.04  # of a neighbourhood, as a share of the extent of all points


def central_rows(mu: np.ndarray, labels: np.ndarray) -> dict[int, int]:
    """label -> the row of mu (N, D) nearest to the mean of its class. Rows without a label (< 0) are left out."""
    classes = [int(label) for label in np.unique(labels) if label >= 0]
    if not classes:
        return {}
    means = linear.class_means(mu, labels, max(classes) + 1)
    rows = {label: np.flatnonzero(labels == label) for label in classes}
    return {label: int(r[((mu[r] - means[label]) ** 2).sum(1).argmin()]) for label, r in rows.items()}


def far_pair(mu: np.ndarray, labels: np.ndarray) -> tuple[int, int]:
    """Two rows of mu (N, D): those central to the two classes whose central rows lie furthest apart.

    With fewer than two classes: two points near the ends of the first principal direction.
    """
    rows = list(central_rows(mu, labels).values())
    if len(rows) < 2:
        order = (mu @ linear.principal_directions(mu, 1)[0][0]).argsort()
        return int(order[len(order) // 50]), int(order[-1 - len(order) // 50])
    distances = np.linalg.norm(mu[rows][:, None] - mu[rows][None], axis=2)
    first, second = np.unravel_index(distances.argmax(), distances.shape)
    return rows[first], rows[second]


def densest_places(xy: np.ndarray, labels: np.ndarray, seed: int = 0) -> dict[int, tuple[float, float]]:
    """label -> the place among the class's points xy (N, 2) with the most others of the class around it: there its name fits.

    Rows without a label (< 0) are left out.
    """
    radius2 = (RADIUS * np.ptp(xy, axis=0).max()) ** 2
    places = {}
    for label in np.unique(labels[labels >= 0]).tolist():
        points = xy[labels == label]
        points = points[random_rows(len(points), N_DENSITY, seed)].astype(float)
        near = ((points[:, None] - points[None]) ** 2).sum(2) <= radius2
        x, y = points[near[near.sum(1).argmax()]].mean(0)
        places[label] = float(x), float(y)
    return places
