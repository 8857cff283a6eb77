"""Films for slides: the frames of the interpolation from A to B, and of the epochs of a training run.

What stays the same is drawn once; each frame is a copy of it with the moving parts drawn on top.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from explorer import figures
from explorer.core.engine.film import Film
from explorer.core.runs.epoch_film import EpochFrame
from explorer.core.runs.event_schema import is_drawn
from explorer.slides import scatter, stills, video
from explorer.slides.canvas import HEIGHT, WIDTH, PixelCanvas
from explorer.slides.plot import Curve, Plot
from explorer.slides.scatter import MapPoints, MapView
from explorer.slides.style import ACCENT, INK, MARGIN, SMALL, TEXT, TITLE
from explorer.slides.text import fitted

LANE_PX, LANE_STEP = 280, 310
MAX_TILES = 32  # samples and reconstructions of an epoch, of each as many
TILE_PX = 104
EPOCH_MS = 180  # of a GIF
EPOCH_FPS = 8
UNLABELLED = "#6e6e6e"


@dataclass(frozen=True, eq=False)
class SlideFilm:
    """A film: `draw` makes the picture of a frame, 0 to n - 1."""

    n: int
    draw: Callable[[int], Image.Image]

    def __iter__(self) -> Iterator[Image.Image]:
        return map(self.draw, range(self.n))


def interpolation(
    title: str, films: dict[str, Film], latent_dim: int, points: MapPoints, a: np.ndarray, b: np.ndarray
) -> SlideFilm:
    """The lanes lerp, slerp and pixel, |z| and support with markers, and the map, on which both paths are travelled.

    `films`: one per lane, with the same times. `a`, `b`: map positions (2,) of the ends.
    """
    base, times = PixelCanvas(), films["lerp"].values
    stills.draw_title(base, title, 1400)
    tops = [MARGIN + i * LANE_STEP for i in range(len(stills.LANES))]
    for left, kind in zip(tops, stills.LANES):
        base.text(left + LANE_PX / 2, 460, kind, TEXT, INK, "middle")
        if kind in stills.LANE_COLOURS:
            scatter.draw_cursor(base, np.array([left + LANE_PX / 2 - 66, 449]), is_ring=kind == "slerp")
    plots = stills.draw_curves(base, films, latent_dim, (MARGIN + 70, 550, 830, 170), (MARGIN + 70, 830, 830, 170))
    paths = np.concatenate([films[kind].xy for kind in stills.LANE_COLOURS])
    view = MapView(points.xy, (1030, 130, WIDTH - MARGIN - 1030, HEIGHT - 130 - MARGIN), paths)
    scatter.draw_axes(base, view, points.axes)
    scatter.draw_points(base, view, points)
    stills.draw_paths(base, view, {kind: films[kind].xy for kind in stills.LANE_COLOURS})
    stills.draw_badges(base, view, a, b)

    def draw(i: int) -> Image.Image:
        canvas = base.copy()
        canvas.text(WIDTH - MARGIN, 80, f"t = {times[i]:.2f}", TITLE, ACCENT, "end")
        for left, kind in zip(tops, stills.LANES):
            canvas.image_at(films[kind].frames[i], (left, 130, LANE_PX, LANE_PX))
        for kind in stills.LANE_COLOURS:
            is_ring = kind == "slerp"
            for plot, attribute in zip(plots, ("norm", "support")):
                plot.marker(canvas, times[i], getattr(films[kind], attribute)[i], is_ring)
            scatter.draw_cursor(canvas, view.place_inside(films[kind].xy[i]), is_ring)
        return canvas.image

    return SlideFilm(len(times), draw)


@dataclass(frozen=True, eq=False)
class RunCurves:
    """The test losses of a run in nats per image, at the end of each epoch, and beta; (n,) each."""

    epochs: np.ndarray
    recon_loss: np.ndarray
    kl: np.ndarray
    beta: np.ndarray

    def row(self, epoch: int) -> int | None:
        """The index of an epoch, or None if its losses are unknown."""
        found = np.flatnonzero(self.epochs == epoch)
        return int(found[-1]) if len(found) else None


def run_curves(events: Sequence[dict]) -> RunCurves:
    """The curves of a run's events. beta is that of the last "training" or "dial" event before the end of the epoch."""
    rows, beta = [], np.nan
    for event in events:
        if event["kind"] in ("training", "dial") and "beta" in event:
            beta = event["beta"]
        if event["kind"] == "epoch" and is_drawn(event, "test"):
            losses = [event["test"][name] for name in ("recon_loss", "kl")]
            rows.append([event["epoch"], *(np.nan if loss is None else loss for loss in losses), beta])
    return RunCurves(*np.array(rows, float).reshape(-1, 4).T)


