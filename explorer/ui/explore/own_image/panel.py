"""The visitor's own image: a card with a drawing area, a file upload, and the model's result for the image.

The script sends one request at a time and waits for its ack. It uses a trigger instead of a state, because Streamlit sends
the states of all components (here, a picture file) with every request of any component.
"""

import base64
from typing import Literal, TypedDict

import numpy as np

from explorer.core.engine import user_image
from explorer.core.errors import ExplorerError
from explorer.ui.explore.stage.panel import order_of_dims
from explorer.ui.state import session as state
from explorer.ui.wire.component import register
from explorer.ui.wire.packet import Numbered

mount = register(__file__, "draw")

KEY = "own"
N_POSTERIOR = 16  # dimensions shown, those of highest KL
INVERT = {"auto": None, "on": True, "off": False}
HEAT = np.array([[0, 0, 4], [87, 16, 110], [188, 55, 84], [249, 142, 9], [252, 255, 164]])  # inferno, low to high


class Header(TypedDict):
    shape: tuple[int, int, int]
    light: bool  # whether to draw light on dark
    centre: bool  # setting: centre the ink
    can_centre: bool  # whether the images have light ink on black
    invert: str  # setting: a key of INVERT
    inverted: bool  # whether the picture was inverted
    said: str  # error, or ""
    title: str  # ELBO and its terms
    rank: str  # the image's rank among the test images
    facts: list[list[str]]  # [name, value]
    dims: list[int]  # the dimensions of `posterior`; empty without a picture
    stamp: str  # this and the next are added by Session.packet
    ack: int


class Arrays(TypedDict):
    """Empty without a picture."""

    seen: np.ndarray  # (C, H, W), the model's input
    recon: np.ndarray  # (C, H, W)
    error: np.ndarray  # (3, H, W), a heat map
    posterior: np.ndarray  # (k, 2), mu and sigma


class Image(Numbered):
    kind: Literal["image"]
    data: str  # a picture file in base64


class Settings(Numbered):
    kind: Literal["see"]
    centre: bool
    invert: str


class Command(Numbered):
    kind: Literal["clear", "explore"]  # "explore" moves z to the image's mu


Request = Image | Settings | Command


def render(engine, session) -> None:
    """Must be called before the map's overlay, which marks the position of the image."""
    packet = session.packet(KEY, (session.own.version,), lambda: _content(engine, session), ("stamp", "ack"))
    mount(packet, KEY, lambda: _handle_request(session))


def _handle_request(session) -> None:
    request = state.request(KEY)
    seq = None if request is None else request.get("seq")
    if type(seq) is not int or seq <= session.acks.get(KEY, 0):
        return
    session.acknowledge(KEY, seq)
    match request:
        case {"kind": "image", "data": str(text)}:
            picture, error = _read(text)
            session.change_own_image(picture=picture, error=error)
        case {"kind": "see", "centre": bool(centre), "invert": str(invert)} if invert in INVERT:
            session.change_own_image(centre=centre, invert=INVERT[invert])
        case {"kind": "clear"}:
            session.change_own_image(picture=None, error="")
        case {"kind": "explore"} if session.own.mu is not None:
            session.move_to(session.own.mu)


def _read(text: str) -> tuple[np.ndarray | None, str]:
    """(picture, "") or (None, error)."""
    try:
        return user_image.read(base64.b64decode(text, validate=True)), ""
    except ExplorerError as error:
        return None, str(error)
    except ValueError:  # not base64
        return None, "The picture did not arrive whole. Try again."


def _content(engine, session) -> tuple[dict, Arrays, dict]:
    own, layout = session.own, engine.ink_layout
    session.place_own_image(None)
    header = {
        "shape": engine.image_shape,
        "light": layout.dark_background or engine.image_shape[0] == 3,
        "can_centre": layout.dark_background,
        "centre": own.centre,
        "invert": next(name for name, value in INVERT.items() if value is own.invert),
        "inverted": False,
        "said": own.error,
        "title": "",
        "rank": "",
        "facts": [],
        "dims": [],
    }
    no_pictures = {name: np.zeros(0, np.uint8) for name in ("seen", "recon", "error", "posterior")}
    if own.picture is None:
        return header, no_pictures, {}
    try:
        prepared = user_image.prepare(own.picture, engine.image_shape, layout, own.centre, own.invert)
        evaluation = engine.evaluate(prepared.image)
    except ExplorerError as error:
        return header | {"said": str(error)}, no_pictures, {}
    session.place_own_image(evaluation.mu)
    dims = order_of_dims(engine)[0][:N_POSTERIOR]
    header |= {
        "inverted": prepared.inverted,
        "title": _title(evaluation),
        "rank": _rank(evaluation, len(engine.gallery.mu)),
        "facts": _facts(engine, evaluation),
        "dims": dims.tolist(),
    }
    posterior = np.stack([evaluation.mu[dims], np.exp(evaluation.logvar[dims] / 2)], 1)
    pictures = {"seen": prepared.image[0], "recon": evaluation.recon, "error": heat(evaluation.error)}
    return header, pictures | {"posterior": posterior}, {}


def heat(error: np.ndarray) -> np.ndarray:
    """Absolute errors uint8 (C, H, W) -> colours uint8 (3, H, W) for the largest channel; brightest from half the range on."""
    stops = np.linspace(0, 128, len(HEAT))
    return np.stack([np.interp(error.max(0), stops, HEAT[:, c]) for c in range(3)]).round().astype(np.uint8)


def _title(evaluation) -> str:
    if evaluation.elbo is None:
        return f"KL {evaluation.kl:.1f} nats"
    return f"ELBO {evaluation.elbo:.1f} nats = -(recon {evaluation.recon_loss:.1f} + KL {evaluation.kl:.1f})"


def _rank(evaluation, n: int) -> str:
    """Rank of the image's ELBO among the test images, as a sentence. Percentages are rounded down, so 100 % never appears."""
    if evaluation.percentile is None:
        return "Its ELBO is not known: this model has no likelihood here."
    if evaluation.percentile in (0, 100):
        return f"{'Less strange' if evaluation.percentile else 'Stranger'} than every one of the {n:,} test images."
    if evaluation.percentile <= 50:
        return f"Stranger than {int(100 - evaluation.percentile)} % of the {n:,} test images."
    return f"Less strange than {int(evaluation.percentile)} % of the {n:,} test images."


def _facts(engine, evaluation) -> list[list[str]]:
    """[name, value] of the support of its mean, and of the classes of its nearest neighbours."""
    rows, _ = engine.neighbours(evaluation.mu, 5)
    labels, names = engine.gallery.labels[rows].tolist(), engine.origin.class_names
    near = [names[label] if 0 <= label < len(names) else f"#{row}" for row, label in zip(rows.tolist(), labels)]
    support = f"{evaluation.support:.2f}" if evaluation.support >= 0.005 else "< 0.01"
    return [["support", support], ["nearest", ", ".join(near)]]
