"""Film and Traversals: batches of latent points decoded in one call, for scrubbing without another call to the model."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Film:
    """F frames, each with its image, its position on the map and how well the data supports it.

    The frames of a pixel cross-fade are blended images; their z is the encoder mean of each blend.
    """

    z: np.ndarray  # (F, D) float32
    values: np.ndarray  # (F,) float32: the traversed dimension of z, or t along a path
    at: int  # index of the resting frame, which equals the rounded engine.decode(z[at])
    frames: np.ndarray  # (F, C, H, W) uint8, rounded E[x|z]
    xy: np.ndarray  # (F, 2) float32, in map units; NaN while there is no map
    support: np.ndarray  # (F,) float32 in (0, 1]: 1 is like the data; NaN while there is no gallery
    norm: np.ndarray  # (F,) float32, ||z||; about sqrt(D) for draws from the prior
    log_prior: np.ndarray  # (F,) float32, log N(z; 0, I) in nats

    def __len__(self) -> int:
        return len(self.z)


@dataclass(frozen=True, eq=False)
class Traversals:
    """One traversal through the same z for each of k dimensions, n frames each."""

    z: np.ndarray  # (k, n, D) float32
    values: np.ndarray  # (k, n) float32: the traversed dimension of z
    at: np.ndarray  # (k,) int64: index of the frame that shows z itself
    frames: np.ndarray  # (k, n, C, H, W) uint8
    xy: np.ndarray  # (k, n, 2) float32
    support: np.ndarray  # (k, n) float32
