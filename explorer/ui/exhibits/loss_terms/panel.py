"""The exhibit /loss-terms: three twins, trained with one term of the loss, with the other, and with both."""

from functools import lru_cache
from typing import TypedDict

import numpy as np

from explorer import figures
from explorer.core.data import catalog
from explorer.core.runs import exhibit_plans
from explorer.core.theory.loss_terms import kl_halves, overlapping_bubbles
from explorer.ui.exhibits import exhibit, training
from explorer.ui.exhibits.exhibit import Exhibit, Frame
from explorer.ui.exhibits.loss_terms.texts import LOOK, PREDICTIONS, QUESTIONS
from explorer.ui.exhibits.training import Shown, TrainingStatus
from explorer.ui.state.exhibit import Choice, Number

TWINS = tuple(exhibit_plans.LOSS_TERMS)
N_PICTURES = 8  # images whose reconstructions are shown, and samples
PRIOR_REACH = 3.0  # half the width of a map at least: it holds the prior
SWITCH = ("on", "off")

EXHIBIT = Exhibit(
    path="loss-terms",
    title="The terms of the loss",
    look=LOOK,
    models=(),
    settings={
        "data": Choice(("digits", "mnist"), "digits"),
        "beta": Choice(("0.25", "0.5", "1", "2", "4"), "1"),
        "dims": Choice(("1", "2", "4"), "2"),
        "bubbles": Choice(("30", "100", "300"), "100"),
        "radius": Choice(SWITCH, "on"),
        "home": Choice(SWITCH, "on"),
        "epoch": Number(0, 1000, whole=True),
    },
    predictions=PREDICTIONS,
    questions=QUESTIONS,
    has_image=False,
)
mount = exhibit.register_exhibit(__file__, EXHIBIT)


class Header(Frame, TrainingStatus):
    settings: dict[str, str]
    has_mnist: bool  # whether MNIST is on this machine
    twins: list[str]
    epochs: list[int]  # E of the film; empty if nothing is trained
    epoch: int  # the one to show
    numbers: dict[str, list[list[float | None]]]  # by name, twin and epoch: recon, kl, radius, home (nats), overlap, v, m
    reach: list[float]  # half the width of each twin's map
    n: int  # bubbles
    labels: list[int]  # of the bubbles
    colours: list[str]  # of the labels
    axes: list[str]  # what is drawn to the right and up
    shape: tuple[int, int, int]
    k: int  # pictures of each kind


class Arrays(TypedDict):
    bubbles: np.ndarray  # (T, E, n, 4): mean x, mean y, sigma x, sigma y
    originals: np.ndarray  # (k, C, H, W)
    frames: np.ndarray  # (T * E * 2k, C, H, W): per twin and epoch, k reconstructions and k samples


def render(engine, state) -> None:
    dataset = state["data"] if _has_mnist() else "digits"
    plan = exhibit_plans.loss_terms(
        int(state["dims"]), float(state["beta"]), state["radius"] == "on", state["home"] == "on", dataset
    )
    shown = training.watch(plan)
    exhibit.render(
        engine,
        state,
        mount,
        (*shown.key, _has_mnist()),
        lambda: _content(state, shown),
        lambda request: training.handle(plan, state, request),
    )


def _content(state, shown: Shown) -> tuple[dict, Arrays]:
    n = int(state["bubbles"])
    films = _films(shown)
    epochs = [frame.epoch for frame in films[0]]
    rows, labels = _picture_rows(shown)
    numbers = [[_numbers(frame.mu, frame.logvar, n) for frame in film] for film in films]
    recon = [_recon_losses(shown, name, epochs) for name in TWINS] if epochs else [[], [], []]
    bubbles = np.array([_bubbles(film, n) for film in films], np.float32)
    k = len(rows)
    pictures = [part for film in films for frame in film for part in (frame.reconstructions[rows], frame.samples[:k])]
    header = shown.status | {
        "settings": {name: state[name] for name in ("data", "beta", "dims", "bubbles", "radius", "home")},
        "has_mnist": _has_mnist(),
        "twins": list(TWINS),
        "epochs": epochs,
        "epoch": _nearest(epochs, state["epoch"]),
        "numbers": {"recon": recon} | {name: [[at[name] for at in film] for film in numbers] for name in NUMBERS},
        "reach": [_reach(part) for part in bubbles],
        "n": min(n, len(labels)),
        "labels": labels[:n],
        "colours": list(figures.CLASS_COLOURS),
        "axes": {"1": ["z", ""], "2": ["z0", "z1"]}.get(state["dims"], ["largest KL", "second largest"]),
        "shape": films[0][0].samples.shape[1:] if epochs else (1, 8, 8),
        "k": k,
    }
    return header, {
        "bubbles": bubbles,
        "originals": films[0][0].originals[rows] if epochs else _NONE,
        "frames": np.concatenate(pictures) if epochs else _NONE,
    }


