"""Two canvases with the same methods: one draws pixels with Pillow, one writes SVG. Positions and sizes are in pixels."""

import base64
from functools import lru_cache
from xml.sax.saxutils import escape, quoteattr

import numpy as np
from PIL import Image, ImageColor, ImageDraw

from explorer import figures
from explorer.slides.text import FONT_FAMILY, clean, font_for

WIDTH, HEIGHT = 1920, 1080
PAPER = "#ffffff"
SMOOTHING = 4  # Pillow draws no smooth edges: shapes are drawn this much larger and reduced

Box = tuple[float, float, float, float]  # left, top, width, height


def fit_image(frame: np.ndarray, box: Box) -> tuple[Image.Image, int, int]:
    """(picture, left, top): a frame uint8 (C, H, W), centred in the box, enlarged by the largest integer factor that fits.

    Small frames are smoothed, see `figures.enlarge`. A frame larger than the box is reduced to it.
    """
    left, top, box_width, box_height = box
    margin = 2 if max(frame.shape[1:]) <= figures.SMALL_PX else 0
    height, width = (side + margin for side in frame.shape[1:])
    factor = max(1, int(min(box_height / height, box_width / width)))
    pixels = figures.strip(figures.enlarge(frame[None], factor * height))
    picture = Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels).convert("RGB")
    if picture.width > box_width or picture.height > box_height:
        picture.thumbnail((int(box_width), int(box_height)))
    return picture, round(left + (box_width - picture.width) / 2), round(top + (box_height - picture.height) / 2)


class PixelCanvas:
    """Draws on a white picture of WIDTH x HEIGHT."""

    def __init__(self, image: Image.Image | None = None):
        self.image = Image.new("RGB", (WIDTH, HEIGHT), PAPER) if image is None else image
        self._draw = ImageDraw.Draw(self.image)

    def copy(self) -> "PixelCanvas":
        return PixelCanvas(self.image.copy())

    def text(self, x: float, y: float, text: str, size: int, colour: str, anchor: str = "start", halo: bool = False) -> None:
        """Text on the baseline y, starting, centred ("middle") or ending ("end") at x; `halo`: with a white rim."""
        text, where = clean(text), {"start": "ls", "middle": "ms", "end": "rs"}[anchor]
        rim = {"stroke_width": 4, "stroke_fill": PAPER} if halo else {}
        self._draw.text((x, y), text, colour, font_for(text, size), where, **rim)

    def rect(self, box: Box, fill: str) -> None:
        left, top, width, height = map(round, box)
        if width > 0 and height > 0:
            self._draw.rectangle((left, top, left + width - 1, top + height - 1), fill)

    def line(self, points: np.ndarray, colour: str, width: float = 3, dashed: bool = False) -> None:
        """A line through points (n, 2)."""
        for part in _dashes(points) if dashed else [np.asarray(points, float)]:
            self._smooth_line(part, colour, width)

    def _smooth_line(self, points: np.ndarray, colour: str, width: float) -> None:
        if len(points) < 2:
            return
        start = np.floor(points.min(0) - width).astype(int)
        size = np.ceil(points.max(0) + width).astype(int) - start
        mask = Image.new("L", tuple((size * SMOOTHING).tolist()))
        path = [tuple(point) for point in ((points - start) * SMOOTHING).tolist()]
        ImageDraw.Draw(mask).line(path, 255, round(width * SMOOTHING), "curve")
        self.image.paste(colour, tuple(start.tolist()), mask.reduce(SMOOTHING))

    def dots(self, xy: np.ndarray, radius: float, colour: str, opacity: float = 1.0) -> None:
        """Discs at xy (n, 2)."""
        mask, reach = _disc(radius, opacity)
        for x, y in np.rint(np.asarray(xy) - reach).astype(int).tolist():
            self.image.paste(colour, (x, y), mask)

    def image_at(self, frame: np.ndarray, box: Box) -> Box:
        """A frame uint8 (C, H, W) in the box; returns the box that it fills."""
        picture, left, top = fit_image(frame, box)
        self.image.paste(picture, (left, top))
        return left, top, picture.width, picture.height

    def data(self) -> bytes:
        """The picture as PNG."""
        return figures.png(np.asarray(self.image))


