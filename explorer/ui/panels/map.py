"""The map: encoder means in a plane, a Plotly chart that does not change while all that moves is drawn over it."""

import numpy as np
import streamlit as st

from explorer import figures
from explorer.ui import resources, state
from explorer.ui.components.map_overlay import map_overlay as mount
from explorer.ui.components.packet import pack

KEY = "map"
PLANE_NAMES = {"umap": "UMAP", "pca": "PCA"}


def controls(engine, session) -> None:
    """Plane and colouring. A change is a new figure under the same key."""
    raw = "z, z" if engine.latent_dim > 2 else "z"
    planes = [p for p in ("umap", "pca") if p in engine.planes] + ["raw"]
    now = session.plane if session.plane is not None else engine.planes[0]
    with st.container(horizontal=True, vertical_alignment="center", key="map_controls"):
        chosen = st.segmented_control("Plane", planes, default=now if now in planes else "raw", key=f"plane-{engine.name}",
                                      format_func=lambda p: PLANE_NAMES.get(p, raw), label_visibility="collapsed")  # fmt: skip
        if chosen == "raw" and engine.latent_dim > 2:
            pair = now if isinstance(now, tuple) else tuple(int(d) for d in np.argsort(-engine.kl_per_dim)[:2])
            dims = range(engine.latent_dim)
            pair = tuple(st.selectbox(f"{axis} axis", dims, pair[i], format_func=lambda d: f"z{d}", key=f"{axis}-{engine.name}",
                                      label_visibility="collapsed", width=90) for i, axis in enumerate("xy"))  # fmt: skip
            session.plane = pair
        elif chosen is not None:
            session.plane = chosen if chosen != "raw" else engine.planes[0]
        if session.plane is None:
            session.plane = engine.planes[0]
        session.colour = st.selectbox("Colour", state.COLOURS, state.COLOURS.index(session.colour), key="colour",
                                      format_func=lambda c: f"colour: {c}", label_visibility="collapsed", width=170)  # fmt: skip


def chart(engine, session) -> None:
    figure = resources.figure(engine, session.plane, session.colour)
    st.plotly_chart(figure, key="latent_map", theme=None, height="stretch", config={"scrollZoom": True, "doubleClick": False, "displayModeBar": True, "modeBarButtons": [["resetScale2d"]]})


def trust(engine, session) -> None:
    value = engine.metrics.get("trustworthiness")
    if session.plane == engine.planes[0] and value is not None:
        text = f"trustworthiness {value:.3f} (k = {engine.metrics.get('trustworthiness_k', 15)})"
    else:
        text = "a plane of the latent space itself" if isinstance(session.plane, tuple) else "a linear projection"
    if session.plane == "umap":
        text += " · another UMAP seed keeps only half of each point's ten nearest neighbours"
    st.caption(text)


def overlay(engine, session) -> None:
    key = (session.content_hash, session.a, session.b, session.picked, session.plane, session.overshoot, session.own.turn,
           session.heard.get(KEY, 0))  # fmt: skip
    mount(session.packet(KEY, key, lambda order: _packet(engine, session, order)), KEY, lambda: _hear(engine, session))


def _hear(engine, session) -> None:
    asked = state.request(KEY)
    if asked is None or asked.get("seq", 0) <= session.heard.get(KEY, 0):
        return
    session.heard[KEY] = int(asked["seq"])
    row = asked.get("row")
    match asked.get("kind"):
        case "anchor" if isinstance(row, int) and 0 <= row < session.n_images:
            session.set_anchor(row)
            session.pick(row)
            session.move_to(engine.gallery.mu[row])
        case "move" if isinstance(row, int) and 0 <= row < session.n_images:
            session.move_to(engine.gallery.mu[row])
        case "place":
            session.move_to(engine.unplace(np.array(asked["xy"], float), session.plane, session.z), approximate=True)


def _packet(engine, session, order: int) -> bytes:
    xy, plane = engine.map_xy(session.plane), session.plane
    path = np.zeros((0, 2), np.float32)
    if session.a is not None and session.b is not None:
        mu = engine.gallery.mu
        path = engine.interpolation_film(mu[session.a], mu[session.b], 64, "lerp", session.overshoot, plane).xy
    ellipse = None
    if session.a is not None and isinstance(plane, tuple) and engine.latent_dim > 1:
        sigma = np.exp(engine.gallery.logvar[session.a, list(plane)] / 2)
        ellipse = [*map(float, xy[session.a]), *map(float, sigma)]
    own = None if session.own.mu is None else [float(v) for v in engine.place(session.own.mu, plane)[0][0]]
    at = lambda row: None if row is None else [float(v) for v in xy[row]]  # noqa: E731
    anchors = {name: None if row is None else {"row": row, "xy": at(row)} for name, row in (("a", session.a), ("b", session.b))}
    header = {
        "stamp": f"{session.content_hash}-{order}", "ack": session.heard.get(KEY, 0), "plane": str(plane), "ellipse": ellipse,
        "model": f"{session.bundle}-{session.content_hash}", "picked_xy": at(session.picked), "own_xy": own, **anchors,
    }  # fmt: skip
    return pack(header, {"path": path})
