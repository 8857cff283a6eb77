"""Encoder means (N, D) -> a map (N, 2), and points beside them. Knows vectors; knows no model, no label and no picture.

A map is made once, by `umap_map` or `pca`; `Landmarks` then places any z on it and says how well the data supports z.
For D <= 2 the raw plane serves as the map: leave `umap_map` out. umap, numba and scikit-learn take seconds to import,
so they are imported where they are used. Where a number is not finite or arrays do not match, ConfigError is raised.
"""

import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import SimpleNamespace

import numpy as np
import torch
from numpy.random import PCG64, Generator
from tqdm import tqdm

from explorer.core.errors import ConfigError
from explorer.core.latent.navigation import principal_directions

NEAREST = 8  # landmarks that say together where a point lies
FAR = 1e9  # a coordinate further than this from the landmarks counts as this far: float32 holds its square
BLOCK = 256  # rows of the neighbour search at a time: 60 MB at 60,000 points
UMAP_LOCK = threading.Lock()  # two fits at once can kill the process (numba's workqueue)


def pca(means) -> np.ndarray:
    """The means on their two principal directions: (N, D) -> float32 (N, 2); for D = 1 the second column is zero.

    The sign is that of `navigation.principal_directions`, so the same means give the same map.
    """
    means = _table("Encoder means", means)
    rows, _ = principal_directions(means, min(2, means.shape[1]))
    xy = np.zeros((len(means), 2), np.float32)
    xy[:, : len(rows)] = (means - means.mean(0)) @ rows.T
    return xy


