"""The reparameterization trick: z = mu + sigma eps, why the variance is put out as its logarithm, and other maps of eps.

Kingma & Welling 2013, section 2.4. The gradient estimators that it enables are in gradient_estimators.py.
"""

from dataclasses import dataclass

import numpy as np
import torch

from explorer.core.errors import ConfigError, unknown

PARAMETRIZATIONS = ("sigma", "variance", "log variance")
MAPS = ("location-scale", "exponential", "mixture")
MIXTURE = ((0.35, -1.5, 0.4), (0.65, 1.0, 0.8))  # (weight, mean, sigma) of the parts of the example
MAX_SIGMA = 1e100  # a descent that exceeds it has diverged
N_HALVINGS = 60  # of an interval that contains z, down to rounding error


# ---- z = mu + sigma eps


@dataclass(frozen=True, eq=False)
class Draws:
    """z = mu + sigma eps and its derivatives, each shaped like eps (N, D), float64."""

    z: np.ndarray
    dz_dmu: np.ndarray  # 1: z moves as far as mu
    dz_dsigma: np.ndarray  # eps


def draws(mu, sigma, eps) -> Draws:
    """The draws of q = N(mu, sigma^2), mu and sigma (D,) that belong to eps (N, D).

    With eps held, z moves rigidly with mu and is scaled with sigma (Kingma & Welling 2013, section 2.4).
    """
    mu, sigma, eps = (np.asarray(part, np.float64) for part in (mu, sigma, eps))
    return Draws(mu + sigma * eps, np.ones_like(eps), eps.copy())


def draw_eps(n: int, latent_dim: int, seed: int) -> np.ndarray:
    """n draws of eps ~ N(0, I), (n, latent_dim) float64."""
    return np.random.default_rng(seed).standard_normal((n, latent_dim))


# ---- why the logarithm of the variance


def variance_loss(sigma, precision: float) -> np.ndarray:
    """The loss as a function of one sigma, in nats: (sigma^2 - log sigma^2 - 1 + precision sigma^2) / 2.

    The KL's half that depends on the variance, and the reconstruction loss expanded to second order around the mean, where
    `precision` is its curvature: how fast decoding a wrong z becomes expensive. The minimum is at sigma = (1 + precision)^-1/2.
    """
    variance = np.square(np.asarray(sigma, np.float64))
    return 0.5 * (variance - np.log(variance) - 1 + precision * variance)


def variance_gradient(sigma: float, precision: float) -> float:
    """The derivative of `variance_loss` by sigma: (1 + precision) sigma - 1 / sigma."""
    return (1 + precision) * sigma - 1 / sigma


@dataclass(frozen=True)
class VarianceStep:
    """One gradient step from the same sigma with the same learning rate, taken in one of PARAMETRIZATIONS."""

    parametrization: str
    value: float  # of the parameter after the step: sigma, sigma^2 or log sigma^2
    sigma: float  # after the step; NaN if the variance is negative
    breaks_at: float  # the smallest learning rate whose step is not a valid sigma; infinite if there is none

    @property
    def is_valid(self) -> bool:
        """Whether the step ends at a standard deviation: greater than 0."""
        return self.sigma > 0  # false for NaN


def variance_steps(sigma: float, gradient: float, learning_rate: float) -> tuple[VarianceStep, ...]:
    """The step for each of PARAMETRIZATIONS, from `gradient`, the derivative of the loss by sigma, by the chain rule.

    d/d(sigma^2) = gradient / (2 sigma) and d/d(log sigma^2) = gradient sigma / 2. A step in sigma ends at or below zero from
    the learning rate sigma / gradient on, one in sigma^2 from 2 sigma^3 / gradient on. In log sigma^2 every step is valid.
    """
    if not sigma > 0:
        raise ConfigError(f"sigma must be greater than 0, not {sigma}.")
    new_sigma = sigma - learning_rate * gradient
    new_variance = sigma**2 - learning_rate * gradient / (2 * sigma)
    new_log = 2 * np.log(sigma) - learning_rate * gradient * sigma / 2
    root = np.sqrt(new_variance) if new_variance >= 0 else np.nan
    with np.errstate(over="ignore"):
        from_log = np.exp(new_log / 2)
    limits = (sigma / gradient, 2 * sigma**3 / gradient) if gradient > 0 else (np.inf, np.inf)
    rows = zip(PARAMETRIZATIONS, (new_sigma, new_variance, new_log), (new_sigma, root, from_log), (*limits, np.inf))
    return tuple(VarianceStep(name, float(value), float(s), float(limit)) for name, value, s, limit in rows)


