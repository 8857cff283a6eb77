"""What the decoder puts out: the parameters of p(x|z). Its mean, samples of it, and log p(x|z) under each likelihood.

The formulas of the likelihoods are in core/vae/likelihood.py. Here one image is compared with one output of the decoder:
`logits`, float32 (C, H, W).
"""

import math
from dataclasses import dataclass

import numpy as np
import torch

from explorer.core.config import LIKELIHOODS
from explorer.core.engine.engine import Engine
from explorer.core.errors import ConfigError, unknown
from explorer.core.latent.navigation import prior_draws
from explorer.core.theory.plane import as_image, check_likelihood
from explorer.core.vae import likelihood
from explorer.core.vae.likelihood import LOG_2PI, SERIES_LIMIT

HALF_GREY_LEVEL = 1 / 510


@dataclass(frozen=True, eq=False)
class Observation:
    """One image under one likelihood."""

    likelihood: str
    log_prob: float  # log p(x|z) in nats, summed over pixels; for bernoulli on grey levels minus the cross-entropy
    mean: np.ndarray  # (C, H, W) float32 in [0, 1], E[x|z]
    sample: np.ndarray  # (C, H, W) float32, one draw from p(x|z), clipped to [0, 1] for display
    share_clipped: float  # of the sample's values, that were outside [0, 1]
    variance: np.ndarray  # (C, H, W) float32, Var[x|z] of each pixel
    pixel_log_prob: np.ndarray  # (C, H, W) float32, what each pixel adds to log_prob


def observe(name: str, logits, image, log_scale: float = 0.0, seed: int = 0) -> Observation:
    """`image` (C, H, W), uint8 or in [0, 1], under the likelihood `name`. `log_scale`: log sigma of gaussian-learned."""
    logits, x = _checked(name, logits, image)
    mean = likelihood.mean(name, logits)
    variance = pixel_variance(name, logits.numpy(), log_scale)
    sample = _sample(name, logits, mean, log_scale, torch.Generator().manual_seed(seed))
    clipped = sample.clamp(0, 1)
    log_prob = likelihood.log_prob(name, logits.double(), x.double(), log_scale)
    return Observation(
        name,
        float(log_prob.sum()),
        mean.numpy(),
        clipped.numpy(),
        float((sample != clipped).double().mean()),
        variance,
        log_prob.float().numpy(),
    )


def samples(name: str, logits, n: int, log_scale: float = 0.0) -> np.ndarray:
    """n draws from p(x|z), float32 (n, C, H, W) clipped to [0, 1]. The i-th is the sample of `observe` with seed i."""
    _check_name(name)
    logits = torch.from_numpy(np.array(logits, np.float32))
    mean = likelihood.mean(name, logits)
    drawn = [_sample(name, logits, mean, log_scale, torch.Generator().manual_seed(seed)) for seed in range(n)]
    return torch.stack(drawn).clamp(0, 1).numpy()


def side_by_side(logits, image, log_scale: float = 0.0, seed: int = 0) -> tuple[Observation, ...]:
    """The same image and the same output of the decoder under each of LIKELIHOODS."""
    return tuple(observe(name, logits, image, log_scale, seed) for name in LIKELIHOODS)


def observe_decoded(engine: Engine, z, x, seed: int = 0) -> Observation:
    """One image x (C, H, W) under the likelihood of a model, decoded from z (D,)."""
    likelihood_of_model, pixels = check_likelihood(engine), as_image(engine, x)
    logits, log_scale = likelihood_of_model.decoder_output(engine.latent_map.point(z)[None])
    return observe(likelihood_of_model.name, logits[0], pixels, log_scale, seed)


def _sample(name: str, logits, mean, log_scale: float, generator: torch.Generator) -> torch.Tensor:
    """One draw from p(x|z)."""
    if name in ("gaussian", "gaussian-learned"):
        sigma = 1.0 if name == "gaussian" else math.exp(log_scale)
        return mean + sigma * torch.randn(mean.shape, generator=generator)
    u = torch.rand(mean.shape, generator=generator)
    if name == "bernoulli":
        return (u < mean).float()
    # Inverse distribution function of the continuous Bernoulli, log(1 + u (e^l - 1)) / l; mirrored for l > 0: e^l may overflow.
    is_near = logits.abs() < SERIES_LIMIT
    negative = -logits.abs().double()
    safe = torch.where(is_near, -1.0, negative)
    far = torch.log1p(u * torch.expm1(safe)) / safe
    part = torch.where(is_near, u + negative * u * (1 - u) / 2, far)
    return torch.where(logits > 0, 1 - part, part).float()


