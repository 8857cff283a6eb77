"""What the part "estimators" of /reparameterization shows: the function, its draws, and the histograms of the estimators."""

import math
from typing import TypedDict

import numpy as np

from explorer.core.theory import gradient_estimators
from explorer.core.theory.gradient_estimators import ModelGradients

TOYS = {"square": "z^2", "sine": "sin 30z", "step": "step"}  # setting -> name in gradient_estimators
N_TOY_DRAWS, N_MODEL_DRAWS = 20_000, 1_000
SPAN, N_POINTS = 4.0, 3201  # of the curve of a toy: from -SPAN to SPAN
MODEL_SIGMAS, N_MODEL_POINTS = 5, 201  # of the curve of log p(x|z): up to MODEL_SIGMAS from mu
SEED = 0


class Estimates(TypedDict):
    """Header fields. Lists have an entry for each of gradient_estimators.ESTIMATORS; None: not known, or infinite."""

    at: list[float] | None  # mu and sigma
    true: float | None  # the gradient; for the model, the pathwise estimators' mean
    error: float | None  # standard error of `true`; 0 for the toys
    mean: list[float] | None
    variance: list[float] | None
    ratios: list[float | None]  # of the variances to that of the pathwise estimator
    median_ratios: list[float | None]  # the same, median over the dimensions of the model
    dim: int  # the latent dimension that is shown, for the model
    status: str


class Curves(TypedDict):
    """Arrays."""

    curve: np.ndarray  # f, at equal distances
    curve_span: np.ndarray  # (2,), the first and the last z
    edges: np.ndarray  # of the histograms' bins
    counts: np.ndarray  # (3, bins)


EMPTY: Estimates = {
    "at": None,
    "true": None,
    "error": None,
    "mean": None,
    "variance": None,
    "ratios": [None] * 3,
    "median_ratios": [None] * 3,
    "dim": 0,
    "status": "",
}
NO_CURVES = {name: np.zeros(0, np.float32) for name in ("curve", "curve_span", "edges")} | {"counts": np.zeros((3, 0))}


def finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def packet(engine, state, x: np.ndarray, gradients: ModelGradients | None) -> tuple[Estimates, Curves]:
    """`gradients`: of the model, None until they are computed."""
    if state["f"] != "elbo":
        return _toy(TOYS[state["f"]], state["mu"], state["sigma"])
    if engine.likelihood is None:
        return EMPTY | {"status": "The likelihood of this model is unknown, so its ELBO is too."}, NO_CURVES
    if gradients is None:
        return EMPTY | {"status": "Drawing from q(z|x) and differentiating the decoder"}, NO_CURVES
    return _model(engine, x, gradients)


def _toy(name: str, mu: float, sigma: float) -> tuple[Estimates, Curves]:
    moments = gradient_estimators.moments(name, mu, sigma)
    shown = gradient_estimators.histograms(gradient_estimators.toy_estimates(name, mu, sigma, N_TOY_DRAWS, SEED))
    header = EMPTY | {
        "at": [mu, sigma],
        "true": moments.gradient,
        "error": 0.0,
        "mean": list(moments.mean),
        "variance": list(moments.variance),
        "ratios": [finite(part / moments.variance[2]) if moments.variance[2] else None for part in moments.variance],
    }
    z = np.linspace(-SPAN, SPAN, N_POINTS)
    curve = gradient_estimators.TOYS[name].f(z)
    return header, {"curve": curve, "curve_span": np.array([-SPAN, SPAN]), "edges": shown.edges, "counts": shown.counts}


def _model(engine, x: np.ndarray, found: ModelGradients) -> tuple[Estimates, Curves]:
    """In the dimension with the smallest sigma, the one that the image determines best."""
    dim = int(found.logvar.argmin())
    mu, sigma = float(found.mu[dim]), float(np.exp(0.5 * found.logvar[dim]))
    estimates, ratios = found.estimates[:, :, dim], found.variance_ratio
    header = EMPTY | {
        "at": [mu, sigma],
        "true": float(found.mean[2, dim]),
        "error": float(found.standard_error[2, dim]),
        "mean": found.mean[:, dim].tolist(),
        "variance": estimates.var(1, ddof=1).tolist(),
        "ratios": [finite(part) for part in ratios[:, dim]],
        "median_ratios": [finite(part) for part in np.median(ratios, axis=1)],
        "dim": dim,
    }
    span = mu + MODEL_SIGMAS * sigma * np.array([-1.0, 1.0])
    z = np.repeat(found.mu[None], N_MODEL_POINTS, 0)
    z[:, dim] = np.linspace(*span, N_MODEL_POINTS)
    shown = gradient_estimators.histograms(estimates)
    curve = engine.likelihood.log_prob(z, x / 255)
    return header, {"curve": curve, "curve_span": span, "edges": shown.edges, "counts": shown.counts}