@lru_cache(maxsize=64)
def _disc(radius: float, opacity: float) -> tuple[Image.Image, int]:
    """(mask, distance of its centre from its edge) of a disc."""
    reach = int(np.ceil(radius)) + 1
    large = Image.new("L", (2 * reach * SMOOTHING,) * 2)
    near, far = (reach - radius) * SMOOTHING, (reach + radius) * SMOOTHING - 1
    ImageDraw.Draw(large).ellipse((near, near, far, far), round(255 * opacity))
    return large.reduce(SMOOTHING), reach


def _dashes(points: np.ndarray, on: float = 14, off: float = 9) -> list[np.ndarray]:
    """The parts of a dashed line through points (n, 2)."""
    points = np.asarray(points, float)
    at = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(points, axis=0).T))])
    parts = []
    for start in np.arange(0, at[-1], on + off):
        end = min(start + on, at[-1])
        inner = at[(at > start) & (at < end)]
        where = np.concatenate([[start], inner, [end]])
        parts.append(np.stack([np.interp(where, at, points[:, i]) for i in (0, 1)], 1))
    return parts


class SvgCanvas:
    """Writes SVG. Text stays text; images are embedded as PNG."""

    def __init__(self):
        self._parts = [f'<rect width="{WIDTH}" height="{HEIGHT}" fill="{PAPER}"/>']

    def text(self, x: float, y: float, text: str, size: int, colour: str, anchor: str = "start", halo: bool = False) -> None:
        start = f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}" xml:space="preserve"'
        body = f">{escape(clean(text))}</text>"
        if halo:  # twice, because not every program draws a stroke behind the fill
            rim = f' fill="{PAPER}" stroke="{PAPER}" stroke-width="8" stroke-linejoin="round" aria-hidden="true"'
            self._parts.append(f"{start}{rim}{body}")
        self._parts.append(f'{start} fill="{colour}"{body}')

    def rect(self, box: Box, fill: str) -> None:
        left, top, width, height = box
        self._parts.append(f'<rect x="{left:.1f}" y="{top:.1f}" width="{width:.1f}" height="{height:.1f}" fill="{fill}"/>')

    def line(self, points: np.ndarray, colour: str, width: float = 3, dashed: bool = False) -> None:
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in np.asarray(points).tolist())
        dash = ' stroke-dasharray="14 9"' if dashed else ""
        style = f'fill="none" stroke="{colour}" stroke-width="{width}" stroke-linejoin="round"{dash}'
        self._parts.append(f'<polyline points="{path}" {style}/>')

    def dots(self, xy: np.ndarray, radius: float, colour: str, opacity: float = 1.0) -> None:
        """All discs as one path of very short lines with round ends: thousands of circles would be slow to open."""
        path = "".join(f"M{x:.1f} {y:.1f}h.01" for x, y in np.asarray(xy).tolist())
        style = f'stroke="{colour}" stroke-width="{2 * radius:g}" stroke-linecap="round" opacity="{opacity:g}"'
        self._parts.append(f'<path d="{path}" {style}/>')

    def image_at(self, frame: np.ndarray, box: Box) -> Box:
        picture, left, top = fit_image(frame, box)
        uri = "data:image/png;base64," + base64.b64encode(figures.png(np.asarray(picture))).decode()
        size = f'x="{left}" y="{top}" width="{picture.width}" height="{picture.height}"'
        self._parts.append(f'<image {size} xlink:href="{uri}"/>')
        return left, top, picture.width, picture.height

    def data(self) -> bytes:
        """The drawing as an SVG file."""
        names = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
        size = f'viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}"'
        body = "\n".join(self._parts)
        return f"<svg {names} {size} font-family={quoteattr(FONT_FAMILY)}>\n{body}\n</svg>\n".encode()


Canvas = PixelCanvas | SvgCanvas


def mixed(colour: str, other: str, share: float) -> str:
    """The colour with a share of another one mixed in, as #rrggbb."""
    pair = np.array([ImageColor.getrgb(colour)[:3], ImageColor.getrgb(other)[:3]], float)
    return "#{:02x}{:02x}{:02x}".format(*np.rint((1 - share) * pair[0] + share * pair[1]).astype(int))