def pixel_variance(name: str, logits, log_scale: float = 0.0) -> np.ndarray:
    """Var[x|z] of each pixel, float32 and shaped like logits: the diagonal of the covariance of p(x|z), whose rest is 0.

    bernoulli: p (1 - p); gaussian: 1; gaussian-learned: sigma^2; continuous-bernoulli: 1 / l^2 - 1 / (2 sinh(l / 2))^2, the
    second derivative of log((e^l - 1) / l) at the logit l.
    """
    _check_name(name)
    logits = torch.as_tensor(logits).double()
    if name == "bernoulli":
        variance = torch.sigmoid(logits) * torch.sigmoid(-logits)
    elif name == "continuous-bernoulli":
        near = logits.abs() < SERIES_LIMIT
        safe = torch.where(near, 1.0, logits).clamp(-1400, 1400)  # sinh is finite in float64
        variance = torch.where(near, 1 / 12 - logits**2 / 240, safe**-2 - (2 * torch.sinh(safe / 2)) ** -2)
    else:
        variance = torch.full_like(logits, 1.0 if name == "gaussian" else math.exp(2 * log_scale))
    return variance.float().numpy()


# ---- squared error and cross-entropy as likelihoods


@dataclass(frozen=True)
class SquaredError:
    """Squared error as a Gaussian log likelihood: log_prob = -squared_error / (2 sigma^2) + constant, in nats."""

    squared_error: float  # the sum over pixels of (x - mean)^2
    n_pixels: int
    sigma: float
    scaled: float  # squared_error / (2 sigma^2)
    constant: float  # -n_pixels (log sigma + log(2 pi) / 2): independent of the decoder where sigma is fixed
    log_prob: float


def squared_error(mean, image, sigma: float = 1.0) -> SquaredError:
    """The squared error of `mean` (C, H, W) from the image, uint8 or in [0, 1], and log N(x; mean, sigma^2 I).

    Kingma & Welling 2013, appendix C.2. `sigma` weighs the error against the KL: half of it counts the error four times.
    """
    if not sigma > 0:
        raise ConfigError(f"sigma must be greater than 0, not {sigma}.")
    x, mean = _as_float(image), np.asarray(mean, np.float64)
    if mean.shape != x.shape:
        raise ConfigError(f"The image has the shape {x.shape}, its mean {mean.shape}.")
    error = float(((x - mean) ** 2).sum())
    scaled, constant = error / (2 * sigma**2), -x.size * (math.log(sigma) + LOG_2PI / 2)
    return SquaredError(error, x.size, sigma, scaled, constant, constant - scaled)


def best_sigma(mean, image) -> float:
    """The sigma at which log N(x; mean, sigma^2 I) is largest: the root mean squared error (Rybkin et al. 2021, eq. 6)."""
    error = squared_error(mean, image)
    return max(math.sqrt(error.squared_error / error.n_pixels), HALF_GREY_LEVEL)


def target_entropy(images) -> np.ndarray:
    """The cross-entropy that is left when the decoder's p equals the pixels: uint8 images (N, C, H, W) -> (N,) in nats.

    -sum x log x + (1 - x) log(1 - x), a lower bound on the cross-entropy of every decoder. It is zero only for black and white
    pixels, where the cross-entropy is the log likelihood of a Bernoulli.
    """
    levels = np.arange(256) / 255
    inner = levels[1:-1]
    table = np.zeros(256)
    table[1:-1] = -(inner * np.log(inner) + (1 - inner) * np.log(1 - inner))
    return table[_as_images(images)].reshape(len(images), -1).sum(1)


def target_log_density(images) -> np.ndarray:
    """log p(x) of the continuous Bernoulli whose lambda equals the pixels: uint8 images (N, C, H, W) -> (N,) in nats.

    Beside `target_entropy`: a density may exceed 1, so its logarithm may be positive. It grows without bound as lambda
    approaches 0 at a black pixel or 1 at a white one; here lambda stays half a grey level away from them.
    """
    x = torch.arange(256).double() / 255
    clipped = x.clamp(HALF_GREY_LEVEL, 1 - HALF_GREY_LEVEL)
    table = likelihood.log_prob("continuous-bernoulli", torch.logit(clipped), x).numpy()
    return table[_as_images(images)].reshape(len(images), -1).sum(1)


