"""The prior N(0, I) against what the encoder makes of the data: the ring map, the aggregate posterior, and holes.

The aggregate posterior is the mean of all q(z|x_i), a mixture of N normal distributions (Makhzani et al. 2015, section 2).
Where it has little density and the prior has much, there is a hole: the decoder was never trained on what it draws there.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from explorer.core.errors import ConfigError
from explorer.core.latent import navigation
from explorer.core.latent.arrays import as_finite_table, check_at_least
from explorer.core.latent.landmarks import Landmarks
from explorer.core.vae.likelihood import LOG_2PI

HOLE_SUPPORT = 0.1  # a prior draw whose support is lower lies in a hole
MAX_HOLE_DRAWS = 1000  # draws in holes among which the largest holes are searched: all pairs are compared
HOLE_RADIUS = 0.25  # of a hole, in units of sqrt(2 D), the typical distance between two draws from the prior
TABLE_SIZE = 2_000_000  # entries of a table of draws and posteriors that are computed at once

Place = Callable[[np.ndarray], tuple[object, np.ndarray]]  # z (F, D) -> (anything, support (F,)), as Engine.place


def ring_map(z, shrink: float = 10.0, radius: float = 1.0) -> np.ndarray:
    """f(z) = z / shrink + radius z / |z|: z (F, D) -> (F, D) float64 (Doersch 2016, figure 2, with 10 and 1).

    The function turns a normal cloud into a ring, so a normal prior does not restrict what a decoder can put out. At z = 0,
    where the direction is undefined, f is 0.
    """
    z = as_finite_table("Latent points", z)
    if not shrink > 0:
        raise ConfigError(f"shrink must be greater than 0, not {shrink}.")
    norm = np.linalg.norm(z, axis=1, keepdims=True)
    return z / shrink + radius * z / np.where(norm > 0, norm, 1)


# ---- the aggregate posterior


@dataclass(frozen=True, eq=False)
class DensityGrid:
    """Two latent dimensions of the aggregate posterior and of the prior: mean densities of cells, indexed [row y, column x]."""

    x_edges: np.ndarray  # (n + 1,) float64
    y_edges: np.ndarray  # (n + 1,)
    aggregate: np.ndarray  # (n, n) float64
    prior: np.ndarray  # (n, n)

    @property
    def log_ratio(self) -> np.ndarray:
        """log aggregate - log prior, (n, n) in nats: negative in holes, positive where the posteriors crowd."""
        tiny = np.finfo(float).tiny
        return np.log(np.maximum(self.aggregate, tiny)) - np.log(np.maximum(self.prior, tiny))


def aggregate_posterior(mu, logvar, dims=(0, 1), low: float = -4.0, high: float = 4.0, n: int = 101) -> DensityGrid:
    """The density of the aggregate posterior of mu, logvar (N, D) in n x n cells of [low, high]^2, in the dimensions `dims`.

    The mass of each cell is exact (differences of normal distribution functions), so no bubble narrower than a cell is missed.
    For D > 2 this is the marginal density of the two dimensions. With diagonal covariances it is one matrix product.
    """
    mu, sigma = _posteriors(mu, logvar)
    dims = tuple(dims)
    if len(dims) != 2 or dims[0] == dims[1] or not set(dims) <= set(range(mu.shape[1])):
        raise ConfigError(f"A plane needs two different dimensions from 0 to {mu.shape[1] - 1}, not {dims}.")
    check_at_least("The number of cells", n, 1)
    if not low < high:
        raise ConfigError(f"low must be less than high, not {low} and {high}.")
    edges = torch.linspace(low, high, n + 1, dtype=torch.float64)
    x, y = (_cell_masses(edges, mu[:, d], sigma[:, d]) for d in dims)
    unit = _cell_masses(edges, torch.zeros(1).double(), torch.ones(1).double())
    area = ((high - low) / n) ** 2
    return DensityGrid(
        edges.numpy(),
        edges.numpy().copy(),
        (y.T @ x / (len(mu) * area)).numpy(),
        (unit.T @ unit / area).numpy(),
    )


def _cell_masses(edges: torch.Tensor, mu: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
    """The mass of each N(mu_i, sigma_i^2) between consecutive edges: (N, n)."""
    return 0.5 * torch.erf((edges - mu[:, None]) / (sigma[:, None] * math.sqrt(2))).diff(dim=1)


@dataclass(frozen=True)
class KlParts:
    """The mean KL of the posteriors, split (Hoffman & Johnson 2016): kl = mutual_information + aggregate_kl, in nats."""

    kl: float  # the mean of KL(q(z|x_i) || p(z)), exact
    mutual_information: float  # of z and the number i of the image, at most log N: how well z tells the images apart
    aggregate_kl: float  # KL(aggregate posterior || prior): 0 if the prior fits
    standard_error: float  # of the last two, from the draws


def kl_parts(mu, logvar, n: int = 1000, seed: int = 0) -> KlParts:
    """Splits the KL of posteriors mu, logvar (N, D), estimated with n draws from their aggregate posterior.

    Where they hardly overlap (many dimensions), the mutual information is close to its limit log N, and the aggregate KL to
    kl - log N: with more images it would be smaller.
    """
    mu, sigma = _posteriors(mu, logvar)
    check_at_least("The number of draws", n, 2)
    rng = np.random.default_rng(seed)
    rows = torch.from_numpy(rng.integers(len(mu), size=n))
    eps = torch.from_numpy(rng.standard_normal((n, mu.shape[1])))
    z = mu[rows] + sigma[rows] * eps
    log_own = -(0.5 * (eps**2 + LOG_2PI) + sigma[rows].log()).sum(1)
    information = log_own - _log_aggregate(z, mu, sigma)
    kl = float((0.5 * (mu**2 + sigma**2 - 1) - sigma.log()).sum(1).mean())
    mutual_information = float(information.mean())
    error = float(information.std()) / math.sqrt(n)
    return KlParts(kl, mutual_information, kl - mutual_information, error)


def _log_aggregate(z: torch.Tensor, mu: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
    """The log density of the mixture at z (F, D): (F,). Squared distances are expanded into a matrix product."""
    precision = sigma**-2
    factors = torch.cat([-0.5 * precision, mu * precision], 1).T.contiguous()
    constant = -(0.5 * (mu**2 * precision + LOG_2PI) + sigma.log()).sum(1)
    parts = []
    for part in z.split(max(1, TABLE_SIZE // len(mu))):
        parts.append(torch.logsumexp(torch.addmm(constant, torch.cat([part**2, part], 1), factors), 1))
    return torch.cat(parts) - math.log(len(mu))


def _posteriors(mu, logvar) -> tuple[torch.Tensor, torch.Tensor]:
    """mu and sigma (N, D) float64."""
    mu, logvar = as_finite_table("Encoder means", mu), as_finite_table("Encoder logvars", logvar)
    if mu.shape != logvar.shape:
        raise ConfigError(f"Encoder means and logvars differ in shape: {mu.shape} and {logvar.shape}.")
    return torch.from_numpy(mu), torch.from_numpy(np.exp(0.5 * logvar))


# ---- holes


@dataclass(frozen=True, eq=False)
class Holes:
    """The part of the prior that no image supports, from draws of the prior; and its largest regions, largest first."""

    share: float  # of the prior's mass, 0 to 1
    standard_error: float  # of `share`
    centres: np.ndarray  # (K, D) float32, draws in different holes: decode them to see what is drawn there
    support: np.ndarray  # (K,) float32, of the centres
    masses: np.ndarray  # (K,) float64, the share of the prior's mass within HOLE_RADIUS of the centre that is in a hole


def find_holes(place: Place, latent_dim: int, n: int = 3000, seed: int = 0, n_centres: int = 8) -> Holes:
    """The share of prior mass whose support is under HOLE_SUPPORT, from n prior draws, and at most n_centres holes.

    `place` is Engine.place or Landmarks.query. The standard error is the binomial one, sqrt(share (1 - share) / n). A hole's
    centre is the draw with the most other hole draws nearby (of several, that with the lowest support); those draws are then
    set aside for the next one. Support falls with the number of dimensions: with 16 even real images are seldom supported
    by others, so compare the share with `unsupported_images`.
    """
    check_at_least("The number of draws", n, 1)
    check_at_least("The number of holes", n_centres, 0)
    z = navigation.prior_draws(n, latent_dim, seed)
    support = np.asarray(place(z)[1])
    is_hole = support < HOLE_SUPPORT
    share = float(is_hole.mean())
    kept = np.flatnonzero(is_hole)[:MAX_HOLE_DRAWS]
    kept = kept[np.argsort(support[kept], kind="stable")]
    chosen, counts = _crowded(z[kept], HOLE_RADIUS * math.sqrt(2 * latent_dim), n_centres)
    rows, scale = kept[chosen], is_hole.sum() / max(1, len(kept)) / n
    return Holes(share, math.sqrt(share * (1 - share) / n), z[rows], support[rows], counts * scale)


def unsupported_images(mu, logvar, n: int = 1000, seed: int = 0) -> tuple[float, float]:
    """The share of images, 0 to 1, whose mean the other images do not support, and its standard error.

    The number to compare `Holes.share` with: real images lie in holes of the same definition as often as this. Measured with n
    of the images in mu, logvar (N, D), N > 1: a random half supports the others.
    """
    mu, logvar = as_finite_table("Encoder means", mu), as_finite_table("Encoder logvars", logvar)
    order = np.random.default_rng(seed).permutation(len(mu))
    half = order[: len(mu) // 2]
    rows = order[len(half) :][:n]
    support = Landmarks(mu[half], logvar[half]).query(mu[rows])[1]
    share = float((support < HOLE_SUPPORT).mean())
    return share, math.sqrt(share * (1 - share) / len(rows))


def _crowded(points: np.ndarray, radius: float, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Greedily, the rows of points that have the most others within the radius, and these numbers (the point included)."""
    points = points.astype(np.float64)
    square = (points**2).sum(1)
    near = square[:, None] + square - 2 * (points @ points.T) <= radius**2
    np.fill_diagonal(near, True)
    free, rows, counts = np.ones(len(points), bool), [], []
    while free.any() and len(rows) < k:
        n_near = np.where(free, near[:, free].sum(1), 0)
        rows.append(int(n_near.argmax()))
        counts.append(n_near.max())
        free &= ~near[rows[-1]]
    return np.array(rows, int), np.array(counts, float)
