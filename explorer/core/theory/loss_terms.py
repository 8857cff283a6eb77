"""The loss, term by term: the two halves of the KL, and the posteriors that overlap, drawn as ellipses ("bubbles").

KL(N(m, v) || N(0, 1)) = (v - log v - 1) / 2 + m^2 / 2 for each dimension, in nats (Kingma & Welling 2013, appendix B). The
first half depends on the variance alone and is zero at v = 1: it keeps the radius of a bubble. The second depends on the mean
alone and is zero at m = 0: it pulls the bubble home.
"""

from dataclasses import dataclass

import numpy as np

from explorer.core.errors import ConfigError
from explorer.core.latent.arrays import as_finite_table

MAX_BUBBLES = 1000  # pairs grow with the square of it: 500,000 then
N_HALVINGS = 24  # of the interval [0, 1] in which the contact of two ellipsoids is searched


def variance_term(variance) -> np.ndarray:
    """(v - log v - 1) / 2 in nats, shaped like `variance` (> 0): the half of the KL that keeps the radius."""
    return _of_logvar(np.log(np.asarray(variance, np.float64)))


def mean_term(mean) -> np.ndarray:
    """m^2 / 2 in nats, shaped like `mean`: the half of the KL that pulls home."""
    return 0.5 * np.square(np.asarray(mean, np.float64))


def _of_logvar(logvar: np.ndarray) -> np.ndarray:
    return 0.5 * (np.expm1(logvar) - logvar)


@dataclass(frozen=True, eq=False)
class KlHalves:
    """The KL of N posteriors, split. Each (N, D) float64 in nats."""

    variance: np.ndarray  # (v - log v - 1) / 2
    mean: np.ndarray  # m^2 / 2

    @property
    def kl_per_dim(self) -> np.ndarray:
        """Their sum, (N, D): KL(q(z_d|x) || p(z_d))."""
        return self.variance + self.mean


def kl_halves(mu, logvar) -> KlHalves:
    """The halves of the KL of posteriors with mu, logvar (N, D)."""
    mu, logvar = _posteriors(mu, logvar)
    return KlHalves(_of_logvar(logvar), mean_term(mu))


@dataclass(frozen=True, eq=False)
class BubbleOverlap:
    """Which of N bubbles share points."""

    n_bubbles: int
    pairs: np.ndarray  # (P, 2) int64, rows of the bubbles, the smaller first

    @property
    def n_pairs(self) -> int:
        """The number of pairs that overlap, of N (N - 1) / 2."""
        return len(self.pairs)

    @property
    def n_touched(self) -> int:
        """The number of bubbles that overlap at least one other."""
        return len(np.unique(self.pairs))


def overlapping_bubbles(mu, logvar, n_sigmas: float = 1.0) -> BubbleOverlap:
    """The pairs of posteriors, mu and logvar (N, D), whose ellipsoids of `n_sigmas` standard deviations overlap.

    Exact, so it is what a viewer counts where the ellipses of a two-dimensional model are drawn at the same `n_sigmas`. A
    bubble inside another overlaps it. With the distances d between the centres and the variances a and b in each dimension, two
    ellipsoids have no common point iff the maximum over 0 < t < 1 of t (1 - t) sum d^2 / ((1 - t) a + t b) exceeds n_sigmas^2
    (Perram & Wertheim 1985). The function is concave in t, so halving the interval finds its maximum. Raises ConfigError for
    more than MAX_BUBBLES posteriors.
    """
    mu, logvar = _posteriors(mu, logvar)
    if len(mu) > MAX_BUBBLES:
        raise ConfigError(f"Overlaps are counted among at most {MAX_BUBBLES:,} bubbles, not {len(mu):,}.")
    if not n_sigmas > 0:
        raise ConfigError(f"n_sigmas must be greater than 0, not {n_sigmas}.")
    first, second = np.triu_indices(len(mu), 1)
    variance = np.exp(logvar)
    # At t = 1/2 the function is a bound that already separates most pairs; the maximum is searched for the others.
    halfway = 0.5 * _pairwise_scaled_distance2(mu, variance)[first, second]
    close = halfway <= n_sigmas**2
    first, second = first[close], second[close]
    distance2 = np.square(mu[first] - mu[second])
    # With the smaller variance in place of the mixture, the function is at most this: no search for bubbles that are so close.
    at_most = 0.25 * (distance2 / np.minimum(variance[first], variance[second])).sum(1)
    overlap = at_most <= n_sigmas**2
    unclear = ~overlap
    a, b = variance[first[unclear]], variance[second[unclear]]
    overlap[unclear] = _contact(distance2[unclear].T, a.T, b.T) <= n_sigmas**2
    return BubbleOverlap(len(mu), np.stack([first[overlap], second[overlap]], 1))


def _contact(distance2: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The maximum of the Perram-Wertheim function of each pair, (P,) from (D, P)."""
    low, high = np.zeros(a.shape[1]), np.ones(a.shape[1])
    distance2, a, b = map(np.ascontiguousarray, (distance2, a, b))
    for _ in range(N_HALVINGS):
        t = (low + high) / 2
        slope = (distance2 * (a * (1 - t) ** 2 - b * t**2) / np.square(a + t * (b - a))).sum(0)
        low, high = np.where(slope > 0, t, low), np.where(slope > 0, high, t)
    t = (low + high) / 2
    return (t * (1 - t) * distance2 / (a + t * (b - a))).sum(0)


def bhattacharyya(mu, logvar) -> np.ndarray:
    """The Bhattacharyya coefficients (N, N) of posteriors with mu, logvar (N, D): 1 if equal, towards 0 without common mass.

    The integral of sqrt(q_i(z) q_j(z)); for normal distributions the product over the dimensions of
    sqrt(2 s_i s_j / (s_i^2 + s_j^2)) exp(-(m_i - m_j)^2 / (4 (s_i^2 + s_j^2))) (Bhattacharyya 1943; Kailath 1967).
    """
    mu, logvar = _posteriors(mu, logvar)
    variance = np.exp(logvar)
    log_size = np.zeros((len(mu), len(mu)))
    for v, log_v in zip(variance.T, logvar.T):
        log_size += np.log(2) + (log_v[:, None] + log_v) / 2 - np.log(v[:, None] + v)
    return np.exp(0.5 * log_size - 0.25 * _pairwise_scaled_distance2(mu, variance))


def _pairwise_scaled_distance2(mu: np.ndarray, variance: np.ndarray) -> np.ndarray:
    """The sum over d of (m_i - m_j)^2 / (v_i + v_j), (N, N)."""
    total = np.zeros((len(mu), len(mu)))
    for m, v in zip(mu.T, variance.T):
        total += np.square(m[:, None] - m) / (v[:, None] + v)
    return total


def _posteriors(mu, logvar) -> tuple[np.ndarray, np.ndarray]:
    mu, logvar = as_finite_table("Encoder means", mu), as_finite_table("Encoder logvars", logvar)
    if mu.shape != logvar.shape:
        raise ConfigError(f"Encoder means and logvars differ in shape: {mu.shape} and {logvar.shape}.")
    return mu, logvar
