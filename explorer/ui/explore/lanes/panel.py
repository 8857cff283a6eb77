"""The lanes: three synchronised films from A to B, with norm, support and nearest image of each frame.

The panel sends the films in one packet. Scrubbing and playing happen in the script and send nothing: it passes the frame of the
chosen lane to the stage in the window event `latent:peek`.
"""

from typing import Literal, TypedDict

import numpy as np

from explorer.ui import resources
from explorer.ui.state import session as state
from explorer.ui.state.own_image import images_of, key_of, posterior_of
from explorer.ui.wire import film_encoding
from explorer.ui.wire.component import register
from explorer.ui.wire.packet import Numbered

mount = register(__file__, "lanes")

KEY = "lanes"
N_FRAMES = 64
KINDS = ("lerp", "slerp", "pixel")
HINTS = ("Click two points of the map: A, then B. Their interpolation appears here.", "Now click a second point: B.")


class Anchors(TypedDict):
    """The header fields that are sent also before A and B are chosen."""

    shape: tuple[int, int, int]
    latent_dim: int
    plane: str
    overshoot: float
    has_anchor: bool
    is_example: bool  # A and B are the example, which plays once
    ends_parts: list[str]  # which anchors the pictures of `ends` show: "a", "b"
    n_frames: int  # of each film; 0 unless both anchors are chosen
    hint: str
    stamp: str  # this and the following are added by Session.packet
    order: int
    ack: int


class Header(Anchors, total=False):
    """The optional fields are sent once A and B are chosen."""

    n_near: int
    pair: str
    near_told: list[str]  # description of each of the `near` images


class Ends(TypedDict):
    ends: np.ndarray  # (0 to 2, C, H, W), the images of A and B


class Arrays(Ends, total=False):
    """For the films of KINDS, n frames each; sent once A and B are chosen."""

    times: np.ndarray  # (n,), t from 0 (A) to 1 (B), or beyond
    z: np.ndarray  # (3 * n, D); of the blended pixels, their encoder means
    support: np.ndarray  # (3 * n,)
    xy: np.ndarray  # (3 * n, 2)
    near: np.ndarray  # (n_near, C, H, W), the gallery images nearest to any frame
    near_of: np.ndarray  # (3 * n,), index into `near` for each frame
    frames: np.ndarray | bytes  # (3 * n, C, H, W): lerp, slerp, pixel


class Command(Numbered):
    kind: Literal["swap", "clear"]


class Overshoot(Numbered):
    kind: Literal["overshoot"]
    on: bool


Request = Command | Overshoot


def render(engine, session) -> None:
    limits = film_encoding.visitor_limits()
    anchors = key_of(session, session.a), key_of(session, session.b)
    key = (*anchors, session.is_example, session.overshoot, session.plane, resources.has_images(engine), limits)
    content = lambda: resources.shared(engine, KEY, key, lambda: _films(engine, session, limits))  # noqa: E731
    packet = session.packet(KEY, key, content, ("stamp", "order", "ack"))
    mount(packet, KEY, lambda: _handle_requests(session))


def _handle_requests(session) -> None:
    for request in state.requests(session, KEY):
        match request:
            case {"kind": "swap"}:
                session.swap()
            case {"kind": "clear"}:
                session.clear()
            case {"kind": "overshoot", "on": bool(on)}:
                session.set_overshoot(on)


def _films(engine, session, limits: film_encoding.Limits) -> tuple[dict, Arrays, dict]:
    """(header, arrays, encodings), equal for all visitors with the same A and B."""
    a, b = session.a, session.b
    ends = [(name, anchor) for name, anchor in (("a", a), ("b", b)) if anchor is not None]
    header = {
        "shape": engine.image_shape,
        "latent_dim": engine.latent_dim,
        "plane": str(session.plane),
        "overshoot": session.overshoot,
        "has_anchor": bool(ends),
        "is_example": session.is_example,
        "ends_parts": [name for name, _ in ends],
        "n_frames": 0,
        "hint": HINTS[bool(ends)],
    }
    pictures = images_of(engine, session, [anchor for _, anchor in ends])
    if a is None or b is None:
        return header, {"ends": pictures}, {}
    start, end = (posterior_of(engine, session, anchor)[0] for anchor in (a, b))
    options = session.overshoot, session.plane
    films = [engine.interpolation_film(start, end, N_FRAMES, kind, *options) for kind in KINDS]
    z = np.concatenate([film.z for film in films])
    frames, encodings = film_encoding.encode_frames(np.concatenate([film.frames for film in films]), N_FRAMES, limits)
    rows, near_of = np.unique(engine.nearest_row(z), return_inverse=True)
    names = engine.origin.class_names
    header |= {
        "n_frames": N_FRAMES,
        "n_near": len(rows),
        "pair": f"{a}-{b}",
        "near_told": [_description(row, int(engine.gallery.labels[row]), names) for row in rows.tolist()],
    }
    arrays: Arrays = {
        "times": films[0].values,
        "z": z,
        "support": np.concatenate([film.support for film in films]),
        "xy": np.concatenate([film.xy for film in films]),
        "near_of": near_of,
        "ends": pictures,
        "near": engine.images_or_recons(rows)[0],
        "frames": frames,
    }
    return header, arrays, encodings


def _description(row: int, label: int, names: tuple[str, ...]) -> str:
    name = f"a {names[label]} " if 0 <= label < len(names) else ""
    return f"nearest real image: {name}(#{row})"