def cross_entropy_integral(logits) -> np.ndarray:
    """The integral over x in [0, 1] of exp(-cross-entropy) = lambda^x (1 - lambda)^(1 - x), float32, shaped like logits.

    tanh(l / 2) / l, at most 1/2: not 1, so on grey levels the negative cross-entropy is no log likelihood. The continuous
    Bernoulli divides by it (Loaiza-Ganem & Cunningham 2019, eq. 2-8).
    """
    logits = torch.as_tensor(logits).double()
    ones = torch.ones_like(logits)
    cross_entropy = likelihood.log_prob("bernoulli", logits, ones)
    return torch.exp(cross_entropy - likelihood.log_prob("continuous-bernoulli", logits, ones)).float().numpy()


def log_integral(logits) -> float:
    """log of the integral of exp(-cross-entropy) over all images in [0, 1]^n, in nats: 0 would make it a likelihood."""
    return float(np.log(cross_entropy_integral(logits).astype(np.float64)).sum())


# ---- the covariance as a matrix


@dataclass(frozen=True, eq=False)
class PixelCovariance:
    """Covariances of P pixels, each (P, P) float64."""

    given_z: np.ndarray  # of p(x|z) at one z, averaged over z: diagonal
    over_z: np.ndarray  # of x, where z varies: not diagonal

    @property
    def largest_correlation(self) -> float:
        """The largest |correlation| of two different pixels where z varies."""
        sd = np.sqrt(np.diag(self.over_z))
        correlation = self.over_z / np.maximum(np.outer(sd, sd), np.finfo(float).tiny)
        return float(np.abs(correlation - np.diag(np.diag(correlation))).max())


def pixel_covariance(means, variances) -> PixelCovariance:
    """The covariance of x = mean(z) + noise from `means` E[x|z] and `variances` Var[x|z], (S, P) each, of S draws of z.

    Cov[x] = E[Var[x|z]] + Cov[E[x|z]] (law of total covariance): each p(x|z) is diagonal, and pixels are correlated all the
    same, because they follow the same z.
    """
    means, variances = np.asarray(means, np.float64), np.asarray(variances, np.float64)
    if means.ndim != 2 or means.shape != variances.shape or len(means) < 2:
        raise ConfigError(f"Two draws of z or more are needed, (S, P), not {means.shape} and {variances.shape}.")
    given_z = np.diag(variances.mean(0))
    return PixelCovariance(given_z, given_z + np.cov(means.T, bias=True).reshape(given_z.shape))


def prior_covariance(
    engine: Engine, name: str, pixels, log_scale: float = 0.0, n_draws: int = 500, seed: int = 0
) -> PixelCovariance:
    """`pixel_covariance` of the flat pixel indices `pixels` for z from the prior; p(x|z) is `name` on the model's logits."""
    check_likelihood(engine)
    _check_name(name)
    logits, _ = engine.likelihood.decoder_output(prior_draws(n_draws, engine.latent_dim, seed))
    logits = logits.reshape(n_draws, -1)[:, pixels]
    return pixel_covariance(likelihood.mean(name, torch.from_numpy(logits)).numpy(), pixel_variance(name, logits, log_scale))


def _checked(name: str, logits, image) -> tuple[torch.Tensor, torch.Tensor]:
    _check_name(name)
    logits = torch.from_numpy(np.array(logits, np.float32))
    x = torch.from_numpy(_as_float(image)).float()
    if logits.shape != x.shape:
        raise ConfigError(f"The image has the shape {tuple(x.shape)}, the decoder's output {tuple(logits.shape)}.")
    return logits, x


def _check_name(name: str) -> None:
    if name not in LIKELIHOODS:
        raise unknown("likelihood", name, LIKELIHOODS)


def _as_images(images) -> np.ndarray:
    images = np.asarray(images)
    if images.dtype != np.uint8:
        raise ConfigError(f"Expected uint8 images, not {images.dtype}.")
    return images


def _as_float(image) -> np.ndarray:
    image = np.asarray(image)
    x = image / 255 if image.dtype == np.uint8 else image.astype(np.float64)
    if not 0 <= x.min() <= x.max() <= 1:  # false for NaN too
        raise ConfigError("The image contains values outside 0 to 1.", "Divide grey levels by 255, or pass them as uint8.")
    return x
