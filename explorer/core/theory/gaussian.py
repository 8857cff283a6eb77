"""A diagonal Gaussian q(z|x) and its terms, E_q[log p(x|z)] among them, by quadrature, for D = 1 and 2.

E_q is a sum over a regular lattice around q, weighted by q. The lattice is coloured like a chess board: the black and the white
points are two independent quadratures. Their difference, and that of the even and the odd points along each dimension, estimate
the error; where it is too large, the step is halved. Where q is wide, the lattice is that of the decoded plane, so that nothing
is decoded.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from explorer.core.engine.engine import Engine
from explorer.core.errors import ConfigError
from explorer.core.theory.plane import LOG_2PI, DecodedPlane, Grid, as_image, log_joint, log_prior, plane_of

STEP = 0.5  # of the lattice, in sigmas: even the points of one parity integrate a constant to 5e-9
RADIUS = 6.3  # of the lattice, in sigmas: the rest of q is 2e-9
TOLERANCE = 5e-5  # nats, of the estimated error
PARITY = 40  # even and odd points have twice the step: they differ by at least 70 times the error of all points (measured)
MAX_NODES = 60_000  # of one q
MIN_SIGMA, MAX_SIGMA, MAX_MEAN = 1e-4, 2.0, 8.0


@dataclass(frozen=True)
class Gaussian:
    """N(mean, diag(sigma^2)) with mean and sigma (D,) float64. Raises ConfigError for values outside the supported range."""

    mean: np.ndarray
    sigma: np.ndarray

    def __post_init__(self):
        mean, sigma = np.array(self.mean, float), np.array(self.sigma, float)
        if mean.ndim != 1 or mean.shape != sigma.shape:
            raise ConfigError(f"Mean and sigma must be vectors of equal length, not {mean.shape} and {sigma.shape}.")
        if not (np.abs(mean) <= MAX_MEAN).all():  # false for NaN too
            raise ConfigError(f"The mean must lie between -{MAX_MEAN:g} and {MAX_MEAN:g} in every dimension.")
        if not ((sigma >= MIN_SIGMA) & (sigma <= MAX_SIGMA)).all():
            raise ConfigError(f"Sigma must lie between {MIN_SIGMA:g} and {MAX_SIGMA:g} in every dimension.")
        object.__setattr__(self, "mean", mean)
        object.__setattr__(self, "sigma", sigma)

    def log_density(self, z: np.ndarray) -> np.ndarray:
        """log q(z), (N,), for z (N, D)."""
        return -0.5 * (((z - self.mean) / self.sigma) ** 2 + LOG_2PI).sum(1) - np.log(self.sigma).sum()

    @property
    def kl_to_prior(self) -> float:
        """KL(q || N(0, I)) in closed form (Kingma & Welling 2013, appendix B)."""
        return float(0.5 * (self.sigma**2 + self.mean**2 - 1 - 2 * np.log(self.sigma)).sum())


@dataclass(frozen=True)
class Terms:
    """The terms of the bound for one image and one q, in nats. elbo + gap = log p(x) (Kingma & Welling 2013, eq. 1).

    log_likelihood  E_q[log p(x|z)]; its negative is the reconstruction loss
    log_prior       E_q[log p(z)]
    log_q           E_q[log q(z|x)], the negative entropy
    log_posterior   E_q[log p(z|x)]
    elbo            E_q[log p(x|z)] + E_q[log p(z)] - E_q[log q(z|x)]
    gap             KL(q || p(z|x)) = E_q[log q(z|x)] - E_q[log p(z|x)]
    error           estimate of the error of E_q[log p(x|z)]
    """

    log_likelihood: float
    log_prior: float
    log_q: float
    log_posterior: float
    elbo: float
    gap: float
    error: float


@dataclass(frozen=True)
class Nodes:
    """A quadrature for q: lattice points z (N, D) with their indices (N, D) and log p(x|z) (N,).

    The weights (N,) sum to 1 for the black nodes, and to 1 for the white ones.
    """

    z: np.ndarray
    index: np.ndarray
    weights: np.ndarray
    log_likelihood: np.ndarray

    @property
    def is_black(self) -> np.ndarray:
        """(N,): the colour of each node on a chess board."""
        return self.index.sum(1) % 2 == 0

    def expectation(self, values: np.ndarray, black: bool | None = None) -> float:
        """E_q of a function given by its values (N,) at the nodes: by the black nodes, the white ones, or both (None)."""
        if black is None:
            return 0.5 * float(self.weights @ values)
        chosen = self.is_black == black
        return float(self.weights[chosen] @ values[chosen])

    @property
    def colour_difference(self) -> float:
        """|black - white| of E_q[log p(x|z)], in nats."""
        return abs(self._difference(self.is_black))

    @property
    def parity_differences(self) -> np.ndarray:
        """(D,): |even - odd| of E_q[log p(x|z)] along each dimension, in nats."""
        return np.array([abs(self._difference(column % 2 == 0)) for column in self.index.T])

    @property
    def error(self) -> float:
        """An estimate of the error of E_q[log p(x|z)], in nats."""
        return max(self.colour_difference, float(self.parity_differences.max()) / PARITY)

    def _difference(self, mask: np.ndarray) -> float:
        averages = [self.weights[m] @ self.log_likelihood[m] / self.weights[m].sum() for m in (mask, ~mask)]
        return float(averages[0] - averages[1])


def encoder_gaussian(engine: Engine, x: np.ndarray) -> Gaussian:
    """q(z|x) of the encoder for one image x (C, H, W), uint8 or float in [0, 1]; of any D."""
    mu, logvar = engine.encode(as_image(engine, x)[None].astype(np.float32))
    return Gaussian(mu[0], np.clip(np.exp(0.5 * logvar[0].astype(float)), MIN_SIGMA, MAX_SIGMA))


def terms(engine: Engine, x: np.ndarray, q: Gaussian, log_px: float) -> Terms:
    """The terms of one q for one image x (C, H, W), given its log p(x). Raises ConfigError as `evidence.evidence` does."""
    return terms_of_many(engine, x, [q], log_px)[0]


def terms_of_many(
    engine: Engine, x: np.ndarray, qs: Sequence[Gaussian], log_px: float, tolerance: float = TOLERANCE
) -> list[Terms]:
    """The terms of many q for one image; the points of all of them are decoded together."""
    return [_terms(q, nodes, log_px) for q, nodes in zip(qs, quadrature(engine, x, qs, tolerance))]


def quadrature(engine: Engine, x: np.ndarray, qs: Sequence[Gaussian], tolerance: float = TOLERANCE) -> list[Nodes]:
    """A quadrature for each q whose error is at most `tolerance` nats, unless that would need more than MAX_NODES nodes."""
    plane, x = plane_of(engine), as_image(engine, x)
    if any(len(q.mean) != engine.latent_dim for q in qs):
        raise ConfigError(f"q must have the {engine.latent_dim} dimensions of '{engine.name}'.")
    steps = [np.minimum(STEP * q.sigma, plane.grid.step) for q in qs]
    log_joint_on_plane = plane.log_joint(x) if any(_is_on_plane(plane, step) for step in steps) else None
    found: list[Nodes | None] = [None] * len(qs)
    open_rows = list(range(len(qs)))
    while open_rows:
        lattices = [_lattice(plane, qs[row], steps[row]) for row in open_rows]
        values = _log_likelihoods(plane, x, lattices, log_joint_on_plane)
        still_open = []
        for row, (z, index, weights, _), log_likelihood in zip(open_rows, lattices, values):
            found[row] = Nodes(z, index, weights, log_likelihood)
            coarse = found[row].parity_differences > PARITY * tolerance
            if not coarse.any() and found[row].colour_difference > tolerance:
                coarse[:] = True
            if coarse.any() and len(z) * 2 ** coarse.sum() <= MAX_NODES:
                steps[row] = np.where(coarse, steps[row] / 2, steps[row])
                still_open.append(row)
        open_rows = still_open
    return found


def _terms(q: Gaussian, nodes: Nodes, log_px: float) -> Terms:
    likelihood, prior, density = nodes.log_likelihood, log_prior(nodes.z), q.log_density(nodes.z)
    e_likelihood, e_prior, e_q = (nodes.expectation(values) for values in (likelihood, prior, density))
    e_posterior = nodes.expectation(likelihood + prior - log_px)
    return Terms(e_likelihood, e_prior, e_q, e_posterior, e_likelihood + e_prior - e_q, e_q - e_posterior, nodes.error)


def _is_on_plane(plane: DecodedPlane, step: np.ndarray) -> bool:
    return plane.is_exact and bool((step == plane.grid.step).all())


def _lattice(plane: DecodedPlane, q: Gaussian, step: np.ndarray):
    """Nodes (N, D), their indices (N, D), weights (N,), and indices in the plane's grid (N, D), None where that is not used."""
    aligned = _is_on_plane(plane, step)
    centre = np.rint((q.mean - plane.grid.low) / step) * step + plane.grid.low if aligned else q.mean
    reach = np.ceil(RADIUS * q.sigma / step).astype(int)
    grid = Grid(centre - reach * step, step, tuple(2 * reach + 1))
    z = grid.points
    squared = (((z - q.mean) / q.sigma) ** 2).sum(1)
    inside = squared <= RADIUS**2
    index = np.stack([axis.ravel() for axis in np.indices(grid.shape)], 1)[:, ::-1][inside]
    is_black = index.sum(1) % 2 == 0
    z, weights = z[inside], np.exp(-0.5 * squared[inside])
    for colour in (is_black, ~is_black):
        weights[colour] /= weights[colour].sum()
    on_plane = np.rint((z - plane.grid.low) / step).astype(int) if aligned else None
    return z, index, weights, on_plane


def _log_likelihoods(plane: DecodedPlane, x: np.ndarray, lattices: list, on_plane: np.ndarray | None) -> list[np.ndarray]:
    """log p(x|z) at the nodes of each lattice: read from the plane where they are on it, decoded elsewhere."""
    z = np.concatenate([lattice[0] for lattice in lattices])
    index = np.concatenate([np.full(lattice[0].shape, -1) if lattice[3] is None else lattice[3] for lattice in lattices])
    known = ((index >= 0) & (index < plane.grid.size)).all(1)
    values = np.empty(len(z))
    if known.any():
        values[known] = on_plane[tuple(index[known][:, ::-1].T)] - log_prior(z[known])
    if not known.all():
        values[~known] = log_joint(plane.likelihood, z[~known], x) - log_prior(z[~known])
    return np.split(values, np.cumsum([len(lattice[0]) for lattice in lattices])[:-1])