NUMBERS = ("kl", "radius", "home", "overlap", "v", "m")
_NONE = np.zeros((0, 1, 8, 8), np.uint8)


def _has_mnist() -> bool:
    return any(info.name == "mnist" and info.present for info in catalog.list_datasets())


def _films(shown: Shown) -> list[list]:
    """The frames of the epochs that all twins have, in the order of TWINS."""
    if not shown.twins:
        return [[], [], []]
    films = [{frame.epoch: frame for frame in shown.twins[name][1]} for name in TWINS]
    common = sorted(set(films[0]).intersection(*films[1:]))
    return [[film[epoch] for epoch in common] for film in films]


def _picture_rows(shown: Shown) -> tuple[list[int], list[int]]:
    """(rows of the pictures, labels of all images): the first image of each class among those that have a picture."""
    if not shown.twins:
        return [], []
    events, film = shown.twins[TWINS[0]]
    labels = next(event["labels"] for event in reversed(events) if event["kind"] == "training")
    _, first = np.unique(labels[: len(film[0].reconstructions)], return_index=True)
    return first[:N_PICTURES].tolist(), labels


@lru_cache(maxsize=600)  # at most 64 kB each
def _numbers_at(mu: bytes, logvar: bytes, n_dims: int, n: int) -> dict[str, float]:
    means, logvars = (np.frombuffer(part, np.float32).reshape(-1, n_dims) for part in (mu, logvar))
    halves = kl_halves(means, logvars)
    return {
        "kl": float(halves.kl_per_dim.sum(1).mean()),
        "radius": float(halves.variance.sum(1).mean()),
        "home": float(halves.mean.sum(1).mean()),
        "overlap": float(overlapping_bubbles(means[:n], logvars[:n]).n_pairs),
        "v": float(np.exp(logvars.astype(np.float64)).mean()),
        "m": float(np.sqrt(np.square(means.astype(np.float64)).mean())),
    }


def _numbers(mu: np.ndarray, logvar: np.ndarray, n: int) -> dict[str, float]:
    """The numbers of one epoch: the terms over all test images, overlaps among the first n."""
    return _numbers_at(mu.tobytes(), logvar.tobytes(), mu.shape[1], n)


def _recon_losses(shown: Shown, name: str, epochs: list[int]) -> list[float | None]:
    """None for an epoch whose images are there before its loss."""
    found = {event["epoch"]: event["test"]["recon_loss"] for event in shown.twins[name][0] if event["kind"] == "epoch"}
    return [found.get(epoch) for epoch in epochs]


def _bubbles(film: list, n: int) -> np.ndarray:
    """(E, n, 4) of the two dimensions that are drawn; one dimension is drawn to the right, with the images spread upwards."""
    if not film:
        return np.zeros((0, 0, 4))
    kl = kl_halves(film[-1].mu, film[-1].logvar).kl_per_dim.mean(0)
    dims = np.argsort(-kl)[:2] if len(kl) > 2 else np.arange(len(kl))
    parts = []
    for frame in film:
        mu, sigma = frame.mu[:n, dims], np.exp(0.5 * frame.logvar[:n, dims])
        if len(dims) == 1:
            up = np.linspace(-1, 1, len(mu))[:, None] * 0.9 * PRIOR_REACH
            mu, sigma = np.hstack([mu, up]), np.hstack([sigma, np.full_like(sigma, 0.03)])
        parts.append(np.hstack([mu, sigma]))
    return np.array(parts)


def _reach(bubbles: np.ndarray) -> float:
    """Half the width of a map that holds all bubbles but a few, in all epochs."""
    if not bubbles.size:
        return PRIOR_REACH
    return max(PRIOR_REACH, float(np.quantile(np.abs(bubbles[..., :2]) + bubbles[..., 2:], 0.995)))


def _nearest(epochs: list[int], wanted: float | None) -> int:
    if not epochs:
        return 0
    return epochs[-1] if wanted is None else min(epochs, key=lambda epoch: abs(epoch - wanted))
