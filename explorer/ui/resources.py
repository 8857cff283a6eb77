"""Everything that all visitors share, in bounded caches: bundles, open engines, figures, pictures, runs. Owns st.cache_*."""

import gc
import math
import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from pathlib import Path

import numpy as np
import streamlit as st

from explorer import figures, list_bundles, open_bundle, open_model
from explorer.core.engine.live_run import open_run
from explorer.core.errors import ExplorerError
from explorer.core.paths import SHIPPED, runs_dir
from explorer.core.runs import snapshots, status
from explorer.core.runs.epoch_film import RunFilm
from explorer.core.runs.event_log import EventLog
from explorer.core.training import throughput
from explorer.ui.wire.packet import pack

LIVE = "run:"  # prefix of a run's name in Explore's selector and link
N_ENGINES = 6  # some 10 MB each
N_SHARED = 16  # films of a release, at most 1 MB each
SPRITE_PX, SHEET_PX = 32, 4096  # longer side of a picture in the hover sheet, and the width of the sheet


def bundles() -> Sequence:
    """BundleInfo of every bundle, the shipped ones first. Not cached here: list_bundles checks each folder for changes."""
    rank = {name: i for i, name in enumerate(SHIPPED)}
    return sorted(list_bundles(), key=lambda info: (rank.get(info.name, len(rank)), info.name))


def engine(name: str, stamp: str):
    """The shared Engine of a bundle. `stamp` changes with its files. Raises ExplorerError, which is not cached."""
    return _engine(name, stamp)


def own_model():
    """The Engine of EXPLORER_MODEL, or None if it is not set. Raises ExplorerError if it does not work."""
    spec = own_model_spec()
    return _own_model(spec) if spec else None


def own_model_spec() -> str | None:
    """EXPLORER_MODEL, which is also the name of its Engine."""
    return os.environ.get("EXPLORER_MODEL") or None


@st.cache_resource(max_entries=N_ENGINES, show_spinner="Opening the model")
def _engine(name: str, stamp: str):
    made = open_bundle(name)
    _freeze()
    return made


@st.cache_resource(max_entries=1, show_spinner="Opening your model")
def _own_model(spec: str):
    return open_model(spec)


@st.cache_data(max_entries=64, show_spinner=False)
def portrait(name: str, stamp: str) -> bytes:
    """Six draws of a model's prior, as a PNG. Opens the model (20 ms) without caching its engine, to keep those in use."""
    return figures.png(figures.strip(figures.enlarge(open_bundle(name).sample_prior(6, 0).frames, 56)))


def figure(engine, plane, colour: str):
    """The map's figure, the same object for the same arguments."""
    return _figure(engine.name, engine.content_hash, len(engine.gallery.mu), plane, colour, engine)


@st.cache_resource(max_entries=24, show_spinner=False)
def _figure(name: str, content_hash: str, n: int, plane, colour: str, _engine):
    gallery, values, unit = _engine.gallery, None, ""
    if colour != "class":
        values, unit = {
            "KL": (_engine.encoding.kl_per_dim.sum(1), "KL, nats"),
            "recon loss": (gallery.recon_loss, "reconstruction loss, nats"),
            "|mu|": (np.linalg.norm(gallery.mu, axis=1), "|mu|"),
        }[colour]
    axes = None
    if isinstance(plane, tuple):
        axes = ("mu", "log variance") if _engine.latent_dim == 1 else tuple(f"z{d}" for d in plane)
    made = figures.map_figure(_engine.map_xy(plane), gallery.labels, _engine.origin.class_names, values, unit, axes)
    return figures.FixedFigure(made.update_layout(uirevision=f"{content_hash} {plane}"))


def shared(engine, part: str, shown: tuple, make: Callable):
    """The result of `make`, computed once for all visitors to whom a part of the page shows the same.

    `shown`: everything that `make` depends on beside the engine. The result must not be changed.
    """
    return _shared(engine.name, engine.content_hash, len(engine.gallery.mu), part, shown, make)


@st.cache_resource(max_entries=N_SHARED, show_spinner=False)
def _shared(name: str, content_hash: str, n: int, part: str, shown: tuple, _make: Callable):
    return _make()


def sprites(engine) -> bytes | None:
    """The packet of the gallery's hover pictures, or None while a thread makes it (one or two seconds)."""
    made = _sprites(engine.name, engine.content_hash, len(engine.gallery.mu), engine)
    return made.result() if made.done() and made.exception() is None else None


@st.cache_resource(max_entries=N_ENGINES, show_spinner=False)
def _sprites(name: str, content_hash: str, n: int, _engine) -> Future:
    return _in_thread("sprites", lambda: _sprite_packet(_engine))  # on failure the hover shows text only


