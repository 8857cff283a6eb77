"""The numbers of the walk /practicum: loss at z = mu, groups of means, posteriors as ellipses, two examples of paths."""

from typing import NamedTuple

import numpy as np
import torch

from explorer.core.engine.engine import Engine
from explorer.core.errors import ConfigError
from explorer.core.latent import navigation
from explorer.core.latent.arrays import evenly_spaced
from explorer.core.theory.plane import check_likelihood
from explorer.core.vae.encoding import Encoding

N_CANDIDATES, N_PAIRS, N_STEPS = 120, 300, 15  # images, pairs of them, and points of each path, among which examples are chosen
RANK_TOLERANCE = 1e-4  # of a plane's map, relative to its largest coordinate


class MeanLosses(NamedTuple):
    """Mean losses of the same images in nats."""

    at_mean: float  # reconstruction loss at z = mu, plus the KL: what the practicum prints, not a bound on log p(x)
    negative_elbo: float  # with z drawn from q(z|x)


@torch.inference_mode()
def loss_at_mean(engine: Engine, images: np.ndarray, n_draws: int = 4, seed: int = 0) -> MeanLosses:
    """The two losses of images uint8 (N, C, H, W). Raises ConfigError if the likelihood is unknown."""
    likelihood = check_likelihood(engine)
    mu, logvar = engine.encode(images)
    kl = float(Encoding(mu, logvar, np.zeros(len(mu))).kl_per_dim.sum(1).mean())
    x = torch.from_numpy(images / np.float32(255)).to(engine.device)
    eps = torch.randn((n_draws, *mu.shape), generator=torch.Generator().manual_seed(seed)).numpy()

    def recon_loss(z: np.ndarray) -> float:
        return float(likelihood.recon_loss(torch.from_numpy(z).to(engine.device), x).double().mean())

    drawn = np.mean([recon_loss(mu + np.exp(0.5 * logvar) * one) for one in eps])
    return MeanLosses(recon_loss(mu) + kl, float(drawn) + kl)


def same_class_share(points: np.ndarray, labels: np.ndarray) -> float:
    """The share of points (N, ...) whose nearest other point has the same label; 1 / classes where there are no groups."""
    points = torch.from_numpy(np.asarray(points, np.float64).reshape(len(points), -1))
    if len(points) != len(labels) or len(points) < 2:
        raise ConfigError(f"{len(points)} points have {len(labels)} labels; two points or more are needed.")
    distances = torch.cdist(points, points).fill_diagonal_(torch.inf)
    return float((np.asarray(labels)[distances.argmin(1).numpy()] == labels).mean())


def plane_ellipses(mu: np.ndarray, logvar: np.ndarray, xy: np.ndarray) -> np.ndarray:
    """The posteriors N(mu, diag(exp(logvar))), (N, D) each, as seen in a plane: (N, 5) of x, y, both semi-axes and the angle.

    `xy` (N, 2): the means in the plane, an affine function of mu. The semi-axes are one standard deviation of the projected
    posterior, the longer first; the angle is from x towards y, in radians.
    """
    mu, xy = np.asarray(mu, np.float64), np.asarray(xy, np.float64)
    weights, *_ = np.linalg.lstsq(mu - mu.mean(0), xy - xy.mean(0), rcond=None)
    error = np.abs((mu - mu.mean(0)) @ weights - (xy - xy.mean(0))).max()
    if error > RANK_TOLERANCE * np.abs(xy).max():
        raise ConfigError("The plane is not an affine function of the means.")
    covariance = np.einsum("nd,di,dj->nij", np.exp(logvar), weights, weights)
    variances, axes = np.linalg.eigh(covariance)
    long = axes[:, :, 1]
    return np.column_stack([xy, np.sqrt(np.maximum(variances[:, ::-1], 0)), np.arctan2(long[:, 1], long[:, 0])])


class Paths(NamedTuple):
    """Pairs of gallery rows whose straight paths in z leave the data, and stay in it."""

    leaving: tuple[int, int]
    staying: tuple[int, int]


def example_paths(engine: Engine, seed: int = 0) -> Paths:
    """Of N_PAIRS pairs of distant images, that with the least and that with the largest support at its worst point."""
    rows = evenly_spaced(np.arange(len(engine.gallery.mu)), N_CANDIDATES)
    rng = np.random.default_rng(seed)
    pairs = rows[[rng.choice(len(rows), 2, replace=False) for _ in range(N_PAIRS)]]
    ends = engine.gallery.mu[pairs]
    distance = np.linalg.norm(ends[:, 0] - ends[:, 1], axis=1)
    is_far = distance >= np.median(distance)
    pairs, ends = pairs[is_far], ends[is_far]
    times = navigation.path_times(N_STEPS)
    points = np.concatenate([navigation.lerp(a, b, times) for a, b in ends])
    worst = engine.place(points)[1].reshape(len(pairs), -1).min(1)
    return Paths(tuple(pairs[worst.argmin()].tolist()), tuple(pairs[worst.argmax()].tolist()))
