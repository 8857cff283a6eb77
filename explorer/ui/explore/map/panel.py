"""The map: a Plotly chart of the gallery, its controls, and an overlay that draws everything that moves.

The chart itself never changes, so pan and zoom survive reruns. The overlay's script finds it by `.st-key-latent_map`, reads its
axes and draws cursor, anchors, path, posterior and hover card over it. It gets the position of z from the page's other
components, through the window event `latent:cursor`.
"""

from typing import Literal, TypedDict

import numpy as np
import streamlit as st

from explorer.core.engine.latent_map import DEAD_KL
from explorer.core.latent import clusters
from explorer.ui import resources
from explorer.ui.state import link
from explorer.ui.state import session as state
from explorer.ui.state.own_image import OWN, place_of, posterior_of
from explorer.ui.wire.component import register
from explorer.ui.wire.packet import Numbered

mount = register(__file__, "map_overlay", isolate_styles=False)

KEY = "map"
N_PATH = 64  # points of the line from A to B
CONFIG = {"scrollZoom": True, "doubleClick": False, "displayModeBar": True, "modeBarButtons": [["resetScale2d"]]}
TRUSTWORTHINESS_HELP = "How far the {k} nearest points on the map are also near in the latent space: 1 if all are"
PLANE_NAMES = {"umap": "UMAP", "pca": "PCA"}


class Anchor(TypedDict):
    row: int  # of the gallery; -1: the visitor's own image
    xy: list[float]


class Header(TypedDict):
    """Positions are in map units."""

    model: str
    plane: str
    a: Anchor | None
    b: Anchor | None
    c: Anchor | None
    is_example: bool  # A and B are the example of the page's opening
    names: list[list]  # [class name, x, y], where the class is densest
    picked_xy: list[float] | None
    own_xy: list[float] | None  # of the visitor's own image
    ellipse: list[float] | None  # [x, y, rx, ry]: one standard deviation of q(z|x) of A
    stamp: str  # this and the next are added by Session.packet
    ack: int


class Arrays(TypedDict):
    lerp: np.ndarray  # (F, 2), from A to B; F may be 0
    slerp: np.ndarray  # (F, 2)


class Point(Numbered):
    kind: Literal["anchor"]  # a click on a point
    row: int


class Named(Numbered):
    kind: Literal["set"]  # a key or a dragged badge sets an anchor; a click with Shift sets C
    name: str  # "a", "b", "c"
    row: int


class Place(Numbered):
    kind: Literal["place"]  # a click with no visible point within 8 px
    xy: list[float]


Request = Point | Named | Place


def controls(engine, session) -> None:
    """Draws the selectors of plane and colouring. A change makes a new figure under the same key."""
    raw = "two dims" if engine.latent_dim > 2 else "z"
    planes = [p for p in ("umap", "pca") if p in engine.planes] + ["raw"]
    current = session.plane if session.plane is not None else engine.planes[0]
    with st.container(horizontal=True, vertical_alignment="center", key="map_controls"):
        chosen = st.segmented_control(
            "Plane",
            planes,
            default=current if current in planes else "raw",
            key=f"plane-{engine.name}",
            format_func=lambda p: PLANE_NAMES.get(p, raw),
            label_visibility="collapsed",
        )
        if chosen == "raw" and engine.latent_dim > 2:
            i, j = current if isinstance(current, tuple) else (int(d) for d in np.argsort(-engine.kl_per_dim)[:2])
            i = _axis("x", engine, range(engine.latent_dim), i)
            others = [d for d in range(engine.latent_dim) if d != i]
            session.set_plane((i, _axis("y", engine, others, others.index(j) if j in others else 0)))
        elif chosen is not None:
            session.set_plane(chosen if chosen != "raw" else engine.planes[0])
        if session.plane is None:
            session.set_plane(engine.planes[0])
        colours = link.colours_of(engine)
        colour = st.selectbox(
            "Colour",
            colours,
            colours.index(session.colour),
            key="colour",
            format_func=lambda c: f"colour: {link.colour_name(c)}",
            label_visibility="collapsed",
            width=190,
        )
        session.set_colour(colour)


