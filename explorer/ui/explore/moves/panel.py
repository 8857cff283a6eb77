"""The tray below stage and map: a row of tabs with ways to move z.

"A to B" and "Your image" are components of their own, which the page shows while their tab is open. Of the others only the open
tab is sent: samples, neighbours, classes, directions, arithmetic, a pad. Where there are few dimensions the pad has no tab: it
is mounted a second time and always open. The packet of a tab is the array `content` of another packet, whose header changes
with every request.

Scrubbing a line or the pad sends nothing: the script passes each frame to the stage in the window event `latent:preview`,
{picture, index, columns, shape, z, xy, support, plane, source, seq, event}, where `seq` is the number of the request that will
carry z, and `source` the component that sends it. Once the server has acknowledged it (window event `latent:heard` {source,
ack}), the stage shows the session's z again.
"""

from typing import Literal, NotRequired, TypedDict

import numpy as np

from explorer.core.engine.latent_map import MAX_ABS_Z
from explorer.core.latent import linear
from explorer.ui import resources
from explorer.ui.explore.moves import contents
from explorer.ui.explore.stage.panel import order_of_dims
from explorer.ui.state import session as state
from explorer.ui.state.own_image import posterior_of
from explorer.ui.wire import film_encoding
from explorer.ui.wire.component import register
from explorer.ui.wire.packet import Numbered, pack

mount = register(__file__, "moves")

KEY = "moves"
PAD_KEY = "pad"
MAX_PAD_DIMS = 4  # with more sliders, the pad is a tab
LABELS = {
    "ab": "A to B",
    "prior": "Prior",
    "neighbours": "Neighbours",
    "classes": "Classes",
    "directions": "Directions",
    "arithmetic": "A \u2212 B + C",
    "pad": "Pad",
    "own": "Your image",
}
SEPARATE = ("ab", "own")  # tabs drawn by another component
LIMITS = film_encoding.Limits(150_000, 200_000)  # less than for the stage, which sends its films at the same release
NAME_LENGTH = 24


class Header(TypedDict):
    source: str  # the component's key
    ack: int  # sequence number of the last request handled
    here: list[float]  # z on the two axes of the pad; empty in the other tabs


class Arrays(TypedDict):
    content: bytes  # a packet of Content and ContentArrays


class Tab(TypedDict):
    """The content header's fields in every tab."""

    tab: str
    tabs: list[list[str]]  # [name, label]
    latent_dim: int
    shape: tuple[int, int, int]
    columns: int  # of the sheet
    plane: str
    note: str
    stamp: str  # this and the next are added by Session.packet
    order: int


class Content(Tab, total=False):
    items: list[list[str] | None]  # tabs of pictures: [caption, title]; None for an anchor that is not chosen
    choices: list[tuple[str, str]]  # this and the following: directions; (id, label)
    choice: str
    classes: list[tuple[int, str]]  # (label, name)
    pair: tuple[int, int]  # labels
    marks: list[list]  # [value, name]
    at: int  # index of z in the film
    can_save: bool
    side: int  # this and the following: pad; frames along each side
    span: float  # the pad covers [-span, span]
    axes: list[int]  # dimensions across and up
    dims: list[int]  # all dimensions, in order of decreasing KL


class Frames(TypedDict):
    frames: np.ndarray | bytes  # (n, C, H, W)


class ContentArrays(Frames, total=False):
    z: np.ndarray  # (n, D)
    xy: np.ndarray  # (n, 2)
    support: np.ndarray  # (n,)
    rows: np.ndarray  # (n,), gallery rows; only of neighbours, instead of the three above
    values: np.ndarray  # (n,), only of directions


class Base(Numbered):
    z: NotRequired[list[float]]  # z moves here first


class Command(Base):
    kind: Literal["move", "draw"]


class OpenTab(Base):
    kind: Literal["tab"]
    tab: str


class Pick(Base):
    kind: Literal["pick"]
    row: int


class Direction(Base):
    kind: Literal["direction", "remove"]
    choice: str


class Classes(Base):
    kind: Literal["classes"]
    pair: list[int]


class Save(Base):
    kind: Literal["save"]  # the direction from A to B
    name: str


class Pad(Base):
    kind: Literal["pad"]
    axes: list[int]


Request = Command | OpenTab | Pick | Direction | Classes | Save | Pad


