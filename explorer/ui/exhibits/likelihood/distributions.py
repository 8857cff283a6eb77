"""Where the distributions p(x|z) of the exhibit come from: models trained for it, or the loaded model read four ways."""

import math
from typing import NamedTuple

import numpy as np

from explorer.core.config import LIKELIHOODS
from explorer.core.errors import ExplorerError
from explorer.core.theory import observation
from explorer.core.vae.encoding import Encoding
from explorer.ui.exhibits import shipped

EXHIBIT = "likelihood"  # the folder of its models
MAX_SAMPLES, SAMPLE_BYTES = 32, 1_000_000  # of each likelihood; of all samples in a packet


class Output(NamedTuple):
    """What a decoder puts out for the image, to be read under one likelihood."""

    engine: object
    logits: np.ndarray  # (C, H, W)
    log_scale: float
    kl: float  # of the encoder's q(z|x)


def of_image(engine, source: str, x: np.ndarray) -> tuple[dict[str, Output], list, np.ndarray]:
    """The decoder's outputs, what they say about x, and samples, uint8 (4, n, C, H, W), by likelihood."""
    outputs = _trained_outputs(x) if source == "trained" else _own_outputs(engine, x)
    seen = [observation.observe(name, out.logits, x, out.log_scale) for name, out in outputs.items()]
    n = max(2, min(MAX_SAMPLES, SAMPLE_BYTES // (len(LIKELIHOODS) * x.size)))
    samples = [observation.samples(name, out.logits, n, out.log_scale) for name, out in outputs.items()]
    return outputs, seen, np.rint(255 * np.stack(samples)).astype(np.uint8)


def has_trained(engine) -> bool:
    """Whether the four models for this exhibit fit the images of `engine`, and are there."""
    if engine.origin.dataset != "digits" or engine.image_shape != (1, 8, 8):
        return False
    try:
        return all(shipped.model(EXHIBIT, name) for name in LIKELIHOODS)
    except ExplorerError:
        return False


def _trained_outputs(x: np.ndarray) -> dict[str, Output]:
    """The output of the model trained for each likelihood, at the mean of its own q(z|x)."""
    return {name: _output(shipped.model(EXHIBIT, name), x) for name in LIKELIHOODS}


def _own_outputs(engine, x: np.ndarray) -> dict[str, Output]:
    """The output of the loaded model, for all likelihoods. Unless it has learned a scale, that which fits x best is taken."""
    output = _output(engine, x)
    if engine.likelihood.name != "gaussian-learned":
        mean = observation.observe("gaussian", output.logits, x).mean
        output = output._replace(log_scale=math.log(observation.best_sigma(mean, x)))
    return dict.fromkeys(LIKELIHOODS, output)


def _output(engine, x: np.ndarray) -> Output:
    mu, logvar = engine.encode(x[None])
    logits, log_scale = engine.likelihood.decoder_output(mu)
    return Output(engine, logits[0], log_scale, float(Encoding(mu, logvar, np.zeros(1)).kl_per_dim.sum()))


def note(engine, source: str) -> str:
    """Where the distributions come from, for the visitor."""
    if source == "trained":
        return (
            "Shipped models that differ in their likelihood alone: digits, D = 4, MLP 128-64, 300 epochs, seed 0. Each number "
            "is one term at one z, the mean of q(z|x): not an ELBO. With variance 1 an error costs too little for z to pay."
        )
    name = engine.likelihood.name
    scale = "its learned one" if name == "gaussian-learned" else "the one that fits this image best"
    return (
        f"One output of {engine.name}, read under each likelihood; it was trained with {name}. "
        f"The learned variance is {scale}. Each number is one term at one z, the mean of q(z|x): not an ELBO."
    )
