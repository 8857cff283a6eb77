"""A film: a batch of latent points decoded together, to be scrubbed without another call. Knows numbers, no model."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Film:
    """F frames, each with its picture, its place on the map and how far the data supports it.

    Of a pixel cross-fade the frames are blends, and z is what the encoder makes of each.
    """

    z: np.ndarray  # (F, D) float32
    values: np.ndarray  # (F,) float32: z of the dimension that moves, or t along a path
    at: int  # the frame the film rests on: exactly the rounded engine.decode(z[at])
    frames: np.ndarray  # (F, C, H, W) uint8, rounded E[x|z]
    xy: np.ndarray  # (F, 2) float32, in map units; NaN while there is no map
    support: np.ndarray  # (F,) float32 in (0, 1]: 1 is like the data; NaN while there is no gallery
    norm: np.ndarray  # (F,) float32, ||z||; draws of the prior have about sqrt(D)
    log_prior: np.ndarray  # (F,) float32, log N(z; 0, I) in nats
    dim: int | None = None  # the dimension that moves, of a traversal

    def __len__(self) -> int:
        return len(self.z)
