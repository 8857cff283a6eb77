"""A page of the same parts as Explore with none of its code: what such a page costs at least. Run by Streamlit.

Seven components with as many bytes of HTML, CSS and JavaScript as Explore's, the films of a release as bytes, and a Plotly
chart of 10,000 points. Everything is made once for all visitors.
"""

import json
from pathlib import Path

import numpy as np
import plotly.graph_objects as go
import streamlit as st

UI = Path(__file__).resolve().parents[2] / "explorer" / "ui"
FILMS = "stage"
FILM_BYTES = 414_000
N_POINTS, N_CLASSES = 10_000, 10


@st.cache_resource(show_spinner=False)
def components() -> dict:
    """The mounting function of each component by name."""
    shared = sum(path.stat().st_size for path in (UI / "wire").glob("*.js"))
    folders = [path.parent for path in sorted((UI / "explore").glob("*/component.html"))]
    return {folder.name: component(folder, shared) for folder in folders}


def component(folder: Path, shared: int):
    """A component that shows nothing, whose files are padded to the sizes of those in `folder`."""
    n = {kind: (folder / f"component.{kind}").stat().st_size for kind in ("html", "css", "js")}
    return st.components.v2.component(
        f"latent_explorer_{folder.name}",
        html=f"<div></div><!--{' ' * n['html']}-->",
        css=f"/*\n{' ' * n['css']}*/",
        js=f"export default () => {{}};\n/*{' ' * (n['js'] + shared)}*/",
    )


@st.cache_resource(show_spinner=False)
def films() -> bytes:
    """A packet of random pixels, with a header as explorer/ui/wire/packet.py writes it."""
    header = json.dumps({"ack": 0, "arrays": [["frames", "u1", [FILM_BYTES]]]}).encode()
    return len(header).to_bytes(4, "little") + header + np.random.default_rng(0).bytes(FILM_BYTES)


@st.cache_resource(show_spinner=False)
def chart() -> go.Figure:
    points = np.random.default_rng(0).normal(size=(N_CLASSES, 2, N_POINTS // N_CLASSES)).astype(np.float32)
    rows = np.arange(N_POINTS, dtype=np.int32).reshape(N_CLASSES, -1)
    traces = [go.Scattergl(x=x, y=y, mode="markers", customdata=row) for (x, y), row in zip(points, rows)]
    return go.Figure(traces)


if __name__ == "__main__":
    st.title("A trivial page")
    for name, mount in components().items():
        mount(key=name, data=films() if name == FILMS else b"\0" * 64, on_request_change=lambda: None)
    st.plotly_chart(chart(), key="latent_map", theme=None)
