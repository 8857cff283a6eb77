"""A small line plot on a slide: curves with their names beside them, and markers that move along."""

from dataclasses import dataclass

import numpy as np

from explorer.slides.canvas import PAPER, Box, Canvas, mixed
from explorer.slides.scatter import draw_cursor
from explorer.slides.style import FAINT, INK, SMALL


@dataclass(frozen=True, eq=False)
class Curve:
    """Values (n,) of a curve; NaN where there is none."""

    name: str
    values: np.ndarray
    colour: str
    dashed: bool = False


class Plot:
    """Curves over x (n,) in a box. The text of both axes lies outside the box: 34 px above and below it."""

    def __init__(self, box: Box, x: np.ndarray, low: float, high: float):
        self.box, self._x, self._low, self._high = box, np.asarray(x, float), low, max(high, low + 1e-9)
        self._first, self._last = float(self._x[0]), float(self._x[-1])

    def place(self, x, y) -> np.ndarray:
        """(x, y) in the units of the axes -> pixels (..., 2). Values outside the box are placed on its edge."""
        left, top, width, height = self.box
        across = (np.asarray(x, float) - self._first) / max(self._last - self._first, 1e-9)
        up = np.clip((np.asarray(y, float) - self._low) / (self._high - self._low), 0, 1)
        return np.stack([left + across * width, top + (1 - up) * height], -1)

    def frame(self, canvas: Canvas, title: str, ends: tuple[str, str]) -> None:
        """The title above, the range at the left, and the names of both ends of x below."""
        left, top, width, height = self.box
        grey = mixed(PAPER, FAINT, 0.5)
        canvas.line(np.array([[left, top], [left, top + height], [left + width, top + height]]), grey, 2)
        canvas.text(left, top - 12, title, SMALL, INK)
        canvas.text(left - 10, top + 22, f"{self._high:.3g}", SMALL, FAINT, "end")
        canvas.text(left - 10, top + height, f"{self._low:.3g}", SMALL, FAINT, "end")
        canvas.text(left, top + height + 34, ends[0], SMALL, FAINT)
        canvas.text(left + width, top + height + 34, ends[1], SMALL, FAINT, "end")

    def level(self, canvas: Canvas, y: float) -> None:
        """A thin grey line at y."""
        canvas.line(self.place([self._first, self._last], [y, y]), mixed(PAPER, FAINT, 0.6), 2)

    def curves(self, canvas: Canvas, curves: list[Curve]) -> None:
        """One or two curves, without what lies above the box, and their names, where the two are farthest apart."""
        values = np.stack([curve.values for curve in curves])
        known = np.flatnonzero(np.isfinite(values).all(0))
        if not len(known):
            return
        inner = known[(known > 0.12 * len(self._x)) & (known < 0.6 * len(self._x))]
        inner = inner if len(inner) else known
        at = inner[int(np.argmax(np.ptp(values[:, inner], 0)))]
        for curve in curves:
            inside = known[curve.values[known] <= self._high]
            canvas.line(self.place(self._x[inside], curve.values[inside]), curve.colour, 4, curve.dashed)
        upper, *lower = sorted(curves, key=lambda curve: -curve.values[at])
        x, y = self.place(self._x[at], upper.values[at])
        y = max(y - 12, self.box[1] + SMALL - 4)
        for curve in lower:
            below = min(self.place(self._x[at], curve.values[at])[1] + SMALL + 6, self.box[1] + self.box[3] - 6)
            y = min(y, below - SMALL - 2)
            canvas.text(x, below, curve.name, SMALL, curve.colour, "middle", halo=True)
        canvas.text(x, y, upper.name, SMALL, upper.colour, "middle", halo=True)

    def marker(self, canvas: Canvas, x: float, y: float, is_ring: bool = False) -> None:
        draw_cursor(canvas, self.place(x, y), is_ring)
