"""Random latent vectors for tests, and an exact comparison."""

import numpy as np


def draws(seed, *shape, scale=1.0):
    return (scale * np.random.default_rng(seed).normal(size=shape)).astype(np.float32)


def same_bits(a, b):
    return a.dtype == b.dtype == np.float32 and a.tobytes() == b.tobytes()


def cloud(n, dim, seed=0, n_clusters=3, spread=0.5):
    """Means of a few clusters, and which cluster each belongs to."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, n_clusters, n)
    means = 3 * rng.normal(size=(n_clusters, dim))[labels] + spread * rng.normal(size=(n, dim))
    return means.astype(np.float32), labels


def gallery(n, dim, seed=0, sigma=(0.05, 1.0)):
    """Random mu, logvar and map positions of n points."""
    rng = np.random.default_rng(seed)
    mu = rng.normal(size=(n, dim)).astype(np.float32)
    logvar = 2 * np.log(rng.uniform(*sigma, size=(n, dim))).astype(np.float32)
    return mu, logvar, rng.normal(size=(n, 2)).astype(np.float32)
