"""The Export menu: the current view as files for slides and other tools, made on download, and as Python code."""

import os
import re
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import streamlit as st

from explorer.ui import resources
from explorer.ui.explore import downloads
from explorer.ui.explore.lanes.panel import N_FRAMES
from explorer.ui.state.own_image import OWN
from explorer.ui.widgets.rows import plain

ZIP, OCTETS = "application/zip", "application/octet-stream"
MIME = {
    "png": "image/png",
    "svg": "image/svg+xml",
    "gif": "image/gif",
    "mp4": "video/mp4",
    "csv": "text/csv",
    "npz": OCTETS,
    "parquet": OCTETS,
    "zip": ZIP,
}
NEEDS_PAIR = "Choose A and B on the map first."
TOOLS_HINT = "embedding-atlas FILE --x x --y y; the other: unzip, then tensorboard --logdir FOLDER"


class Download(NamedTuple):
    """A button. `make` gets the Engine and the Session and returns the bytes of the file."""

    label: str
    make: Callable
    file: str  # without the name of the model


class Group(NamedTuple):
    """Buttons with a heading; `missing`: why they are disabled, else empty; `hint`: a line below them."""

    heading: str
    downloads: tuple[Download, ...]
    missing: str = ""
    hint: str = ""


def render(engine, session) -> None:
    with st.popover("Export", key="export", on_change="rerun") as popover:
        if popover.open:
            with st.container(key="export_menu"):
                _content(engine, session)


def _content(engine, session) -> None:
    for group in _groups(engine, session):
        st.markdown(f"**{group.heading}**")
        with st.container(horizontal=True, gap="small"):
            for download in group.downloads:
                _button(download, engine, session, is_enabled=not group.missing)
        if text := group.missing or group.hint:
            st.caption(text)
    st.markdown("**As Python**")
    st.code(as_python(engine, session), language="python", wrap_lines=True)


def _groups(engine, session) -> list[Group]:
    has_pair = session.a is not None and session.b is not None
    pair = "-to-".join("yours" if anchor == OWN else str(anchor) for anchor in (session.a, session.b))
    stage = (
        Download("Stage PNG", downloads.stage_png, "stage.png"),
        Download("Stage SVG", downloads.stage_svg, "stage.svg"),
        Download("Image only, PNG", downloads.pixels_png, "z.png"),
        Download("Films NPZ", downloads.films_npz, "films.npz"),
    )
    interpolation = (
        Download("Film MP4", downloads.lanes_mp4, f"{pair}.mp4"),
        Download("Film GIF", downloads.lanes_gif, f"{pair}.gif"),
        Download("Lanes PNG", downloads.lanes_png, f"{pair}.png"),
        Download("Lanes SVG", downloads.lanes_svg, f"{pair}.svg"),
    )
    map = (
        Download("Map PNG", downloads.map_png, "map.png"),
        Download("Map SVG", downloads.map_svg, "map.svg"),
        Download("Table CSV", downloads.map_csv, "map.csv"),
    )
    tools = (
        Download("Embedding Atlas", downloads.atlas_parquet, "atlas.parquet"),
        Download("Embedding Projector", downloads.projector_zip, "projector.zip"),
    )
    data = plain(engine.origin.title or engine.origin.dataset)
    absent = "" if resources.has_images(engine) else f"These need the images: {data} is not on this computer."
    return [
        Group("Stage", stage),
        Group("Interpolation", interpolation, "" if has_pair else NEEDS_PAIR),
        Group("Map", map),
        Group("For other tools", tools, absent, TOOLS_HINT),
    ]


def _button(download: Download, engine, session, is_enabled: bool) -> None:
    model = re.sub(r"[^\w.-]+", "-", engine.name.removeprefix(resources.RUN_PREFIX))
    st.download_button(
        download.label,
        lambda: download.make(engine, session),
        f"{model}-{download.file}",
        MIME[download.file.rpartition(".")[2]],
        on_click="ignore",
        disabled=not is_enabled,
        key=f"export-{download.file}",
    )


def as_python(engine, session) -> str:
    """Python code that reproduces the view with the public API."""
    lines = [*_opening(engine)]
    lines += [f"z = {_vector(session.z) if session.z.any() else 'np.zeros(engine.latent_dim, np.float32)'}"]
    lines += ["image = engine.decode(z[None])[0]  # (C, H, W) in [0, 1]"]
    if session.a is not None and session.b is not None:
        overshoot = f", overshoot={session.overshoot}" if session.overshoot else ""
        a, b = (_vector(session.own.mu) if row == OWN else f"mu[{row}]" for row in (session.a, session.b))
        lines += [
            "",
            "# From A to B: frames uint8 (F, C, H, W), norm (F,), support (F,)",
            "mu = engine.gallery.mu",
            f"a = {a}",
            f"b = {b}",
            f'lerp = engine.interpolation_film(a, b, {N_FRAMES}, "lerp"{overshoot})',
            f'slerp = engine.interpolation_film(a, b, {N_FRAMES}, "slerp"{overshoot})',
        ]
    return "\n".join(lines)


def _vector(values: np.ndarray) -> str:
    return f"np.array([{', '.join(np.format_float_positional(v, unique=True) for v in values)}], np.float32)"


def _opening(engine) -> list[str]:
    """The lines that open the model, below a comment on what they need."""
    opener, name, more, needs = "open_bundle", engine.name, "", ["EXPLORER_CHECKPOINTS"]
    if engine.is_live:
        opener, name, needs = "open_run", name.removeprefix(resources.RUN_PREFIX), [*needs, "EXPLORER_DATA_DIR"]
    elif name == resources.own_model_spec():
        opener, more, needs = "open_model", ", umap=False", []
    needed = [f"{variable} set as for the app" for variable in needs if os.environ.get(variable)]
    needed += [f"{name.partition(':')[0]} on PYTHONPATH"] if opener == "open_model" else []
    comment = "# Run in the folder of app.py" + (f", with {' and '.join(needed)}" if needed else "")
    return [comment, "import numpy as np", f"from explorer import {opener}", "", f"engine = {opener}({name!r}{more})"]