def _in_thread(name: str, work: Callable) -> Future:
    made = Future()

    def make() -> None:
        try:
            made.set_result(work())
        except Exception as error:
            made.set_exception(error)

    threading.Thread(target=make, daemon=True, name=name).start()
    return made


def _sprite_packet(engine) -> bytes:
    gallery = engine.gallery
    rows = np.arange(len(gallery.mu))
    images, is_recon = engine.images_or_recons(rows)
    pictures = figures.shrink(images, SPRITE_PX)
    columns = max(1, min(100, SHEET_PX // pictures.shape[3]))
    header = {
        "model": f"{engine.name}-{engine.content_hash}",
        "columns": columns,
        "shape": pictures.shape[1:],
        "names": engine.origin.class_names,
        "is_recon": is_recon,
    }
    losses = {"labels": gallery.labels, "recon_loss": gallery.recon_loss, "kl": engine.encoding.kl_per_dim.sum(1)}
    sheet = figures.jpeg(figures.sheet(pictures, columns), 75)
    return pack(header, losses | {"pictures": sheet}, {"pictures": "image/jpeg"})


def run_list() -> list:
    """All training runs, the newest first."""
    return status.list_runs(_event_log)


def live_runs() -> list[str]:
    """Names in Explore's selector of the active runs that have finished an epoch."""
    names = [f"{LIVE}{model.name}" for found in run_list() if found.is_live for model in found.twins or (found,)]
    return [name for name in names if run_stamp(name)]


def run_bundle(name: str) -> str | None:
    """The bundle of a run, named as in Explore's selector; None if it has none or the run is gone."""
    try:
        return run(name.removeprefix(LIVE)).bundle
    except ExplorerError:
        return None


def run_stamp(name: str) -> int:
    """Changes after every epoch; 0 before the end of the first."""
    try:
        return (runs_dir() / name.removeprefix(LIVE) / "state.json").stat().st_mtime_ns
    except OSError:
        return 0


def run_engine(name: str):
    """The Engine of a run's last epoch. Raises ExplorerError."""
    return _run_engine(name, run_stamp(name))


@st.cache_resource(max_entries=2, show_spinner=False)
def _run_engine(name: str, stamp: int):
    return open_run(name.removeprefix(LIVE))


def run(name: str):
    """The state of a run. Raises ExplorerError if there is none of this name."""
    return status.look(name, _event_log)


def watch(run) -> tuple[list[dict], list]:
    """(events, frames of the epochs) of a run or of one of its twins."""
    return _event_log(run.folder).read(), _run_film(*_folder_key(run.folder)).update()


def run_events(folder: Path) -> list[dict]:
    """A run's events. Each call reads only what was appended since the last."""
    return _event_log(folder).read()


def run_portrait(folder: Path) -> bytes | None:
    """Six draws of the prior at the last epoch with pictures, as a PNG; None if there is none or it cannot be read."""
    epoch = max(snapshots.saved_epochs(folder), default=None)
    try:
        return None if epoch is None else _run_portrait(folder, epoch, snapshots.epoch_path(folder, epoch).stat().st_mtime_ns)
    except (OSError, ExplorerError):
        return None


@st.cache_data(max_entries=256, show_spinner=False)
def _run_portrait(folder: Path, epoch: int, stamp: int) -> bytes:
    return figures.png(figures.strip(figures.enlarge(snapshots.read_samples(folder, epoch)[:6], 56)))


def _event_log(folder: Path) -> EventLog:
    return _event_log_of(*_folder_key(folder))


def _folder_key(folder: Path) -> tuple[str, int]:
    """(path, inode): a new run in a folder of the same name gets another key."""
    try:
        return str(folder), folder.stat().st_ino
    except OSError:
        return str(folder), 0


@st.cache_resource(max_entries=64, show_spinner=False)
def _event_log_of(folder: str, inode: int) -> EventLog:
    return EventLog(Path(folder))


@st.cache_resource(max_entries=8, show_spinner=False)
def _run_film(folder: str, inode: int) -> RunFilm:
    return RunFilm(Path(folder))


def epoch_seconds(model: dict, train: dict, image_shape, n_images: int) -> float | None:
    """Estimated seconds of an epoch; None while a thread measures them (one second); nan if the model cannot be trained."""
    made = _epoch_seconds(tuple(sorted(model.items())), tuple(sorted(train.items())), image_shape, n_images)
    return None if not made.done() else math.nan if made.exception() else made.result()


@st.cache_resource(max_entries=64, show_spinner=False)
def _epoch_seconds(model: tuple, train: tuple, image_shape, n_images: int) -> Future:
    return _in_thread("estimate", lambda: throughput.epoch_seconds(dict(model), dict(train), image_shape, n_images))


@st.cache_resource
def _freeze() -> None:
    """Called once, after the imports: later garbage collections skip the objects of torch, which took 160 ms each time."""
    gc.collect()
    gc.freeze()
