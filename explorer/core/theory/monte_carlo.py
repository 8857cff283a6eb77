"""Estimates of log p(x) by sampling, for any D: from the prior, and importance-weighted.

log p(x) is estimated by L_K = log((1/K) sum_k w_k). With z_k from the prior, w_k = p(x|z_k); with z_k from q(z|x),
w_k = p(x, z_k) / q(z_k|x) (Burda et al. 2015, eq. 8; K = 1 is the ELBO). E[L_K] rises with K towards log p(x).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import logsumexp

from explorer.core.engine.engine import Engine
from explorer.core.errors import ConfigError
from explorer.core.theory.gaussian import Gaussian, encoder_gaussian
from explorer.core.theory.plane import as_image, check_likelihood, log_prior

PRIOR_KS = (1, 10, 100, 1_000, 10_000)
IMPORTANCE_KS = (1, 10, 100, 1_000)
MAX_DRAWS = 1_000_000
CHUNK = 8192  # draws decoded between two calls of on_draws

OnDraws = Callable[[int, int], bool | None]


@dataclass(frozen=True)
class Estimates:
    """L_K for several K, (n,) arrays in nats. For each K the same draws are divided into `repeats` groups of K.

    mean            the average of L_K over the groups; as each K divides the next, it never falls with K
    sd              the standard deviation of L_K over the groups: how far a single estimate is off; NaN for one group
    standard_error  of `mean`; for one group by the delta method, sd(w) / (mean(w) sqrt(K))
    """

    k: np.ndarray
    mean: np.ndarray
    sd: np.ndarray
    standard_error: np.ndarray
    repeats: np.ndarray


def from_prior(
    engine: Engine,
    x: np.ndarray,
    ks: Sequence[int] = PRIOR_KS,
    n_draws: int = 10_000,
    seed: int = 0,
    on_draws: OnDraws | None = None,
) -> Estimates:
    """Plain Monte Carlo: L_K with K draws from the prior N(0, I), for one image x (C, H, W), `n_draws` draws in all.

    on_draws(done, n_draws) is called now and then; it stops the sampling by returning False, and the K that are within reach of
    the draws made so far are returned. Raises ConfigError for an unknown likelihood and for K that do not divide each other
    and n_draws.
    """
    prior = Gaussian(np.zeros(engine.latent_dim), np.ones(engine.latent_dim))
    return _estimates(engine, x, prior, ks, n_draws, seed, on_draws)


def importance_weighted(
    engine: Engine,
    x: np.ndarray,
    ks: Sequence[int] = IMPORTANCE_KS,
    n_draws: int = 10_000,
    seed: int = 0,
    on_draws: OnDraws | None = None,
    q: Gaussian | None = None,
) -> Estimates:
    """L_K with K draws from q, by default the encoder's q(z|x). Arguments and errors as in `from_prior`."""
    return _estimates(engine, x, q or encoder_gaussian(engine, x), ks, n_draws, seed, on_draws)


def _estimates(engine, x, q, ks, n_draws, seed, on_draws) -> Estimates:
    likelihood, pixels = check_likelihood(engine), as_image(engine, x)
    ks = _checked(ks, n_draws)
    rng, parts, done = np.random.default_rng(seed), [], 0
    while done < n_draws:
        n = min(CHUNK, n_draws - done)
        z = (q.mean + q.sigma * rng.standard_normal((n, len(q.mean)))).astype(np.float32).astype(float)
        parts.append(likelihood.log_prob(z, pixels) + log_prior(z) - q.log_density(z))
        done += n
        if on_draws is not None and on_draws(done, n_draws) is False:
            break
    log_weights = np.concatenate(parts)
    reached = [k for k in ks if k <= done]
    log_weights = log_weights[: done - done % reached[-1]]
    columns = zip(*(_average(log_weights.reshape(-1, k)) for k in reached))
    mean, sd, standard_error, repeats = map(np.array, columns)
    return Estimates(np.array(reached), mean, sd, standard_error, repeats)


def _average(log_weights: np.ndarray) -> tuple[float, float, float, int]:
    """log_weights (groups, K) -> mean and sd of L_K over the groups, the standard error of the mean, and the groups."""
    groups, k = log_weights.shape
    estimates = logsumexp(log_weights, 1) - np.log(k)
    if groups > 1:
        sd = float(estimates.std(ddof=1))
        return float(estimates.mean()), sd, sd / groups**0.5, groups
    relative = np.exp(log_weights[0] - estimates[0])  # w / mean(w)
    return float(estimates[0]), np.nan, float(relative.std() / k**0.5), 1


def _checked(ks: Sequence[int], n_draws: int) -> list[int]:
    ks = [int(k) for k in ks]
    if not ks or ks[0] < 1 or not 0 < n_draws <= MAX_DRAWS:
        raise ConfigError(f"K must be at least 1 and the number of draws from 1 to {MAX_DRAWS:,}, not {ks} and {n_draws}.")
    if any(b % a or a == b for a, b in zip(ks, [*ks[1:], n_draws]) if (a, b) != (ks[-1], n_draws)) or n_draws % ks[-1]:
        raise ConfigError(f"Each K must divide the next and the last the number of draws, not {ks} and {n_draws}.")
    return ks
