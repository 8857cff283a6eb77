"""Three slides: the decoded image with its z, the map, and the interpolation from A to B. Each draws on either canvas."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from explorer.core.engine.film import Film
from explorer.slides import scatter
from explorer.slides.canvas import HEIGHT, PAPER, WIDTH, Canvas, mixed
from explorer.slides.plot import Curve, Plot
from explorer.slides.scatter import MapPoints, MapView
from explorer.slides.style import A_COLOUR, B_COLOUR, FAINT, INK, MARGIN, SMALL, TEXT, TITLE
from explorer.slides.text import fitted

TOP = 120  # where the content below the title begins
MAX_ROWS = 10  # latent dimensions beside the decoded image
N_TILES = 11  # frames of a lane on the slide of the interpolation
LANES = ("lerp", "slerp", "pixel")
LANE_COLOURS = {"lerp": "#0072b2", "slerp": "#009e73"}


@dataclass(frozen=True)
class LatentValue:
    """One dimension of z, and the range that its slider covers."""

    dim: int
    value: float
    low: float
    high: float


def draw_title(canvas: Canvas, title: str, max_px: float = WIDTH - 2 * MARGIN) -> None:
    canvas.text(MARGIN, 80, fitted(title, TITLE, max_px), TITLE, INK)


def stage(canvas: Canvas, title: str, frame: np.ndarray, facts: Sequence[str], values: Sequence[LatentValue]) -> None:
    """The decoded image, uint8 (C, H, W), facts about z as lines of text, and its first MAX_ROWS values as sliders."""
    draw_title(canvas, title)
    left, _, image_width, _ = canvas.image_at(frame, (MARGIN, TOP, 900, HEIGHT - TOP - MARGIN))
    left += image_width + 80
    for i, fact in enumerate(facts):
        canvas.text(left, TOP + 36 + 50 * i, fitted(fact, TEXT, WIDTH - MARGIN - left), TEXT, INK)
    top = TOP + 36 + 50 * len(facts) + 30
    for i, value in enumerate(values[:MAX_ROWS]):
        _draw_value(canvas, value, left, top + 62 * i)
    if len(values) > MAX_ROWS:
        canvas.text(left, top + 62 * MAX_ROWS + 20, f"{len(values) - MAX_ROWS} more dimensions", SMALL, FAINT)


def _draw_value(canvas: Canvas, value: LatentValue, left: float, y: float) -> None:
    start, end = left + 90, WIDTH - MARGIN - 130
    canvas.text(left, y + 10, f"z{value.dim}", SMALL, INK)
    canvas.rect((start, y - 4, end - start, 8), mixed(PAPER, FAINT, 0.3))
    share = (value.value - value.low) / max(value.high - value.low, 1e-9)
    scatter.draw_cursor(canvas, np.array([start + min(max(share, 0), 1) * (end - start), y]))
    canvas.text(WIDTH - MARGIN, y + 10, f"{value.value:.2f}", SMALL, INK, "end")


def map_slide(
    canvas: Canvas,
    title: str,
    points: MapPoints,
    cursor: np.ndarray,
    a: np.ndarray | None,
    b: np.ndarray | None,
    path: np.ndarray,
) -> None:
    """The map with z at `cursor` (2,), the badges A and B, and the `path` (F, 2) between them, in map units."""
    draw_title(canvas, title)
    right = 0 if points.by_class else 190
    view = MapView(points.xy, (MARGIN, TOP, WIDTH - 2 * MARGIN - right, HEIGHT - TOP - MARGIN), cursor[None])
    scatter.draw_axes(canvas, view, points.axes)
    scatter.draw_points(canvas, view, points)
    if not points.by_class:
        scatter.draw_scale(canvas, points, (WIDTH - MARGIN - 130, TOP + 60, 26, 600))
    draw_paths(canvas, view, {"lerp": path})
    scatter.draw_cursor(canvas, view.place_inside(cursor))
    draw_badges(canvas, view, a, b)


def draw_badges(canvas: Canvas, view: MapView, a: np.ndarray | None, b: np.ndarray | None) -> None:
    for at, letter, colour in ((a, "A", A_COLOUR), (b, "B", B_COLOUR)):
        if at is not None:
            scatter.draw_badge(canvas, view.place(at), letter, colour)


def draw_paths(canvas: Canvas, view: MapView, paths: dict[str, np.ndarray]) -> None:
    """Paths (F, 2) in map units by their lane, with a white rim; that of slerp is dashed."""
    known = {kind: view.place(path[np.isfinite(path).all(1)]) for kind, path in paths.items()}
    known = {kind: path for kind, path in known.items() if len(path) > 1}
    for path in known.values():
        canvas.line(path, PAPER, 8)
    for kind, path in known.items():
        canvas.line(path, LANE_COLOURS[kind], 4, dashed=kind == "slerp")


def interpolation(canvas: Canvas, title: str, films: dict[str, Film], latent_dim: int) -> None:
    """The three lanes as rows of N_TILES frames with t below, the norm of z and the support of lerp and slerp.

    `films`: one per kind in LANES, with the same times.
    """
    draw_title(canvas, title)
    times, left = films["lerp"].values, MARGIN + 110
    shown = np.unique(np.linspace(0, len(times) - 1, N_TILES).round().astype(int))
    step = (WIDTH - MARGIN - left) / len(shown)
    side = min(step - 6, 160)
    for row, kind in enumerate(LANES):
        top = TOP + row * (side + 8)
        canvas.text(MARGIN, top + side / 2 + 10, kind, TEXT, INK)
        for column, frame in enumerate(shown):
            canvas.image_at(films[kind].frames[frame], (left + column * step, top, side, side))
    y = TOP + 3 * (side + 8) + 30
    for column, frame in enumerate(shown):
        is_end = times[frame] in (0, 1)
        colour = FAINT if not is_end else A_COLOUR if times[frame] == 0 else B_COLOUR
        text = f"t = {times[frame]:.1f}" if column == 0 else f"{times[frame]:.1f}"
        canvas.text(left + column * step + side / 2, y, text, SMALL, colour, "middle")
    top = y + 70
    half, height = (WIDTH - 2 * MARGIN) / 2, HEIGHT - top - 90
    norm_box = (MARGIN + 60, top, half - 100, height)
    draw_curves(canvas, films, latent_dim, norm_box, (MARGIN + half + 60, top, half - 60, height))


def draw_curves(canvas: Canvas, films: dict[str, Film], latent_dim: int, norm_box, support_box) -> tuple[Plot, Plot]:
    """The plots of |z| and of support, for lerp and slerp; returns them."""
    times, root = films["lerp"].values, latent_dim**0.5
    ends = tuple(f"t = {t:g}" for t in (times[0], times[-1]))
    norms = np.concatenate([films[kind].norm for kind in LANE_COLOURS])
    plots = (
        (
            Plot(norm_box, times, 0.9 * min(norms.min(), root), 1.05 * max(norms.max(), root)),
            "norm",
            f"|z|; grey: sqrt(D) = {root:.1f}",
        ),
        (Plot(support_box, times, 0.0, 1.0), "support", "support by the data"),
    )
    for plot, attribute, name in plots:
        plot.frame(canvas, name, ends)
        if attribute == "norm":
            plot.level(canvas, root)
        curves = [
            Curve(kind, getattr(films[kind], attribute), colour, kind == "slerp") for kind, colour in LANE_COLOURS.items()
        ]
        plot.curves(canvas, curves)
    return plots[0][0], plots[1][0]
