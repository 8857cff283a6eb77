"""Latent Explorer: look into trained variational autoencoders.

    from explorer import open_bundle
    engine = open_bundle("mnist")
    film = engine.interpolation_film(engine.gallery.mu[0], engine.gallery.mu[1], n=64)   # film.frames: uint8 (64, 1, 28, 28)

The house, from the ground up (README.md beside this file has the floors and who owns which state):

    core/       tensors and files: data, model, objective, training, bundles, maps, and the Engine that answers
    figures.py  arrays -> Plotly figures and picture bytes
    ui/         the screen
    train.py    python -m explorer.train
"""

from importlib import import_module

_WHERE = {
    "open_bundle": "explorer.core.engine.engine",
    "open_model": "explorer.core.engine.custom_model",
    "list_bundles": "explorer.core.bundles.store",
    "save_bundle": "explorer.core.bundles.build",
    "Engine": "explorer.core.engine.engine",
    "Film": "explorer.core.engine.film",
    "ImageSet": "explorer.core.data.catalog",
    "ModelConfig": "explorer.core.config",
    "TrainConfig": "explorer.core.config",
    "ExplorerError": "explorer.core.errors",
    "VAE": "explorer.core.vae.model",
}
__all__ = sorted(_WHERE)


def __getattr__(name: str):
    """Names are imported when they are first asked for: `import explorer` itself costs nothing."""
    if name not in _WHERE:
        raise AttributeError(f"module 'explorer' has no attribute '{name}'")
    return getattr(import_module(_WHERE[name]), name)


def __dir__() -> list[str]:
    return __all__
