"""UMAPs of the same images at several epochs, aligned so that points move smoothly from one map to the next."""

from collections.abc import Callable

import numpy as np
import torch

from explorer.core.errors import ConfigError
from explorer.core.latent import projection

N_NEIGHBOURS = 15  # this and the next two are the defaults of umap.AlignedUMAP
WINDOW = 3  # umap ties each map to at most this many maps before and WINDOW - 1 after: its loop omits the last offset
ALIGNMENT = 0.01  # regularisation: weight of a tie between points with the same neighbours
N_EPOCHS = 100  # of the layout's optimisation; 200 give no better maps
INITIAL_RADIUS = 10.0  # largest absolute coordinate of the initial layout
JITTER = 1e-3  # standard deviation of noise on the initial layout: identical points would never separate


def fit(means: list[np.ndarray], seed: int = 0, progress: Callable[[float], None] | None = None) -> np.ndarray:
    """The aligned UMAPs, float32 (K, M, 2), jointly centred, of K arrays of means (M, D) whose rows are the same images.

    Deterministic for a seed. `progress` is called with the fraction done, 0 to 1, after every epoch of the layout; an exception
    in it cancels the fit. With fewer than 5 images the result is aligned PCA maps. Raises ConfigError for values that are not
    finite and arrays with different numbers of rows.

    Uses the layout of umap.AlignedUMAP, initialised with PCA, but not the class: it does not accept precomputed neighbours
    (its own search compiles for a long time), fits an ordinary UMAP to each table first, and omits
    the ties of earlier maps to the last one.
    """
    points = [projection.scaled_to_one(table) for table in means]
    if len({len(table) for table in points}) != 1:
        raise ConfigError("Aligned maps need the same images at every epoch.")
    xy = [projection.pca(points[0])]
    for table in points[1:]:
        xy.append(projection.procrustes(projection.pca(table), xy[-1]))
    xy = np.stack([one - one.mean(0) for one in xy])
    if xy.shape[1] >= 5:
        with projection.one_fit():
            xy = _layout(points, xy, np.random.RandomState(seed), progress)
    return np.ascontiguousarray(xy - xy.mean((0, 1)), np.float32)


def _layout(points: list[np.ndarray], xy: np.ndarray, rng: np.random.RandomState, progress) -> np.ndarray:
    from numba.typed import List
    from umap.layouts import optimize_layout_aligned_euclidean
    from umap.umap_ import fuzzy_simplicial_set, make_epochs_per_sample

    k = min(N_NEIGHBOURS, xy.shape[1] - 1)
    near = [projection.neighbour_graph(torch.from_numpy(table), k) for table in points]
    sets = [
        fuzzy_simplicial_set(table, k, None, "euclidean", knn_indices=index, knn_dists=distance)[0].tocoo()
        for table, (index, distance) in zip(points, near)
    ]
    relations, weights = _ties([one.tocsr() > 0 for one in sets])
    xy = xy * (INITIAL_RADIUS / np.abs(xy).max((1, 2), keepdims=True).clip(1e-30)) + rng.normal(0, JITTER, xy.shape[1:])
    xy = List([np.ascontiguousarray(one, np.float32) for one in xy])
    found = optimize_layout_aligned_euclidean(
        xy,
        xy,
        List([one.row for one in sets]),
        List([one.col for one in sets]),
        N_EPOCHS,
        List([make_epochs_per_sample(one.data, N_EPOCHS) for one in sets]),
        weights,
        relations,
        rng.randint(-(2**31) + 1, 2**31 - 1, 3).astype(np.int64),
        lambda_=ALIGNMENT,
        move_other=True,
        parallel=False,
        tqdm_kwds=projection.progress_bar_settings(progress) if progress else None,
    )
    return np.stack(found)


def _ties(edges: list) -> tuple[np.ndarray, np.ndarray]:
    """The ties between maps for umap's layout: (relations, weights), both (K, 2 WINDOW + 1, M).

    relations[i, j, m] is the point in map i + j - WINDOW that is the same image as point m in map i; -1 without such a map,
    and for map i itself. Its weight is the Jaccard index of their neighbours. edges: for each map the neighbour graph as sparse
    (M, M) booleans.
    """
    shape = len(edges), 2 * WINDOW + 1, edges[0].shape[0]
    relations, weights = np.full(shape, -1, np.int32), np.zeros(shape, np.float32)
    for i, mine in enumerate(edges):
        for j in range(max(0, i - WINDOW), min(len(edges), i + WINDOW + 1)):
            if i != j:
                shared, either = (np.asarray(both.sum(1)).ravel() for both in (mine.multiply(edges[j]), mine + edges[j]))
                relations[i, j - i + WINDOW] = np.arange(shape[2])
                weights[i, j - i + WINDOW] = shared / either.clip(1)
    return relations, weights
