"""What /prior shows of one model: the aggregate posterior, the holes, the KL's parts, and the decoded plane."""

from dataclasses import dataclass

import numpy as np

from explorer import figures
from explorer.core.theory import prior
from explorer.core.theory.prior import DensityGrid, Holes, KlParts
from explorer.ui.exhibits.prior.texts import N_HOLES, SPAN

N_SIDE = 33  # decoded points along each side of the plane
JPEG_QUALITY = 85
SEED = 0


@dataclass(frozen=True, eq=False)
class Measured:
    """Of one model, at one epoch: a comparison of epochs needs one for each."""

    dims: tuple[int, int]  # of the plane; the others are 0
    density: DensityGrid
    holes: Holes
    hole_pictures: np.ndarray  # uint8 (K, C, H, W)
    parts: KlParts
    n_images: int
    unsupported_images: float
    support: np.ndarray  # (N_SIDE^2,) of the decoded points, from the upper left, row by row
    sheet: bytes  # their pictures as a JPEG, N_SIDE in a row


def measure(engine) -> Measured:
    """Takes one second for 10,000 images."""
    encoding, d = engine.encoding, engine.latent_dim
    dims = tuple(sorted(np.argsort(-encoding.kl_per_dim.mean(0), kind="stable")[:2].tolist()))
    holes = prior.find_holes(engine.place, d, seed=SEED, n_centres=N_HOLES)
    points = np.zeros((N_SIDE**2, d), np.float32)
    x, y = np.meshgrid(np.linspace(-SPAN, SPAN, N_SIDE), np.linspace(SPAN, -SPAN, N_SIDE))
    points[:, dims[0]], points[:, dims[1]] = x.ravel(), y.ravel()
    return Measured(
        dims,
        prior.aggregate_posterior(encoding.mu, encoding.logvar, dims, -SPAN, SPAN),
        holes,
        picture(engine, holes.centres),
        prior.kl_parts(encoding.mu, encoding.logvar, seed=SEED),
        len(encoding.mu),
        prior.unsupported_images(encoding.mu, encoding.logvar, seed=SEED)[0],
        np.asarray(engine.place(points)[1]),
        figures.jpeg(figures.sheet(picture(engine, points), N_SIDE), JPEG_QUALITY),
    )


def picture(engine, z: np.ndarray) -> np.ndarray:
    """The images decoded from z (N, D), uint8 (N, C, H, W)."""
    return np.rint(255 * engine.decode(z)).astype(np.uint8) if len(z) else np.zeros((0, *engine.image_shape), np.uint8)
