"""Vector arithmetic and principal directions, against numpy."""

import numpy as np
import pytest

from explorer.core.errors import ConfigError
from explorer.core.latent import linear
from tests.unit.core.latent.sample_vectors import draws, same_bits


def test_arithmetic_and_direction():
    a, b, c = draws(8, 3, 16)
    np.testing.assert_allclose(linear.arithmetic(a, b, c), a - b + c, atol=1e-6)
    assert same_bits(linear.arithmetic(a, a, c), c)
    step = linear.direction(a, b)
    assert step.dtype == np.float32 and np.linalg.norm(step) == pytest.approx(1, abs=1e-6)
    np.testing.assert_allclose(a + step * np.linalg.norm(b - a), b, atol=1e-5)
    assert not linear.direction(a, a).any()


def test_class_means_leave_out_the_unlabelled_and_the_absent():
    means = draws(9, 60, 3)
    labels = np.arange(60) % 3
    labels[:6] = -1
    result = linear.class_means(means, labels, 5)
    assert result.shape == (5, 3) and result.dtype == np.float32
    for label in range(3):
        np.testing.assert_allclose(result[label], means[labels == label].mean(0), atol=1e-6)
    assert np.isnan(result[3:]).all()
    with pytest.raises(ConfigError, match="labels"):
        linear.class_means(means, labels[:-1], 5)


def test_principal_directions_are_those_of_the_singular_values():
    means = draws(10, 500, 6) * np.float32([1, 5, 2, 0.1, 3, 0]) + 7
    rows, deviations = linear.principal_directions(means, 6)
    _, singular, right = np.linalg.svd(means - means.mean(0), full_matrices=False)
    np.testing.assert_allclose(deviations, singular / np.sqrt(500), atol=1e-3)
    np.testing.assert_allclose(np.abs((rows * right).sum(1)[:5]), 1, atol=1e-4)
    np.testing.assert_allclose(rows @ rows.T, np.eye(6), atol=1e-5)
    assert (rows[np.arange(6), np.abs(rows).argmax(1)] > 0).all()
    few, _ = linear.principal_directions(-means, 2)  # the sign convention does not depend on the data
    np.testing.assert_allclose(few, rows[:2], atol=1e-5)


def test_principal_directions_of_one_point_have_no_spread():
    rows, deviations = linear.principal_directions(np.ones((1, 3)), 2)
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-6)
    assert not deviations.any()
    for means, k in ((np.ones((4, 3)), 4), (np.ones((4, 3)), 0), (np.ones((0, 3)), 1), (np.ones(3), 1)):
        with pytest.raises(ConfigError):
            linear.principal_directions(means, k)
