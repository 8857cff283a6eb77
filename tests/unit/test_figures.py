"""figures.py: encoded images are decoded again and compared with the arrays; tiles, sizes and the map's figure."""

import io
import json
from html import unescape

import numpy as np
import pytest
from PIL import Image

from explorer import figures

RNG = np.random.default_rng(0)


def decoded(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


def noise(*shape: int) -> np.ndarray:
    return RNG.integers(0, 256, shape, np.uint8)


def gradient(channels: int) -> np.ndarray:
    """A smooth picture (24, 32, C)."""
    y, x = np.mgrid[:24, :32]
    return np.stack([4 * y + 60, 5 * x + 40, 3 * x + 2 * y + 50][:channels], axis=2).astype(np.uint8)


# Encoding


@pytest.mark.parametrize("channels, mode", [(1, "L"), (3, "RGB")])
def test_a_png_has_the_pixels_of_its_picture(channels, mode):
    picture = noise(7, 5, channels)
    image = decoded(figures.png(picture))
    assert (image.format, image.mode, image.size) == ("PNG", mode, (5, 7))
    np.testing.assert_array_equal(np.asarray(image).reshape(7, 5, channels), picture)


@pytest.mark.parametrize("channels", [1, 3])
def test_a_jpeg_is_near_its_picture_and_nearer_at_higher_quality(channels):
    picture, errors = gradient(channels), []
    for quality in (20, 95):
        image = decoded(figures.jpeg(picture, quality))
        assert (image.format, image.size) == ("JPEG", (32, 24))
        errors.append(np.abs(np.asarray(image).reshape(picture.shape).astype(int) - picture).mean())
    assert errors[1] < errors[0] < 8 and errors[1] < 2


# Tiling and sizes


def test_a_strip_has_the_frames_from_left_to_right_with_grey_gaps():
    frames = noise(3, 3, 4, 5)
    picture = figures.strip(frames, gap_px=2)
    assert picture.shape == (4, 3 * 7 - 2, 3)
    for i, frame in enumerate(frames):
        np.testing.assert_array_equal(picture[:, 7 * i : 7 * i + 5], frame.transpose(1, 2, 0))
    assert (picture[:, 5:7] == 128).all() and (picture[:, 12:14] == 128).all()


def test_a_sheet_is_filled_row_by_row_and_black_where_no_frame_is():
    frames = noise(5, 1, 2, 4)
    picture = figures.sheet(frames, columns=3)
    assert picture.shape == (4, 12, 1)
    for i, frame in enumerate(frames):
        row, column = divmod(i, 3)
        np.testing.assert_array_equal(picture[2 * row : 2 * row + 2, 4 * column : 4 * column + 4, 0], frame[0])
    assert not picture[2:, 8:].any()


@pytest.mark.parametrize("height_px, factor", [(28, 1), (29, 2), (56, 2), (200, 8)])
def test_large_frames_are_enlarged_by_whole_pixels(height_px, factor):
    frames = noise(2, 3, 28, 20)
    np.testing.assert_array_equal(figures.enlarge(frames, height_px), frames.repeat(factor, 2).repeat(factor, 3))


def test_small_frames_get_a_black_margin_and_are_smoothed():
    frames = np.full((2, 1, 8, 8), 200, np.uint8)
    frames[:, :, :, 4:] = 100
    large = figures.enlarge(frames, 100)
    assert large.shape == (2, 1, 100, 100) and large.dtype == np.uint8
    assert not large[:, :, :3].any() and not large[:, :, :, -3:].any()
    middle = large[0, 0, 50, 15:85].astype(int)
    assert middle[10] == pytest.approx(200, abs=3) and middle[-12] == pytest.approx(100, abs=3)
    assert np.abs(np.diff(middle)).max() < 50, "the edge between the halves is smooth"


def test_the_margin_does_not_depend_on_the_frames_around():
    frames = noise(4, 3, 8, 8)
    np.testing.assert_array_equal(figures.enlarge(frames, 64)[2], figures.enlarge(frames[2:3], 64)[0])


@pytest.mark.parametrize("shape, side_px, small", [((2, 1, 28, 28), 32, (28, 28)), ((2, 3, 64, 64), 32, (32, 32))])
def test_shrunk_pictures_fit(shape, side_px, small):
    assert figures.shrink(noise(*shape), side_px).shape == (*shape[:2], *small)


def test_a_shrunk_pixel_is_the_mean_of_its_block():
    pictures = np.zeros((1, 1, 5, 4), np.uint8)
    pictures[0, 0, :2, :2] = [[0, 100], [101, 200]]
    pictures[0, 0, 4] = 255  # fills no block
    small = figures.shrink(pictures, 3)
    np.testing.assert_array_equal(small[0, 0], [[100, 0], [0, 0]])  # 100.25, rounded


# The map


def map_of(labels, **options):
    labels = np.array(labels)
    xy = np.arange(2 * len(labels), dtype=np.float32).reshape(-1, 2)
    return xy, figures.map_figure(xy, labels, ("zero", "one"), **options)


def test_the_map_has_a_trace_per_class_whose_customdata_are_rows():
    xy, figure = map_of([1, 0, -1, 1])
    assert [trace.name for trace in figure.data] == ["unlabelled", "zero", "one"]
    rows = [list(trace.customdata) for trace in figure.data]
    assert rows == [[2], [1], [0, 3]]
    for trace in figure.data:
        np.testing.assert_array_equal(trace.x, xy[list(trace.customdata), 0])
        np.testing.assert_array_equal(trace.y, xy[list(trace.customdata), 1])
        assert trace.showlegend and trace.hoverinfo == "none"
    assert len({trace.marker.color for trace in figure.data}) == 3


def test_class_names_are_text_not_markup():
    """Plotly reads tags in names, such as links, and decodes entities."""
    names = ('<a href="https://example.org">x</a>', "salt & pepper")
    figure = figures.map_figure(np.zeros((2, 2), np.float32), np.arange(2), names)
    assert not any("<" in trace.name for trace in figure.data)
    assert [unescape(trace.name) for trace in figure.data] == list(names)


def test_one_class_needs_no_legend():
    _, figure = map_of([0, 0])
    assert len(figure.data) == 1 and not figure.data[0].showlegend


def test_values_are_coloured_on_one_scale_with_a_title_and_without_outliers():
    values = np.append(np.linspace(0, 1, 199), 1e6)
    _, figure = map_of([0, 1] * 100, values=values, unit="KL, nats")
    assert [(trace.marker.cmin, trace.marker.cmax) for trace in figure.data][0] == pytest.approx(
        (figure.data[1].marker.cmin, figure.data[1].marker.cmax)
    )
    assert figure.data[0].marker.cmax < 2
    assert figure.data[0].marker.colorbar.title.text == "KL, nats" and not figure.data[1].marker.showscale
    np.testing.assert_allclose(figure.data[1].marker.color, values[1::2], rtol=1e-6)
    assert not any(trace.showlegend for trace in figure.data)


def test_values_may_all_be_missing():
    _, figure = map_of([0, 1], values=np.array([np.nan, np.inf]), unit="loss")
    assert (figure.data[0].marker.cmin, figure.data[0].marker.cmax) == (0, 1)


def test_more_classes_than_colours_are_coloured_by_number():
    labels = np.arange(len(figures.CLASS_COLOURS) + 1)
    figure = figures.map_figure(np.zeros((len(labels), 2), np.float32), labels, ())
    assert figure.data[0].marker.colorbar.title.text == "class"
    assert [trace.marker.color[0] for trace in figure.data] == list(labels)


def test_axes_are_shown_where_they_have_a_meaning():
    _, raw = map_of([0, 1], axes=("z0", "z3"))
    _, umap = map_of([0, 1])
    assert (raw.layout.xaxis.title.text, raw.layout.yaxis.title.text) == ("z0", "z3")
    assert raw.layout.xaxis.showticklabels and not umap.layout.xaxis.showticklabels


def test_a_fixed_figure_is_converted_once_and_equals_its_original():
    _, figure = map_of([0, 1, 1])
    fixed = figures.FixedFigure(figure)
    assert fixed.to_dict() is fixed.to_dict()
    assert json.loads(fixed.to_json()) == json.loads(figure.to_json())
