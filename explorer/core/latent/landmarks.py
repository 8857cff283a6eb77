"""Landmarks: positions any z on the maps of a gallery and measures how well the data supports it.

Both are functions of z alone, so a point has the same numbers while it is dragged, as part of a path, and at rest.
"""

from collections.abc import Callable

import numpy as np
import torch

from explorer.core.errors import ConfigError
from explorer.core.latent.arrays import as_finite_table, random_rows, smallest_columns

MAX_LANDMARKS = 20_000  # galleries up to this size are used whole, so that every encoder mean is placed exactly
N_NEAREST = 8  # landmarks whose weighted mean is the position of a point
MAX_OFFSET = 1e9  # coordinates relative to the centre are clipped to this: float32 can hold its square


class Landmarks:
    """A random subset of at most n points of a gallery with mu, logvar (N, D) of q(z|x). Immutable, hence thread-safe."""

    def __init__(self, mu, logvar, n: int = MAX_LANDMARKS, seed: int = 0):
        mu, logvar = as_finite_table("Encoder means", mu), as_finite_table("Encoder logvars", logvar)
        if mu.shape != logvar.shape:
            raise ConfigError(f"Encoder means and logvars differ in shape: {mu.shape} and {logvar.shape}.")
        self.means, self._logvar = mu, logvar
        self.index = random_rows(len(mu), n, seed)  # the landmarks' rows in the gallery
        self._centre = mu[self.index].mean(0)  # |mu|^2 - 2 z mu loses precision far from the origin
        self._mu = self._centred(mu[self.index])
        self._precision = _precision(logvar[self.index])
        self._eps = 1e-8 * self._mu.var(0).sum() + 1e-30
        weighted = self._mu * self._precision
        points = self._centred(mu)
        # Squared distances by matrix products: to all points and to the landmarks (both without the term |z|^2, which does not
        # change their order), and to the landmarks in units of their sigma.
        self._distance_to_all = _affine(-2 * points, (points**2).sum(1))
        self._distance = _affine(-2 * self._mu, (self._mu**2).sum(1))
        self._scaled_distance = _affine(np.hstack([self._precision, -2 * weighted]), (self._mu * weighted).sum(1))

    def weigh(self, z) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(rows (F, 8) of the gallery, weights (F, 8) that sum to 1, support (F,)) for z (F, D).

        The 8 nearest landmarks, weighted by 1 / distance^2 (Shepard 1968); `place` applies them to a map. Support, in (0, 1],
        is exp(-d2 / (2 D)), where d2 is the minimum over the landmarks of sum_d (z_d - mu_d)^2 / sigma_d^2.
        """
        z = as_finite_table("Latent points", z)
        if z.shape[1] != self._mu.shape[1]:
            raise ConfigError(f"Latent points here have {self._mu.shape[1]} dimensions, not {z.shape[1]}.")
        z = self._centred(z)
        near = smallest_columns(self._distance(z), min(N_NEAREST, len(self._mu)))
        most_likely = smallest_columns(self._scaled_distance(np.hstack([z**2, z])), 1)
        # The matrix products are rounded, so they only select landmarks; exact distances are computed for these.
        chosen = np.hstack([near, most_likely])
        difference2 = (z[:, None] - self._mu[chosen]) ** 2
        d2 = (difference2 * self._precision[chosen]).sum(2).min(1)
        distance2 = difference2[:, :-1].sum(2)  # without `most_likely`, which counts for the support only
        weight = 1 / (distance2 + self._eps)
        support = np.exp(d2.astype(np.float64) / (-2 * z.shape[1])).clip(np.finfo(np.float32).tiny)
        return self.index[near], weight / weight.sum(1, keepdims=True), support.astype(np.float32)

    def place(self, index, weight, xy) -> np.ndarray:
        """The positions (F, 2) float32 on the map xy (N, 2) of the gallery, from the rows and weights of `weigh`."""
        if len(xy) != len(self.means):
            raise ConfigError(f"The map has {len(xy)} positions, the gallery {len(self.means)} points.")
        return np.einsum("fk,fkc->fc", weight, np.asarray(xy, np.float32)[index])

    def query(self, z, xy=None) -> tuple[np.ndarray | None, np.ndarray]:
        """(positions (F, 2) of z (F, D) on the map xy (N, 2), or None without a map; support (F,)). See `weigh`."""
        index, weight, support = self.weigh(z)
        return None if xy is None else self.place(index, weight, xy), support

    def k_nearest(self, z, k: int) -> tuple[np.ndarray, np.ndarray]:
        """The k points of the gallery nearest to z (D,): (rows (k,), Euclidean distances (k,)), in ascending order.

        Exact; ties are in the order of the gallery; fewer than k if N is smaller.
        """
        distance = np.linalg.norm(self.means - as_finite_table("Latent points", [z]), axis=1)
        index = distance.argsort(kind="stable")[:k]
        return index, distance[index].astype(np.float32)

    def nearest_row(self, z) -> np.ndarray:
        """The row of the gallery nearest to each z (F, D): (F,)."""
        return self._distance_to_all(self._centred(as_finite_table("Latent points", z))).argmin(1)

    def _centred(self, z) -> np.ndarray:
        return (z - self._centre).clip(-MAX_OFFSET, MAX_OFFSET).astype(np.float32)


def _precision(logvar) -> np.ndarray:
    return np.exp(-logvar.clip(-30, 30)).astype(np.float32)


def _affine(rows, constant) -> Callable[[np.ndarray], np.ndarray]:
    """x (F, K) -> x @ rows.T + constant (F, L)."""
    columns, constant = torch.from_numpy(rows).T.contiguous(), torch.from_numpy(constant)
    return lambda x: torch.addmm(constant, torch.from_numpy(x), columns).numpy()
