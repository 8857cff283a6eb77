"""The slides, read back: sizes, texts, pixels and the places of points."""

import io
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from PIL import Image, ImageColor, ImageFont

from explorer import figures
from explorer.slides import scatter, stills, text
from explorer.slides.canvas import PixelCanvas, SvgCanvas, fit_image
from explorer.slides.style import A_COLOUR, ACCENT, B_COLOUR
from tests.unit.slides.conftest import NAMES, film

SVG = "{http://www.w3.org/2000/svg}"
VALUES = [stills.LatentValue(d, 0.1 * d, -3, 3) for d in range(14)]
AXES_PATH = np.array([[0.0, 0.0], [0.5, 0.5], [1.0, 1.0]])


def draw_stage(canvas, points, lanes) -> None:
    stills.stage(canvas, "mnist: 14 dims", lanes["lerp"].frames[0], ["|z| = 1.00", "support 0.50"], VALUES)


def draw_map(canvas, points, lanes) -> None:
    stills.map_slide(canvas, "mnist", points, np.array([0.2, 0.3]), points.xy[0], points.xy[1], AXES_PATH)


def draw_lanes(canvas, points, lanes) -> None:
    stills.interpolation(canvas, "mnist, image 1 to image 2", lanes, 16)


SLIDES = (draw_stage, draw_map, draw_lanes)


def svg_of(draw, points, lanes) -> ET.Element:
    canvas = SvgCanvas()
    draw(canvas, points, lanes)
    return ET.fromstring(canvas.data())


def texts(root: ET.Element) -> list[str]:
    return ["".join(e.itertext()) for e in root.iter(f"{SVG}text") if "aria-hidden" not in e.attrib]


@pytest.mark.parametrize("draw", SLIDES)
def test_a_png_is_1920_by_1080_with_little_left_white(draw, points, lanes):
    canvas = PixelCanvas()
    draw(canvas, points, lanes)
    image = Image.open(io.BytesIO(canvas.data()))
    assert (image.format, image.mode, image.size) == ("PNG", "RGB", (1920, 1080))
    drawn = (np.asarray(image) < 250).any(2)
    assert np.ptp(np.flatnonzero(drawn.any(1))) > 700 and np.ptp(np.flatnonzero(drawn.any(0))) > 1000
    assert not drawn[:20].any() and not drawn[-20:].any() and not drawn[:, :20].any() and not drawn[:, -20:].any()


@pytest.mark.parametrize("draw", SLIDES)
def test_an_svg_is_valid_and_its_smallest_text_has_28_px(draw, points, lanes):
    root = svg_of(draw, points, lanes)
    assert root.attrib["viewBox"] == "0 0 1920 1080"
    sizes = [float(e.attrib["font-size"]) for e in root.iter(f"{SVG}text")]
    assert sizes and min(sizes) >= 28
    assert not list(root.iter(f"{SVG}script")) and not list(root.iter(f"{SVG}b"))


def test_the_stage_names_the_first_ten_dimensions(points, lanes):
    shown = texts(svg_of(draw_stage, points, lanes))
    assert [f"z{d}" in shown for d in range(14)] == [True] * 10 + [False] * 4
    assert {"mnist: 14 dims", "|z| = 1.00", "support 0.50", "4 more dimensions", "0.90"} <= set(shown)


def test_the_image_of_the_stage_is_enlarged_in_whole_pixels(lanes):
    frame, canvas = lanes["lerp"].frames[0], PixelCanvas()
    left, top, width, height = canvas.image_at(frame, (60, 120, 900, 900))
    assert (width, height) == (32 * 28, 32 * 28)
    pixels = np.asarray(canvas.image)[top : top + height, left : left + width, 0]
    np.testing.assert_array_equal(pixels, frame[0].repeat(32, 0).repeat(32, 1))


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 32, 20), (1, 700, 900)])
def test_any_frame_fits_its_box(shape):
    picture, left, top = fit_image(np.full(shape, 9, np.uint8), (100, 50, 280, 300))
    assert left >= 100 and top >= 50 and left + picture.width <= 380 and top + picture.height <= 350
    assert max(picture.width / 280, picture.height / 300) > 0.8


def test_class_names_stand_on_their_clusters_as_text(points, lanes):
    shown = texts(svg_of(draw_map, points, lanes))
    assert {"circle", '<b>&"square"', "a b c "} <= set(shown)  # characters that XML cannot hold are spaces


def test_many_equal_names_do_not_overlap():
    names, rng = tuple(f"class {i}" for i in range(8)), np.random.default_rng(0)
    labels = np.r_[np.arange(80) % 8, 0, 0]
    xy = np.r_[0.01 * rng.normal(size=(80, 2)), [[5, 5], [-5, -5]]]
    cloud = scatter.from_figure(figures.map_figure(xy, labels, names), labels, names)
    canvas = SvgCanvas()
    scatter.draw_names(canvas, scatter.MapView(cloud.xy, (60, 120, 900, 900)), cloud)
    lines = [float(e.attrib["y"]) for e in ET.fromstring(canvas.data()).iter(f"{SVG}text") if "aria-hidden" not in e.attrib]
    assert len(lines) >= 4 and np.diff(np.sort(lines)).min() >= scatter.NAME_SIZE


def colour_at(canvas: PixelCanvas, at: np.ndarray) -> str:
    return "#{:02x}{:02x}{:02x}".format(*canvas.image.getpixel(tuple(np.rint(at).astype(int).tolist())))


