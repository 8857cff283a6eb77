"""Bounded caches shared by all visitors: open engines, figures, pictures and runs. The only module that uses st.cache_*."""

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
from explorer.core.paths import SHIPPED, SHIPPED_DIR, runs_dir
from explorer.core.runs import snapshots, status
from explorer.core.runs.epoch_film import RunFilm
from explorer.core.runs.event_log import EventLog
from explorer.core.training import throughput
from explorer.ui.wire.packet import pack

RUN_PREFIX = "run:"  # of the name of a run in Explore's model selector and link
N_ENGINES = 6  # some 10 MB each
CARDS = ("digits", "mnist")  # the shipped models whose samples are on the cards of Train
N_SHARED = 16  # packets, at most 1 MB each
N_LATER = 64  # results of some kB
_computing = threading.BoundedSemaphore(4)  # of them at once: each takes up to 100 MB while it is computed
SPRITE_PX, SHEET_PX = 32, 4096  # longer side of a thumbnail, and the maximum width of the sheet of all thumbnails


def bundles() -> Sequence:
    """BundleInfo of every bundle, the shipped ones first. Not cached here: list_bundles has its own cache."""
    rank = {name: i for i, name in enumerate(SHIPPED)}
    return sorted(list_bundles(), key=lambda info: (rank.get(info.name, len(rank)), info.name))


def engine(name: str, stamp: str):
    """The shared Engine of a bundle. `stamp` changes with the bundle's files. Raises ExplorerError, which is not cached."""
    return _engine(name, stamp)


def own_model():
    """The Engine of the model in EXPLORER_MODEL, or None if it is not set. Raises ExplorerError if it cannot be opened."""
    spec = own_model_spec()
    return _own_model(spec) if spec else None


def own_model_spec() -> str | None:
    """The value of EXPLORER_MODEL, which is also the name of its Engine; None if it is not set."""
    return os.environ.get("EXPLORER_MODEL") or None


@st.cache_resource(max_entries=N_ENGINES, show_spinner="Opening the model")
def _engine(name: str, stamp: str):
    opened = open_bundle(name)
    _freeze_gc()
    return opened


@st.cache_resource(max_entries=1, show_spinner="Opening your model")
def _own_model(spec: str):
    return open_model(spec)


@st.cache_data(max_entries=64, show_spinner=False)
def samples_png(name: str, stamp: str) -> bytes:
    """Six samples of a model, as a PNG. Opens the model (20 ms) without caching its engine, which could evict one in use."""
    return figures.png(figures.strip(figures.enlarge(open_bundle(name).sample_prior(6, 0).frames, 56)))


def card_picture(name: str) -> bytes | None:
    """Eighteen samples of a shipped model, as a PNG; None while a thread decodes them, or if the model is missing."""
    picture = _card_picture(name)
    return picture.result() if picture.done() and picture.exception() is None else None


def are_card_pictures_ready() -> bool:
    """Whether every picture that was asked for has been decoded, or has failed."""
    return all(_card_picture(name).done() for name in CARDS)


@st.cache_resource(max_entries=len(CARDS), show_spinner=False)
def _card_picture(name: str) -> Future:
    def draw() -> bytes:
        frames = open_bundle(SHIPPED_DIR / name).sample_prior(18, 0).frames
        return figures.png(figures.sheet(figures.enlarge(frames, 56), 6))

    return _in_thread("card", draw)


def figure(engine, plane, colour: str):
    """The figure of the map: the same object for the same arguments."""
    return _figure(engine.name, engine.content_hash, len(engine.gallery.mu), plane, colour, engine)


@st.cache_resource(max_entries=24, show_spinner=False)
def _figure(name: str, content_hash: str, n: int, plane, colour: str, _engine):
    gallery, values, unit = _engine.gallery, None, ""
    if trait := _engine.traits.get(colour):
        values, unit = trait.values, f"{trait.name}, {trait.unit}" if trait.unit else trait.name
    elif colour != "class":
        values, unit = {
            "KL": (_engine.encoding.kl_per_dim.sum(1), "KL, nats"),
            "recon loss": (gallery.recon_loss, "reconstruction error, nats"),
            "|mu|": (np.linalg.norm(gallery.mu, axis=1), "|mu|"),
        }[colour]
    axes = None
    if isinstance(plane, tuple):
        axes = ("mu", "log variance") if _engine.latent_dim == 1 else tuple(f"z{d}" for d in plane)
    fig = figures.map_figure(_engine.map_xy(plane), gallery.labels, _engine.origin.class_names, values, unit, axes)
    return figures.FixedFigure(fig.update_layout(uirevision=f"{content_hash} {plane}"))


def shared(engine, part: str, shown: tuple, make: Callable):
    """The result of `make` for a part of the page, computed once for all visitors in the same state.

    `shown`: everything that `make` depends on besides the engine. The result must not be modified.
    """
    return _shared(engine.name, engine.content_hash, len(engine.gallery.mu), part, shown, make)


@st.cache_resource(max_entries=N_SHARED, show_spinner=False)
def _shared(name: str, content_hash: str, n: int, part: str, shown: tuple, _make: Callable):
    return _make()


