"""Encoder means of the same images at several epochs -> maps in which they glide. Knows vectors; knows no run and no model."""

from collections.abc import Callable

import numpy as np
import torch

from explorer.core.errors import ConfigError
from explorer.core.latent import projection

N_NEIGHBOURS = 15  # these three as in umap.AlignedUMAP
WINDOW = 3  # a point is held to itself in so many maps before and after
HOLD = 0.01  # how strongly, where its neighbours are the same
N_ROUNDS = 100  # with 200 no map is better
BREADTH = 10.0  # of the first layout
JITTER = 1e-3  # points of one place could never part


def fit(means: list[np.ndarray], seed: int = 0, progress: Callable[[float], None] | None = None) -> np.ndarray:
    """K tables of means (M, D), row by row of the same images -> their aligned UMAPs, float32 (K, M, 2), centred.

    The same seed gives the same maps. `progress` gets the share done, 0 to 1, after every round of the layout; what it
    raises ends the fit. Raises ConfigError for numbers that are not finite and tables that do not match.

    The layout is that of umap.AlignedUMAP, begun from PCA. The class itself takes no neighbours: it compiles a search for
    them, makes an ordinary UMAP of each table, and never holds the last map but one to the last.
    """
    points = [projection.within_one(table) for table in means]
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


def _layout(points: list[np.ndarray], xy: np.ndarray, chance: np.random.RandomState, progress) -> np.ndarray:
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
    xy = xy * (BREADTH / np.abs(xy).max((1, 2), keepdims=True).clip(1e-30)) + chance.normal(0, JITTER, xy.shape[1:])
    xy = List([np.ascontiguousarray(one, np.float32) for one in xy])
    found = optimize_layout_aligned_euclidean(
        xy,
        xy,
        List([one.row for one in sets]),
        List([one.col for one in sets]),
        N_ROUNDS,
        List([make_epochs_per_sample(one.data, N_ROUNDS) for one in sets]),
        weights,
        relations,
        chance.randint(-(2**31) + 1, 2**31 - 1, 3).astype(np.int64),
        lambda_=HOLD,
        move_other=True,
        parallel=False,
        tqdm_kwds=projection.bar(progress) if progress else None,
    )
    return np.stack(found)


def _ties(edges: list) -> tuple[np.ndarray, np.ndarray]:
    """Which point of the maps around is the same as each, and how far their neighbours agree: both (K, 2 WINDOW + 1, M).

    edges: sparse (M, M) booleans. The weight is the Jaccard index of the neighbours; no point is tied to itself.
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
