"""The exhibit /factors: the graphical model, run forwards and backwards, and which dimension carries which factor."""

from typing import TypedDict

import numpy as np

from explorer.core.errors import ExplorerError
from explorer.core.theory import factors
from explorer.ui import resources
from explorer.ui.exhibits import exhibit
from explorer.ui.exhibits.exhibit import Exhibit, Frame, Prediction, Question
from explorer.ui.exhibits.images import panel as images
from explorer.ui.explore.stage.panel import order_of_dims
from explorer.ui.state.exhibit import Choice, Number
from explorer.ui.state.own_image import posterior_of

N_DRAWS, SEED = 24, 0
N_FRAMES = 25
MAX_DIMS = 10  # rows of the matrix, those of highest KL


def _misfit(engine) -> str | None:
    try:
        factors.check_traits(engine)
    except ExplorerError as error:
        return str(error)
    return None


EXHIBIT = Exhibit(
    path="factors",
    title="Factors",
    look="First z is drawn from the prior, then the decoder draws x from it. What was drawn can be read off the image. "
    "Inference turns the arrow round.",
    models=("mnist", "digits", "sprites", "mnist-2d"),
    settings={"draw": Number(0, N_DRAWS - 1, 0, whole=True), "show": Choice(("draw", "infer"), "draw")},
    predictions=(
        Prediction(
            "Nobody told the model about slant or thickness. How many of its dimensions follow one of them closely?",
            ("None", "One each", "All of them a little"),
            1,
            "Look at the matrix: most attributes have one dark cell in their column. On other models it may be spread out.",
            ("matrix",),
        ),
    ),
    questions=(
        Question(
            "B9",
            "Why want the posterior at all?",
            "Press Infer: q(z|x) says which factors this image was drawn from, and how sure that is.",
            "show=infer",
        ),
        Question(
            "C7",
            "Is p(x, z) a joint or a likelihood?",
            "A joint: Draw runs both of its parts, p(z) and then p(x|z). As a function of z for one x, p(x|z) is a likelihood.",
            "show=draw",
        ),
        Question(
            "E3",
            "What does the graphical model say?",
            "That x depends on z alone: press Draw and see z first, then x. The posterior is the arrow turned round.",
            "show=draw&draw=3",
        ),
    ),
    misfit=_misfit,
)
mount = exhibit.register_exhibit(__file__, EXHIBIT)


class Header(Frame):
    shape: tuple[int, int, int]
    names: list[str]  # of the T traits
    units: list[str]
    r2: list[float]
    rows: list[int]  # the dimensions in the matrix
    model: str  # changes with the model
    draw: int  # the draw that is shown
    show: str  # "draw" or "infer"
    n_frames: int  # of each film


class Arrays(TypedDict):
    correlations: np.ndarray  # (rows, T), |rank correlation|
    draws_z: np.ndarray  # (N_DRAWS, D)
    draws: np.ndarray  # (N_DRAWS, C, H, W)
    draws_traits: np.ndarray  # (N_DRAWS, T)
    films: np.ndarray  # (T * n_frames, C, H, W): along each trait, from the mean of the chosen image
    films_z: np.ndarray  # (T * n_frames, D)
    films_traits: np.ndarray  # (T, n_frames): each film's own trait
    x: np.ndarray  # (C, H, W), the chosen image
    mean: np.ndarray  # (D,) of q(z|x)
    sigma: np.ndarray  # (D,)


def render(engine, state) -> None:
    exhibit.render(engine, state, mount, (), lambda: _content(engine, state))


def _content(engine, state) -> tuple[dict, Arrays]:
    traits = list(engine.traits.values())
    rows = order_of_dims(engine)[0][:MAX_DIMS]
    x, _ = images.image_of(engine, state)
    mean, logvar = posterior_of(engine, state, state.image)
    draws = resources.shared(engine, "draws", (), lambda: factors.ancestral_draws(engine, N_DRAWS, SEED))
    films = resources.shared(engine, "traits", (x.tobytes(),), lambda: _films(engine, mean, traits))
    header = {
        "shape": engine.image_shape,
        "names": [trait.name for trait in traits],
        "units": [trait.unit for trait in traits],
        "r2": [trait.r2 for trait in traits],
        "rows": rows.tolist(),
        "model": engine.content_hash,
        "draw": state["draw"],
        "show": state["show"],
        "n_frames": N_FRAMES,
    }
    own = np.stack([film.traits[:, i] for i, film in enumerate(films)])
    return header, {
        "correlations": factors.correlations(engine)[rows],
        "draws_z": draws.z,
        "draws": draws.frames,
        "draws_traits": draws.traits,
        "films": np.concatenate([film.frames for film in films]),
        "films_z": np.concatenate([film.z for film in films]),
        "films_traits": own,
        "x": x,
        "mean": mean,
        "sigma": np.exp(logvar / 2),
    }


def _films(engine, mean: np.ndarray, traits: list) -> list[factors.Draws]:
    return [factors.along_trait(engine, mean, trait, N_FRAMES) for trait in traits]
