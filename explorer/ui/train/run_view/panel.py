"""The view of a training run: loss, KL of each dimension, and the images and map of every epoch, scrubbed in the browser.

Twins are the columns of one table with one scrubber. The script keeps the images of an epoch and reports which it has, so that
each is sent once.
"""

from typing import TypedDict

import numpy as np

from explorer import figures
from explorer.core.runs.event_schema import is_drawn
from explorer.core.runs.folder import read_control
from explorer.ui.state import training as training_state
from explorer.ui.train.run_view.facts import FAILED, facts, status_text, twin_title
from explorer.ui.widgets.guard import guarded
from explorer.ui.wire import film_encoding
from explorer.ui.wire.component import register
from explorer.ui.wire.packet import pack

mount = register(__file__, "run", state="have")

KEY = "run_view"
N_POINTS = 400  # of a curve: more than it has pixels
N_COLUMNS = 160  # of the heat map
N_FRESH = 8  # epochs whose images are sent in one packet
DEAD_KL = 0.01  # nats; a dimension below it carries no information


class Axes(TypedDict):
    """Ranges of the drawings, equal for twins."""

    step: int  # the last batch
    loss: list[float]  # [low, high] of the stacked loss, in nats per image
    peak: float  # of the heat map, in nats


class SettingChange(TypedDict):
    """A change of the live settings."""

    step: int
    text: str


class Header(TypedDict):
    run: str
    link: str  # query that selects the run
    status: str
    live: bool
    word: str  # sentence on the status
    bad: bool  # whether the sentence is an error
    facts: str
    progress: float  # share of the batches done
    n_epochs: int
    axes: Axes
    sizes: list[int]  # length of each model's packet in `content`


class Arrays(TypedDict):
    content: bytes  # the packets of the models, one after the other


class Content(TypedDict):
    """One model: the run's own, or a twin."""

    key: str  # name of the run, or "group/twin"
    title: str  # of the column; "" without twins
    dials: list[SettingChange]
    plane: str  # caption of the map
    reach: float  # half the width of the map
    umap_reach: float
    shape: tuple[int, int, int]
    colours: list[str]  # of the classes
    classes: list[str]
    names: list[str]  # key of each epoch on disk, "epoch:stamp"
    fresh: list[str]  # keys of the F epochs whose images are in this packet
    half: int  # S: number of reconstructions, and of samples, of an epoch
    kl_epochs: list[int]
    dims: list[int]  # the D dimensions by their KL at the last epoch, largest first


class ContentArrays(TypedDict):
    train: np.ndarray  # (4, n): step, -ELBO, reconstruction loss, KL in nats per image
    test: np.ndarray  # (4, n), the same for the test split
    marks: np.ndarray  # (6, len(names) + 1): epoch, step, -ELBO, reconstruction loss, KL, active units; the last is the newest
    kl: np.ndarray  # (len(kl_epochs), D), nats, in the order of `dims`
    labels: np.ndarray  # (M,)
    xy: np.ndarray  # (F, M, 2)
    umap: np.ndarray  # (F, M, 2); empty unless the aligned UMAP exists
    originals: np.ndarray  # (S, C, H, W), sent with the first epoch
    frames: np.ndarray | bytes  # (F * 2 S, C, H, W): per epoch S reconstructions, S samples


class Request(TypedDict):
    """The state `have`: the epochs whose images the script has."""

    run: str
    keys: dict[str, list[str]]  # by the key of the model


def render(run, views: list[tuple], training) -> None:
    """`views`: (model, its events, its film) of the run, or of each of its twins."""
    axes, contents = _axes(views), []
    for model, events, film in views:
        keys = {f"{frame.epoch}:{frame.stamp}": frame for frame in film}
        with guarded(model.name):
            contents.append(_packet(model, events, keys, training.have.get(model.name, set())))
    first = views[0][1]
    header: Header = {
        "run": run.name,
        "link": f"run={run.name}",
        "status": run.status,
        "live": run.is_live,
        "word": status_text(run),
        "bad": run.status in FAILED,
        "facts": " · ".join(facts(run, first, _last_start(first))),
        "progress": run.step / run.n_steps if run.n_steps else 0.0,
        "n_epochs": run.n_epochs,
        "axes": axes,
        "sizes": [len(content) for content in contents],
    }
    if contents:
        mount(pack(header, {"content": b"".join(contents)}), KEY, lambda: training_state.receive_epochs(KEY, training))


def _axes(views: list[tuple]) -> Axes:
    """The ranges that the drawings of all `views` share. The steep start of the loss is left out."""
    high, low, step = [], [0.0], 1
    for _, events, _ in views:
        train, test = _curve(_batches(events), "train"), _curve(_epochs(events), "test")
        step = max([step, *train[0], *test[0]])
        low += [*train[2], *test[2]]
        high += [*train[1, int(0.12 * train.shape[1]) :], *test[1, min(1, max(0, test.shape[1] - 1)) :]]
    low, high = (np.array(values)[np.isfinite(values)] for values in (low, high))
    top = float(high.max()) if len(high) else 1.0
    base = float(low.min())
    peak = max((k for _, events, _ in views for e in _epochs(events) for k in e["kl_per_dim"]), default=0.0)
    loss = [base, top + 0.08 * max(top - base, 1e-6)]
    return {"step": int(step), "loss": loss, "peak": max(0.5, peak)}


