"""The visitor's own image: a drawing area, a file upload, and the model's result for the image.

The script sends one request at a time and waits for its ack. It uses a trigger instead of a state, because Streamlit sends
the states of all components (here, a picture file) with every request of any component.
"""

import base64
from collections import Counter
from typing import Literal, TypedDict

import numpy as np

from explorer.core.data.preparation import FITS
from explorer.core.engine import user_image
from explorer.core.errors import ExplorerError
from explorer.ui.explore.stage.panel import order_of_dims
from explorer.ui.state import session as state
from explorer.ui.state.own_image import OWN
from explorer.ui.wire.component import register
from explorer.ui.wire.packet import Numbered

mount = register(__file__, "draw")

KEY = "own"
N_POSTERIOR = 16  # dimensions shown, those of highest KL
INVERT = {"auto": None, "on": True, "off": False}
ROLES = ("a", "b", "c", "explore")
HEAT = np.array([[0, 0, 4], [87, 16, 110], [188, 55, 84], [249, 142, 9], [252, 255, 164]])  # inferno, low to high


class Header(TypedDict):
    shape: tuple[int, int, int]
    light: bool  # whether to draw light on dark
    fits: list[str]  # the fits that the model allows
    fit: str  # setting: one of `fits`
    invert: str  # setting: a key of INVERT
    auto: str  # what INVERT's "auto" means here
    roles: tuple[str, ...]  # what the image can be used for
    error: str  # or ""
    said: str  # how the picture was prepared, as a sentence
    title: str  # -ELBO and its terms
    verdict: str  # or "" if it is not known
    rank: str  # the reason of the verdict, as a sentence
    facts: list[list[str]]  # [name, value]
    dims: list[int]  # the dimensions of `posterior`; empty without a picture
    stamp: str  # this and the next are added by Session.packet
    ack: int


class Arrays(TypedDict):
    """Empty without a picture."""

    seen: np.ndarray  # (C, H, W), the model's input
    recon: np.ndarray  # (C, H, W)
    error_map: np.ndarray  # (3, H, W), a heat map
    posterior: np.ndarray  # (k, 2), mu and sigma


class Image(Numbered):
    kind: Literal["image"]
    data: str  # a picture file in base64


class Settings(Numbered):
    kind: Literal["see"]
    fit: str
    invert: str


class Use(Numbered):
    kind: Literal["use"]
    role: str  # one of ROLES


class Clear(Numbered):
    kind: Literal["clear"]


Request = Image | Settings | Use | Clear


def render(engine, session) -> None:
    """Must be called before the map's overlay, which marks the position of the image."""
    encode(engine, session)
    packet = session.packet(KEY, (session.own.version,), lambda: _content(engine, session), ("stamp", "ack"))
    mount(packet, KEY, lambda: _handle_request(engine, session))


def encode(engine, session) -> None:
    """Prepares and evaluates the own image, if this model has not done so. Whatever reads `session.own.mu` comes after it."""
    own = session.own
    if own.data is None or own.evaluation is not None or own.error:
        return
    try:
        prepared = user_image.prepare(own.data, engine.image_shape, _preparation(engine, own))
        session.place_own_image(prepared, engine.evaluate(prepared.image))
    except ExplorerError as error:
        session.place_own_image(error=str(error))


def use_own_image(engine, session, role: str) -> None:
    """Picks the own image and moves z to its mean ("explore"), or makes it A, B or C. Ignores an unknown role."""
    if role not in ROLES:
        return
    encode(engine, session)
    if role != "explore":
        session.set_anchor_own(role)
    elif session.own.mu is not None:
        session.pick(OWN)
        session.move_to(session.own.mu)


def _handle_request(engine, session) -> None:
    request = state.request(KEY)
    seq = None if request is None else request.get("seq")
    if type(seq) is not int or seq <= session.acks.get(KEY, 0):
        return
    session.acknowledge(KEY, seq)
    match request:
        case {"kind": "image", "data": str(text)}:
            try:
                data = base64.b64decode(text, validate=True)[: user_image.MAX_BYTES + 1]  # one byte too many is refused
                session.change_own_image(data=data)
            except ValueError:  # not base64
                session.change_own_image(data=None, error="The picture arrived incomplete. Try again.")
        case {"kind": "see", "fit": str(fit), "invert": str(invert)} if fit in FITS and invert in INVERT:
            session.change_own_image(fit=fit, invert=INVERT[invert])
        case {"kind": "clear"}:
            session.change_own_image(data=None)
        case {"kind": "use", "role": str(role)}:
            use_own_image(engine, session, role)


