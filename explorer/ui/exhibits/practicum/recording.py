"""The recorded run of the practicum, as header fields and arrays: losses, pictures, means and posteriors of its epochs."""

from contextlib import suppress
from functools import lru_cache
from typing import TypedDict

import numpy as np

from explorer import figures
from explorer.core.data import catalog, downloads
from explorer.core.errors import ExplorerError
from explorer.core.theory.loss_terms import overlapping_bubbles
from explorer.core.theory.practicum import plane_ellipses, same_class_share
from explorer.ui.exhibits import shipped

NAME = "practicum"  # of the run
N_BUBBLES = 200  # posteriors drawn as ellipses
MAP_EPOCHS = 0, 5, 10
QUALITY = 85


class Losses(TypedDict):
    """Mean losses of the test images in nats, with one draw of z per image."""

    elbo: float
    recon_loss: float
    kl: float


class Recording(TypedDict):
    """Header fields."""

    record_shape: tuple[int, int, int]
    originals_caption: str  # says what the first n_shown pictures of `film` are
    n_shown: int  # images of each kind in `film`
    losses: list[Losses]  # of each epoch, from 0
    overlaps: list[int]  # of each epoch: pairs of the bubbles that overlap in all dimensions
    n_bubbles: int
    latent_dim: int
    map_epochs: tuple[int, ...]
    same_digit: list[float]  # of each of map_epochs: share of means whose nearest mean has the same digit
    reach: list[float]  # of each epoch: half the width of the plane of its means


class RecordingArrays(TypedDict):
    film: bytes  # JPEG, n_shown columns: test images, then of each epoch the reconstructions and the samples
    means: np.ndarray  # (len(map_epochs), M, 2) float32
    labels: np.ndarray  # (M,) int32
    bubbles: np.ndarray  # (epochs, n_bubbles, 5) float32: x, y, semi-axes and angle of one standard deviation


def is_there() -> bool:
    """Whether the recorded run can be read."""
    return bool(shipped.run(NAME)[1])


def has_mnist() -> bool:
    """Whether the images of the run are on this machine, which may change: they can be downloaded."""
    return downloads.missing("mnist") is None


def recording() -> tuple[Recording, RecordingArrays]:
    """The same for all models and visitors; must not be modified."""
    return _read(has_mnist())


@lru_cache(maxsize=2)  # one second
def _read(has_mnist: bool) -> tuple[Recording, RecordingArrays]:
    events, frames = shipped.run(NAME)
    start = next(event for event in events if event["kind"] == "training")
    labels = np.array(start["labels"], np.int32)
    few = slice(N_BUBBLES)
    originals, originals_caption = _originals(frames[-1].reconstructions, has_mnist)
    pictures = [originals]
    for frame in frames:
        pictures += [frame.reconstructions, frame.samples]
    bubbles = [plane_ellipses(frame.mu[few], frame.logvar[few], frame.xy[few]) for frame in frames]
    header = {
        "record_shape": tuple(start["shape"]),
        "originals_caption": originals_caption,
        "n_shown": len(originals),
        "losses": [event["test"] for event in events if event["kind"] == "epoch"],
        "overlaps": [overlapping_bubbles(frame.mu[few], frame.logvar[few]).n_pairs for frame in frames],
        "n_bubbles": N_BUBBLES,
        "latent_dim": start["latent_dim"],
        "map_epochs": MAP_EPOCHS,
        "same_digit": [same_class_share(frames[epoch].mu, labels) for epoch in MAP_EPOCHS],
        "reach": [frame.reach for frame in frames],
    }
    arrays = {
        "film": figures.jpeg(figures.sheet(np.concatenate(pictures), header["n_shown"]), QUALITY),
        "means": np.stack([frames[epoch].xy for epoch in MAP_EPOCHS]),
        "labels": labels,
        "bubbles": np.stack(bubbles),
    }
    return header, arrays


def _originals(last: np.ndarray, has_mnist: bool) -> tuple[np.ndarray, str]:
    """(the first test images of MNIST, their caption); where they are not on this computer, their last reconstructions."""
    with suppress(ExplorerError):
        if has_mnist:
            return catalog.load("mnist", "test", download=False).images[: len(last)], "sixteen test images"
    return last, "reconstructions of sixteen test images after training: MNIST is not on this computer"