def _epochs(events: list[dict]) -> list[dict]:
    return [e for e in events if e["kind"] == "epoch" and is_drawn(e, "test")]


def _batches(events: list[dict]) -> list[dict]:
    return [e for e in events if e["kind"] == "batch" and is_drawn(e, "train")]


def _last_start(events: list[dict]) -> dict:
    return next((e for e in reversed(events) if e["kind"] == "training"), {})


def _packet(model, events: list[dict], keys: dict, have: set[str]) -> bytes:
    start, epochs = _last_start(events), _epochs(events)
    fresh = [key for key in keys if key not in have][:N_FRESH]
    frames = [keys[key] for key in fresh]
    n_means = len(frames[0].xy) if frames else 0
    pictures = np.concatenate([p for frame in frames for p in (frame.reconstructions, frame.samples)]) if frames else _NONE
    encoded, encodings = film_encoding.encode_frames(pictures, 8) if frames else (pictures, {})
    has_umap = bool(frames) and all(frame.umap is not None for frame in frames)
    originals = next((frame.originals for frame in frames if frame.originals is not None), None)
    thinned = _thinned(epochs, N_COLUMNS)
    kl = np.array([e["kl_per_dim"] for e in thinned], np.float32)
    dims = np.argsort(-kl[-1], kind="stable") if kl.ndim == 2 else np.zeros(0, int)
    classes = start.get("classes", [])
    header: Content = {
        "key": model.name,
        "title": _title(model),
        "dials": [
            {"step": e["step"], "text": f"β {e['beta']:g}" + (f", lr × {e['lr_scale']:g}" if e["lr_scale"] != 1 else "")}
            for e in events
            if e["kind"] == "dial"
        ],
        "plane": {0: "", 1: "mu", 2: "z0, z1"}.get(start.get("latent_dim", 0), "PCA, aligned across epochs"),
        "reach": max((frame.reach for frame in keys.values()), default=1.0),
        "umap_reach": max((frame.umap_reach for frame in keys.values()), default=1.0),
        "shape": next((frame.samples.shape[1:] for frame in keys.values()), (1, 1, 1)),
        "colours": figures.CLASS_COLOURS,
        "classes": classes if len(classes) <= len(figures.CLASS_COLOURS) else [],
        "names": list(keys),
        "fresh": fresh,
        "half": len(frames[0].samples) if frames else 0,
        "kl_epochs": [e["epoch"] for e in thinned],
        "dims": dims.tolist(),
    }
    labels = [*start.get("labels", ()), *[-1] * n_means][:n_means]
    arrays: ContentArrays = {
        "train": _curve(_batches(events), "train"),
        "test": _curve(epochs, "test"),
        "marks": _marks(epochs, [frame.epoch for frame in keys.values()]),
        "kl": kl[:, dims] if len(dims) else kl,
        "labels": np.array(labels, np.int64),
        "xy": np.stack([frame.xy for frame in frames]) if frames else _NONE.astype(np.float32),
        "umap": np.stack([frame.umap for frame in frames]) if has_umap else _NONE.astype(np.float32),
        "originals": _NONE if originals is None else originals,
        "frames": encoded,
    }
    return pack(header, arrays, encodings)


def _title(model) -> str:
    if "/" not in model.name:
        return ""
    started = model.spec.train.get("beta", 1.0) if model.spec else 1.0
    beta = read_control(model.folder).beta
    return twin_title(model.folder.name, started, started if beta is None else beta)


def _thinned(events: list[dict], n: int) -> list[dict]:
    """At most `n` of the events, evenly spaced."""
    return events if len(events) <= n else [events[i] for i in np.linspace(0, len(events) - 1, n).astype(int)]


_NONE = np.zeros((0, 1, 1, 1), np.uint8)


def _number(value) -> float:
    return np.nan if value is None else value


def _losses(event: dict, split: str) -> tuple[float, ...]:
    """(step, -ELBO, reconstruction loss, KL) in nats per image; NaN for a missing value."""
    losses = event[split]
    return event["step"], -_number(losses["elbo"]), _number(losses["recon_loss"]), _number(losses["kl"])


def _curve(events: list[dict], split: str) -> np.ndarray:
    """(4, n) float32: step, -ELBO, reconstruction loss, KL."""
    return np.array([_losses(e, split) for e in _thinned(events, N_POINTS)], np.float32).reshape(-1, 4).T


def _marks(epochs: list[dict], shown: list[int]) -> np.ndarray:
    """(6, n + 1) float32: epoch, losses and active units of the n epochs that have images, and of the newest epoch."""
    by_epoch = {e["epoch"]: e for e in epochs}
    rows = []
    for epoch in [*shown, epochs[-1]["epoch"] if epochs else -1]:
        event = by_epoch.get(epoch)
        active = sum(k >= DEAD_KL for k in event["kl_per_dim"]) if event else np.nan
        rows.append((epoch, *(_losses(event, "test") if event else [np.nan] * 4), active))
    return np.array(rows, np.float32).T