def _preparation(engine, own) -> user_image.Preparation:
    return user_image.preparation_for(engine.origin.dataset, engine.ink_layout, own.fit, own.invert)


def _content(engine, session) -> tuple[dict, Arrays, dict]:
    own, layout = session.own, engine.ink_layout
    usual = user_image.preparation_for(engine.origin.dataset, layout)
    header = {
        "shape": engine.image_shape,
        "light": layout.dark_background or engine.image_shape[0] == 3,
        "fits": [fit for fit in FITS if fit != "centre" or layout.dark_background],
        "fit": _preparation(engine, own).fit,
        "invert": next(name for name, value in INVERT.items() if value is own.invert),
        "auto": "where needed" if usual.invert is None else "as in training: no",
        "roles": ROLES,
        "error": own.error,
        "said": "",
        "title": "",
        "verdict": "",
        "rank": "",
        "facts": [],
        "dims": [],
    }
    if own.evaluation is None:
        return header, {name: np.zeros(0, np.uint8) for name in Arrays.__annotations__}, {}
    prepared, evaluation = own.prepared, own.evaluation
    dims = order_of_dims(engine)[0][:N_POSTERIOR]
    header |= {
        "said": prepared.said,
        "title": _title(evaluation),
        "verdict": (evaluation.verdict or "").capitalize(),
        "rank": _rank(evaluation, len(engine.gallery.mu)),
        "facts": _facts(engine, evaluation),
        "dims": dims.tolist(),
    }
    posterior = np.stack([evaluation.mu[dims], np.exp(evaluation.logvar[dims] / 2)], 1)
    pictures = {"seen": prepared.image[0], "recon": evaluation.recon, "error_map": heat(evaluation.error)}
    return header, pictures | {"posterior": posterior}, {}


def heat(error: np.ndarray) -> np.ndarray:
    """Absolute errors uint8 (C, H, W) -> colours uint8 (3, H, W) for the largest channel; brightest from half the range on."""
    stops = np.linspace(0, 128, len(HEAT))
    return np.stack([np.interp(error.max(0), stops, HEAT[:, c]) for c in range(3)]).round().astype(np.uint8)


def _title(evaluation) -> str:
    if evaluation.elbo is None:
        return f"KL {evaluation.kl:.1f} nats"
    return f"-ELBO {-evaluation.elbo:.1f} = {evaluation.recon_loss:.1f} reconstruction + {evaluation.kl:.1f} KL nats"


def _rank(evaluation, n: int) -> str:
    """The reason of the verdict. Percentages are rounded down, so 100 % never appears."""
    verdict, percentile = evaluation.verdict, evaluation.percentile
    if verdict is None:
        return "Its -ELBO is not known: this model has no likelihood here."
    if verdict == "far from the data":
        return f"Its mean lies farther from those of the {n:,} test images than {_share(evaluation.isolation)} of theirs do."
    if verdict == "unusually simple" and evaluation.is_blurred:
        return "It is blurred or plain: its edges are softer than those of nearly all reconstructions of test images."
    if percentile > 50:
        return f"Its -ELBO is lower than that of {_share(percentile)} of the {n:,} test images."
    return f"Its -ELBO is higher than that of {_share(100 - percentile)} of the {n:,} test images."


def _share(percent: float) -> str:
    return "every one" if percent == 100 else f"{int(percent)} %"


def _facts(engine, evaluation) -> list[list[str]]:
    """[name, value] of the support of its mean, and of the classes of its nearest neighbours."""
    rows, _ = engine.neighbours(evaluation.mu, 5)
    labels, names = engine.gallery.labels[rows].tolist(), engine.origin.class_names
    near = Counter(names[label] if 0 <= label < len(names) else f"#{row}" for row, label in zip(rows.tolist(), labels))
    near = [name if n == 1 else f"{name} \N{MULTIPLICATION SIGN}{n}" for name, n in near.most_common()]
    support = f"{evaluation.support:.2f}" if evaluation.support >= 0.005 else "< 0.01"
    return [["support", support], ["nearest", ", ".join(near)]]
