"""Measured attributes, on shapes of known slant, thickness and size."""

import numpy as np
import pytest
from sklearn.datasets import load_digits

from explorer.core.data import attributes

SLANT, THICKNESS, WIDTH, HEIGHT, INK = range(5)
FINE = 16  # shapes are drawn this many times larger and reduced by averaging


def rectangle(width: int, height: int, side: int) -> np.ndarray:
    image = np.zeros((side, side), np.uint8)
    top, left = (side - height) // 2, (side - width) // 2
    image[top : top + height, left : left + width] = 255
    return image


def stroke(slant: float, thickness: float, length: float, side: int) -> np.ndarray:
    """A straight stroke through the middle whose direction is `slant` degrees from the vertical, with cut ends."""
    angle = np.radians(slant)
    y, x = (np.mgrid[: side * FINE, : side * FINE] + 0.5) / FINE - side / 2
    along, across = x * np.sin(angle) - y * np.cos(angle), x * np.cos(angle) + y * np.sin(angle)
    is_inside = (np.abs(along) <= length / 2) & (np.abs(across) <= thickness / 2)
    return np.rint(255 * is_inside.reshape(side, FINE, side, FINE).mean((1, 3))).astype(np.uint8)


def measured(*images: np.ndarray) -> np.ndarray:
    return attributes.measure(np.stack(images)[:, None])


@pytest.mark.parametrize(
    "width, height, side", [(1, 5, 8), (2, 6, 8), (3, 4, 8), (1, 20, 28), (2, 18, 28), (3, 20, 28), (4, 9, 28), (7, 12, 28)]
)
def test_an_upright_rectangle_has_its_sides_as_width_height_and_thickness(width, height, side):
    upright, lying = measured(rectangle(width, height, side), rectangle(height, width, side))
    np.testing.assert_allclose(upright, [0, width, width, height, width * height], atol=1e-4)
    np.testing.assert_allclose(lying, [0, width, height, width, width * height], atol=1e-4)


@pytest.mark.parametrize("slant", [-40, -20, -5, 10, 25, 45])
@pytest.mark.parametrize("thickness, length, side", [(1.5, 7, 8), (2, 20, 28), (3.5, 22, 28)])
def test_a_stroke_that_leans_has_its_slant_and_thickness(slant, thickness, length, side):
    ((found, thick, *_, ink),) = measured(stroke(slant, thickness, length, side))
    sine, cosine = np.sin(np.radians(slant)), np.cos(np.radians(slant))
    covariance, var_y = (length**2 - thickness**2) * sine * cosine, (length * cosine) ** 2 + (thickness * sine) ** 2
    assert found == pytest.approx(np.degrees(np.arctan(covariance / (var_y + 1))), abs=1.6)  # 1: a pixel averages over 1 px
    assert found == pytest.approx(slant, abs=4)
    assert thick == pytest.approx(thickness, abs=0.5)
    assert ink == pytest.approx(thickness * length, rel=0.03)


def test_digits_sheared_by_45_degrees():
    digits = (load_digits().images[:50] / 16).astype(np.float32)
    wide = np.pad(digits, ((0, 0), (0, 0), (8, 8)))
    sheared = np.stack([np.roll(wide[:, y], 4 - y, axis=1) for y in range(8)], 1)
    before, after = measured(*wide), measured(*sheared)
    tangents = np.tan(np.radians([before[:, SLANT], after[:, SLANT]]))
    np.testing.assert_allclose(tangents[1] - tangents[0], 1, atol=1e-4)
    np.testing.assert_allclose(before[:, [HEIGHT, INK]], after[:, [HEIGHT, INK]], rtol=1e-4)


def test_a_thicker_stroke_is_thicker_on_a_grid_of_any_size():
    for side in (8, 16, 28, 64):
        thick = measured(*(stroke(15, share * side, 0.8 * side, side) for share in (0.15, 0.2, 0.3)))[:, THICKNESS]
        np.testing.assert_allclose(thick / side, (0.15, 0.2, 0.3), atol=0.04)


def test_bytes_and_fractions_and_colours_measure_the_same():
    image = stroke(20, 3, 18, 28)
    expected = measured(image)
    np.testing.assert_allclose(measured(image / np.float32(255)), expected, rtol=1e-5)
    np.testing.assert_allclose(attributes.measure(np.stack([image] * 3)[None]), expected, rtol=1e-5)
    faint = measured(image // 4)
    np.testing.assert_allclose(faint[:, :INK], expected[:, :INK], rtol=0.02)
    assert faint[0, INK] == pytest.approx(expected[0, INK] / 4, rel=0.05)


def test_an_image_is_measured_alike_alone_and_among_others_however_many():
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (attributes.CHUNK + 20, 1, 12, 9), np.uint8)
    together = attributes.measure(images)
    assert together.shape == (len(images), len(attributes.NAMES)) and together.dtype == np.float32
    for row in (0, 1, attributes.CHUNK - 1, attributes.CHUNK, len(images) - 1):
        np.testing.assert_allclose(attributes.measure(images[row : row + 1])[0], together[row], rtol=1e-5)


def test_no_ink_measures_zero():
    assert not measured(np.zeros((28, 28), np.uint8)).any()
    full = measured(np.full((28, 28), 255, np.uint8))[0]
    np.testing.assert_allclose(full, [0, 28, 28, 28, 784], atol=1e-3)
    assert attributes.measure(np.zeros((0, 1, 8, 8), np.uint8)).shape == (0, 5)
