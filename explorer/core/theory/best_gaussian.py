"""The diagonal Gaussian with the highest ELBO for one image, for D = 1 and 2, and the amortisation gap (Cremer et al. 2018).

The gap log p(x) - ELBO of the encoder is the sum of two: what the family of Gaussians cannot reach (log p(x) - best ELBO), and
what this encoder loses by having one function for all images (best ELBO - its ELBO: the amortisation gap).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.polynomial.hermite_e import hermegauss

from explorer.core.engine.engine import Engine
from explorer.core.engine.pixel_likelihood import PixelLikelihood
from explorer.core.theory.evidence import Evidence
from explorer.core.theory.gaussian import MAX_MEAN, MAX_SIGMA, MIN_SIGMA, Gaussian, encoder_gaussian, terms_of_many
from explorer.core.theory.plane import as_image, check_integrable

N_STEPS, MIN_STEPS = 40, 20
CONVERGED = 1e-6  # nats gained in STALLED steps
STALLED = 4
N_NODES = 12  # Gauss-Hermite nodes per dimension: exact where log p(x|z) is a polynomial of degree 23 within q
MAX_MODES = 4  # starts, besides the encoder's q and, where there are several modes, the moments of the posterior
FIRST_RATE, MAX_RATE = 0.15, 0.9  # of a step towards the fixed point; the first is small so that a film shows the way
RATE_GROWTH, RATE_CUT = 1.1, 0.4  # after a step that raises the ELBO, and after one that does not
MAX_PRECISION_RATIO = 2.0  # by which 1 / sigma^2 changes in one step
MAX_MEAN_STEP = 1.5  # in sigmas
SAME = 1e-4  # nats: optimisations that end this close have found the same optimum

OnStep = Callable[[int, int], bool | None]


@dataclass(frozen=True)
class Ascent:
    """The steps of one optimisation, the start first: means and sigmas (S, D), and the ELBO (S,) at each.

    The ELBO of the last step and of the encoder's q are as exact as `gaussian.terms`; those between are Gauss-Hermite sums with
    N_NODES a dimension (off by 3e-5 nats in 19 of 20 cases, by 0.01 at most, near the posteriors of mnist-2d).
    """

    means: np.ndarray
    sigmas: np.ndarray
    elbo: np.ndarray


@dataclass(frozen=True)
class BestGaussian:
    """The best q found, its ELBO, and that of the encoder's q; amortisation_gap = elbo - encoder_elbo >= 0.

    `from_encoder` is the optimisation that starts at the encoder's q; `best` the one that reaches the highest ELBO, which may
    be the same.
    """

    q: Gaussian
    elbo: float
    encoder_q: Gaussian
    encoder_elbo: float
    amortisation_gap: float
    from_encoder: Ascent
    best: Ascent


def best_gaussian(
    engine: Engine,
    x: np.ndarray,
    evidence: Evidence,
    n_steps: int = N_STEPS,
    starts: tuple[Gaussian, ...] = (),
    on_step: OnStep | None = None,
) -> BestGaussian:
    """Maximises the ELBO over mean and sigma, from the encoder's q, the modes of the posterior, its moments and `starts`.

    Makes at most `n_steps` steps, fewer (but at least MIN_STEPS) where all optimisations have converged.
    on_step(step, n_steps) is called after each step; it stops the optimisation by returning False, and the best q so far is
    returned. Raises ConfigError as `evidence.evidence` does.
    """
    check_integrable(engine)
    pixels, encoder_q = as_image(engine, x), encoder_gaussian(engine, x)
    wide = Gaussian(np.clip(evidence.mean, -MAX_MEAN, MAX_MEAN), np.clip(evidence.sd, MIN_SIGMA, MAX_SIGMA))
    narrow = np.minimum(encoder_q.sigma, wide.sigma)
    modes = [Gaussian(mode, narrow) for mode in evidence.modes[:MAX_MODES]]
    first = [encoder_q, *modes, *starts] if len(modes) == 1 else [encoder_q, wide, *modes, *starts]
    means, sigmas, elbos = _ascend(engine.likelihood, pixels, first, n_steps, on_step)
    last = [Gaussian(mean, sigma) for mean, sigma in zip(means[-1], sigmas[-1])]
    encoder_elbo, *ends = [term.elbo for term in terms_of_many(engine, x, [encoder_q, *last], evidence.log_px)]
    elbos[0, 0], elbos[-1] = encoder_elbo, ends
    winner = 0 if ends[0] > max(ends) - SAME else int(np.argmax(ends))
    from_encoder, best = (Ascent(means[:, k], sigmas[:, k], elbos[:, k]) for k in (0, winner))
    q, elbo = max([(encoder_q, encoder_elbo), (last[winner], ends[winner])], key=lambda pair: pair[1])
    return BestGaussian(q, elbo, encoder_q, encoder_elbo, elbo - encoder_elbo, from_encoder, best)


def _ascend(
    likelihood: PixelLikelihood, x: np.ndarray, starts: list[Gaussian], n_steps: int, on_step: OnStep | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """All optimisations at once: means and sigmas (S, starts, D), ELBO (S, starts). A step that would lower it is not taken.

    The optimum is a fixed point (Opper & Archambeau 2009): 1 / sigma_d^2 = -E_q[d^2 log p(x, z) / dz_d^2] and
    E_q[d log p(x, z) / dz_d] = 0. The expected derivatives follow from values of log p(x|z) alone:
    E_q[f'] = E_q[f t] / sigma and E_q[f''] = E_q[f (t^2 - 1)] / sigma^2 with z = mean + sigma t (integration by parts).
    """
    t, weights = _hermite(likelihood.latent_dim)
    mean, sigma = np.stack([q.mean for q in starts]), np.stack([q.sigma for q in starts])
    elbo, slope, curvature = _statistics(likelihood, x, mean, sigma, t, weights)
    rate = np.full((len(starts), 1), FIRST_RATE)
    means, sigmas, elbos = [mean], [sigma], [elbo]
    for step in range(1, n_steps + 1):
        precision = 1 / sigma**2
        target = np.clip(-curvature, precision / MAX_PRECISION_RATIO**3, precision * MAX_PRECISION_RATIO**3)
        moved = np.clip(
            (1 - rate) * precision + rate * target, precision / MAX_PRECISION_RATIO, MAX_PRECISION_RATIO * precision
        )
        shift = np.clip(rate * slope / moved, -MAX_MEAN_STEP * sigma, MAX_MEAN_STEP * sigma)
        new_mean = np.clip(mean + shift, -MAX_MEAN, MAX_MEAN)
        new_sigma = np.clip(moved**-0.5, MIN_SIGMA, MAX_SIGMA)
        new_elbo, new_slope, new_curvature = _statistics(likelihood, x, new_mean, new_sigma, t, weights)
        rises = new_elbo > elbo
        rate = np.minimum(MAX_RATE, np.where(rises[:, None], RATE_GROWTH, RATE_CUT) * rate)
        elbo = np.where(rises, new_elbo, elbo)
        mean, sigma = np.where(rises[:, None], new_mean, mean), np.where(rises[:, None], new_sigma, sigma)
        slope, curvature = np.where(rises[:, None], new_slope, slope), np.where(rises[:, None], new_curvature, curvature)
        means.append(mean)
        sigmas.append(sigma)
        elbos.append(elbo)
        if on_step is not None and on_step(step, n_steps) is False:
            break
        if step >= MIN_STEPS and (elbo - elbos[-1 - STALLED] < CONVERGED).all():
            break
    return np.stack(means), np.stack(sigmas), np.stack(elbos)


def _hermite(latent_dim: int) -> tuple[np.ndarray, np.ndarray]:
    """Gauss-Hermite nodes t (N, D) of N(0, I) and their weights (N,), which sum to 1."""
    nodes, weights = hermegauss(N_NODES)
    weights = weights / weights.sum()
    grid = np.stack([axis.ravel() for axis in np.meshgrid(*[nodes] * latent_dim, indexing="ij")], 1)
    product = np.prod([axis.ravel() for axis in np.meshgrid(*[weights] * latent_dim, indexing="ij")], 0)
    return grid, product


def _statistics(likelihood, x, mean, sigma, t, weights) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """For each of S Gaussians: the ELBO (S,), and the expected gradient and second derivatives of log p(x, z), (S, D) each."""
    z = mean[:, None] + sigma[:, None] * t
    f = likelihood.log_prob(z.reshape(-1, z.shape[2]), x).reshape(z.shape[:2])
    average = f @ weights
    centred = (f - average[:, None]) * weights
    slope = centred @ t / sigma - mean
    curvature = centred @ (t**2 - 1) / sigma**2 - 1
    kl = 0.5 * (sigma**2 + mean**2 - 1 - 2 * np.log(sigma)).sum(1)
    return average - kl, slope, curvature
