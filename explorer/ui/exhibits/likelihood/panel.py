"""The exhibit /likelihood: p(x|z) of one image as its mean and as samples of it, under the four likelihoods."""

import math
from dataclasses import asdict
from typing import TypedDict

import numpy as np

from explorer.core.config import LIKELIHOODS
from explorer.core.theory import observation
from explorer.ui import resources
from explorer.ui.exhibits import exhibit
from explorer.ui.exhibits.exhibit import Exhibit, Frame, Prediction, Question
from explorer.ui.exhibits.images.panel import image_of
from explorer.ui.exhibits.likelihood import distributions
from explorer.ui.exhibits.likelihood.distributions import MAX_SAMPLES, Output
from explorer.ui.state.exhibit import Choice, Number
from explorer.ui.widgets.clock.panel import clock

POLL_S = 0.3
N_COVARIANCE_PX = 8  # pixels of the covariance along each side of the image

EXHIBIT = Exhibit(
    path="likelihood",
    title="The likelihood",
    look="The decoder puts out the parameters of a distribution over images. Compare its mean with images drawn from it.",
    models=("digits", "digits-2d", "mnist-2d", "mnist"),
    settings={
        "source": Choice(("trained", "this"), "trained"),
        "of": Choice(LIKELIHOODS, "gaussian-learned"),
        "seed": Number(0, MAX_SAMPLES - 1, 0, whole=True),
        "pixel": Number(0, 2**14 - 1, whole=True),
        "sigma": Number(0.02, 2),
    },
    predictions=(
        Prediction(
            "p(x|z) is a Gaussian with variance 1 around the mean. What does one draw from it look like?",
            ("Like the mean", "Like the mean, a little grainy", "Like noise"),
            2,
            "Grey levels lie between 0 and 1, so noise with a standard deviation of 1 drowns them. "
            "What is shown as \u201creconstruction\u201d or \u201csample\u201d is the mean, not a draw of x.",
            ("sample",),
        ),
        Prediction(
            "A decoder puts out exactly the grey levels of the image. What is its cross-entropy?",
            ("0", "More than 0", "Less than 0"),
            1,
            "The entropy of the targets is left: only black and white pixels cost nothing.",
            ("target-entropy", "data-entropy"),
        ),
    ),
    questions=(
        Question(
            "A8",
            "Does the decoder put out x, or mu and sigma of x?",
            "One number per pixel, which sets the mean. The variance is fixed, learned once for all pixels, or a function of "
            "the mean. x would be a draw: the second row.",
            "source=trained&of=gaussian-learned&seed=7&open=0.2",
        ),
        Question(
            "C4",
            "Is the output of the decoder an image or a distribution?",
            "Move the slider: every draw is another image from the same p(x|z); its mean stays.",
            "source=trained&of=bernoulli&seed=12&open=0.2",
        ),
        Question(
            "A9",
            "Why is the covariance diagonal?",
            "By assumption: given z, pixels are independent (left matrix). They depend on each other through z (right matrix).",
            "source=trained&of=gaussian-learned",
        ),
        Question(
            "B11",
            "Why is the first term called reconstruction error? What has it to do with x \u2212 x'?",
            "With a Gaussian, log p(x|z) is minus the squared error over 2\u03c3\u00b2, plus a constant. Here \u03c3 = 1.",
            "sigma=1",
        ),
    ),
    misfit=lambda engine: (
        None if engine.likelihood else "its likelihood p(x|z) is unknown. Choose a model trained in this app."
    ),
)
mount = exhibit.register_exhibit(__file__, EXHIBIT)


class Header(Frame):
    """Log probabilities are in nats. Lists follow the order of LIKELIHOODS."""

    shape: tuple[int, int, int]
    log_prob: list[float]  # log p(x|z) of the image at z = mu, for bernoulli minus the cross-entropy
    kl: list[float]  # KL(q(z|x) || p(z)) of the models
    source: str  # "trained" or "this"
    has_trained: bool
    note: str  # where the distributions come from
    of: str  # the likelihood whose covariance is shown
    seed: int
    n_samples: int  # of each likelihood
    pixel: int  # index of the marked pixel, row by row
    squared: dict[str, float]  # the fields of observation.SquaredError, of the Gaussian with a learned variance
    fitted_sigma: float  # of that Gaussian
    cross_entropy: float  # of the Bernoulli's mean from the image
    target_entropy: float  # of the image
    log_integral: float  # log of the integral of exp(-cross-entropy) over all images
    sharpest: float  # log density of the continuous Bernoulli whose lambda is the image
    data_entropy: float | None  # mean target entropy of the data set; None until it is known or if its images are not here
    data: str  # title of the data set
    side: int  # of the pixels of the covariance
    correlation: float  # largest |correlation| of two pixels where z varies