def render(engine, session) -> None:
    """Draws the tray with its tabs."""
    tabs = _tabs(engine)
    if session.tab not in tabs:
        session.open_tab(tabs[0])
    _mount(engine, session, KEY, session.tab, tabs)


def has_pad(engine) -> bool:
    """Whether the pad is always open: it fills the space that few sliders leave."""
    return engine.latent_dim >= 2 and len(order_of_dims(engine)[0]) <= MAX_PAD_DIMS


def render_pad(engine, session) -> None:
    """Draws the pad that is always open."""
    _mount(engine, session, PAD_KEY, "pad", [])


def _mount(engine, session, component: str, tab: str, tabs: list[str]) -> None:
    depends_on, make = ((), None) if tab in SEPARATE else contents.CONTENTS[tab](engine, session)
    shown = session.content_hash, tab, session.plane, *depends_on, resources.has_images(engine)
    key = (*shown, film_encoding.visitor_limits(LIMITS))
    content = session.packet(component, key, lambda: _content(engine, session, key, tabs, make), ("stamp", "order"))
    axes = list(contents.pad_axes(engine, session)) if tab == "pad" else []
    header: Header = {
        "source": component,
        "ack": session.acks.get(component, 0),
        "here": [float(v) for v in session.z[axes]],
    }
    mount(pack(header, {"content": content}), component, lambda: _handle_requests(engine, session, component))


def _handle_requests(engine, session, component: str) -> None:
    for request in state.requests(session, component):
        _handle(engine, session, request)


def _handle(engine, session, request: dict) -> None:
    if _are_numbers(request.get("z")):
        session.move_to(request["z"])
    match request:
        case {"kind": "tab", "tab": str(tab)} if tab in _tabs(engine):
            session.open_tab(tab)
        case {"kind": "draw"}:
            session.draw_again()
        case {"kind": "pick", "row": int(row)} if 0 <= row < session.n_images:
            session.go_to_row(int(row), engine.gallery.mu[int(row)])  # int(): row may be a bool
        case {"kind": "direction", "choice": str(choice)} if choice in contents.choices(engine, session):
            session.choose_direction(choice)
        case {"kind": "classes", "pair": [int(start), int(end)]} if {start, end} <= contents.classes_of(engine).keys():
            session.choose_classes(int(start), int(end))
        case {"kind": "save", "name": str(name)} if contents.has_direction(engine, session):
            name = " ".join(name.split())[:NAME_LENGTH]
            ends = (posterior_of(engine, session, anchor)[0] for anchor in (session.a, session.b))
            session.save_direction(name, linear.direction(*ends))
            if name in session.saved:
                session.choose_direction(contents.saved_id(name))
        case {"kind": "remove", "choice": str(choice)}:
            session.remove_direction(choice.removeprefix(contents.saved_id("")))
        case {"kind": "pad", "axes": [int(i), int(j)]} if i != j and {i, j} <= set(range(engine.latent_dim)):
            session.choose_pad(int(i), int(j))


def _are_numbers(values) -> bool:
    return isinstance(values, list) and all(type(v) in (int, float) and abs(v) <= MAX_ABS_Z for v in values)  # no NaN


def _content(engine, session, key: tuple, tabs: list[str], make) -> tuple[dict, ContentArrays, dict]:
    _, tab, *_, limits = key
    return resources.shared(engine, KEY, (key, *tabs), lambda: _pictures(engine, session, tab, tabs, make, limits))


def _pictures(engine, session, tab: str, tabs: list[str], make, limits) -> tuple[dict, ContentArrays, dict]:
    """(header, arrays, encodings), equal for all visitors with the same key."""
    header, arrays = ({"note": ""}, {"frames": np.zeros((0, *engine.image_shape), np.uint8)}) if make is None else make()
    columns = header.get("side") or max(1, len(arrays["frames"]))
    frames, encodings = film_encoding.encode_frames(arrays["frames"], columns, limits)
    header |= {
        "tab": tab,
        "latent_dim": engine.latent_dim,
        "tabs": [[name, LABELS[name]] for name in tabs],
        "shape": engine.image_shape,
        "columns": columns,
        "plane": str(session.plane),
    }
    return header, arrays | {"frames": frames}, encodings


def _tabs(engine) -> list[str]:
    """The tabs that the model has: classes need labels, the pad many dimensions."""
    absent = set() if contents.classes_of(engine) else {"classes"}
    absent |= {"pad"} if engine.latent_dim == 1 or has_pad(engine) else set()
    return [tab for tab in LABELS if tab not in absent]
