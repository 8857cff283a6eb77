"""The map on a slide: points in the colours of the page's figure, names on the clusters, badges, paths and cursors."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import plotly.graph_objects as go
from plotly.colors import sample_colorscale

from explorer.slides.canvas import PAPER, Box, Canvas, mixed
from explorer.slides.style import ACCENT, FAINT, INK, SMALL
from explorer.slides.text import fitted, width

N_COLOURS = 64  # of a continuous palette
MAX_NAMES = 24  # with more classes the names would cover the points
NAME_SIZE, NAME_PX = SMALL + 4, 260  # height and greatest width of a name
MAX_SHIFT_PX = 3 * NAME_SIZE  # of a name, away from the middle of its cluster
POINT_RADIUS, POINT_OPACITY = 3.4, 0.75


@dataclass(frozen=True, eq=False)
class MapPoints:
    """The points of a map, xy (N, 2), and how they are coloured: N indices into `palette`."""

    xy: np.ndarray
    labels: np.ndarray  # (N,) int, -1: unlabelled
    class_names: tuple[str, ...]
    palette: tuple[str, ...]
    colour_of: np.ndarray  # (N,) int
    by_class: bool = True
    unit: str = ""  # of a continuous palette, from `low` to `high`
    low: float = 0.0
    high: float = 1.0
    axes: tuple[str, str] = ("", "")  # titles; empty: the axes have no meaning

    @cached_property
    def shown(self) -> np.ndarray:
        """(N,) bool: the points that have a position."""
        return np.isfinite(self.xy).all(1)


def from_figure(figure: go.Figure, labels: np.ndarray, class_names: tuple[str, ...]) -> MapPoints:
    """The points of `figures.map_figure`, in the order of their rows (`customdata`), in the colours that they have there."""
    traces = [trace for trace in figure.data if trace.customdata is not None]
    axes = figure.layout.xaxis.title.text or "", figure.layout.yaxis.title.text or ""
    xy, colour_of = np.full((len(labels), 2), np.nan), np.zeros(len(labels), int)
    by_class = all(isinstance(trace.marker.color, str) for trace in traces)
    if by_class:
        palette, unit, low, high = tuple(trace.marker.color for trace in traces), "", 0.0, 1.0
    else:
        palette = tuple(sample_colorscale("Viridis", N_COLOURS, colortype="rgb"))
        palette = tuple("#{:02x}{:02x}{:02x}".format(*map(int, colour[4:-1].split(","))) for colour in palette)
        low, high = float(traces[0].marker.cmin), float(traces[0].marker.cmax)
        unit = traces[0].marker.colorbar.title.text or ""
    for i, trace in enumerate(traces):
        rows = np.asarray(trace.customdata, int).ravel()
        xy[rows] = np.stack([trace.x, trace.y], 1)
        if by_class:
            colour_of[rows] = i
        else:
            share = (np.nan_to_num(np.asarray(trace.marker.color, float), nan=low) - low) / max(high - low, 1e-12)
            colour_of[rows] = np.rint(np.clip(share, 0, 1) * (N_COLOURS - 1)).astype(int)
    return MapPoints(xy, np.asarray(labels), class_names, palette, colour_of, by_class, unit, low, high, axes)


class MapView:
    """Places map units in a box, with equal scales on both axes."""

    def __init__(self, xy: np.ndarray, box: Box, also: np.ndarray | None = None):
        """The box shows all of xy (N, 2), and what of `also` (M, 2) is at most the extent of xy away from it."""
        xy = xy[np.isfinite(xy).all(1)]
        low, high = (xy.min(0), xy.max(0)) if len(xy) else (np.zeros(2), np.ones(2))
        if also is not None:
            reach = high - low
            near = also[((also >= low - reach) & (also <= high + reach)).all(1)]  # false for NaN too
            low, high = np.minimum(low, near.min(0, initial=np.inf)), np.maximum(high, near.max(0, initial=-np.inf))
        left, top, box_width, box_height = box
        pad = 24
        spans = np.maximum(high - low, 1e-9)
        self._scale = min((box_width - 2 * pad) / spans[0], (box_height - 2 * pad) / spans[1])
        self._middle, self.box = (low + high) / 2, box
        self._centre = np.array([left + box_width / 2, top + box_height / 2])

    def place(self, xy: np.ndarray) -> np.ndarray:
        """Map units (..., 2) -> pixels (..., 2)."""
        return self._centre + (np.asarray(xy, float) - self._middle) * self._scale * np.array([1, -1])

    def place_inside(self, xy: np.ndarray) -> np.ndarray:
        """Like `place`; what lies outside the box is moved to its edge."""
        left, top, width, height = self.box
        return np.clip(self.place(xy), (left, top), (left + width, top + height))


def draw_points(canvas: Canvas, view: MapView, points: MapPoints) -> None:
    """The points and the names of the classes on their clusters."""
    for colour in np.unique(points.colour_of):
        rows = points.shown & (points.colour_of == colour)
        canvas.dots(view.place(points.xy[rows]), POINT_RADIUS, points.palette[colour], POINT_OPACITY)
    draw_names(canvas, view, points)


def draw_names(canvas: Canvas, view: MapView, points: MapPoints) -> None:
    """The names of the classes at the medians of their points, moved up or down where they would overlap.

    A name that finds no place near its points is left out.
    """
    classes = [c for c in np.unique(points.labels[points.shown]).tolist() if 0 <= c < len(points.class_names)]
    if len(classes) > MAX_NAMES:
        return
    taken: list[tuple[float, float, float]] = []  # x, baseline and half the width of each name
    left, _, box_width, _ = view.box
    for c in classes:
        rows = points.shown & (points.labels == c)
        name = fitted(points.class_names[c], NAME_SIZE, NAME_PX)
        half = width(name, NAME_SIZE) / 2 + 6
        x, y = view.place(np.median(points.xy[rows], 0)).tolist()
        x = min(max(x, left + half), left + box_width - half)
        y = _free_line(x, y + SMALL / 3, half, taken, view.box)
        if y is None:
            continue
        taken.append((x, y, half))
        colour = mixed(points.palette[points.colour_of[rows][0]], "#000000", 0.35) if points.by_class else INK
        canvas.text(x, y, name, NAME_SIZE, colour, "middle", halo=True)


def _free_line(x: float, y: float, half: float, taken: list[tuple[float, float, float]], box: Box) -> float | None:
    """The baseline nearest to y, in the box, on which a name overlaps none of the others; None if that is far from y."""
    low, high = box[1] + NAME_SIZE, box[1] + box[3]
    for shift in range(0, MAX_SHIFT_PX, 4):
        for line in (y + shift, y - shift):
            overlaps = (abs(x - other) < half + far and abs(line - base) < NAME_SIZE for other, base, far in taken)
            if low <= line <= high and not any(overlaps):
                return line
    return None


def draw_scale(canvas: Canvas, points: MapPoints, box: Box) -> None:
    """The colours of a continuous palette from low to high, and their unit."""
    left, top, box_width, height = box
    step = height / len(points.palette)
    for i, colour in enumerate(reversed(points.palette)):
        canvas.rect((left, top + i * step, box_width, step + 1), colour)
    canvas.text(left + box_width + 10, top + 22, f"{points.high:.3g}", SMALL, INK)
    canvas.text(left + box_width + 10, top + height, f"{points.low:.3g}", SMALL, INK)
    canvas.text(left + box_width, top - 16, fitted(points.unit, SMALL, 600), SMALL, INK, "end")


def draw_axes(canvas: Canvas, view: MapView, axes: tuple[str, str]) -> None:
    """The titles of axes that have a meaning, and lines through 0."""
    if not any(axes):
        return
    left, top, box_width, box_height = view.box
    x, y = view.place(np.zeros(2))
    if left < x < left + box_width:
        canvas.line(np.array([[x, top], [x, top + box_height]]), mixed(PAPER, FAINT, 0.5), 2)
    if top < y < top + box_height:
        canvas.line(np.array([[left, y], [left + box_width, y]]), mixed(PAPER, FAINT, 0.5), 2)
    canvas.text(left + box_width, top + box_height - 8, fitted(axes[0], SMALL, 400), SMALL, FAINT, "end", halo=True)
    canvas.text(left, top + 26, fitted(axes[1], SMALL, 400), SMALL, FAINT, halo=True)


def draw_badge(canvas: Canvas, at: np.ndarray, letter: str, colour: str) -> None:
    """The letter A or B in a disc at pixels (2,)."""
    if np.isfinite(at).all():
        canvas.dots(at[None], 25, PAPER)
        canvas.dots(at[None], 22, colour)
        canvas.text(at[0], at[1] + 10, letter, SMALL, PAPER, "middle")


def draw_cursor(canvas: Canvas, at: np.ndarray, is_ring: bool = False) -> None:
    """A disc or a ring at pixels (2,), in the colour of what moves."""
    if np.isfinite(at).all():
        canvas.dots(at[None], 15, PAPER)
        canvas.dots(at[None], 12, ACCENT)
        if is_ring:
            canvas.dots(at[None], 7, PAPER)
