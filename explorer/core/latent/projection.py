"""Two-dimensional maps of encoder means (PCA, UMAP), their trustworthiness and their alignment.

umap, numba and scikit-learn take seconds to import, so they are imported in the functions that use them. ConfigError is raised
for values that are not finite and for arrays that do not match.
"""

import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import SimpleNamespace

import numpy as np
import torch
from tqdm import tqdm

from explorer.core.errors import ConfigError
from explorer.core.latent.arrays import as_finite_table, random_rows, smallest_columns
from explorer.core.latent.linear import principal_directions

BLOCK = 256  # rows per step of the neighbour search: 60 MB at 60,000 points
UMAP_LOCK = threading.Lock()  # two fits at once can crash the process (numba's workqueue threading layer)


def pca(means) -> np.ndarray:
    """The means (N, D) projected on their first two principal directions: float32 (N, 2); for D = 1 with a column of zeros."""
    means = as_finite_table("Encoder means", means)
    rows, _ = principal_directions(means, min(2, means.shape[1]))
    xy = np.zeros((len(means), 2), np.float32)
    xy[:, : len(rows)] = (means - means.mean(0)) @ rows.T
    return xy


def umap_map(means, seed: int = 0, n_neighbors: int = 15, min_dist: float = 0.1, progress=None) -> np.ndarray:
    """The UMAP (McInnes et al. 2018) of the means (N, D): float32 (N, 2), bit-identical for the same seed.

    Takes about 1 ms a point on one thread; concurrent calls wait for each other. The neighbours are found by `neighbour_graph`,
    because umap's own search spends half a minute compiling in every process. With fewer than 5 points the map is `pca`'s.

    `progress` is called with the share done, 0 to 1, after every epoch of the layout (nine tenths of the time). To cancel
    the fit, raise an exception in it.
    """
    means = as_finite_table("Encoder means", means)
    if seed < 0 or n_neighbors < 2:
        raise ConfigError(f"UMAP needs a seed from 0 and n_neighbors from 2, not {seed} and {n_neighbors}.")
    if len(means) < 5:
        return pca(means)
    points = scaled_to_one(means)
    graph = neighbour_graph(torch.from_numpy(points), min(n_neighbors, len(points) - 1))
    settings = dict(n_neighbors=graph[0].shape[1], precomputed_knn=graph, min_dist=min_dist, random_state=seed)
    if progress:
        settings["tqdm_kwds"] = progress_bar_settings(progress)
    with one_fit(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that TensorFlow is missing, and that `transform` is not available
        from umap import UMAP

        return UMAP(n_jobs=1, **settings).fit_transform(points)


@contextmanager
def one_fit() -> Iterator[None]:
    """Holds UMAP_LOCK, and releases tqdm's lock when a fit is cancelled by its `progress` callback.

    tqdm acquires its lock without `finally`: after an exception, the next progress bar in another thread would block forever.
    """
    with UMAP_LOCK:
        try:
            yield
        except BaseException:
            with suppress(RuntimeError, AssertionError):  # not held: the exception came from elsewhere
                tqdm.get_lock().release()
            raise


def progress_bar_settings(progress: Callable[[float], None]) -> dict:
    """`tqdm_kwds` for umap that call `progress` with the share done, 0 to 1, instead of drawing a bar."""
    file = SimpleNamespace(write=lambda text: text.strip() and progress(float(text) / 100), flush=lambda: None)
    return dict(file=file, bar_format="{percentage}", mininterval=0, miniters=1, position=0, leave=False, disable=False)


def scaled_to_one(means) -> np.ndarray:
    """The means (N, D), centred and scaled to [-1, 1], as float32. UMAP is scale-invariant; this avoids overflow of squares."""
    means = as_finite_table("Encoder means", means)
    points = means - means.mean(0)
    return (points / (np.abs(points).max() or 1)).astype(np.float32)


def trustworthiness(means, xy, k: int = 15, n: int = 5000, seed: int = 0) -> float:
    """The trustworthiness of the map xy (N, 2) with k neighbours, 0 to 1 (Venna & Kaski 2001).

    Measured on a random subset of n points. k is reduced if there are fewer than 2 k + 1 points; with fewer than three
    points the result is 1.
    """
    means, xy = as_finite_table("Encoder means", means), as_finite_table("Map positions", xy)
    if len(means) != len(xy):
        raise ConfigError(f"{len(means)} points need as many map positions, not {len(xy)}.")
    chosen = random_rows(len(means), n, seed)
    if len(chosen) < 3:
        return 1.0
    from sklearn import manifold

    k = min(k, (len(chosen) - 1) // 2)
    return float(manifold.trustworthiness(means[chosen], xy[chosen], n_neighbors=k))


def procrustes(xy, reference) -> np.ndarray:
    """xy (N, 2), rotated, reflected and translated (not scaled) to minimise the squared distances to reference (N, 2).

    The orthogonal Procrustes problem (Schoenemann 1966). It removes arbitrary rotations between maps of consecutive epochs.
    """
    xy, reference = as_finite_table("Map positions", xy), as_finite_table("Map positions", reference)
    if xy.shape != reference.shape:
        raise ConfigError(f"Maps of shape {xy.shape} and {reference.shape} cannot be aligned.")
    centred, centre = xy - xy.mean(0), reference.mean(0)
    left, _, right = np.linalg.svd(centred.T @ (reference - centre))
    return (centred @ left @ right + centre).astype(np.float32)


def neighbour_graph(points: torch.Tensor, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Indices and distances (N, k) of the k nearest neighbours of each point (N, D), the point itself first; exact."""
    square, indices, distances = (points**2).sum(1), [], []
    for rows in torch.arange(len(points)).split(BLOCK):
        d2 = torch.addmm(square, points[rows], points.T, alpha=-2)
        d2[rows - rows[0], rows] = -torch.inf
        near = torch.from_numpy(smallest_columns(d2.numpy(), k))
        distance = (points[near] - points[rows, None]).norm(dim=2)
        distance[near == rows[:, None]] = -1  # sorts the point itself before its duplicates
        distance, order = distance.sort(stable=True)
        indices.append(near.gather(1, order))
        distances.append(distance.clamp(min=0))
    return torch.cat(indices).int().numpy(), torch.cat(distances).numpy()