def _axis(name: str, engine, dims, index: int) -> int:
    return st.selectbox(
        f"{name} axis",
        dims,
        index,
        format_func=lambda d: f"z{d}",
        key=f"{name}-{engine.name}",
        label_visibility="collapsed",
        width=90,
    )


def chart(engine, session) -> None:
    figure = resources.figure(engine, session.plane, session.colour)
    st.plotly_chart(figure, key="latent_map", theme=None, height="stretch", config=CONFIG)


def caption(engine, session) -> None:
    value, help = engine.metrics.get("trustworthiness"), None
    if (engine.kl_per_dim < DEAD_KL).all():  # the map is of rounding errors, however well it keeps neighbours
        text = "nothing was learned: no active units, so places on this map mean nothing"
    elif session.plane == engine.planes[0] and value is not None:
        k = engine.metrics.get("trustworthiness_k", 15)
        text, help = f"trustworthiness {value:.3f} (k = {k})", TRUSTWORTHINESS_HELP.format(k=k)
    else:
        text = "two dimensions of the latent space itself" if isinstance(session.plane, tuple) else PLANE_NAMES[session.plane]
    st.caption(text, help=help)


def overlay(engine, session) -> None:
    anchors = session.a, session.b, session.c, session.is_example
    key = (*anchors, session.picked, session.plane, session.overshoot, session.own.version)
    packet = session.packet(KEY, key, lambda: _content(engine, session), ("stamp", "ack"))
    mount(packet, KEY, lambda: _handle_requests(engine, session))


def _handle_requests(engine, session) -> None:
    for request in state.requests(session, KEY):
        match request:
            case {"kind": "anchor", "row": int(row)} if 0 <= row < session.n_images:
                session.set_anchor(row)
                session.go_to_row(row, engine.gallery.mu[row])
            case {"kind": "set", "name": "a" | "b" | "c" as name, "row": int(row)} if 0 <= row < session.n_images:
                session.set_named(name, row)
                if name == "c":
                    session.move_to(engine.gallery.mu[row])
                else:
                    session.go_to_row(row, engine.gallery.mu[row])
            case {"kind": "place", "xy": [int() | float() as x, int() | float() as y]} if abs(x) < 1e6 and abs(y) < 1e6:
                session.move_to(engine.unplace(np.array([x, y], float), session.plane, session.z), approximate=True)


def _content(engine, session) -> tuple[dict, Arrays, dict]:
    xy, plane = engine.map_xy(session.plane), session.plane
    paths: Arrays = {"lerp": np.zeros((0, 2), np.float32), "slerp": np.zeros((0, 2), np.float32)}
    a, b = (posterior_of(engine, session, anchor) for anchor in (session.a, session.b))
    if a is not None and b is not None:
        for kind in paths:
            paths[kind] = engine.path_xy(a[0], b[0], N_PATH, session.overshoot, plane, kind)
    ellipse = None
    if a is not None and isinstance(plane, tuple) and engine.latent_dim > 1:
        sigma = np.exp(a[1][list(plane)] / 2)
        ellipse = [*place_of(engine, session, session.a), *map(float, sigma)]
    header = {
        "plane": str(plane),
        "ellipse": ellipse,
        "model": f"{session.bundle}-{session.content_hash}",
        "a": _anchor(engine, session, session.a),
        "b": _anchor(engine, session, session.b),
        "c": _anchor(engine, session, session.c),
        "is_example": session.is_example,
        "names": resources.shared(engine, "names", (plane,), lambda: _names(engine, xy)),
        "picked_xy": place_of(engine, session, session.picked),
        "own_xy": None if OWN in (session.a, session.b, session.c) else place_of(engine, session, OWN),
    }
    return header, paths, {}


def _names(engine, xy: np.ndarray) -> list[list]:
    """[name, x, y] of each class, in the order of the labels."""
    names, places = engine.origin.class_names, clusters.densest_places(xy, engine.gallery.labels)
    return [[names[label] if label < len(names) else str(label), *place] for label, place in places.items()]


def _anchor(engine, session, anchor: int | None) -> Anchor | None:
    return None if anchor is None else {"row": anchor, "xy": place_of(engine, session, anchor)}
