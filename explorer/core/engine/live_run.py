"""Opens a training run as an Engine: the model of the last saved epoch, with a gallery of test images."""

import hashlib
from pathlib import Path

import numpy as np

from explorer.core import device as devices
from explorer.core.bundles.build import make_gallery
from explorer.core.bundles.format import Origin
from explorer.core.config import ModelConfig, from_dict
from explorer.core.data import catalog
from explorer.core.data.catalog import stratified_draw
from explorer.core.engine.engine import Engine
from explorer.core.engine.latent_map import LatentMap, done
from explorer.core.engine.pixel_likelihood import PixelLikelihood
from explorer.core.errors import BundleError
from explorer.core.runs import folder as run_folder
from explorer.core.training.state_file import load_state
from explorer.core.vae.encoding import encode_images
from explorer.core.vae.model import VAE

N_IMAGES = 2000  # takes a third of a second to encode, after every epoch


def load_model(folder: Path) -> tuple[VAE, str, int]:
    """(model, name of its data set, epoch) of the last saved state in a run's folder. Raises BundleError."""
    tensors, meta = load_state(folder)
    try:
        model = VAE(from_dict(ModelConfig, meta["model_config"]))
        model.load_state_dict({key.removeprefix("model."): value for key, value in tensors.items() if key.startswith("model.")})
        return model.eval(), str(meta["config"]["dataset"]), int(meta["epoch"])
    except (KeyError, TypeError, ValueError, RuntimeError):
        raise BundleError(f"The state of the run '{folder.name}' is damaged.", "Delete the run.") from None


def open_run(name: str, device: str = "auto") -> Engine:
    """The Engine of a run at its last saved state, with a PCA map. `metrics` contains the `epoch`.

    Raises BundleError if no epoch is saved yet or the folder is damaged, DataError if its images are missing.
    """
    folder = run_folder.find(name)
    if not (folder / run_folder.STATE).exists():
        raise BundleError(f"The run '{name}' has no epoch yet.", "Wait until the first one is saved.")
    model, dataset, epoch = load_model(folder)
    weights = model.state_dict()
    device = devices.choose(device)
    model = model.to(device).eval()
    order, _ = run_folder.read_run(folder)
    test = catalog.load(dataset, "test", size=order.size, download=False)
    test = test.take(stratified_draw(test.labels, min(N_IMAGES, len(test))))
    encoding = encode_images(model, test.images, seed=0)
    gallery = make_gallery(encoding, test, thumbs=False)
    pixels = test.images
    origin = Origin(test.name, test.split, test.class_names, test.factor_names, test.title, test.origin, test.licence)
    kl = encoding.kl_per_dim.mean(0)
    metrics = {"epoch": max(0, epoch), "test_elbo": float(encoding.elbo.mean()), "kl_per_dim": kl.tolist()}
    digest = hashlib.sha256(b"".join(np.ascontiguousarray(v.numpy()).tobytes() for _, v in sorted(weights.items()))).hexdigest()
    return Engine(
        encode=model.encode,
        decode=model.decode,
        likelihood=PixelLikelihood(model),
        latent_map=LatentMap(f"run:{name}", model.config.latent_dim, done(gallery), done(None)),
        origin=origin,
        image_shape=model.config.image_shape,
        content_hash=digest,
        device=device,
        pictures=lambda rows: pixels[rows],
        metrics=metrics,
        is_live=True,
    )
