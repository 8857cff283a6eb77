"""Central rows, far pairs and the densest places of labelled points."""

import numpy as np
import pytest

from explorer.core.latent import clusters

CENTRES = np.array([[0, 0], [1, 0], [10, 0]], float)


@pytest.fixture
def cloud():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 300)
    return CENTRES[labels] + 0.1 * rng.standard_normal((300, 2)), labels


def test_the_central_row_is_the_nearest_to_the_mean_of_its_class(cloud):
    mu, labels = cloud
    for label, row in clusters.central_rows(mu, labels).items():
        distance = np.linalg.norm(mu - mu[labels == label].mean(0), axis=1)
        assert labels[row] == label and distance[row] == distance[labels == label].min()
    assert clusters.central_rows(mu, np.full(300, -1)) == {}


def test_the_far_pair_is_of_the_two_classes_that_lie_furthest_apart(cloud):
    mu, labels = cloud
    assert {int(labels[row]) for row in clusters.far_pair(mu, labels)} == {0, 2}


@pytest.mark.parametrize("label", [-1, 0])
def test_without_classes_the_far_pair_is_at_the_ends_of_the_first_direction(cloud, label):
    mu, _ = cloud
    first, second = clusters.far_pair(mu, np.full(300, label))
    assert abs(mu[first, 0] - mu[second, 0]) > 9


def test_the_densest_place_is_in_the_larger_of_two_groups():
    rng = np.random.default_rng(1)
    large, small = rng.standard_normal((200, 2)) * 0.1, rng.standard_normal((50, 2)) * 0.1 + (8, 3)
    xy, labels = np.concatenate([large, small]), np.zeros(250, int)
    (place,) = clusters.densest_places(xy, labels).values()
    assert np.linalg.norm(place) < 0.5
    assert clusters.densest_places(xy, np.full(250, -1)) == {}
    assert clusters.densest_places(xy, labels) == clusters.densest_places(xy, labels)
