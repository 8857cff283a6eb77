"""Latent Explorer: explore the latent space of trained variational autoencoders.

    from explorer import open_bundle
    engine = open_bundle("mnist")
    film = engine.interpolation_film(engine.gallery.mu[0], engine.gallery.mu[1], n=64)   # film.frames: uint8 (64, 1, 28, 28)

Packages (README.md in this folder describes the layers and who owns which state):

    core/       data sets, models, training, bundles, maps and the Engine; no user interface
    figures.py  arrays -> Plotly figures and encoded images
    slides/     pictures and films for slides
    tables.py   the points of a map as CSV, Parquet and Embedding Projector files
    ui/         the Streamlit pages
    web/        HTTP middleware
    train.py    the command line, python -m explorer.train
"""

from importlib import import_module

_MODULES = {
    "open_bundle": "explorer.core.engine.engine",
    "open_model": "explorer.core.engine.custom_model",
    "open_run": "explorer.core.engine.live_run",
    "list_bundles": "explorer.core.bundles.store",
    "save_bundle": "explorer.core.bundles.build",
    "Engine": "explorer.core.engine.engine",
    "Film": "explorer.core.engine.film",
    "ImageSet": "explorer.core.data.image_set",
    "ModelConfig": "explorer.core.config",
    "TrainConfig": "explorer.core.config",
    "ExplorerError": "explorer.core.errors",
    "VAE": "explorer.core.vae.model",
}
__all__ = sorted(_MODULES)


def __getattr__(name: str):
    """Imports a public name when it is first used, so that `import explorer` does not import torch."""
    if name not in _MODULES:
        raise AttributeError(f"module 'explorer' has no attribute '{name}'")
    return getattr(import_module(_MODULES[name]), name)


def __dir__() -> list[str]:
    return __all__