class Arrays(TypedDict):
    image: np.ndarray  # (C, H, W) uint8
    means: np.ndarray  # (4, C, H, W) float32
    variances: np.ndarray  # (4, C, H, W)
    pixel_log_probs: np.ndarray  # (4, C, H, W)
    samples: np.ndarray  # (4, n_samples, C, H, W) uint8, clipped to grey levels
    given_z: np.ndarray  # (P, P) float32, the covariance of p(x|z) at the z of the image
    over_z: np.ndarray  # (P, P), the covariance of x where z is drawn from the prior


def render(engine, state) -> None:
    entropy = resources.later(engine, "target-entropy", (resources.has_images(engine),), lambda: _data_entropy(engine))
    if entropy is None:
        clock("exhibit", POLL_S)
    exhibit.render(engine, state, mount, (entropy,), lambda: _content(engine, state, entropy))


def _content(engine, state, entropy: float | None) -> tuple[dict, Arrays]:
    x, _ = image_of(engine, state)
    has_trained = distributions.has_trained(engine)
    source = state["source"] if has_trained else "this"
    shown = (source, x.tobytes())
    outputs, seen, samples = resources.shared(engine, EXHIBIT.path, shown, lambda: distributions.of_image(engine, source, x))
    n_samples = samples.shape[1]
    pixel = state["pixel"] if state["pixel"] is not None else int(seen[0].variance.sum(0).argmax())
    header = {
        "shape": engine.image_shape,
        "log_prob": [one.log_prob for one in seen],
        "kl": [out.kl for out in outputs.values()],
        "source": source,
        "has_trained": has_trained,
        "note": distributions.note(engine, source),
        "of": state["of"],
        "seed": min(state["seed"], n_samples - 1),
        "n_samples": n_samples,
        "pixel": min(pixel, x[0].size - 1),
    }
    covariance, matrices = _covariance(engine, state["of"], outputs, seen, source)
    parts = {"means": "mean", "variances": "variance", "pixel_log_probs": "pixel_log_prob"}
    arrays = {name: np.stack([getattr(one, part) for one in seen]) for name, part in parts.items()}
    arrays |= {"image": x, "samples": samples, **matrices}
    return header | _squared(outputs, state, x) | _cross_entropy(engine, outputs, x, entropy) | covariance, arrays


# ---- the parts of the page


def _squared(outputs: dict[str, Output], state, x: np.ndarray) -> dict:
    learned = outputs["gaussian-learned"]
    fitted = math.exp(learned.log_scale)
    mean = observation.observe("gaussian-learned", learned.logits, x, learned.log_scale).mean
    sigma = fitted if state["sigma"] is None else state["sigma"]
    return {"squared": asdict(observation.squared_error(mean, x, sigma)), "fitted_sigma": fitted}


def _cross_entropy(engine, outputs: dict[str, Output], x: np.ndarray, entropy: float | None) -> dict:
    logits = outputs["bernoulli"].logits
    return {
        "cross_entropy": -observation.observe("bernoulli", logits, x).log_prob,
        "target_entropy": float(observation.target_entropy(x[None])[0]),
        "log_integral": observation.log_integral(logits),
        "sharpest": float(observation.target_log_density(x[None])[0]),
        "data_entropy": None if entropy is None or math.isnan(entropy) else entropy,
        "data": engine.origin.title or engine.origin.dataset,
    }


def _data_entropy(engine) -> float:
    """The mean entropy of the targets over the gallery's images; NaN if they are not on this machine."""
    images = engine.pictures(np.arange(len(engine.gallery.mu)))
    return math.nan if images is None else float(observation.target_entropy(images).mean())


def _covariance(engine, of: str, outputs: dict[str, Output], seen: list, source: str) -> tuple[dict, dict]:
    """Of evenly spaced pixels of the first channel, under the likelihood `of`."""
    out, one = outputs[of], seen[LIKELIHOODS.index(of)]
    _, height, width = one.mean.shape
    rows, columns = (np.linspace(0, size - 1, N_COVARIANCE_PX).round().astype(int) for size in (height, width))
    pixels = (rows[:, None] * width + columns).ravel()
    shown = (source, of, out.log_scale)
    make = lambda: observation.prior_covariance(out.engine, of, pixels, out.log_scale)  # noqa: E731
    found = resources.shared(engine, "pixel-covariance", shown, make)
    matrices = {"given_z": np.diag(one.variance.reshape(-1)[pixels]), "over_z": found.over_z}
    return {"side": N_COVARIANCE_PX, "correlation": found.largest_correlation}, matrices
