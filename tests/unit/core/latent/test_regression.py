"""Directions and rank correlations of attributes, against scipy and scikit-learn, and on the shipped models."""

import numpy as np
import pytest
from scipy.stats import spearmanr
from sklearn.linear_model import Ridge
from sklearn.model_selection import KFold, cross_val_score

from explorer.core.bundles import store
from explorer.core.errors import ConfigError
from explorer.core.latent.regression import PENALTY, relate
from explorer.core.paths import SHIPPED_DIR
from tests.unit.core.latent.sample_vectors import draws


def sample():
    means = draws(1, 400, 4) * np.float32([1, 2, 0.5, 1]) + 3
    noise = draws(2, 400, 3)
    values = np.c_[means @ [1, -2, 0, 0.5] + noise[:, 0], np.round(np.exp(means[:, 2])), noise[:, 1], np.full(400, 7)]
    return means, values


def test_the_numbers_are_those_of_scipy_and_scikit_learn():
    means, values = sample()
    found = relate(means, values)
    for k in range(3):
        slopes = Ridge(PENALTY).fit(means, values[:, k]).coef_
        np.testing.assert_allclose(found.directions[k], slopes / np.linalg.norm(slopes), atol=1e-5)
        expected = [spearmanr(values[:, k], column).statistic for column in means.T]
        np.testing.assert_allclose(found.rank_correlation[k], expected, atol=1e-9)
        by_fold = np.argsort(np.arange(400) % 5, kind="stable")  # scikit-learn takes the folds one after the other
        r2 = cross_val_score(Ridge(PENALTY), means[by_fold], values[by_fold, k], cv=KFold(5), scoring="r2").mean()
        assert found.r2[k] == pytest.approx(r2)
    assert found.directions.dtype == np.float32


def test_a_value_rises_along_its_direction():
    means, values = sample()
    found = relate(means, values)
    assert np.corrcoef(means @ found.directions[0], values[:, 0])[0, 1] > 0.9
    assert found.r2[0] > 0.8 > 0.1 > found.r2[2]


def test_what_is_constant_has_no_direction():
    means, values = sample()
    means[:, 3] = 1
    found = relate(means, values)
    assert not found.directions[3].any() and found.r2[3] == 0 and not found.rank_correlation[3].any()
    assert not found.directions[:, 3].any() and not found.rank_correlation[:, 3].any()


def test_a_dead_dimension_has_no_weight():
    means, values = sample()
    means[:, 3] = means[:, 3] * 1e-7
    assert np.abs(relate(means, values).directions[0, 3]) < 1e-3


def test_few_points_and_no_values():
    few = relate(draws(1, 3, 4), draws(2, 3, 2))
    assert few.directions.shape == few.rank_correlation.shape == (2, 4) and few.r2.tolist() == [0, 0]
    none = relate(draws(1, 30, 4), np.zeros((30, 0)))
    assert none.directions.shape == none.rank_correlation.shape == (0, 4) and none.r2.shape == (0,)


@pytest.mark.parametrize(
    "values, word", [(np.zeros((9, 1)), "rows"), (np.zeros(10), "rows"), (np.full((10, 1), np.nan), "not finite")]
)
def test_values_that_do_not_fit(values, word):
    with pytest.raises(ConfigError, match=word):
        relate(draws(1, 10, 4), values)


def test_the_shipped_mnist_is_related_to_its_attributes_as_measured():
    bundle = store.load(SHIPPED_DIR / "mnist")
    found = relate(bundle.gallery.mu, bundle.gallery.attributes)
    row = {name: k for k, name in enumerate(bundle.origin.attribute_names)}
    for name, r2 in {"slant": 0.94, "thickness": 0.85, "width": 0.90, "height": 0.79, "ink": 0.92}.items():
        assert found.r2[row[name]] == pytest.approx(r2, abs=0.01), name
    for name, dim, correlation in (("slant", 4, 0.88), ("thickness", 12, 0.87), ("width", 15, 0.75), ("height", 14, 0.66)):
        found_dim = np.abs(found.rank_correlation[row[name]]).argmax()
        assert found_dim == dim and abs(found.rank_correlation[row[name], dim]) == pytest.approx(correlation, abs=0.01)


def test_the_shipped_sprites_have_a_dimension_for_each_place_and_size():
    bundle = store.load(SHIPPED_DIR / "sprites")
    found = relate(bundle.gallery.mu, bundle.gallery.factors)
    best = np.abs(found.rank_correlation).max(1)
    for name, dim in (("x", 0), ("y", 9), ("scale", 3)):
        k = bundle.origin.factor_names.index(name)
        assert np.abs(found.rank_correlation[k]).argmax() == dim and best[k] > 0.97 and found.r2[k] > 0.9