def later(engine, part: str, shown: tuple, make: Callable):
    """The result of `make`, computed once for all visitors in a thread; None until it is ready. Raises what `make` raised.

    `shown`: everything that `make` depends on besides the engine. The result must not be modified.
    """
    future = _later(engine.name, engine.content_hash, part, shown, make)
    return future.result() if future.done() else None


@st.cache_resource(max_entries=N_LATER, show_spinner=False)
def _later(name: str, content_hash: str, part: str, shown: tuple, _make: Callable) -> Future:
    return _in_thread(part, lambda: _in_turn(_make))


def _in_turn(make: Callable):
    with _computing:
        return make()


def has_images(engine) -> bool:
    """Whether the gallery's images are on this computer, which may change: a data set can be downloaded."""
    return engine.pictures(np.zeros(1, int)) is not None


def sprites(engine) -> bytes | None:
    """The packet of the gallery's hover thumbnails, or None while a thread makes it (one or two seconds) and if that failed."""
    packet = _sprites(engine.name, engine.content_hash, len(engine.gallery.mu), has_images(engine), engine)
    return packet.result() if packet.done() and packet.exception() is None else None


@st.cache_resource(max_entries=N_ENGINES, show_spinner=False)
def _sprites(name: str, content_hash: str, n: int, has_images: bool, _engine) -> Future:
    return _in_thread("sprites", lambda: _sprite_packet(_engine))  # on failure the hover shows text only


def _in_thread(name: str, work: Callable) -> Future:
    future = Future()

    def run_work() -> None:
        try:
            future.set_result(work())
        except Exception as error:
            future.set_exception(error)

    threading.Thread(target=run_work, daemon=True, name=name).start()
    return future


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
    arrays = {"labels": gallery.labels, "recon_loss": gallery.recon_loss, "kl": engine.encoding.kl_per_dim.sum(1)}
    sheet = figures.jpeg(figures.sheet(pictures, columns), 75)
    return pack(header, arrays | {"pictures": sheet}, {"pictures": "image/jpeg"})


def run_list() -> list:
    """All training runs, newest first."""
    return status.list_runs(_event_log)


def live_runs() -> list[str]:
    """The live runs (or their twins) that have saved a state, by their names in Explore's model selector."""
    names = [f"{RUN_PREFIX}{model.name}" for listed in run_list() if listed.is_live for model in listed.twins or (listed,)]
    return [name for name in names if run_stamp(name)]


def run_bundle(name: str) -> str | None:
    """The bundle of a run, given its name in Explore's selector; None if there is no bundle or no such run."""
    try:
        return run(name.removeprefix(RUN_PREFIX)).bundle
    except ExplorerError:
        return None


def run_stamp(name: str) -> int:
    """A number that changes whenever the run saves its state; 0 before the first time."""
    try:
        return (runs_dir() / name.removeprefix(RUN_PREFIX) / "state.json").stat().st_mtime_ns
    except OSError:
        return 0


def run_engine(name: str):
    """The Engine of a run's last saved state. Raises ExplorerError."""
    return _run_engine(name, run_stamp(name))


@st.cache_resource(max_entries=2, show_spinner=False)
def _run_engine(name: str, stamp: int):
    return open_run(name.removeprefix(RUN_PREFIX))


def run(name: str):
    """The run of this name with its status. Raises ExplorerError if there is none."""
    return status.look(name, _event_log)


def watch(run) -> tuple[list[dict], list]:
    """(events, the EpochFrame of each epoch) of a run or of one of its twins."""
    return _event_log(run.folder).read(), _run_film(*_folder_key(run.folder)).update()


def run_events(folder: Path) -> list[dict]:
    """The events of a run. Each call reads only what was appended since the last."""
    return _event_log(folder).read()


def run_samples_png(folder: Path) -> bytes | None:
    """Six samples of a run at its last epoch with a snapshot, as a PNG; None if there is none or it cannot be read."""
    epoch = max(snapshots.saved_epochs(folder), default=None)
    if epoch is None:
        return None
    try:
        return _run_samples_png(folder, epoch, snapshots.epoch_path(folder, epoch).stat().st_mtime_ns)
    except (OSError, ExplorerError):
        return None


@st.cache_data(max_entries=256, show_spinner=False)
def _run_samples_png(folder: Path, epoch: int, stamp: int) -> bytes:
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


@st.cache_resource(max_entries=24, show_spinner=False)
def _run_film(folder: str, inode: int) -> RunFilm:
    return RunFilm(Path(folder))


def epoch_seconds(model: dict, train: dict, image_shape, n_images: int) -> float | None:
    """Estimated seconds per epoch; None while a thread measures them (one second); NaN if the measurement failed."""
    measured = _epoch_seconds(tuple(sorted(model.items())), tuple(sorted(train.items())), image_shape, n_images)
    return None if not measured.done() else math.nan if measured.exception() else measured.result()


@st.cache_resource(max_entries=64, show_spinner=False)
def _epoch_seconds(model: tuple, train: tuple, image_shape, n_images: int) -> Future:
    return _in_thread("estimate", lambda: throughput.epoch_seconds(dict(model), dict(train), image_shape, n_images))


@st.cache_resource
def _freeze_gc() -> None:
    """Runs once, after the imports, so that later collections skip the objects of torch (160 ms each time)."""
    gc.collect()
    gc.freeze()
