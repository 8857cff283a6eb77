"""Sprites: each factor changes the image as documented."""

import numpy as np
import pytest

from explorer.core.data import sprites
from explorer.core.data.catalog import load
from explorer.core.errors import DataError


def test_sprites_are_redrawn_from_their_factors():
    test = load("sprites", "test")
    assert test.factor_names == ("shape", "scale", "rotation", "x", "y")
    assert (test.factors[:, 0] == test.labels).all() and test.factors.dtype == np.float32
    few = test.take(np.arange(0, 4000, 7))
    assert (sprites.draw_sprites(few.factors) == few.images).all()
    assert (load("sprites", "test").head(50).images == test.images[:50]).all()


def sprite(shape=0, scale=0.8, rotation=0.0, x=0.0, y=0.0) -> np.ndarray:
    return sprites.draw_sprites(np.array([[shape, scale, rotation, x, y]], np.float32))[0, 0].astype(float)


@pytest.mark.parametrize("shape", range(3))
def test_each_factor_does_what_it_says(shape):
    rows, columns = np.mgrid[:32, :32]

    def centre(image):
        return np.array([(columns * image).sum(), (rows * image).sum()]) / image.sum()

    moved = centre(sprite(shape, x=5, y=-3)) - centre(sprite(shape))
    assert moved == pytest.approx([5, -3], abs=0.05)
    assert sprite(shape, scale=1.0).sum() / sprite(shape, scale=0.5).sum() == pytest.approx(4, rel=0.03)
    upright, turned = sprite(shape), sprite(shape, rotation=45)
    assert turned.sum() == pytest.approx(upright.sum(), rel=0.05)
    assert np.abs(turned - upright).max() > 100
    assert upright == pytest.approx(upright[:, ::-1], abs=1)  # upright shapes are their own mirror image


def test_rotation_is_clockwise_and_a_heart_stands_on_its_tip():
    def lowest(image):  # the column of the lowest lit pixels
        row = image[np.flatnonzero(image.max(1) > 128)[-1]]
        return row @ np.arange(32) / row.sum()

    heart = sprite(2, scale=1.0)
    assert heart[:16].sum() > 1.2 * heart[16:].sum()  # broad above
    assert lowest(heart) == pytest.approx(15.5, abs=0.1)
    assert lowest(sprite(2, scale=1.0, rotation=30)) < 15  # clockwise: the tip swings to the left


def test_shapes_stay_inside_and_have_soft_edges():
    corners = np.array([[s, 1, r, x, y] for s in range(3) for r in (-45, -20, 0, 45) for x in (-8, 8) for y in (-8, 8)])
    images = sprites.draw_sprites(corners).astype(float)
    for shape in range(3):
        assert images[corners[:, 0] == shape].sum((1, 2, 3)) == pytest.approx(sprite(shape, 1.0).sum(), rel=0.02)
    assert len(np.unique(images)) > 50


@pytest.mark.parametrize(
    "factors", [np.zeros((3, 4)), np.zeros(5), [[0, 0, 0, 0, 0]], [[3, 1, 0, 0, 0]], [[0, 1, np.nan, 0, 0]]]
)
def test_impossible_factors_are_refused(factors):
    with pytest.raises(DataError, match="[Ff]actor"):
        sprites.draw_sprites(factors)
