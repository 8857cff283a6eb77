"""The exhibit /practicum: the order of the practicum as a walk by keys, over a recorded run and on the loaded model."""

import numpy as np

from explorer import figures
from explorer.core.latent.arrays import evenly_spaced
from explorer.core.theory.practicum import example_paths, loss_at_mean, same_class_share
from explorer.ui import resources
from explorer.ui.exhibits import exhibit
from explorer.ui.exhibits.exhibit import Exhibit, Frame, Prediction, Question
from explorer.ui.exhibits.practicum import recording
from explorer.ui.exhibits.practicum.recording import Recording, RecordingArrays
from explorer.ui.state.exhibit import Number
from explorer.ui.widgets.clock.panel import clock

POLL_S = 0.3
N_STEPS, LAST_EPOCH, N_FRAMES = 7, 10, 33
N_SAMPLES, N_POINTS, N_TESTED = 16, 2000, 500
KINDS = ("lerp", "pixel")

EXHIBIT = Exhibit(
    path="practicum",
    title="The practicum",
    look="Page Down and Page Up walk through the practicum: from the untrained network to samples, paths and variances.",
    models=("mnist", "mnist-2d", "digits", "digits-2d"),
    settings={
        "step": Number(0, N_STEPS - 1, 0, whole=True),
        "epoch": Number(0, LAST_EPOCH, LAST_EPOCH, whole=True),
        "seed": Number(0, 2**31 - 1, 0, whole=True),
        "a": Number(0, 10**7, whole=True),
        "b": Number(0, 10**7, whole=True),
        "frame": Number(0, N_FRAMES - 1, N_FRAMES // 2, whole=True),
    },
    predictions=(
        Prediction(
            "The network is untrained. How often is the nearest mean of another image one of the same digit?",
            ("In 1 of 10, by chance", "In 6 of 10", "In 9 of 10, as after training"),
            1,
            "A random network keeps some of the likeness of its inputs: similar images get similar means before any training.",
            ("same-digit-0",),
        ),
    ),
    questions=(
        Question(
            "D6",
            "Why does epoch 0 already show groups?",
            "A random projection keeps images that are alike in their pixels together. Compare the shares.",
            "step=5&open=0.1",
        ),
        Question(
            "D7",
            "Why are some samples bad?",
            "The prior also has mass where no image was encoded, and there the decoder was never trained. Support says how far "
            "a draw is from the encoded images; in many dimensions most draws are.",
            "step=3",
        ),
        Question(
            "D8",
            "Why are some paths bad?",
            "A straight line may cross such a place. Its lowest support tells: compare the two examples, or click two points.",
            "step=4",
        ),
        Question(
            "D9",
            "Can the variances be drawn too?",
            "Each posterior is an ellipse of one standard deviation, at the scale of the means.",
            "step=6&epoch=10",
        ),
        Question(
            "D2",
            "Why do bubbles overlap, and what undoes it?",
            "The KL wants every bubble at the origin with radius 1, where an untrained encoder puts them: all overlap. "
            "The reconstruction loss moves them apart and shrinks them: step through the epochs.",
            "step=6&epoch=0",
        ),
    ),
    misfit=lambda engine: None if recording.is_there() else "the recorded run of this exhibit cannot be read.",
    has_image=False,
)
mount = exhibit.register_exhibit(__file__, EXHIBIT)


class Header(Frame, Recording):
    step: int
    epoch: int
    colours: tuple[str, ...]  # of the classes
    classes: tuple[str, ...]  # of the loaded model; those of the recorded run are digits
    same_digit_pixels: float | None  # as same_digit, of the images themselves; None if they are not on this machine
    model: str
    negative_elbo: float | None  # of the loaded model, nats; this and the next are None until they are computed
    loss_at_mean: float | None  # with z = mu: not an ELBO
    n_tested: int
    shape: tuple[int, int, int]
    support: list[float]  # of each of `samples`
    seed: int
    ends: tuple[int, int]  # gallery rows of A and B
    names: tuple[str, str]  # their classes
    examples: list[tuple[int, int]]  # the path that leaves the data, and the one that stays
    frame: int
    n_frames: int
    map_reach: list[float]  # left, right, bottom and top of the map


class Arrays(RecordingArrays):
    samples: np.ndarray  # (N_SAMPLES, C, H, W) uint8, by falling support
    frames: np.ndarray  # (2 * n_frames, C, H, W) uint8: the straight path in z, and the cross-fade of pixels
    path_support: np.ndarray  # (2 * n_frames,) float32
    path_xy: np.ndarray  # (n_frames, 2) float32, of the path in z
    map_rows: np.ndarray  # (n,) int32, gallery rows of the points of the map
    map_xy: np.ndarray  # (n, 2) float32
    map_labels: np.ndarray  # (n,) int32


def render(engine, state) -> None:
    measured = resources.later(engine, "practicum", (resources.has_images(engine),), lambda: _measure(engine))
    if measured is None:
        clock("exhibit", POLL_S)
    exhibit.render(
        engine, state, mount, (measured is not None, recording.has_mnist()), lambda: _content(engine, state, measured or {})
    )


def _content(engine, state, measured: dict) -> tuple[dict, Arrays]:
    recorded, arrays = recording.recording()
    header = recorded | {
        "step": state["step"],
        "epoch": state["epoch"],
        "colours": figures.CLASS_COLOURS,
        "classes": engine.origin.class_names,
        "model": engine.name,
        "n_tested": N_TESTED,
        "shape": engine.image_shape,
        **dict.fromkeys(("same_digit_pixels", "negative_elbo", "loss_at_mean")),
    }
    parts = _samples(engine, state), _path(engine, state), _map(engine)
    for fields, more in parts:
        header, arrays = header | fields, arrays | more
    return header | measured, arrays


def _measure(engine) -> dict:
    """What the images themselves are needed for; empty if they are not on this machine."""
    measured, n_means = {}, len(recording.recording()[1]["labels"])
    images = engine.pictures(evenly_spaced(np.arange(len(engine.gallery.mu)), N_TESTED))
    if images is not None and engine.likelihood is not None:
        losses = loss_at_mean(engine, images)
        measured = {"negative_elbo": losses.negative_elbo, "loss_at_mean": losses.at_mean}
    if images is not None and engine.origin.dataset == "mnist" and len(engine.gallery.labels) >= n_means:
        # The recorded means are of the first test images, as the gallery's.
        rows = np.arange(n_means)
        measured["same_digit_pixels"] = same_class_share(engine.pictures(rows), engine.gallery.labels[rows])
    return measured


def _samples(engine, state) -> tuple[dict, dict]:
    """Draws of the prior, sorted."""
    seed = state["seed"]
    film = resources.shared(engine, "practicum-samples", (seed,), lambda: engine.sample_prior(N_SAMPLES, seed))
    order = np.argsort(-film.support, kind="stable")
    return {"support": film.support[order].tolist(), "seed": seed}, {"samples": film.frames[order]}


def _path(engine, state) -> tuple[dict, dict]:
    examples = resources.shared(engine, "practicum-paths", (), lambda: example_paths(engine))
    last = len(engine.gallery.mu) - 1
    ends = tuple(default if row is None else min(row, last) for row, default in zip((state["a"], state["b"]), examples.leaving))
    films = resources.shared(engine, "practicum-films", ends, lambda: _films(engine, ends))
    names = engine.origin.class_names
    labels = engine.gallery.labels[list(ends)].tolist()
    header = {
        "ends": ends,
        "names": tuple(names[label] if 0 <= label < len(names) else str(label) for label in labels),
        "examples": list(examples),
        "frame": state["frame"],
        "n_frames": N_FRAMES,
    }
    return header, {
        "frames": np.concatenate([film.frames for film in films]),
        "path_support": np.concatenate([film.support for film in films]),
        "path_xy": films[0].xy,
    }


def _films(engine, ends: tuple[int, int]) -> list:
    a, b = engine.gallery.mu[list(ends)]
    return [engine.interpolation_film(a, b, N_FRAMES, kind) for kind in KINDS]


def _map(engine) -> tuple[dict, dict]:
    xy = engine.map_xy()
    rows = evenly_spaced(np.arange(len(xy)), N_POINTS)
    low, high = xy.min(0), xy.max(0)
    arrays = {"map_rows": rows, "map_xy": xy[rows], "map_labels": engine.gallery.labels[rows]}
    return {"map_reach": [low[0].item(), high[0].item(), low[1].item(), high[1].item()]}, arrays
