"""The Export panel: the current view as files, made on download, and as Python code that reproduces it."""

import io

import numpy as np
import streamlit as st

from explorer import figures
from explorer.ui import resources
from explorer.ui.explore.lanes.panel import N_FRAMES
from explorer.ui.explore.stage.panel import N_SLIDERS, order_of_dims

KINDS = ("lerp", "slerp", "pixel")


def render(engine, session) -> None:
    with st.popover("Export", key="export", on_change="rerun") as popover:
        if popover.open:
            _content(engine, session)


def _content(engine, session) -> None:
    name = session.bundle
    has_pair = session.a is not None and session.b is not None
    pair = f"{name}-{session.a}-to-{session.b}"
    for label, make, file, mime, is_enabled in (
        ("Decoded image, PNG", _stage_png, f"{name}-z.png", "image/png", True),
        ("Interpolation, PNG", _lanes_png, f"{pair}.png", "image/png", has_pair),
        ("Interpolation, GIF", _lanes_gif, f"{pair}.gif", "image/gif", has_pair),
        ("z and its films, NPZ", _films_npz, f"{name}-films.npz", "application/octet-stream", True),
        ("The map's table, CSV", _map_csv, f"{name}-map.csv", "text/csv", True),
    ):
        st.download_button(
            label,
            lambda make=make: make(engine, session),
            file,
            mime,
            on_click="ignore",
            disabled=not is_enabled,
            key=f"export-{file}",
            width="stretch",
        )
    st.caption("As Python")
    st.code(as_python(engine, session), language="python")


def as_python(engine, session) -> str:
    """Python code that reproduces the view with the public API."""
    opener, name = "open_bundle", engine.name
    if engine.is_live:
        opener, name = "open_run", name.removeprefix(resources.RUN_PREFIX)
    elif name == resources.own_model_spec():
        opener = "open_model"
    lines = ["import numpy as np", f"from explorer import {opener}", "", f"engine = {opener}({name!r})"]
    if session.z.any():
        values = ", ".join(np.format_float_positional(v, unique=True) for v in session.z)
        lines += [f"z = np.array([{values}], np.float32)"]
    else:
        lines += ["z = np.zeros(engine.latent_dim, np.float32)"]
    lines += ["image = engine.decode(z[None])[0]  # (C, H, W) in [0, 1]"]
    if session.a is not None and session.b is not None:
        overshoot = f", overshoot={session.overshoot}" if session.overshoot else ""
        ends = f"mu[{session.a}], mu[{session.b}]"
        lines += ["mu = engine.gallery.mu", f'film = engine.interpolation_film({ends}, {N_FRAMES}, "slerp"{overshoot})']
    return "\n".join(lines)


def _stage_png(engine, session) -> bytes:
    return figures.png(figures.strip(figures.enlarge(engine.film(session.z).frames, 512)))


def _lane_films(engine, session) -> list:
    a, b = engine.gallery.mu[session.a], engine.gallery.mu[session.b]
    return [engine.interpolation_film(a, b, N_FRAMES, kind, session.overshoot) for kind in KINDS]


def _lanes_png(engine, session) -> bytes:
    lanes = [figures.enlarge(film.frames[::4], 112) for film in _lane_films(engine, session)]
    return figures.png(np.concatenate([figures.strip(lane) for lane in lanes]))


def _lanes_gif(engine, session) -> bytes:
    films = _lane_films(engine, session)
    rows = [figures.strip(figures.enlarge(np.stack([film.frames[i] for film in films]), 160)) for i in range(N_FRAMES)]
    return figures.gif(rows + rows[-2:0:-1], frame_ms=40)  # A to B and back


def _films_npz(engine, session) -> bytes:
    dims = order_of_dims(engine)[0][session.first : session.first + N_SLIDERS]
    films = engine.traversals(session.z, dims, plane=session.plane)
    buffer = io.BytesIO()
    parts = {part: getattr(films, part) for part in ("values", "frames", "xy", "support")}
    np.savez_compressed(buffer, z=session.z, dims=dims, **parts)
    return buffer.getvalue()


def _map_csv(engine, session) -> str:
    gallery, names = engine.gallery, engine.origin.class_names
    columns = {"row": np.arange(len(gallery.mu)), "index": gallery.index, "label": gallery.labels}
    for plane in (p for p in ("umap", "pca") if p in engine.planes):
        columns |= {f"{plane}_{axis}": engine.map_xy(plane)[:, i] for i, axis in enumerate("xy")}
    columns |= {"recon_loss": gallery.recon_loss, "kl": engine.encoding.kl_per_dim.sum(1)}
    columns |= {f"mu_{d}": gallery.mu[:, d] for d in range(engine.latent_dim)}
    columns |= {f"logvar_{d}": gallery.logvar[:, d] for d in range(engine.latent_dim)}
    rows = zip(*(column.tolist() for column in columns.values()))
    classes = "" if not names else "# classes: " + ", ".join(names) + "\n"
    return classes + ",".join(columns) + "\n" + "\n".join(",".join(f"{v:.7g}" for v in row) for row in rows) + "\n"