def epochs(title: str, events: Sequence[dict], frames: Sequence[EpochFrame]) -> SlideFilm:
    """The epochs of a run: samples, reconstructions, the map of the encoder means, the losses, and beta.

    `events` and `frames` as from EventLog and RunFilm; there must be a frame.
    """
    start = next((event for event in reversed(events) if event["kind"] == "training"), {})
    curves, base = run_curves(events), PixelCanvas()
    stills.draw_title(base, title, 700)
    base.text(MARGIN, 160, "samples", SMALL, INK)
    base.text(MARGIN, 620, "reconstructions", SMALL, INK)
    has_umap = all(frame.umap is not None for frame in frames)
    positions = [frame.umap if has_umap else frame.xy for frame in frames]
    base.text(1000, 160, f"encoder means: {_plane_name(start.get('latent_dim', 0), has_umap)}", SMALL, INK)
    reach = max(max(frame.umap_reach if has_umap else frame.reach for frame in frames), 1e-6)
    corners = np.array([[-reach, -reach], [reach, reach]])
    view = MapView(corners, (1000, 180, WIDTH - MARGIN - 1000, 500))
    plot = _loss_plot(base, curves)
    labels = np.array([*start.get("labels", ()), *[-1] * len(positions[0])][: len(positions[0])])
    classes = tuple(start.get("classes", ()))

    def draw(i: int) -> Image.Image:
        canvas, frame = base.copy(), frames[i]
        row = curves.row(frame.epoch)
        _draw_numbers(canvas, frame.epoch, int(curves.epochs.max()) if len(curves.epochs) else frame.epoch, curves, row)
        _draw_tiles(canvas, frame.samples, 176)
        _draw_tiles(canvas, frame.reconstructions, 636)
        scatter.draw_points(canvas, view, _epoch_points(np.clip(positions[i], -reach, reach), labels, classes))
        if plot is not None and row is not None:
            for values in (curves.recon_loss, curves.recon_loss + curves.kl):
                plot.marker(canvas, frame.epoch, values[row])
        return canvas.image

    return SlideFilm(len(frames), draw)


def _loss_plot(base: PixelCanvas, curves: RunCurves) -> Plot | None:
    """Reconstruction loss, and above it -ELBO = reconstruction loss + KL, over the epochs; None with fewer than two epochs."""
    total = curves.recon_loss + curves.kl
    known = total[np.isfinite(total)]
    if len(known) < 2:
        return None
    late = known[min(len(known) - 1, max(1, len(known) // 10)) :]  # the first epochs would flatten the rest
    low, high = min(np.nanmin(curves.recon_loss), known.min()), max(late.max(), known.min())
    margin = 0.08 * max(high - low, 1e-6)
    plot = Plot((1080, 770, WIDTH - MARGIN - 1080, 210), curves.epochs, low - 3 * margin, high + margin)
    plot.frame(base, "test loss, nats", ("epoch 0", f"epoch {int(curves.epochs[-1])}"))
    named = (("-ELBO = reconstruction + KL", total, INK), ("reconstruction", curves.recon_loss, "#0072b2"))
    plot.curves(base, [Curve(name, values, colour) for name, values, colour in named])
    return plot


def _draw_numbers(canvas: PixelCanvas, epoch: int, last: int, curves: RunCurves, row: int | None) -> None:
    canvas.text(WIDTH - MARGIN, 80, f"epoch {epoch} of {last}", TITLE, ACCENT, "end")
    if row is None:
        return
    parts = [f"beta {curves.beta[row]:g}"] if np.isfinite(curves.beta[row]) else []
    elbo = -(curves.recon_loss[row] + curves.kl[row])
    if np.isfinite(elbo):
        parts += [f"-ELBO {-elbo:.1f}"]
    canvas.text(1420, 80, fitted(", ".join(parts), TEXT, 600), TEXT, INK, "end")


def _draw_tiles(canvas: PixelCanvas, pictures: np.ndarray, top: int) -> None:
    """The first MAX_TILES pictures, uint8 (S, C, H, W), in rows of eight."""
    height, width = (side + 2 * (max(pictures.shape[2:]) <= figures.SMALL_PX) for side in pictures.shape[2:])
    factor = max(1, TILE_PX // max(height, width))
    tiles = figures.sheet(figures.enlarge(pictures[:MAX_TILES], factor * height), 8)
    box = (MARGIN, top, min(8 * TILE_PX, tiles.shape[1]), min(4 * TILE_PX, tiles.shape[0]))
    canvas.image_at(tiles.transpose(2, 0, 1), box)


def _plane_name(latent_dim: int, has_umap: bool) -> str:
    if has_umap:
        return "UMAP, aligned across epochs"
    return {1: "mu", 2: "z0, z1"}.get(latent_dim, "PCA, aligned across epochs")


def _epoch_points(xy: np.ndarray, labels: np.ndarray, classes: tuple[str, ...]) -> MapPoints:
    palette = (*figures.CLASS_COLOURS, UNLABELLED)
    colour_of = np.where(labels < 0, len(palette) - 1, labels % (len(palette) - 1))
    return MapPoints(xy, labels, classes, palette, colour_of)


def epoch_mp4(title: str, events: Sequence[dict], frames: Sequence[EpochFrame]) -> bytes:
    """The film of `epochs` as MP4."""
    return video.mp4(epochs(title, events, frames), EPOCH_FPS)


def epoch_gif(title: str, events: Sequence[dict], frames: Sequence[EpochFrame]) -> bytes:
    """The film of `epochs` as GIF."""
    return video.gif(epochs(title, events, frames), EPOCH_MS)
