"""Ancestral draws and films along traits, on the shipped models."""

import numpy as np
import pytest
from scipy.stats import spearmanr

from explorer import open_bundle
from explorer.core.data import attributes
from explorer.core.errors import ConfigError
from explorer.core.paths import SHIPPED_DIR
from explorer.core.theory import factors
from tests.helpers import random_bundle


@pytest.fixture(scope="module")
def engine():
    return open_bundle("mnist", SHIPPED_DIR, device="cpu")


def test_draws_are_decoded_draws_of_the_prior_and_their_attributes_are_measured(engine):
    draws = factors.ancestral_draws(engine, 500, seed=3)
    assert np.abs(draws.z.mean(0)).max() < 0.2 and np.abs(draws.z.std(0) - 1).max() < 0.15
    assert np.abs(draws.frames / 255 - engine.decode(draws.z)).max() <= 0.51 / 255
    np.testing.assert_array_equal(draws.traits, attributes.measure(draws.frames))
    np.testing.assert_array_equal(factors.ancestral_draws(engine, 500, seed=3).frames, draws.frames)


def test_an_attribute_rises_along_its_direction(engine):
    for i, trait in enumerate(engine.traits.values()):
        along = factors.along_trait(engine, engine.gallery.mu[3], trait, 25)
        np.testing.assert_allclose(along.z[12], engine.gallery.mu[3], atol=1e-6)
        assert spearmanr(along.traits[6:19, i], np.arange(13)).statistic > 0.8, trait.name


def test_correlations_are_those_of_spearman(engine):
    found = factors.correlations(engine)
    slant = engine.gallery.attributes[:, attributes.NAMES.index("slant")]
    wanted = abs(spearmanr(engine.gallery.mu[:, 4], slant).statistic)
    assert found.shape == (16, 5) and found[4, 0] == pytest.approx(wanted, abs=1e-3) and wanted > 0.85


def test_factors_that_cannot_be_measured_are_those_of_the_nearest_image():
    engine = open_bundle("sprites", SHIPPED_DIR, device="cpu")
    trait = next(iter(engine.traits.values()))
    along = factors.along_trait(engine, engine.gallery.mu[7], trait, 3)
    assert along.traits[1, 0] == trait.values[7]


def test_a_model_without_traits_is_refused(tmp_path):
    random_bundle(tmp_path, "noise")
    with pytest.raises(ConfigError, match="neither factors nor measured attributes"):
        factors.check_traits(open_bundle("noise", tmp_path, device="cpu"))
