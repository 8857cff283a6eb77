"""A trained twin of a run, opened to be compared with the others: its summary, and pictures between images."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from explorer.core.data import catalog
from explorer.core.engine.live_run import load_model
from explorer.core.latent import navigation
from explorer.core.theory.autoencoders import LatentSummary, summarize
from explorer.core.vae.encoding import encode_images
from explorer.core.vae.model import VAE

N_IMAGES = 2000  # test images that are encoded


@dataclass(frozen=True, eq=False)
class TwinModel:
    """One model, and what it does with the test images. Immutable and thread-safe."""

    summary: LatentSummary
    mu: np.ndarray  # (N, D) float32, of the first N_IMAGES test images
    _model: VAE

    def interpolation(self, a: int, b: int, n: int) -> np.ndarray:
        """n images uint8 (n, C, H, W) decoded along the straight line between the means of test images a and b."""
        return self.decode(navigation.lerp(self.mu[a], self.mu[b], np.linspace(0, 1, n)))

    @torch.inference_mode()
    def decode(self, z: np.ndarray) -> np.ndarray:
        """z (F, D) -> uint8 (F, C, H, W)."""
        return self._model.decode(torch.from_numpy(np.asarray(z, np.float32))).mul(255).round().to(torch.uint8).numpy()


def open_twin(folder: Path) -> TwinModel:
    """The model in a twin's folder, on the CPU. Raises BundleError if it is damaged, DataError if its images are missing."""
    model, dataset, _ = load_model(folder)
    test = catalog.load(dataset, "test", download=False).head(N_IMAGES)
    encoding = encode_images(model, test.images, seed=0)
    return TwinModel(summarize(encoding), encoding.mu, model)
