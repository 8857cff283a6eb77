"""The exhibit /lower-bound: log p(x), the ELBO of any q and the gap between them, by quadrature."""

from functools import partial
from typing import TypedDict

import numpy as np

from explorer.core.theory import monte_carlo
from explorer.core.theory.best_gaussian import BestGaussian, best_gaussian
from explorer.ui import resources
from explorer.ui.exhibits import exhibit, posterior
from explorer.ui.exhibits.exhibit import Exhibit, Frame, Prediction, Question
from explorer.ui.exhibits.images import panel as images
from explorer.ui.exhibits.posterior import Fields, Posterior
from explorer.ui.widgets.clock.panel import clock

PRIOR_KS, N_PRIOR_DRAWS = (1, 10, 100, 1_000, 10_000, 100_000), 100_000
IWAE_KS, N_IWAE_DRAWS = (1, 10, 100, 1_000), 20_000

EXHIBIT = Exhibit(
    path="lower-bound",
    title="The lower bound",
    look="Drag the ellipse q: the ELBO and the gap change, their sum does not. The sum is log p(x), which no q can change.",
    models=("mnist-2d", "digits-2d"),
    settings=posterior.SETTINGS,
    predictions=(
        Prediction(
            "You make q much wider than the posterior. What happens to log p(x)?",
            ("It falls", "It rises", "Nothing"),
            2,
            "log p(x) belongs to the image and the decoder. A worse q lowers the ELBO and widens the gap by the same amount.",
            ("log-px", "sum"),
        ),
    ),
    questions=(
        Question(
            "A3, E4",
            "Why is p(x) intractable when x is given?",
            "It is an integral over all z, and samples of the prior (the violet curve) hardly ever hit the posterior. In two "
            "dimensions the plane can be summed up, in sixteen it cannot: choose mnist.",
            at=".le-chart",
        ),
        Question(
            "B2",
            "Is it a KL if one is over z given x and the other over z?",
            "x is one fixed image: the green cloud and the ellipse are two densities over the same z.",
            at=".le-plane",
        ),
        Question(
            "B3",
            "Is log p(x) a density or a number?",
            "For this image a number, the green line. Choose another image and it is another number.",
            "open=0.2",
            ".le-level",
        ),
        Question(
            "B4",
            "What is known, assumed, predicted, computed?",
            "The table under the derivation, with the values of this image.",
            at=".le-known",
        ),
        Question(
            "B6",
            "Why does maximising one part minimise the other?",
            "Their sum is log p(x), which stands still: press Optimise q and see the gap close.",
            "m1=0&m2=0&s1=0.5&s2=0.5&open=0.2",
            ".le-terms",
        ),
        Question(
            "",
            "What is the amortisation gap?",
            "What the encoder loses by being one function for all images: the best ELBO of any q for this image minus its own.",
            at="[data-num='amortisation-gap']",
        ),
    ),
    misfit=lambda engine: None if engine.likelihood is not None else posterior.misfit(engine),
)
mount = exhibit.register_exhibit(__file__, EXHIBIT)


class Series(TypedDict):
    """An estimate of log p(x) against K; `low` and `high`: one standard deviation of a single estimate."""

    name: str  # "iwae" or "monte-carlo"
    k: list[int]
    mean: list[float]
    low: list[float]
    high: list[float]


class Header(Frame, Posterior):
    encoder_elbo: float | None  # this and the next: None until they are computed
    best_elbo: float | None
    n_steps: int
    series: list[Series]
    status: str


class Arrays(Fields):
    path: np.ndarray  # (n_steps, 4), the optimisation's q


def render(engine, state) -> None:
    """Without a plane, for a model with more than two dimensions, there are only the estimates."""
    has_plane = posterior.misfit(engine) is None
    if has_plane and not posterior.is_ready(engine):
        return
    x, _ = images.image_of(engine, state)
    later = partial(resources.later, engine)
    best = later("best", (x.tobytes(),), lambda: _best(engine, x)) if has_plane else None
    importance = partial(monte_carlo.importance_weighted, engine, x, IWAE_KS, N_IWAE_DRAWS)
    plain = partial(monte_carlo.from_prior, engine, x, PRIOR_KS, N_PRIOR_DRAWS)
    estimates = {"iwae": later("iwae", (x.tobytes(),), importance), "monte-carlo": later("plain", (x.tobytes(),), plain)}
    ready = {name: estimate for name, estimate in estimates.items() if estimate is not None}
    if (has_plane and best is None) or len(ready) < len(estimates):
        clock("exhibit", posterior.POLL_S)
    key = best is not None, *ready
    make = _content if has_plane else _estimates_only
    exhibit.render(engine, state, mount, key, lambda: make(engine, state, best, ready))


def _best(engine, x: np.ndarray) -> BestGaussian:
    return best_gaussian(engine, x, posterior.evidence_of_image(engine, x))


def _content(engine, state, best: BestGaussian | None, estimates: dict) -> tuple[dict, Arrays]:
    shown, fields = posterior.packet(engine, state)
    ascent = None if best is None else best.best if best.best.elbo[0] == best.encoder_elbo else best.from_encoder
    path = np.zeros((0, 4)) if best is None else np.concatenate([ascent.means, ascent.sigmas], 1)
    header = shown | {
        "encoder_elbo": best and best.encoder_elbo,
        "best_elbo": best and best.elbo,
        "n_steps": len(path),
        "series": [_series(name, estimate) for name, estimate in estimates.items()],
        "status": "Looking for the best q" if best is None else "",
    }
    return header, {**fields, "path": path}


def _estimates_only(engine, state, best: None, estimates: dict) -> tuple[dict, Arrays]:
    header = posterior.EMPTY | {
        "encoder_elbo": float(estimates["iwae"].mean[0]) if "iwae" in estimates else None,
        "best_elbo": None,
        "n_steps": 0,
        "series": [_series(name, estimate) for name, estimate in estimates.items()],
        "status": f"{_why_no_plane(engine)}: there are only estimates, and plain Monte Carlo misses the posterior. "
        "Choose mnist-2d or digits-2d to see it exactly.",
    }
    return header, {"fields": np.zeros(0, np.float32), "path": np.zeros((0, 4), np.float32)}


def _why_no_plane(engine) -> str:
    if engine.latent_dim == 1:
        return "This model has one latent dimension, and this exhibit draws a plane"
    return f"log p(x) cannot be integrated over {engine.latent_dim} dimensions"


def _series(name: str, estimates: monte_carlo.Estimates) -> Series:
    spread = np.where(np.isnan(estimates.sd), estimates.standard_error, estimates.sd)
    low, high = estimates.mean - spread, estimates.mean + spread
    lists = {"k": estimates.k, "mean": estimates.mean, "low": low, "high": high}
    return {"name": name, **{part: values.tolist() for part, values in lists.items()}}
