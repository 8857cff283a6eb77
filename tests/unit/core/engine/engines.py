"""Random models, inputs and checks shared by the tests of the Engine."""

from concurrent.futures import Future

import numpy as np
import torch
from torch.distributions import Normal

from explorer.core.engine.engine import Engine
from explorer.core.engine.latent_map import LatentMap

MODELS = {
    "d1": {"latent_dim": 1},
    "d2": {"latent_dim": 2, "arch": "mlp"},
    "d3-rgb": {"latent_dim": 3, "image_shape": (3, 16, 12)},
    "d16": {"latent_dim": 16},
    "continuous-bernoulli": {"latent_dim": 4, "likelihood": "continuous-bernoulli"},
}


def points(engine: Engine, n: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((n, engine.latent_dim)).astype(np.float32)


def pictures(engine: Engine, n: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random((n, *engine.image_shape), np.float32)


def grey(engine: Engine, z: np.ndarray) -> np.ndarray:
    """The exact frame of one point, by way of `decode`."""
    return np.rint(np.float32(255) * engine.decode(z)[0]).astype(np.uint8)


def calls(engine: Engine, monkeypatch) -> list[int]:
    """The batch sizes with which the decoder is called from now on."""
    sizes, decode = [], engine._decode
    monkeypatch.setattr(engine, "_decode", lambda z: (sizes.append(len(z)), decode(z))[1])
    return sizes


def check_film(engine, film, n):
    """What every film promises."""
    d = engine.latent_dim
    shapes = {
        "z": (n, d),
        "values": (n,),
        "frames": (n, *engine.image_shape),
        "xy": (n, 2),
        "support": (n,),
        "norm": (n,),
        "log_prior": (n,),
    }
    for name, shape in shapes.items():
        array = getattr(film, name)
        assert type(array) is np.ndarray and array.shape == shape, name
        assert array.dtype == (np.uint8 if name == "frames" else np.float32), name
    assert len(film) == n and 0 <= film.at < n and film.frames.flags.c_contiguous
    assert np.isfinite(film.xy).all() and (0 < film.support).all() and (film.support <= 1).all()
    np.testing.assert_allclose(film.norm, np.sqrt((film.z.astype(float) ** 2).sum(1)), rtol=1e-6)
    prior = Normal(0.0, 1.0).log_prob(torch.from_numpy(film.z).double()).sum(1)
    np.testing.assert_allclose(film.log_prior, prior, rtol=1e-6, atol=1e-6)


def with_gallery(engine: Engine, gallery, umap=None) -> Engine:
    """The same model with another gallery, which may still be a Future."""
    futures = []
    for value in (gallery, umap):
        futures.append(value if isinstance(value, Future) else Future())
        if futures[-1] is not value:
            futures[-1].set_result(value)
    return Engine(
        encode=engine._encode,
        decode=engine._decode,
        latent_map=LatentMap(engine.name, engine.latent_dim, *futures),
        origin=engine.origin,
        image_shape=engine.image_shape,
        content_hash=engine.content_hash,
        device=engine.device,
        pictures=engine._pictures,
        metrics=engine.metrics,
    )