@dataclass(frozen=True, eq=False)
class VarianceDescent:
    """Gradient descent on `variance_loss` in one of PARAMETRIZATIONS."""

    parametrization: str
    sigma: np.ndarray  # (n_steps + 1,) float64; NaN after the step that broke
    broken_at: int | None  # the step that ended at or below zero (or diverged); None if none did


def descend(sigma: float, precision: float, learning_rate: float, n_steps: int) -> tuple[VarianceDescent, ...]:
    """Descents from the same sigma with the same learning rate, one for each of PARAMETRIZATIONS."""
    found = []
    for i, name in enumerate(PARAMETRIZATIONS):
        path, broken_at = np.full(n_steps + 1, np.nan), None
        path[0] = sigma
        for step in range(1, n_steps + 1):
            gradient = variance_gradient(path[step - 1], precision)
            new = variance_steps(path[step - 1], gradient, learning_rate)[i]
            path[step] = new.sigma
            if not new.is_valid or new.sigma > MAX_SIGMA:
                broken_at = step
                break
        found.append(VarianceDescent(name, path, broken_at))
    return tuple(found)


# ---- the change of variables for other maps


@dataclass(frozen=True, eq=False)
class ChangeOfVariables:
    """A map z = g(eps) of eps ~ N(0, 1): p(eps) = p(z) dz/deps. Each array has the shape of eps, float64."""

    eps: np.ndarray
    z: np.ndarray
    dz_deps: np.ndarray  # > 0; the same for all eps only if g is a location-scale map
    density_eps: np.ndarray
    density_z: np.ndarray


def change_of_variables(name: str, eps, mu: float = 0.0, sigma: float = 1.0) -> ChangeOfVariables:
    """The map `name`, one of MAPS, at eps (N,), with the density of z from the change of variables.

    - location-scale  z = mu + sigma eps: dz = sigma deps everywhere, so z ~ N(mu, sigma^2).
    - exponential     z = exp(mu + sigma eps): dz = sigma z deps; z is log-normal.
    - mixture         z = mu + sigma F^-1(Phi(eps)), where F is the distribution function of the mixture of normals MIXTURE:
                      dz = sigma phi(eps) / F'(F^-1(Phi(eps))) deps (inverse CDF: Devroye 1986, section II.2).

    So the trick needs a differentiable g, not a location-scale family (Kingma & Welling 2013, section 2.4).
    """
    if name not in MAPS:
        raise unknown("map", name, MAPS)
    if not sigma > 0:
        raise ConfigError(f"sigma must be greater than 0, not {sigma}.")
    eps = np.asarray(eps, np.float64)
    density_eps = _normal_density(eps)
    if name == "location-scale":
        z, slope = mu + sigma * eps, np.full_like(eps, sigma)
    elif name == "exponential":
        z = np.exp(mu + sigma * eps)
        slope = sigma * z
    else:
        part = _mixture_quantile(eps)
        z, slope = mu + sigma * part, sigma * density_eps / _mixture_density(part)
    return ChangeOfVariables(eps, z, slope, density_eps, density_eps / slope)


def _normal_density(eps: np.ndarray) -> np.ndarray:
    return np.exp(-0.5 * eps**2) / np.sqrt(2 * np.pi)


def _normal_cdf(x: np.ndarray) -> np.ndarray:
    return 0.5 * torch.erfc(torch.as_tensor(-x / np.sqrt(2))).numpy()  # torch.special.ndtr is inexact below -5


def _mixture_density(z: np.ndarray) -> np.ndarray:
    return sum(weight / sigma * _normal_density((z - mean) / sigma) for weight, mean, sigma in MIXTURE)


def _mixture_tails(z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(F(z), 1 - F(z)), each without cancellation."""
    scaled = [(weight, (z - mean) / sigma) for weight, mean, sigma in MIXTURE]
    return sum(weight * _normal_cdf(x) for weight, x in scaled), sum(weight * _normal_cdf(-x) for weight, x in scaled)


def _mixture_quantile(eps: np.ndarray) -> np.ndarray:
    """F^-1(Phi(eps)), by halving an interval. Compares the smaller tails, which keep their digits for large |eps|."""
    # Phi(eps) lies between the smallest and the largest Phi((z - mean) / sigma) of the parts.
    ends = [mean + sigma * eps for _, mean, sigma in MIXTURE]
    low, high = np.min(ends, 0), np.max(ends, 0)
    for _ in range(N_HALVINGS):
        middle = (low + high) / 2
        below, above = _mixture_tails(middle)
        too_small = np.where(eps < 0, below < _normal_cdf(eps), above > _normal_cdf(-eps))
        low, high = np.where(too_small, middle, low), np.where(too_small, high, middle)
    return (low + high) / 2
