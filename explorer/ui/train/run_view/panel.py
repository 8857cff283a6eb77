"""The view of a training run: curves, the KL of each dimension, and the images and map of every epoch, scrubbed in the browser.

The script keeps the images of an epoch and reports which it has, so that each is sent once. Twins are shown side by side:
views with the same `link` keep to the same epoch through the window event `latent-epoch` {from, link, wanted}, where `wanted`
is an epoch or null for the newest.
"""

import time
from typing import TypedDict

import numpy as np
import streamlit as st

from explorer import figures
from explorer.core.runs import twins
from explorer.core.runs.event_schema import is_drawn
from explorer.ui.state import messages
from explorer.ui.state import training as training_state
from explorer.ui.widgets.guard import guarded
from explorer.ui.wire import film_encoding
from explorer.ui.wire.component import register
from explorer.ui.wire.packet import pack

mount = register(__file__, "run", state="have")

KEY = "run_view"
N_POINTS = 400  # of a curve: more than it has pixels
N_COLUMNS = 160  # of the heat map
N_FRESH = 8  # epochs whose images are sent in one packet
DEAD_KL = 0.01
STATUS_TEXT = {
    "queued": "Another run has the device; this one begins when that is over.",
    "starting": "Starting: the libraries and the images are being loaded.",
    "paused": "Paused.",
    "mapping": "Trained and saved. The page shows PCA while the UMAP map is made.",
    "stopped": "Stopped. It can go on.",
}


class Axes(TypedDict):
    """Ranges of the drawings, equal for twins."""

    curves: list[list[float]]  # [low, high] of -ELBO, reconstruction loss, KL
    peak: float  # of the heat map, in nats
    reach: float  # of the map
    umap_reach: float


class SettingChange(TypedDict):
    """A change of the live settings."""

    step: int
    text: str


class Header(TypedDict):
    run: str
    title: str
    link: str  # query that selects the run; twins have the same
    status: str
    live: bool
    word: str  # sentence on the status
    bad: bool  # whether the sentence is an error
    axes: Axes
    elbo: float | None
    epoch: int
    n_epochs: int
    step: int
    n_steps: int
    facts: str
    dials: list[SettingChange]
    dead: str
    plane: str  # caption of the map
    shape: tuple[int, int, int]
    colours: list[str]  # of the classes
    names: list[str]  # key of each epoch on disk, "epoch:stamp"
    fresh: list[str]  # keys of the F epochs whose images are in this packet
    half: int  # S: number of reconstructions, and of samples, of an epoch
    kl_epochs: list[int]


class Arrays(TypedDict):
    train: np.ndarray  # (4, n): step, -ELBO, reconstruction loss, KL in nats per image
    test: np.ndarray  # (4, n), the same for the test split
    kl: np.ndarray  # (len(kl_epochs), D), nats
    labels: np.ndarray  # (M,)
    xy: np.ndarray  # (F, M, 2)
    umap: np.ndarray  # (F, M, 2); empty unless the aligned UMAP exists
    originals: np.ndarray  # (S, C, H, W), sent with the first epoch
    frames: np.ndarray | bytes  # (F * 2 S, C, H, W): per epoch S reconstructions, S samples


class Request(TypedDict):
    """The state `have`: the epochs whose images the script has."""

    run: str
    keys: list[str]


def render(run, views: list[tuple], training) -> None:
    """`views`: (model, its events, its film) of the run, or of each of its twins, drawn side by side with the same axes."""
    with st.container(key="run_word"):  # always drawn, because otherwise the views below would be remounted whenever it appears
        if run.twins and (text := _status_text(run)):
            (messages.error if _is_bad(run) else st.caption)(text)
    axes = _axes(views)
    with st.container(key="run_views"):
        for place, (model, events, film) in enumerate(views):
            keys = {f"{frame.epoch}:{frame.stamp}": frame for frame in film}
            key = f"{KEY}-{place}"
            with st.container(key=f"run_view_{place}"), guarded(model.name):
                packet = _packet(model, events, keys, training.have.get(model.name, set()), axes)
                mount(packet, key, lambda key=key: training_state.receive_epochs(key, training))


def _axes(views: list[tuple]) -> Axes:
    """The ranges that the drawings of all `views` share. The steep start of the curves is left out."""
    curves = []
    for which in (1, 2, 3):
        late = []
        for _, events, _ in views:
            train, test = _curve(_batches(events), "train")[which], _curve(_epochs(events), "test")[which]
            late += [*train[int(0.12 * len(train)) :], *test[min(1, max(0, len(test) - 1)) :]]
        late = np.array(late)[np.isfinite(late)] if late else np.zeros(0)
        low, high = (float(late.min()), float(late.max())) if len(late) else (0.0, 1.0)
        margin = 0.06 * (high - low) if high - low > 1e-6 else 0.5
        curves.append([low - margin, high + margin])
    peak = max((k for _, events, _ in views for e in _epochs(events) for k in e["kl_per_dim"]), default=0.0)
    frames = [frame for _, _, film in views for frame in film]
    reach, umap_reach = (max((getattr(frame, kind) for frame in frames), default=1.0) for kind in ("reach", "umap_reach"))
    return {"curves": curves, "peak": max(0.5, peak), "reach": reach, "umap_reach": umap_reach}


def _epochs(events: list[dict]) -> list[dict]:
    return [e for e in events if e["kind"] == "epoch" and is_drawn(e, "test")]


def _batches(events: list[dict]) -> list[dict]:
    return [e for e in events if e["kind"] == "batch" and is_drawn(e, "train")]


