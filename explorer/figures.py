"""Arrays -> Plotly figures and picture bytes. Knows no torch, no streamlit and no model."""

import io

import numpy as np
import plotly.graph_objects as go
from PIL import Image
from plotly.colors import sample_colorscale

# Ten hues that stay apart for colour-blind eyes and on a projector (Okabe & Ito 2008, and Paul Tol's "muted"), two spare.
CLASS_COLOURS = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#56B4E9", "#CC79A7", "#7A68A6", "#8C564B", "#999933",
                 "#6E6E6E", "#AA4499", "#44AA99")  # fmt: skip
PATH_COLOUR = "#C2185B"
TEXT_COLOUR = "#808495"  # legible on white and on black
SMALL_PX = 16  # images up to this size are smoothed when enlarged, larger ones are shown crisp


def map_figure(xy: np.ndarray, labels: np.ndarray, class_names: tuple[str, ...]) -> go.Figure:
    """Encoder means in the plane: xy (N, 2), labels (N,) int (-1: unlabelled). One trace a class; `customdata` is the row."""
    figure, colours = go.Figure(), class_colours(len(class_names))
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        name, colour = (class_names[label], colours[label]) if label >= 0 else ("unlabelled", TEXT_COLOUR)
        figure.add_scattergl(
            x=xy[rows, 0], y=xy[rows, 1], mode="markers", name=name, customdata=rows, hoverinfo="none",
            marker={"size": 4, "color": colour, "opacity": 0.75},
        )  # fmt: skip
    axis = {"visible": False, "zeroline": False}
    return figure.update_layout(
        height=520, margin={"l": 0, "r": 0, "t": 0, "b": 0}, dragmode="pan", clickmode="event", hoverdistance=8,
        legend={"orientation": "h", "itemsizing": "constant"}, uirevision="keep", xaxis=axis, yaxis=axis, showlegend=True,
        paper_bgcolor="rgba(0,0,0,0)", plot_bgcolor="rgba(0,0,0,0)", font={"color": TEXT_COLOUR, "size": 15},
    )  # fmt: skip


def class_colours(n: int) -> tuple[str, ...]:
    """A colour for each of n classes: apart from each other up to 12, along a continuous palette beyond."""
    return CLASS_COLOURS[:n] if n <= len(CLASS_COLOURS) else tuple(sample_colorscale("Viridis", n))


def add_path(figure: go.Figure, xy: np.ndarray, names: tuple[str, str] = ("A", "B")) -> go.Figure:
    """Draw a path (F, 2) over the map, its ends named."""
    still = {"showlegend": False, "hoverinfo": "skip"}
    figure.add_scatter(x=xy[:, 0], y=xy[:, 1], mode="lines", line={"color": PATH_COLOUR, "width": 3}, **still)
    return figure.add_scatter(
        x=xy[[0, -1], 0], y=xy[[0, -1], 1], mode="markers+text", text=names, textposition="top center",
        textfont={"size": 18}, marker={"size": 13, "color": PATH_COLOUR, "line": {"color": "white", "width": 2}}, **still,
    )  # fmt: skip


def enlarge(frames: np.ndarray, height_px: int) -> np.ndarray:
    """Frames uint8 (F, C, H, W) -> at least `height_px` high, by a whole factor, so that every pixel stays a square.

    Frames of 16 px and less get a margin of a pixel and are smoothed.
    """
    small = max(frames.shape[2:]) <= SMALL_PX
    if small:
        frames = np.pad(frames, ((0, 0), (0, 0), (1, 1), (1, 1)))
    n, channels, height, width = frames.shape
    factor = max(1, -(-height_px // height))
    if not small:
        return frames.repeat(factor, 2).repeat(factor, 3)
    planes = [Image.fromarray(plane).resize((width * factor, height * factor), Image.Resampling.BICUBIC)
              for plane in frames.reshape(-1, height, width)]  # fmt: skip
    return np.array(planes, np.uint8).reshape(n, channels, height * factor, width * factor)


def strip(frames: np.ndarray, gap_px: int = 1) -> np.ndarray:
    """Frames uint8 (F, C, H, W) side by side -> a picture, uint8 (H, F * (W + gap) - gap, C); the gaps are grey."""
    framed = np.pad(frames.transpose(2, 0, 3, 1), ((0, 0), (0, 0), (0, gap_px), (0, 0)), constant_values=128)
    height, n, width, channels = framed.shape
    return framed.reshape(height, n * width, channels)[:, : n * width - gap_px]


def png(picture: np.ndarray) -> bytes:
    """A picture, uint8 (H, W, C) with C 1 or 3, as PNG."""
    buffer = io.BytesIO()
    Image.fromarray(picture[:, :, 0] if picture.shape[2] == 1 else picture).save(buffer, "PNG")
    return buffer.getvalue()


def sheet(frames: np.ndarray, columns: int) -> np.ndarray:
    """Frames uint8 (F, C, H, W) in rows of `columns` -> uint8 (rows * H, columns * W, C); what is left over is black."""
    n, channels, height, width = frames.shape
    rows = -(-n // columns)
    full = np.zeros((rows * columns, channels, height, width), np.uint8)
    full[:n] = frames
    return full.reshape(rows, columns, channels, height, width).transpose(0, 3, 1, 4, 2).reshape(rows * height, columns * width, channels)


def jpeg(picture: np.ndarray, quality: int = 85) -> bytes:
    """uint8 (H, W, C) -> JPEG bytes."""
    image = Image.fromarray(picture[:, :, 0] if picture.shape[2] == 1 else picture)
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality, subsampling=0)
    return buffer.getvalue()
