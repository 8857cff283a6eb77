"""Two estimators of d/dmu E_q[f(z)], q = N(mu, sigma^2), from draws z = mu + sigma eps:

- score function: f(z) d/dmu log q(z) = f(z) eps / sigma, without the derivative of f (Williams 1992). Subtracting a baseline b,
  (f(z) - b) eps / sigma, leaves its mean unchanged, since E[eps] = 0, and lowers its variance if b is near f.
- pathwise: f'(z) dz/dmu = f'(z), the reparameterization trick (Kingma & Welling 2013, section 2.4). Its mean is the gradient
  only if f is continuous.

Mohamed et al. 2020 (Monte Carlo gradient estimation in machine learning) compare them. Here for functions whose gradient and
variances have closed forms (TOYS), and for log p(x|z) of a trained model.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from explorer.core.engine.engine import Engine
from explorer.core.errors import ConfigError, unknown
from explorer.core.latent.arrays import check_at_least
from explorer.core.theory.plane import as_image, check_likelihood

ESTIMATORS = ("score function", "with baseline", "pathwise")
FREQUENCY = 30.0  # of the sine
BATCH_SIZE = 256  # latent points through the decoder and back at once


@dataclass(frozen=True)
class Toy:
    """A function of one variable, with the expectations from which the moments of the estimators follow.

    The expectations are functions of (mu, sigma), for z = mu + sigma eps.
    """

    f: Callable[[np.ndarray], np.ndarray]
    slope: Callable[[np.ndarray], np.ndarray]  # f'
    mean: Callable[[float, float], float]  # E[f]
    gradient: Callable[[float, float], float]  # d/dmu E[f]
    f_eps2: Callable[[float, float], float]  # E[f eps^2]
    f2_eps2: Callable[[float, float], float]  # E[f^2 eps^2]
    slope_mean: Callable[[float, float], float]  # E[f']
    slope2: Callable[[float, float], float]  # E[f'^2]


def _damping(sigma: float) -> float:
    """E[sin k z] / sin k mu."""
    return math.exp(-0.5 * (FREQUENCY * sigma) ** 2)


def _mean_of_double(mu: float, sigma: float) -> float:
    """E[cos 2 k z], by which sin^2 and cos^2 of k z are expressed."""
    return math.cos(2 * FREQUENCY * mu) * math.exp(-2 * (FREQUENCY * sigma) ** 2)


def _phi(x: float) -> float:
    return math.exp(-0.5 * x * x) / math.sqrt(2 * math.pi)


def _cdf(x: float) -> float:
    return 0.5 * math.erfc(-x / math.sqrt(2))


def _step_eps2(mu: float, sigma: float) -> float:
    return _cdf(mu / sigma) - mu / sigma * _phi(mu / sigma)


TOYS = {
    "z^2": Toy(
        f=np.square,
        slope=lambda z: 2 * z,
        mean=lambda mu, sigma: mu**2 + sigma**2,
        gradient=lambda mu, sigma: 2 * mu,
        f_eps2=lambda mu, sigma: mu**2 + 3 * sigma**2,
        f2_eps2=lambda mu, sigma: mu**4 + 18 * mu**2 * sigma**2 + 15 * sigma**4,
        slope_mean=lambda mu, sigma: 2 * mu,
        slope2=lambda mu, sigma: 4 * (mu**2 + sigma**2),
    ),
    "sin 30z": Toy(
        f=lambda z: np.sin(FREQUENCY * z),
        slope=lambda z: FREQUENCY * np.cos(FREQUENCY * z),
        mean=lambda mu, sigma: math.sin(FREQUENCY * mu) * _damping(sigma),
        gradient=lambda mu, sigma: FREQUENCY * math.cos(FREQUENCY * mu) * _damping(sigma),
        f_eps2=lambda mu, sigma: math.sin(FREQUENCY * mu) * (1 - (FREQUENCY * sigma) ** 2) * _damping(sigma),
        f2_eps2=lambda mu, sigma: 0.5 * (1 - (1 - 4 * (FREQUENCY * sigma) ** 2) * _mean_of_double(mu, sigma)),
        slope_mean=lambda mu, sigma: FREQUENCY * math.cos(FREQUENCY * mu) * _damping(sigma),
        slope2=lambda mu, sigma: 0.5 * FREQUENCY**2 * (1 + _mean_of_double(mu, sigma)),
    ),
    "step": Toy(  # 1 where z > 0: the slope is 0 almost everywhere
        f=lambda z: (np.asarray(z) > 0).astype(np.float64),
        slope=lambda z: np.zeros_like(z, np.float64),
        mean=lambda mu, sigma: _cdf(mu / sigma),
        gradient=lambda mu, sigma: _phi(mu / sigma) / sigma,
        f_eps2=_step_eps2,
        f2_eps2=_step_eps2,
        slope_mean=lambda mu, sigma: 0.0,
        slope2=lambda mu, sigma: 0.0,
    ),
}


@dataclass(frozen=True)
class Moments:
    """Closed forms for one toy, mu and sigma. `mean` and `variance` have one entry for each of ESTIMATORS, for one draw."""

    gradient: float  # d/dmu E[f]
    baseline: float  # E[f]
    mean: tuple[float, float, float]
    variance: tuple[float, float, float]

    @property
    def variance_ratio(self) -> float:
        """Variance of the score function (without baseline) over that of the pathwise estimator; infinite if that is 0."""
        return self.variance[0] / self.variance[2] if self.variance[2] else math.inf


def moments(name: str, mu: float, sigma: float) -> Moments:
    """The means and variances of the estimators for one of TOYS, exactly; the baseline is b = E[f].

    Var[(f - b) eps / sigma] = (E[f^2 eps^2] - 2 b E[f eps^2] + b^2) / sigma^2 - gradient^2, and Var[f'] = E[f'^2] - E[f']^2.
    """
    toy, gradient = _toy(name, sigma), TOYS[name].gradient(mu, sigma)
    f2_eps2, f_eps2, baseline = toy.f2_eps2(mu, sigma), toy.f_eps2(mu, sigma), toy.mean(mu, sigma)
    score = f2_eps2 / sigma**2 - gradient**2
    with_baseline = (f2_eps2 - 2 * baseline * f_eps2 + baseline**2) / sigma**2 - gradient**2
    pathwise_mean = toy.slope_mean(mu, sigma)
    pathwise = toy.slope2(mu, sigma) - pathwise_mean**2
    variance = tuple(max(0.0, part) for part in (score, with_baseline, pathwise))  # rounding may make it negative
    return Moments(gradient, baseline, (gradient, gradient, pathwise_mean), variance)


def toy_estimates(name: str, mu: float, sigma: float, n: int, seed: int) -> np.ndarray:
    """n single-draw estimates by each of ESTIMATORS, from the same eps: (3, n) float64."""
    check_at_least("The number of draws", n, 1)
    toy = _toy(name, sigma)
    eps = np.random.default_rng(seed).standard_normal(n)
    z = mu + sigma * eps
    f, baseline = toy.f(z), toy.mean(mu, sigma)
    return np.stack([f * eps / sigma, (f - baseline) * eps / sigma, toy.slope(z)])


def _toy(name: str, sigma: float) -> Toy:
    if name not in TOYS:
        raise unknown("function", name, TOYS)
    if not sigma > 0:
        raise ConfigError(f"sigma must be greater than 0, not {sigma}.")
    return TOYS[name]


@dataclass(frozen=True, eq=False)
class Histograms:
    """Histograms of several estimators over the same bins."""

    edges: np.ndarray  # (B + 1,) float64
    counts: np.ndarray  # (3, B) int64; estimates beyond the edges count in the outermost bins


def histograms(estimates: np.ndarray, n_bins: int = 81, coverage: float = 0.98) -> Histograms:
    """Histograms of the rows of `estimates` (3, n). The bins cover the central share `coverage` of each of the rows."""
    low, high = np.quantile(estimates, [(1 - coverage) / 2, (1 + coverage) / 2], axis=1)
    low, high = low.min(), high.max()
    margin = 0.02 * (high - low) or 0.5
    edges = np.linspace(low - margin, high + margin, n_bins + 1)
    clipped = np.clip(estimates, edges[0], edges[-1])
    return Histograms(edges, np.stack([np.histogram(row, edges)[0] for row in clipped]))


# ---- the same on a trained model


@dataclass(frozen=True, eq=False)
class ModelGradients:
    """n single-draw estimates of d ELBO / d mu for one image, in nats: `estimates` (3, n, D) float64, ordered as ESTIMATORS."""

    mu: np.ndarray  # (D,) float32 of q(z|x)
    logvar: np.ndarray  # (D,) float32
    estimates: np.ndarray

    @property
    def mean(self) -> np.ndarray:
        """(3, D)."""
        return self.estimates.mean(1)

    @property
    def standard_error(self) -> np.ndarray:
        """Of the mean, (3, D)."""
        return self.estimates.std(1, ddof=1) / math.sqrt(self.estimates.shape[1])

    @property
    def variance_ratio(self) -> np.ndarray:
        """Variances over that of the pathwise estimator, (3, D); the last row is 1."""
        variance = self.estimates.var(1, ddof=1)
        return variance / variance[2]


def model_gradients(engine: Engine, x: np.ndarray, n: int = 256, seed: int = 0) -> ModelGradients:
    """The estimators of the gradient of the ELBO of one image x (C, H, W) by mu of q(z|x), from n draws (at least 2).

    f(z) = log p(x|z). The KL has a closed form, so its gradient -mu is exact and the same in all three. The baseline of a draw
    is the mean of f over the other draws (Mnih & Rezende 2016; Kool et al. 2019), which leaves the estimator unbiased.
    """
    check_at_least("The number of draws", n, 2)
    likelihood, pixels = check_likelihood(engine), as_image(engine, x)[None].astype(np.float32)
    mu, logvar = engine.encode(pixels)
    eps = torch.randn((n, engine.latent_dim), generator=torch.Generator().manual_seed(seed)).numpy()
    sigma = np.exp(0.5 * logvar)
    z, target = (torch.from_numpy(part).to(engine.device) for part in (mu + sigma * eps, pixels))
    f, slope = _values_and_slopes(likelihood.recon_loss, target, z)
    others = (f.sum() - f) / (n - 1)
    eps_over_sigma = eps.astype(np.float64) / sigma
    score, with_baseline = f[:, None] * eps_over_sigma, (f - others)[:, None] * eps_over_sigma
    return ModelGradients(mu[0], logvar[0], np.stack([score, with_baseline, slope]) - mu.astype(np.float64))


def _values_and_slopes(recon_loss: Callable, x: torch.Tensor, z: torch.Tensor) -> tuple[np.ndarray, np.ndarray]:
    """f(z) = log p(x|z) (n,) and df/dz (n, D), float64."""
    values, slopes = [], []
    for part in z.split(BATCH_SIZE):
        part = part.clone().requires_grad_()
        with torch.enable_grad():
            f = -recon_loss(part, x.expand(len(part), -1, -1, -1))
            (slope,) = torch.autograd.grad(f.sum(), part)
        values.append(f.detach().double().cpu())
        slopes.append(slope.double().cpu())
    return torch.cat(values).numpy(), torch.cat(slopes).numpy()
