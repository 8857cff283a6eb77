"""The map's companion: draws cursor, anchors, path, posterior and hover pictures over a Plotly chart that never changes.

It finds the chart by `.st-key-latent_map`, reads its axes and listens to it. Down, one packet: header `stamp`, `ack`,
`model`, `plane`, `a` and `b` ({row, xy} or null), `picked_xy` and `own_xy` (of the visitor's own image), `ellipse` ([x, y,
rx, ry] in map units or null); array `path` (F, 2). Where z is comes from the page's other components, by the window event
`latent:cursor`.

Up, the state `request`: {seq, kind, ...}. "anchor" {row}: a click on a point; "move" {row}: with Shift; "place" {xy}: a
click where no visible point is within 8 px.
"""

import numpy as np
import streamlit as st

from explorer.ui import resources
from explorer.ui.state import link
from explorer.ui.state import session as state
from explorer.ui.wire.component import register

mount = register(__file__, "map_overlay", isolate_styles=False)

KEY = "map"
N_PATH = 64  # points of the line from A to B
CONFIG = {"scrollZoom": True, "doubleClick": False, "displayModeBar": True, "modeBarButtons": [["resetScale2d"]]}
PLANE_NAMES = {"umap": "UMAP", "pca": "PCA"}


def controls(engine, session) -> None:
    """Plane and colouring. A change is a new figure under the same key."""
    raw = "z, z" if engine.latent_dim > 2 else "z"
    planes = [p for p in ("umap", "pca") if p in engine.planes] + ["raw"]
    now = session.plane if session.plane is not None else engine.planes[0]
    with st.container(horizontal=True, vertical_alignment="center", key="map_controls"):
        chosen = st.segmented_control(
            "Plane",
            planes,
            default=now if now in planes else "raw",
            key=f"plane-{engine.name}",
            format_func=lambda p: PLANE_NAMES.get(p, raw),
            label_visibility="collapsed",
        )
        if chosen == "raw" and engine.latent_dim > 2:
            i, j = now if isinstance(now, tuple) else (int(d) for d in np.argsort(-engine.kl_per_dim)[:2])
            i = _axis("x", engine, range(engine.latent_dim), i)
            rest = [d for d in range(engine.latent_dim) if d != i]
            session.set_plane((i, _axis("y", engine, rest, rest.index(j) if j in rest else 0)))
        elif chosen is not None:
            session.set_plane(chosen if chosen != "raw" else engine.planes[0])
        if session.plane is None:
            session.set_plane(engine.planes[0])
        colour = st.selectbox(
            "Colour",
            link.COLOURS,
            link.COLOURS.index(session.colour),
            key="colour",
            format_func=lambda c: f"colour: {c}",
            label_visibility="collapsed",
            width=170,
        )
        session.set_colour(colour)


def _axis(name: str, engine, dims, start: int) -> int:
    return st.selectbox(
        f"{name} axis",
        dims,
        start,
        format_func=lambda d: f"z{d}",
        key=f"{name}-{engine.name}",
        label_visibility="collapsed",
        width=90,
    )


def chart(engine, session) -> None:
    figure = resources.figure(engine, session.plane, session.colour)
    st.plotly_chart(figure, key="latent_map", theme=None, height="stretch", config=CONFIG)


def trust(engine, session) -> None:
    value = engine.metrics.get("trustworthiness")
    if session.plane == engine.planes[0] and value is not None:
        text = f"trustworthiness {value:.3f} (k = {engine.metrics.get('trustworthiness_k', 15)})"
    else:
        text = "two dimensions of the latent space itself" if isinstance(session.plane, tuple) else PLANE_NAMES[session.plane]
    if session.plane == "umap":
        text += " · another UMAP seed keeps only half of each point's ten nearest neighbours"
    st.caption(text)


def overlay(engine, session) -> None:
    key = (session.a, session.b, session.picked, session.plane, session.overshoot, session.own.version)
    packet = session.packet(KEY, key, lambda: _content(engine, session), ("stamp", "ack"))
    mount(packet, KEY, lambda: _handle_requests(engine, session))


def _handle_requests(engine, session) -> None:
    for asked in state.requests(session, KEY):
        match asked:
            case {"kind": "anchor", "row": int(row)} if 0 <= row < session.n_images:
                session.set_anchor(row)
                session.go_to_row(row, engine.gallery.mu[row])
            case {"kind": "move", "row": int(row)} if 0 <= row < session.n_images:
                session.move_to(engine.gallery.mu[row])
            case {"kind": "place", "xy": [int() | float() as x, int() | float() as y]} if abs(x) < 1e6 and abs(y) < 1e6:
                session.move_to(engine.unplace(np.array([x, y], float), session.plane, session.z), approximate=True)


def _content(engine, session) -> tuple[dict, dict, dict]:
    xy, plane = engine.map_xy(session.plane), session.plane
    path = np.zeros((0, 2), np.float32)
    if session.a is not None and session.b is not None:
        mu = engine.gallery.mu
        path = engine.path_xy(mu[session.a], mu[session.b], N_PATH, session.overshoot, plane)
    ellipse = None
    if session.a is not None and isinstance(plane, tuple) and engine.latent_dim > 1:
        sigma = np.exp(engine.gallery.logvar[session.a, list(plane)] / 2)
        ellipse = [*map(float, xy[session.a]), *map(float, sigma)]
    own = None if session.own.mu is None else [float(v) for v in engine.place(session.own.mu, plane)[0][0]]
    at = lambda row: None if row is None else [float(v) for v in xy[row]]  # noqa: E731
    anchors = {name: None if row is None else {"row": row, "xy": at(row)} for name, row in (("a", session.a), ("b", session.b))}
    header = {
        "plane": str(plane),
        "ellipse": ellipse,
        "model": f"{session.bundle}-{session.content_hash}",
        "picked_xy": at(session.picked),
        "own_xy": own,
        **anchors,
    }
    return header, {"path": path}, {}
