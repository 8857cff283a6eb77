"""Arrays -> Plotly figures and picture bytes. Knows no torch, no streamlit and no model."""

import io

import numpy as np
import plotly.graph_objects as go
from PIL import Image

# Ten hues that stay apart for colour-blind eyes and on a projector (Okabe & Ito 2008, and Paul Tol's "muted"), two spare.
CLASS_COLOURS = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#56B4E9", "#CC79A7", "#7A68A6", "#8C564B", "#999933",
                 "#6E6E6E", "#AA4499", "#44AA99")  # fmt: skip


def map_figure(xy: np.ndarray, labels: np.ndarray, class_names: tuple[str, ...]) -> go.Figure:
    """Encoder means in the plane: xy (N, 2), labels (N,) int (-1: unlabelled). One trace a class; `customdata` is the row."""
    figure = go.Figure()
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        known = 0 <= label < len(class_names)
        figure.add_scattergl(
            x=xy[rows, 0], y=xy[rows, 1], mode="markers", name=class_names[label] if known else "images", customdata=rows,
            marker={"size": 4, "color": CLASS_COLOURS[label % len(CLASS_COLOURS)], "opacity": 0.75}, hoverinfo="none",
        )  # fmt: skip
    axis = {"visible": False, "zeroline": False}
    return figure.update_layout(
        height=520, margin={"l": 0, "r": 0, "t": 0, "b": 0}, dragmode="pan", clickmode="event", hoverdistance=8,
        legend={"orientation": "h", "itemsizing": "constant"}, uirevision="keep", xaxis=axis, yaxis=axis,
        paper_bgcolor="rgba(0,0,0,0)", plot_bgcolor="rgba(0,0,0,0)",
    )  # fmt: skip


def add_path(figure: go.Figure, xy: np.ndarray, names: tuple[str, str] = ("A", "B")) -> go.Figure:
    """Draw a path (F, 2) over the map, its ends named."""
    figure.add_scatter(x=xy[:, 0], y=xy[:, 1], mode="lines", line={"color": "#C2185B", "width": 3}, showlegend=False, hoverinfo="skip")
    return figure.add_scatter(
        x=xy[[0, -1], 0], y=xy[[0, -1], 1], mode="markers+text", text=names, textposition="top center", showlegend=False,
        textfont={"size": 18}, marker={"size": 13, "color": "#C2185B", "line": {"color": "white", "width": 2}}, hoverinfo="skip",
    )  # fmt: skip


def strip(frames: np.ndarray, gap_px: int = 1) -> np.ndarray:
    """Frames uint8 (F, C, H, W) side by side -> uint8 (H, F * (W + gap) - gap, C); the gaps are grey."""
    n, channels, height, width = frames.shape
    sheet = np.full((height, n * (width + gap_px) - gap_px, channels), 128, np.uint8)
    for i, frame in enumerate(frames):
        sheet[:, i * (width + gap_px) : i * (width + gap_px) + width] = frame.transpose(1, 2, 0)
    return sheet


def png(picture: np.ndarray, height_px: int) -> bytes:
    """A picture, uint8 (H, W, C), at least `height_px` high. 16 px and less are padded by a pixel and smoothed, others crisp."""
    grey = picture.shape[2] == 1
    small = picture.shape[0] <= 16
    if small:
        picture = np.pad(picture, ((1, 1), (1, 1), (0, 0)))
    image = Image.fromarray(picture[:, :, 0] if grey else picture)
    factor = max(1, -(-height_px // picture.shape[0]))
    image = image.resize((image.width * factor, image.height * factor), Image.BICUBIC if small else Image.NEAREST)
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()