def _is_bad(run) -> bool:
    return run.status in ("failed", "lost", "damaged")


def _status_text(run) -> str:
    return run.sentence or run.outcome or STATUS_TEXT.get(run.status, "")


def _packet(run, events: list[dict], keys: dict, have: set[str], axes: Axes) -> bytes:
    start = next((e for e in reversed(events) if e["kind"] == "training"), {})
    epochs, batches = _epochs(events), _batches(events)
    fresh = [key for key in keys if key not in have][:N_FRESH]
    frames = [keys[key] for key in fresh]
    half = len(frames[0].samples) if frames else 0
    n_means = len(frames[0].xy) if frames else 0
    pictures = np.concatenate([p for frame in frames for p in (frame.reconstructions, frame.samples)]) if frames else _NONE
    encoded, encodings = film_encoding.encode_frames(pictures, 8) if frames else (pictures, {})
    has_umap = bool(frames) and all(frame.umap is not None for frame in frames)
    originals = next((frame.originals for frame in frames if frame.originals is not None), None)
    thinned = _thinned(epochs, N_COLUMNS)
    last = epochs[-1] if epochs else None
    dead = sum(k < DEAD_KL for k in last["kl_per_dim"]) if last and last["epoch"] else 0
    latent_dim = start.get("latent_dim", 0)
    group, _, twin = run.name.partition("/")
    header: Header = {
        "run": run.name,
        "title": twins.shown(twin) if twin else run.name,
        "link": f"run={group}",
        "status": run.status,
        "live": run.is_live,
        "word": run.sentence if twin else _status_text(run),
        "bad": _is_bad(run),
        "axes": axes,
        "elbo": last and last["test"]["elbo"],
        "epoch": last["epoch"] if last else 0,
        "n_epochs": run.n_epochs,
        "step": run.step,
        "n_steps": run.n_steps,
        "facts": " · ".join(_facts(run, events, start)),
        "dials": [
            {"step": e["step"], "text": f"β {e['beta']:g}" + (f", lr × {e['lr_scale']:g}" if e["lr_scale"] != 1 else "")}
            for e in events
            if e["kind"] == "dial"
        ],
        "dead": f"· {dead} dead" if dead else "",
        "plane": {0: "", 1: "· mu", 2: "· z0, z1"}.get(latent_dim, "· PCA, turned to glide"),
        "shape": next((frame.samples.shape[1:] for frame in keys.values()), (1, 1, 1)),
        "colours": figures.CLASS_COLOURS,
        "names": list(keys),
        "fresh": fresh,
        "half": half,
        "kl_epochs": [e["epoch"] for e in thinned],
    }
    labels = [*start.get("labels", ()), *[-1] * n_means][:n_means]
    arrays: Arrays = {
        "train": _curve(batches, "train"),
        "test": _curve(epochs, "test"),
        "kl": np.array([e["kl_per_dim"] for e in thinned], np.float32),
        "labels": np.array(labels, np.int64),
        "xy": np.stack([frame.xy for frame in frames]) if frames else _NONE.astype(np.float32),
        "umap": np.stack([frame.umap for frame in frames]) if has_umap else _NONE.astype(np.float32),
        "originals": _NONE if originals is None else originals,
        "frames": encoded,
    }
    return pack(header, arrays, encodings)


def _thinned(events: list[dict], n: int) -> list[dict]:
    """At most `n` of the events, evenly spaced."""
    return events if len(events) <= n else [events[i] for i in np.linspace(0, len(events) - 1, n).astype(int)]


_NONE = np.zeros((0, 1, 1, 1), np.uint8)


def _curve(events: list[dict], split: str) -> np.ndarray:
    """(4, n) float32: step, -ELBO, reconstruction loss, KL in nats per image; NaN for a missing value."""

    def number(value) -> float:
        return np.nan if value is None else value

    chosen = _thinned(events, N_POINTS)
    rows = [(e["step"], -number(e[split]["elbo"]), number(e[split]["recon_loss"]), number(e[split]["kl"])) for e in chosen]
    return np.array(rows, np.float32).reshape(-1, 4).T


def _facts(run, events: list[dict], start: dict) -> list[str]:
    latest = [e for e in events[-60:] if e["kind"] in ("batch", "epoch") and "t" in e and "step" in e]
    recent = [e for e in latest if e["step"] > start.get("step", 0)][-20:]
    facts = [f"{start['n_train']:,} images"] if "n_train" in start else []
    if run.status == "training" and len(recent) > 1 and "n_train" in start and "steps_per_epoch" in start:
        first, last = recent[0], recent[-1]
        steps, seconds = last["step"] - first["step"], last["t"] - first["t"]
        if steps > 0 and seconds > 0:
            left = (run.n_steps - run.step) * seconds / steps - (time.time() - last["t"])
            facts += [f"{steps / seconds * start['n_train'] / start['steps_per_epoch']:,.0f} images/s", f"{span(left)} left"]
    if epochs := [e for e in events if e["kind"] == "epoch" and "seconds" in e]:
        facts += [f"{span(epochs[-1]['seconds'])} trained"]
        facts += [f"{epochs[-1]['memory'] / 2**20:,.0f} MB"] if run.is_live and "memory" in epochs[-1] else []
    return facts + ([str(start["device"])] if "device" in start else [])


def span(seconds: float) -> str:
    """Formats a duration in seconds, minutes or hours."""
    seconds = max(0, round(seconds))
    return f"{seconds} s" if seconds < 100 else f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"
