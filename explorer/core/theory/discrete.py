"""The bound on an example small enough to check by hand: z in {1, 2, 3}, x in {0, 1}, all distributions given as tables."""

from dataclasses import dataclass

import numpy as np
from scipy.special import rel_entr, xlogy

from explorer.core.errors import ConfigError
from explorer.core.theory.derivation import Line, Values, lines

N_Z, N_X = 3, 2
SUM_TOLERANCE = 1e-6
NOTATION = {"p_z": "p(z)", "p_x_given_z": "p(x|z)", "q_z_given_x": "q(z|x)"}


@dataclass(frozen=True)
class Tables:
    """p(z), p(x|z) and q(z|x). Raises ConfigError for a table with another shape, negative or NaN entries, or a wrong sum.

    p_z          (3,): p(z = i + 1)
    p_x_given_z  (3, 2): [i, x] = p(x | z = i + 1); rows sum to 1
    q_z_given_x  (2, 3): [x, i] = q(z = i + 1 | x); rows sum to 1
    """

    p_z: np.ndarray
    p_x_given_z: np.ndarray
    q_z_given_x: np.ndarray

    def __post_init__(self):
        shapes = {"p_z": (N_Z,), "p_x_given_z": (N_Z, N_X), "q_z_given_x": (N_X, N_Z)}
        for name, shape in shapes.items():
            object.__setattr__(self, name, _checked(name, getattr(self, name), shape))


@dataclass(frozen=True)
class Example:
    """Everything that follows from the tables for one observed x, in nats; arrays are indexed by z.

    joint        (3,): p(x, z)
    p_x          p(x), the sum of the joint
    posterior    (3,): p(z|x)
    q            (3,): q(z|x)
    kl           KL(q(z|x) || p(z|x)), infinite where q > 0 and p = 0
    reverse_kl   KL(p(z|x) || q(z|x)), infinite where p > 0 and q = 0
    kl_prior     KL(q(z|x) || p(z))
    elbo         log p(x) - kl
    """

    joint: np.ndarray
    p_x: float
    log_px: float
    posterior: np.ndarray
    q: np.ndarray
    kl: float
    reverse_kl: float
    kl_prior: float
    elbo: float


def example(tables: Tables, x: int) -> Example:
    """The example for the observed x, 0 or 1. Raises ConfigError for another x and where p(x) = 0."""
    if x not in range(N_X):
        raise ConfigError(f"x must be 0 or 1, not {x}.")
    joint = tables.p_z * tables.p_x_given_z[:, x]
    p_x = float(joint.sum())
    if p_x <= 0:
        raise ConfigError(f"p(x = {x}) is 0 in these tables, so there is no posterior.", "Make x possible for some z.")
    posterior, q = joint / p_x, tables.q_z_given_x[x]
    kl, log_px = _kl(q, posterior), float(np.log(p_x))
    return Example(joint, p_x, log_px, posterior, q, kl, _kl(posterior, q), _kl(q, tables.p_z), log_px - kl)


def derivation(tables: Tables, x: int) -> tuple[Line, ...]:
    """The lines of `derivation.lines` by finite sums.

    Raises ConfigError as `example` does, and where KL(q(z|x) || p(z|x)) is infinite.
    """
    e = example(tables, x)
    impossible = np.flatnonzero((e.q > 0) & (e.joint == 0))
    if len(impossible):
        z = impossible[0] + 1
        raise ConfigError(
            f"q(z = {z} | x = {x}) is above 0 where p(z = {z} | x = {x}) is 0: the KL is infinite.", "Change one."
        )
    p_x_given_z = tables.p_x_given_z[:, x]
    e_log_q, e_log_likelihood, e_log_prior = (float(xlogy(e.q, table).sum()) for table in (e.q, p_x_given_z, tables.p_z))
    elbo = e_log_likelihood + e_log_prior - e_log_q
    return lines(
        Values(
            log_px=e.log_px,
            e_log_px=float((e.q * e.log_px).sum()),
            kl_posterior=e.kl,
            e_log_q=e_log_q,
            e_log_posterior=float(xlogy(e.q, e.posterior).sum()),
            e_log_bayes=float(xlogy(e.q, p_x_given_z * tables.p_z / e.p_x).sum()),
            e_log_likelihood=e_log_likelihood,
            e_log_prior=e_log_prior,
            kl_prior=e.kl_prior,
            kl_closed=e.kl_prior,
            elbo=elbo,
            loss=-elbo,
        )
    )


def _kl(p: np.ndarray, q: np.ndarray) -> float:
    """KL(p || q) in nats; 0 log 0 = 0."""
    return max(0.0, float(rel_entr(p, q).sum()))


def _checked(name: str, table, shape: tuple[int, ...]) -> np.ndarray:
    try:
        table = np.array(table, float)
    except (TypeError, ValueError):
        raise ConfigError(f"The table of {NOTATION[name]} must contain numbers.") from None
    if table.shape != shape:
        raise ConfigError(f"The table of {NOTATION[name]} must have the shape {shape}, not {table.shape}.")
    if not (table >= 0).all():  # false for NaN too
        raise ConfigError(f"The table of {NOTATION[name]} contains a value that is negative or not a number.")
    sums = table.sum(-1)
    if not (np.abs(sums - 1) <= SUM_TOLERANCE).all():
        found = " and ".join(dict.fromkeys(f"{s:g}" for s in np.atleast_1d(sums)))
        raise ConfigError(f"{NOTATION[name]} sums to {found}; it must sum to 1.")
    return table


DEFAULT_TABLES = Tables(
    np.array([0.5, 0.3, 0.2]),
    np.array([[0.9, 0.1], [0.5, 0.5], [0.2, 0.8]]),
    np.array([[0.6, 0.3, 0.1], [0.2, 0.3, 0.5]]),
)
