"""The traits of an engine: factors and attributes with their directions and correlations."""

from types import SimpleNamespace

import numpy as np
import pytest

from explorer import open_bundle
from explorer.core.bundles.format import Gallery, Origin
from explorer.core.engine.traits import followed, traits_of
from explorer.core.paths import SHIPPED_DIR

N, D = 100, 3


def engine_with(factors=None, attributes=None, factor_names=(), attribute_names=()) -> SimpleNamespace:
    mu = np.random.default_rng(0).standard_normal((N, D), np.float32)
    none = np.zeros(N, np.int64)
    gallery = Gallery(np.arange(N), none, mu, mu, mu[:, 0], mu[:, :2], factors=factors, attributes=attributes)
    origin = Origin("x", factor_names=factor_names, attribute_names=attribute_names)
    return SimpleNamespace(gallery=gallery, origin=origin)


def test_the_dimensions_of_the_shipped_mnist_follow_slant_thickness_width_and_height():
    engine = open_bundle(SHIPPED_DIR / "mnist")
    found = {dim: followed(engine.traits, dim) for dim in range(16)}
    named = {dim: (trait.name, round(r, 2)) for dim, (trait, r) in ((d, f) for d, f in found.items() if f)}
    assert named == {4: ("slant", 0.88), 12: ("thickness", 0.87), 15: ("width", 0.75), 14: ("height", 0.66)}


def test_along_its_direction_an_attribute_of_decoded_images_rises():
    from explorer.core.data import attributes

    engine = open_bundle(SHIPPED_DIR / "mnist")
    start = engine.gallery.mu[:40]
    for name, rise in (("slant", 15), ("thickness", 0.8), ("width", 2), ("ink", 30)):
        trait = engine.traits[f"attribute {name}"]
        ends = [engine.decode(start + step * trait.direction) for step in (-1, 1)]
        low, high = (attributes.measure(images)[:, attributes.NAMES.index(name)] for images in ends)
        assert np.median(high - low) > rise, name


def test_a_factor_and_an_attribute_of_one_name_are_two_traits():
    values = np.random.default_rng(1).standard_normal((N, 2), np.float32)
    traits = traits_of(engine_with(values[:, :1], values[:, 1:], ("width",), ("width",)))
    assert list(traits) == ["factor width", "attribute width"]
    assert np.array_equal(traits["factor width"].values, values[:, 0])
    assert (traits["factor width"].unit, traits["attribute width"].unit) == ("", "px")


def test_nothing_known_and_factors_that_are_only_named():
    assert traits_of(engine_with()) == {} and traits_of(engine_with(factor_names=("x",))) == {}
    assert followed({}, 0) is None


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_trait_that_is_not_finite_has_no_direction_and_spoils_no_other(bad):
    engine = engine_with()
    values = engine.gallery.mu[:, :2].copy()
    values[3, 1] = bad
    traits = traits_of(engine_with(values, factor_names=("good", "bad")))
    assert not traits["factor bad"].direction.any() and traits["factor bad"].r2 == 0
    assert followed(traits, 0)[0].name == "good" and followed(traits, 1) is None
