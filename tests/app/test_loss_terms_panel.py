"""The exhibit /loss-terms without a browser: which dimensions of the posteriors are drawn."""

import numpy as np
import pytest

from explorer.core.runs.epoch_film import EpochFrame
from explorer.ui.exhibits.loss_terms import panel

PICTURES = np.zeros((2, 1, 8, 8), np.uint8)


def frame(mu: np.ndarray, sigma: float) -> EpochFrame:
    mu = mu.astype(np.float32)
    return EpochFrame(0, "1", mu[:, :2], PICTURES, PICTURES, mu=mu, logvar=np.full_like(mu, 2 * np.log(sigma)))


def test_two_dimensions_are_drawn_as_they_are():
    mu = np.array([[0.0, 2.0], [0.5, -2.0]])
    (drawn,) = panel._bubbles([frame(mu, 0.5)], 10)
    assert drawn == pytest.approx(np.hstack([mu, np.full((2, 2), 0.5)]))


def test_of_many_dimensions_those_with_the_largest_kl_are_drawn():
    mu = np.array([[0.0, 1.0, 0.0, 3.0], [0.0, -1.0, 0.0, -3.0]])
    (drawn,) = panel._bubbles([frame(mu, 1.0)], 10)
    assert drawn[:, :2].tolist() == [[3, 1], [-3, -1]]


def test_one_dimension_is_drawn_to_the_right_and_the_images_are_spread_upwards():
    (drawn,) = panel._bubbles([frame(np.array([[1.0], [2.0], [3.0]]), 0.5)], 10)
    assert drawn[:, 0].tolist() == [1, 2, 3] and drawn[:, 2].tolist() == [0.5] * 3
    assert len(set(drawn[:, 1])) == 3


def test_a_map_holds_the_prior_and_nearly_all_bubbles():
    assert panel._reach(np.zeros((1, 5, 4))) == panel.PRIOR_REACH == panel._reach(np.zeros((0, 0, 4)))
    wide = np.zeros((1, 100, 4))
    wide[..., 0] = 7
    assert panel._reach(wide) == 7