def umap_map(means, seed: int = 0, n_neighbors: int = 15, min_dist: float = 0.1, progress=None) -> np.ndarray:
    """The UMAP of the means (McInnes et al. 2018): (N, D) -> float32 (N, 2), bit-identical for the same seed.

    About 1 ms a point on one thread; one fit at a time in a process, others wait. The neighbours are exact and found
    here: umap's own search compiles for half a minute in every process. Under 5 points the map is that of `pca`.

    `progress` is called with the share done, 0 to 1, after every epoch of the layout (nine tenths of the time; what
    comes before has no hook). What it raises ends the fit and reaches the caller: that is the way to cancel.
    """
    means = _table("Encoder means", means)
    if seed < 0 or n_neighbors < 2:
        raise ConfigError(f"UMAP needs a seed from 0 and n_neighbors from 2, not {seed} and {n_neighbors}.")
    if len(means) < 5:
        return pca(means)
    points = within_one(means)
    graph = neighbour_graph(torch.from_numpy(points), min(n_neighbors, len(points) - 1))
    settings = dict(n_neighbors=graph[0].shape[1], precomputed_knn=graph, min_dist=min_dist, random_state=seed)
    if progress:
        settings["tqdm_kwds"] = bar(progress)
    with one_fit(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # TensorFlow is not here; later points are placed by Landmarks, not by umap
        from umap import UMAP

        return UMAP(n_jobs=1, **settings).fit_transform(points)


@contextmanager
def one_fit() -> Iterator[None]:
    """One fit at a time in a process. One that is ended by its `progress` leaves tqdm's lock behind as it was: tqdm takes it
    without a `finally`, and the next bar in another thread would wait for ever."""
    with UMAP_LOCK:
        try:
            yield
        except BaseException:
            with suppress(RuntimeError, AssertionError):  # it is not held: something else went wrong
                tqdm.get_lock().release()
            raise


def bar(progress: Callable[[float], None]) -> dict:
    """Settings of umap's own progress bar (`tqdm_kwds`) with which it calls `progress` with the share done, 0 to 1."""
    file = SimpleNamespace(write=lambda text: text.strip() and progress(float(text) / 100), flush=lambda: None)
    form = dict(bar_format="{percentage}", mininterval=0, miniters=1, position=0, leave=False, disable=False)
    return dict(file=file, **form)


def within_one(means) -> np.ndarray:
    """The means (N, D) about their mean, float32 between -1 and 1: UMAP knows no scale, and these float32 can square."""
    means = _table("Encoder means", means)
    points = means - means.mean(0)
    return (points / (np.abs(points).max() or 1)).astype(np.float32)


def warm_umap() -> None:
    """Compile what `umap_map` needs, in seconds, so that the next fit in this process starts at once."""
    umap_map(Generator(PCG64(0)).standard_normal((32, 3)))


def trustworthiness(means, xy, k: int = 15, n: int = 5000, seed: int = 0) -> float:
    """How far the k nearest on the map xy (N, 2) are near in the latent space too, 0 to 1 (Venna & Kaski 2001).

    Measured on a random n of the points, fixed by the seed. k is lowered where fewer than 2 k + 1 points are there;
    under three there is nothing to get wrong: 1.
    """
    means, xy = _table("Encoder means", means), _table("Map positions", xy)
    if len(means) != len(xy):
        raise ConfigError(f"{len(means)} points need as many map positions, not {len(xy)}.")
    chosen = _subset(len(means), n, seed)
    if len(chosen) < 3:
        return 1.0
    from sklearn import manifold

    k = min(k, (len(chosen) - 1) // 2)
    return float(manifold.trustworthiness(means[chosen], xy[chosen], n_neighbors=k))


def procrustes(xy, reference) -> np.ndarray:
    """xy (N, 2) turned, mirrored and moved, never scaled, to lie as near as it can to reference (N, 2), row by row.

    The orthogonal Procrustes problem (Schoenemann 1966). Maps of consecutive epochs then glide instead of spinning.
    """
    xy, reference = _table("Map positions", xy), _table("Map positions", reference)
    if xy.shape != reference.shape:
        raise ConfigError(f"Maps of shape {xy.shape} and {reference.shape} cannot be aligned.")
    centred, middle = xy - xy.mean(0), reference.mean(0)
    left, _, right = np.linalg.svd(centred.T @ (reference - middle))
    return (centred @ left @ right + middle).astype(np.float32)


class Landmarks:
    """At most n of the points of a gallery, by which any z is placed on its maps and its support measured.

    mu, logvar (N, D) of q(z|x) are those of the whole gallery; the landmarks are a random n of them, fixed by the
    seed, or all. Nothing changes after the construction: many threads may ask at once.
    """

    def __init__(self, mu, logvar, n: int = 2000, seed: int = 0):
        mu, logvar = _table("Encoder means", mu), _table("Encoder logvars", logvar)
        if mu.shape != logvar.shape:
            raise ConfigError(f"Encoder means and logvars differ in shape: {mu.shape} and {logvar.shape}.")
        self.means, self._logvar = mu, logvar
        self.index = _subset(len(mu), n, seed)  # of the landmarks among the N points
        self._centre = mu[self.index].mean(0)  # far from the origin |mu|^2 - 2 z mu would lose its digits
        self._mu = self._centred(mu[self.index])
        self._precision = _precision(logvar[self.index])
        self._eps = 1e-8 * self._mu.var(0).sum() + 1e-30
        weighted = self._mu * self._precision
        every = self._centred(mu)
        self._all = _affine(-2 * every, (every**2).sum(1))
        self._near = _affine(-2 * self._mu, (self._mu**2).sum(1))
        self._like = _affine(np.hstack([self._precision, -2 * weighted]), (self._mu * weighted).sum(1))

    def weigh(self, z, also=()) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(indices (F, 8) into the gallery, weights (F, 8) that sum to 1, support (F,)) of z (F, D).

        The 8 nearest landmarks, weighted by 1 / distance^2 (Shepard 1968): `place` takes them to any map. Support,
        in (0, 1], is exp(-d2 / (2 D)), d2 the smallest over the landmarks of sum_d (z_d - mu_d)^2 / sigma_d^2.
        also: a few more rows of the gallery that count as landmarks here, so that z at one of them lies exactly on it.
        """
        z = _table("Latent points", z)
        if z.shape[1] != self._mu.shape[1]:
            raise ConfigError(f"Latent points here have {self._mu.shape[1]} dimensions, not {z.shape[1]}.")
        z = self._centred(z)
        near = _smallest(self._near(z), min(NEAREST, len(self._mu)))
        like = _smallest(self._like(np.hstack([z**2, z])), 1)
        # The products round; they only choose. The distances of the chosen landmarks are taken from the differences.
        more = np.setdiff1d(np.asarray(also, np.intp), self.index)
        chosen = np.hstack([near, like])
        mu, precision, index = self._mu[chosen], self._precision[chosen], self.index[near]
        if len(more):
            tiled = (len(z), len(more), z.shape[1])
            mu = np.concatenate([np.broadcast_to(self._centred(self.means[more]), tiled), mu], axis=1)
            precision = np.concatenate([np.broadcast_to(_precision(self._logvar[more]), tiled), precision], axis=1)
            index = np.hstack([np.broadcast_to(more, tiled[:2]), index])
        gap2 = (z[:, None] - mu) ** 2
        d2 = (gap2 * precision).sum(2).min(1)
        far = gap2[:, :-1].sum(2)
        if len(more):
            kept = np.argpartition(far, near.shape[1] - 1, axis=1)[:, : near.shape[1]]
            far, index = np.take_along_axis(far, kept, 1), np.take_along_axis(index, kept, 1)
        weight = 1 / (far + self._eps)
        support = np.exp(d2.astype(np.float64) / (-2 * z.shape[1])).clip(np.finfo(np.float32).tiny)
        return index, weight / weight.sum(1, keepdims=True), support.astype(np.float32)

    def place(self, index, weight, xy) -> np.ndarray:
        """Where the landmarks and weights of `weigh` lie on the map xy (N, 2) of the gallery: float32 (F, 2)."""
        if len(xy) != len(self.means):
            raise ConfigError(f"The map has {len(xy)} positions, the gallery {len(self.means)} points.")
        return np.einsum("fk,fkc->fc", weight, np.asarray(xy, np.float32)[index])

    def query(self, z, xy=None, also=()) -> tuple[np.ndarray | None, np.ndarray]:
        """(place (F, 2) of z (F, D) on the map xy (N, 2), or None without a map, and support (F,)); see `weigh`."""
        index, weight, support = self.weigh(z, also)
        return None if xy is None else self.place(index, weight, xy), support

    def nearest(self, z, k: int) -> tuple[np.ndarray, np.ndarray]:
        """The k points nearest to z (D,) among all N of the gallery: (indices (k,), distances (k,)), nearest first.

        Euclidean and exact; of equals the first in the gallery comes first; fewer than k where N is smaller.
        """
        distance = np.linalg.norm(self.means - _table("Latent points", [z]), axis=1)
        index = distance.argsort(kind="stable")[:k]
        return index, distance[index].astype(np.float32)

    def closest(self, z) -> np.ndarray:
        """The row of the gallery nearest to each z (F, D), in one go: (F,)."""
        return self._all(self._centred(_table("Latent points", z))).argmin(1)

    def around(self, z, k: int) -> np.ndarray:
        """The rows of the gallery that are among the k nearest to any of z (n, D): a quick search for `also`, unsorted."""
        d2 = self._all(self._centred(_table("Latent points", z)))
        k = min(k, d2.shape[1])
        return np.unique(np.argpartition(d2, k - 1, axis=1)[:, :k])

    def _centred(self, z) -> np.ndarray:
        return (z - self._centre).clip(-FAR, FAR).astype(np.float32)


def _precision(logvar) -> np.ndarray:
    return np.exp(-logvar.clip(-30, 30)).astype(np.float32)


def _affine(rows, constant) -> Callable[[np.ndarray], np.ndarray]:
    """x (F, K) -> x @ rows.T + constant (F, L)."""
    columns, constant = torch.from_numpy(rows).T.contiguous(), torch.from_numpy(constant)
    return lambda x: torch.addmm(constant, torch.from_numpy(x), columns).numpy()


def _smallest(table, k: int) -> np.ndarray:
    """Columns (F, k) of the k smallest entries in each row, rising. Spoils the table."""
    rows, found = np.arange(len(table)), np.empty((len(table), k), np.intp)
    for column in found.T:  # numpy's argmin is vectorised: eight passes take a third of the time of one topk
        column[:] = table.argmin(1)
        table[rows, column] = np.inf
    return found


def neighbour_graph(points: torch.Tensor, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Indices and distances (N, k) of the k nearest of each point (N, D), itself first, as UMAP counts them."""
    square, indices, distances = (points**2).sum(1), [], []
    for rows in torch.arange(len(points)).split(BLOCK):
        d2 = torch.addmm(square, points[rows], points.T, alpha=-2)
        d2[rows - rows[0], rows] = -torch.inf
        near = torch.from_numpy(_smallest(d2.numpy(), k))
        distance = (points[near] - points[rows, None]).norm(dim=2)
        distance[near == rows[:, None]] = -1  # before any twin of the point
        distance, order = distance.sort(stable=True)
        indices.append(near.gather(1, order))
        distances.append(distance.clamp(min=0))
    return torch.cat(indices).int().numpy(), torch.cat(distances).numpy()


def _subset(total: int, n: int, seed: int) -> np.ndarray:
    return np.arange(total) if total <= n else np.sort(Generator(PCG64(seed)).choice(total, n, replace=False))


def _table(name: str, x) -> np.ndarray:
    x = np.asarray(x, np.float64)
    if x.ndim != 2 or not x.size:
        raise ConfigError(f"{name} are a table of rows of numbers, not an array of shape {x.shape}.")
    if not np.isfinite(x).all():
        raise ConfigError(f"{name} hold numbers that are not finite.")
    return x
