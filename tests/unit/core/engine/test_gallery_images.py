"""Gallery images: redrawn sprites, thumbnails, and images loaded from the data set."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from explorer.core.bundles import format as bundle_format
from explorer.core.data import catalog
from explorer.core.engine.engine import open_bundle
from explorer.core.engine.gallery_images import GalleryImages
from explorer.core.errors import DataError
from tests.helpers import noise_set, random_bundle, sprite_set


def test_sprites_are_drawn_again(engines):
    rows = np.array([3, 0, 59])
    np.testing.assert_array_equal(engines["sprites"].pictures(rows), sprite_set().images[rows])


def test_whole_thumbnails_are_the_pictures(tmp_path):
    images = noise_set()
    random_bundle(tmp_path, "with", images, thumbs=True)
    np.testing.assert_array_equal(open_bundle("with", tmp_path).pictures([4, 4, 1]), images.images[[4, 4, 1]])


def test_smaller_thumbnails_are_not_passed_off_as_pictures(tmp_path):
    random_bundle(tmp_path, "large", noise_set(image_shape=(1, 48, 48)), thumbs=True)
    engine = open_bundle("large", tmp_path)
    assert engine.gallery.thumbs.shape[2:] == (32, 32) and engine.pictures(np.arange(3)) is None


def test_pictures_come_from_the_data_set_once(tmp_path, monkeypatch):
    images = noise_set(name="digits")
    random_bundle(tmp_path, "d", images)
    asked = []
    monkeypatch.setattr(catalog, "load", lambda *args, **more: (asked.append((args, more)), images)[1])
    engine = open_bundle("d", tmp_path)
    with ThreadPoolExecutor(4) as pool:
        for found in pool.map(engine.pictures, [np.array([i, 2]) for i in range(20)]):
            np.testing.assert_array_equal(found[1], images.images[2])
    assert asked == [(("digits", "test"), {"size": None, "download": False})]


def test_a_folder_is_asked_for_at_the_size_of_the_model(tmp_path, monkeypatch):
    images, sizes = noise_set(name="folder:/there"), []
    random_bundle(tmp_path, "f", images)
    monkeypatch.setattr(catalog, "load", lambda *args, size, download: (sizes.append(size), images)[1])
    assert open_bundle("f", tmp_path).pictures(np.arange(2)) is not None and sizes == [16]


def test_the_real_digits_are_found(tmp_path):
    test = catalog.load("digits", "test")
    random_bundle(tmp_path, "digits", test.head(50))
    np.testing.assert_array_equal(open_bundle("digits", tmp_path).pictures([0, 49]), test.images[[0, 49]])


@pytest.mark.parametrize("found", ["none", "other shape", "fewer", "other labels"])
def test_pictures_that_are_not_those_are_none(tmp_path, monkeypatch, found):
    images = noise_set(name="folder:/gone")
    asked = []

    def load(*args, **more):
        asked.append(args)
        if found == "none":
            raise DataError("It is not there.")
        return {
            "other shape": noise_set(image_shape=(1, 8, 8)),
            "fewer": noise_set(20),
            "other labels": replace(images, labels=images.labels[::-1]),
        }[found]

    monkeypatch.setattr(catalog, "load", load)
    random_bundle(tmp_path, "g", images)
    engine = open_bundle("g", tmp_path)
    assert engine.pictures(np.arange(3)) is None and engine.pictures(np.arange(3)) is None
    assert len(asked) == 1


def test_sprites_without_factors_are_looked_for_as_data(d3, monkeypatch):
    monkeypatch.setattr(catalog, "load", lambda *args, **more: (_ for _ in ()).throw(DataError("no")))
    origin = bundle_format.Origin("sprites")
    assert GalleryImages(origin, replace(d3.gallery, factors=None), d3.image_shape)(np.arange(2)) is None
