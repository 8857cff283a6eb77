"""Your own image: a canvas to draw on, a file to choose, and what the model makes of it. A button opens it as a card.

Down, one packet (packet.py): header `stamp` (changes with the content), `ack` (the last request handled), `shape`,
`light` (ink is drawn bright on black), `centre` and `invert` (how the picture was seen), `can_centre`, `inverted`, `said` (what
was wrong with the picture, or ""), `title` (the numbers in a line), `rank` (how strange it is), `facts` ([name, value] each),
`dims`; arrays, empty without a picture: `seen` and `recon` (C, H, W), `error` (3, H, W), a heat map, and `posterior` (k, 2), mu
and sigma of the dimensions `dims`.

Up, the trigger `request`: {seq, kind, ...}. "image" {data: a picture file in base64}; "see" {centre, invert}, invert one of
"auto", "on", "off"; "clear"; "explore": z moves to the picture's mu. One at a time: the next waits for the ack of the last.
A trigger and not a state, because Streamlit sends the states of all components along with every request of any.
"""

import base64

import numpy as np

from explorer.core.engine import user_image
from explorer.core.errors import ExplorerError
from explorer.ui.explore.stage.panel import order_of_dims
from explorer.ui.state import session as state
from explorer.ui.wire.component import register

mount = register(__file__, "draw")

KEY = "own"
N_POSTERIOR = 16  # dimensions shown, the most telling first
INVERT = {"auto": None, "on": True, "off": False}
HEAT = np.array([[0, 0, 4], [87, 16, 110], [188, 55, 84], [249, 142, 9], [252, 255, 164]])  # inferno, from no error to all


def render(engine, session) -> None:
    """Before the map's companion, which shows where the picture lies."""
    packet = session.packet(KEY, (session.own.version,), lambda: _content(engine, session), ("stamp", "ack"))
    mount(packet, KEY, lambda: _handle_request(session))


def _handle_request(session) -> None:
    asked = state.request(KEY)
    seq = None if asked is None else asked.get("seq")
    if type(seq) is not int or seq <= session.acks.get(KEY, 0):
        return
    session.acknowledge(KEY, seq)
    match asked:
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
    """(the picture, "") or (None, what is wrong with it)."""
    try:
        return user_image.read(base64.b64decode(text, validate=True)), ""
    except ExplorerError as error:
        return None, str(error)
    except ValueError:  # not base64
        return None, "The picture did not arrive whole. Try again."


def _content(engine, session) -> tuple[dict, dict, dict]:
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
    none = {name: np.zeros(0, np.uint8) for name in ("seen", "recon", "error", "posterior")}
    if own.picture is None:
        return header, none, {}
    try:
        seen = user_image.prepare(own.picture, engine.image_shape, layout, own.centre, own.invert)
        evaluation = engine.evaluate(seen.image)
    except ExplorerError as error:
        return header | {"said": str(error)}, none, {}
    session.place_own_image(evaluation.mu)
    dims = order_of_dims(engine)[0][:N_POSTERIOR]
    header |= {
        "inverted": seen.inverted,
        "title": _title(evaluation),
        "rank": _rank(evaluation, len(engine.gallery.mu)),
        "facts": _facts(engine, evaluation),
        "dims": dims.tolist(),
    }
    posterior = np.stack([evaluation.mu[dims], np.exp(evaluation.logvar[dims] / 2)], 1)
    pictures = {"seen": seen.image[0], "recon": evaluation.recon, "error": heat(evaluation.error)}
    return header, pictures | {"posterior": posterior}, {}


def heat(error: np.ndarray) -> np.ndarray:
    """Absolute errors uint8 (C, H, W) -> uint8 (3, H, W): the largest of the channels, dark to bright at half the range."""
    stops = np.linspace(0, 128, len(HEAT))
    return np.stack([np.interp(error.max(0), stops, HEAT[:, c]) for c in range(3)]).round().astype(np.uint8)


def _title(evaluation) -> str:
    if evaluation.elbo is None:
        return f"KL {evaluation.kl:.1f} nats"
    return f"ELBO {evaluation.elbo:.1f} nats = -(recon {evaluation.recon_loss:.1f} + KL {evaluation.kl:.1f})"


def _rank(evaluation, n: int) -> str:
    """How strange the picture is, in a sentence. Percentages are cut, never rounded up to all."""
    if evaluation.percentile is None:
        return "Its ELBO is not known: this model has no likelihood here."
    if evaluation.percentile in (0, 100):
        return f"{'Less strange' if evaluation.percentile else 'Stranger'} than every one of the {n:,} test images."
    if evaluation.percentile <= 50:
        return f"Stranger than {int(100 - evaluation.percentile)} % of the {n:,} test images."
    return f"Less strange than {int(evaluation.percentile)} % of the {n:,} test images."


def _facts(engine, evaluation) -> list[list[str]]:
    """What lies around it: the classes of its neighbours, and how well the data supports its mean."""
    rows, _ = engine.neighbours(evaluation.mu, 5)
    labels, names = engine.gallery.labels[rows].tolist(), engine.origin.class_names
    near = [names[label] if 0 <= label < len(names) else f"#{row}" for row, label in zip(rows.tolist(), labels)]
    support = f"{evaluation.support:.2f}" if evaluation.support >= 0.005 else "< 0.01"
    return [["support", support], ["nearest", ", ".join(near)]]
