"""Converts arrays to Plotly figures and to PNG and JPEG bytes. Imports neither torch nor streamlit."""

import io
from html import escape

import numpy as np
import plotly.graph_objects as go
from PIL import Image

# The first six are from Okabe & Ito (2008), safe for colour-blind viewers; 999933, AA4499 and 44AA99 from Paul Tol's "muted".
CLASS_COLOURS = (
    "#0072B2",
    "#E69F00",
    "#009E73",
    "#D55E00",
    "#56B4E9",
    "#CC79A7",
    "#7A68A6",
    "#8C564B",
    "#999933",
    "#6E6E6E",
    "#AA4499",
    "#44AA99",
)
SMALL_PX = 16  # images up to this size are smoothed when enlarged; larger ones keep sharp pixel edges
GREY = "#808495"  # legible on white and on black


class FixedFigure(go.Figure):
    """A figure whose data must not change after construction: it is converted to a dict once, not at every use."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self._converted = super().to_dict()

    def to_dict(self) -> dict:
        return self._converted


def map_figure(
    xy: np.ndarray,
    labels: np.ndarray,
    class_names: tuple[str, ...],
    values: np.ndarray | None = None,
    unit: str = "",
    axes: tuple[str, str] | None = None,
) -> go.Figure:
    """Scatter plot of encoder means: xy (N, 2), labels (N,) int (-1: unlabelled). One trace per class; `customdata` is the row.

    values: (N,) floats to colour by, on a continuous palette with the title `unit`; None: by class. With more than 12 classes
    the label is coloured on the continuous palette. axes: titles of the two axes; None: the axes have no meaning.
    """
    classes = np.unique(labels)
    if values is None and len(classes) > len(CLASS_COLOURS):
        values, unit = labels.astype(float), "class"
    by_class, scale = values is None, {}
    if not by_class:
        known = values[np.isfinite(values)]
        low, high = np.percentile(known, [1, 99]) if len(known) else (0, 1)  # a few outliers must not take up the whole palette
        scale = {"cmin": float(low), "cmax": float(high), "colorscale": "Viridis"}
    figure = go.Figure()
    for label in classes:
        rows = np.flatnonzero(labels == label)
        colour = CLASS_COLOURS[label % len(CLASS_COLOURS)] if by_class else values[rows].astype(np.float32)
        figure.add_scattergl(
            x=xy[rows, 0],
            y=xy[rows, 1],
            mode="markers",
            customdata=rows.astype(np.int32),
            hoverinfo="none",
            name=_legend_text(label, class_names),
            marker={"size": 4.5, "color": colour, "opacity": 0.75} | scale,
            showlegend=by_class and len(classes) > 1,
        )
    if scale:
        title = {"text": unit, "side": "right", "font": {"color": GREY}}
        bar = {"title": title, "thickness": 10, "len": 0.6, "outlinewidth": 0, "tickfont": {"color": GREY}}
        bar |= {"x": 1, "xanchor": "right", "xpad": 4}  # inside, so that the axes are those of every colouring
        figure.data[0].marker.update(showscale=True, colorbar=bar)
    return figure.update_layout(**_map_layout(axes, len(xy)))


def _legend_text(label: int, class_names: tuple[str, ...]) -> str:
    """The name of a class, escaped, because Plotly interprets HTML tags in names."""
    return escape(class_names[label], quote=False) if 0 <= label < len(class_names) else "unlabelled"


def _map_layout(axes: tuple[str, str] | None, n_points: int) -> dict:
    known = axes is not None
    axis = {
        "showgrid": False,
        "zeroline": known,
        "zerolinecolor": "rgba(128,128,128,.5)",
        "showticklabels": known,
        "tickfont": {"color": GREY},
    }
    titles = [{"text": name, "font": {"color": GREY}, "standoff": 6} for name in axes or ("", "")]
    return dict(
        margin={"l": 46 if known else 0, "r": 0, "t": 0, "b": 40 if known else 0},
        autosize=True,
        uirevision=f"{axes}{n_points}",
        dragmode="pan",
        clickmode="event",
        hovermode="closest",
        hoverdistance=8,
        legend={"x": 0, "y": 1},  # the page hides it, and names the classes on their clusters
        xaxis=axis | {"title": titles[0]},
        yaxis=axis | {"title": titles[1], "scaleanchor": "x"},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
    )


def enlarge(frames: np.ndarray, height_px: int) -> np.ndarray:
    """Frames uint8 (F, C, H, W), enlarged by an integer factor until at least `height_px` high.

    Frames of at most 16 px get a black margin of one pixel and are smoothed (bicubic).
    """
    small = max(frames.shape[2:]) <= SMALL_PX
    if small:
        frames = np.pad(frames, ((0, 0), (0, 0), (1, 1), (1, 1)))
    n, channels, height, width = frames.shape
    factor = max(1, -(-height_px // height))
    if not small:
        return frames.repeat(factor, 2).repeat(factor, 3)
    planes = [
        Image.fromarray(plane).resize((width * factor, height * factor), Image.Resampling.BICUBIC)
        for plane in frames.reshape(-1, height, width)
    ]
    return np.array(planes, np.uint8).reshape(n, channels, height * factor, width * factor)


def strip(frames: np.ndarray, gap_px: int = 1) -> np.ndarray:
    """Frames uint8 (F, C, H, W) side by side, as one picture uint8 (H, F * (W + gap) - gap, C); the gaps are grey."""
    padded = np.pad(frames.transpose(2, 0, 3, 1), ((0, 0), (0, 0), (0, gap_px), (0, 0)), constant_values=128)
    height, n, width, channels = padded.shape
    return padded.reshape(height, n * width, channels)[:, : n * width - gap_px]


def png(picture: np.ndarray) -> bytes:
    """A picture, uint8 (H, W, C) with C 1 or 3, as PNG."""
    buffer = io.BytesIO()
    Image.fromarray(picture[:, :, 0] if picture.shape[2] == 1 else picture).save(buffer, "PNG")
    return buffer.getvalue()


def sheet(frames: np.ndarray, columns: int) -> np.ndarray:
    """Frames uint8 (F, C, H, W) in rows of `columns` -> a picture uint8 (rows * H, columns * W, C); unused cells are black."""
    n, channels, height, width = frames.shape
    rows = -(-n // columns)
    full = np.zeros((rows * columns, channels, height, width), np.uint8)
    full[:n] = frames
    grid = full.reshape(rows, columns, channels, height, width).transpose(0, 3, 1, 4, 2)
    return grid.reshape(rows * height, columns * width, channels)


def jpeg(picture: np.ndarray, quality: int = 85) -> bytes:
    """A picture, uint8 (H, W, C) with C 1 or 3, as JPEG without chroma subsampling."""
    image = Image.fromarray(picture[:, :, 0] if picture.shape[2] == 1 else picture)
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality, subsampling=0)
    return buffer.getvalue()


def shrink(pictures: np.ndarray, side_px: int) -> np.ndarray:
    """Pictures uint8 (N, C, H, W), reduced by an integer factor until the longer side is at most `side_px`.

    Each pixel is the mean of a square block; rows and columns that fill no block are cut off.
    """
    step = -(-max(pictures.shape[2:]) // side_px)
    if step == 1:
        return pictures
    height, width = (s // step for s in pictures.shape[2:])
    cut = pictures[:, :, : height * step, : width * step]
    return cut.reshape(*cut.shape[:2], height, step, width, step).mean((3, 5)).round().astype(np.uint8)
