"""The exhibit /autoencoders: an autoencoder, a VAE and a beta-VAE from one seed, on the same images."""

from functools import lru_cache
from pathlib import Path
from typing import TypedDict

import numpy as np

from explorer.core.errors import BundleError
from explorer.core.runs import exhibit_plans
from explorer.core.runs.folder import STATE_META
from explorer.core.theory.twin_models import TwinModel, open_twin
from explorer.ui.exhibits import exhibit, training
from explorer.ui.exhibits.autoencoders.texts import LOOK, PREDICTIONS, QUESTIONS
from explorer.ui.exhibits.exhibit import Exhibit, Frame
from explorer.ui.exhibits.training import Shown, TrainingStatus
from explorer.ui.state.exhibit import Choice, Number

TWINS = ("autoencoder", "vae", "beta-vae")
DIGITS = tuple("01234567")  # classes that are among the run's pictures
N_FRAMES = 33  # of the interpolation
N_SAMPLES = 16

EXHIBIT = Exhibit(
    path="autoencoders",
    title="Autoencoder, VAE, beta-VAE",
    look=LOOK,
    models=(),
    settings={
        "beta": Choice(("0.5", "2", "4"), "2"),
        "dims": Choice(("2", "4", "8"), "8"),
        "a": Choice(DIGITS, "3"),
        "b": Choice(DIGITS, "0"),
        "t": Number(0, N_FRAMES - 1, 16, whole=True),
    },
    predictions=PREDICTIONS,
    questions=QUESTIONS,
    has_image=False,
)
mount = exhibit.register_exhibit(__file__, EXHIBIT)


class Header(Frame, TrainingStatus):
    settings: dict[str, str]
    twins: list[str]
    t: int  # frame of the interpolation to show
    n_frames: int  # of each interpolation; 0 if nothing is trained
    n_samples: int
    numbers: dict[str, list[float]]  # by name and twin: the fields that NUMBERS names
    kl: list[list[float]]  # of each twin's dimensions, nats, the largest first
    shape: tuple[int, int, int]


class Arrays(TypedDict):
    ends: np.ndarray  # (2, C, H, W), the two images
    films: np.ndarray  # (T * n_frames, C, H, W)
    samples: np.ndarray  # (T * n_samples, C, H, W), decoded from the same draws of the prior


def render(engine, state) -> None:
    plan = exhibit_plans.autoencoders(int(state["dims"]), float(state["beta"]))
    shown = training.watch(plan)
    models = _models(shown)
    exhibit.render(
        engine,
        state,
        mount,
        (*shown.key, bool(models)),
        lambda: _content(state, shown, models),
        lambda request: training.handle(plan, state, request),
    )


def _models(shown: Shown) -> list[TwinModel]:
    """The twins' models at their last saved epoch; none before the first."""
    try:
        return [_open(str(twin.folder), (twin.folder / STATE_META).stat().st_mtime_ns) for twin in shown.run.twins]
    except (AttributeError, BundleError, OSError):  # no run, or one without a saved state
        return []


@lru_cache(maxsize=24)
def _open(folder: str, stamp: int) -> TwinModel:
    return open_twin(Path(folder))


def _content(state, shown: Shown, models: list[TwinModel]) -> tuple[dict, Arrays]:
    header = shown.status | {
        "settings": {name: state[name] for name in ("beta", "dims", "a", "b")},
        "twins": list(TWINS),
        "t": state["t"],
        "n_frames": N_FRAMES if models else 0,
        "n_samples": N_SAMPLES,
        "numbers": {name: [value(model.summary) for model in models] for name, value in NUMBERS.items()},
        "kl": [np.sort(model.summary.kl_per_dim)[::-1].tolist() for model in models],
        "shape": (1, 8, 8),
    }
    if not models:
        return header, dict.fromkeys(("ends", "films", "samples"), np.zeros((0, 1, 8, 8), np.uint8))
    a, b = _rows(shown, state)
    films = [film for _, film in shown.twins.values()]
    originals = next(frame.originals for frame in films[0] if frame.originals is not None)
    return header, {
        "ends": originals[[a, b]],
        "films": np.concatenate([model.interpolation(a, b, N_FRAMES) for model in models]),
        "samples": np.concatenate([shown.twins[name][1][-1].samples[:N_SAMPLES] for name in TWINS]),
    }


NUMBERS = {
    "recon": lambda summary: summary.recon_loss,
    "kl": lambda summary: summary.kl,
    "active": lambda summary: summary.active_units,
    "holes": lambda summary: 100 * summary.holes.share,
    "point-dims": lambda summary: summary.n_point_dims,
    "prior-dims": lambda summary: summary.n_prior_dims,
}


def _rows(shown: Shown, state) -> tuple[int, int]:
    """The test images that are interpolated: the first of either class."""
    events = shown.twins[TWINS[0]][0]
    labels = next(event["labels"] for event in reversed(events) if event["kind"] == "training")
    return tuple(labels.index(int(state[end])) for end in ("a", "b"))