def test_points_badges_and_cursor_are_where_the_map_has_them(points, lanes):
    canvas, cursor = PixelCanvas(), np.array([4.0, 0.0])  # beside all points
    stills.map_slide(canvas, "mnist", points, cursor, np.array([2.0, 1.0]), np.array([2.0, -1.0]), np.zeros((0, 2)))
    view = scatter.MapView(points.xy, (60, 120, 1800, 900), cursor[None])
    assert colour_at(canvas, view.place(cursor)) == ACCENT
    beside = np.array([-16, 0])  # the letter is in the middle
    assert colour_at(canvas, view.place(np.array([2.0, 1.0])) + beside) == A_COLOUR
    assert colour_at(canvas, view.place(np.array([2.0, -1.0])) + beside) == B_COLOUR
    across, up = (
        view.place(np.array([1.0, 0])) - view.place(np.zeros(2)),
        view.place(np.array([0, 1.0])) - view.place(np.zeros(2)),
    )
    assert across[0] == pytest.approx(-up[1]) and across[1] == up[0] == 0  # equal axes, y upwards


@pytest.mark.parametrize("where", [(1e6, -1e6), (np.nan, np.nan)])
def test_a_cursor_far_away_is_at_the_edge_and_one_without_a_place_is_left_out(points, where):
    at, slides = np.array(where), (PixelCanvas(), SvgCanvas())
    for canvas in slides:
        stills.map_slide(canvas, "mnist", points, at, None, None, np.zeros((0, 2)))
    accent = (np.asarray(slides[0].image) == ImageColor.getrgb(ACCENT)).all(2)
    rows, columns = np.nonzero(accent)
    if np.isnan(where[0]):
        assert not len(rows) and b"nan" not in slides[1].data()
    else:
        assert abs(rows.mean() - 1020) < 2 and abs(columns.mean() - 1860) < 2
    cloud = points.xy[points.shown]
    assert np.ptp(scatter.MapView(points.xy, (60, 120, 1800, 900), at[None]).place(cloud), 0).max() > 700


def test_points_have_the_colours_of_the_page(points):
    canvas, names = PixelCanvas(), ("a", "b")
    labels, xy = np.array([0, 1]), np.array([[0.0, 0.0], [1.0, 1.0]])
    two = scatter.from_figure(figures.map_figure(xy, labels, names), labels, names)
    view = scatter.MapView(xy, (60, 120, 900, 900))
    canvas.dots(view.place(two.xy[:1]), 8, two.palette[two.colour_of[0]])
    canvas.dots(view.place(two.xy[1:]), 8, two.palette[two.colour_of[1]])
    assert [colour_at(canvas, p).upper() for p in view.place(xy)] == list(figures.CLASS_COLOURS[:2])


def test_a_continuous_colouring_has_its_scale_and_unit():
    labels, values = np.arange(30) % 3, np.linspace(2, 9, 30)
    figure = figures.map_figure(np.random.default_rng(0).normal(size=(30, 2)), labels, ("a", "b", "c"), values, "KL, nats")
    points = scatter.from_figure(figure, labels, ("a", "b", "c"))
    assert not points.by_class and np.all(np.diff(points.colour_of) >= 0) and points.colour_of[[0, -1]].tolist() == [0, 63]
    assert (points.palette[0], points.palette[-1]) == ("#440154", "#fde725")  # Viridis
    shown = texts(svg_of(draw_map, points, None))
    assert {"KL, nats", f"{points.low:.3g}", f"{points.high:.3g}"} <= set(shown)


def test_a_point_without_a_position_is_left_out():
    xy, labels = np.array([[0, 0], [np.nan, 1], [1, 1]]), np.zeros(3, int)
    points = scatter.from_figure(figures.map_figure(xy, labels, ("a",)), labels, ("a",))
    root = svg_of(draw_map, points, None)
    assert b"nan" not in ET.tostring(root) and points.shown.tolist() == [True, False, True]


def test_the_lanes_are_named_and_the_curves_are_of_both_paths(lanes, points):
    shown = texts(svg_of(draw_lanes, points, lanes))
    assert shown.count("pixel") == 1 and shown.count("lerp") == shown.count("slerp") == 3  # beside a lane and in two plots
    assert {"t = 0.0", "1.0", "|z|; grey: sqrt(D) = 4.0", "support by the data"} <= set(shown)


def test_a_film_without_a_map_still_makes_a_slide(points):
    blank = film(0)
    blank.support[:], blank.xy[:] = np.nan, np.nan
    svg_of(draw_lanes, points, dict.fromkeys(stills.LANES, blank))


def test_text_that_is_too_wide_is_shortened():
    for size in (28, 48):
        short = text.fitted("x" * 5000, size, 300)
        assert short.endswith("...") and text.width(short, size) <= 300
    assert text.fitted("short", 28, 300) == "short"


def test_names_in_other_scripts_have_glyphs_where_the_computer_has_a_font():
    assert text.font_for("digit 3", 28).getname()[0] == "Aileron"
    chosen, has_other = text.font_for("\u0431\u0430\u043b\u043b", 28), True
    try:
        ImageFont.truetype("DejaVuSans.ttf", 28)
    except OSError:
        has_other = False
    assert not has_other or chosen.getname()[0] == "DejaVu Sans"


def test_characters_that_cannot_be_written_become_spaces():
    assert [text.clean(name) for name in NAMES] == ["circle", '<b>&"square"', "a b c "]
