"""The numbers of /practicum: losses at z = mu and at draws, groups, projected posteriors, and the examples of paths."""

import numpy as np
import pytest

from explorer.core.engine.engine import open_bundle
from explorer.core.errors import ConfigError
from explorer.core.paths import RECORDED_DIR, SHIPPED_DIR
from explorer.core.runs.epoch_film import RunFilm, plane
from explorer.core.theory.practicum import example_paths, loss_at_mean, plane_ellipses, same_class_share

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def engine():
    return open_bundle("digits", SHIPPED_DIR, device="cpu")


def test_the_loss_at_the_mean_is_below_the_negative_elbo(engine):
    rows = np.arange(200)
    losses = loss_at_mean(engine, engine.pictures(rows), n_draws=8)
    assert losses.at_mean < losses.negative_elbo
    assert losses.negative_elbo == pytest.approx(-engine.encoding.elbo[rows].mean(), abs=0.3)  # one draw each


def test_groups_are_counted_by_the_nearest_other_point():
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1, 2], 20)
    apart = 10 * labels[:, None] + rng.normal(size=(60, 2))
    assert same_class_share(apart, labels) == 1
    assert same_class_share(rng.normal(size=(600, 2)), np.arange(600) % 3) == pytest.approx(1 / 3, abs=0.08)
    with pytest.raises(ConfigError):
        same_class_share(apart, labels[1:])


def test_ellipses_in_a_plane_of_two_dimensions_are_the_posteriors():
    rng = np.random.default_rng(0)
    mu, logvar = rng.normal(size=(2, 30, 2))
    found = plane_ellipses(mu, logvar, mu)
    np.testing.assert_allclose(found[:, :2], mu)
    np.testing.assert_allclose(np.sort(found[:, 2:4], 1), np.sort(np.exp(0.5 * logvar), 1), rtol=1e-9)
    is_upright = logvar[:, 1] > logvar[:, 0]
    np.testing.assert_allclose(np.abs(np.sin(found[:, 4])), is_upright, atol=1e-9)


def test_ellipses_have_the_spread_of_projected_draws():
    rng = np.random.default_rng(0)
    mu, logvar = rng.normal(size=(60, 5)), np.tile(rng.normal(size=5), (60, 1))
    xy = plane(mu)
    x, y, long, short, angle = plane_ellipses(mu, logvar, xy)[0]
    weights, *_ = np.linalg.lstsq(mu - mu.mean(0), xy, rcond=None)
    draws = rng.normal(size=(20_000, 5)) * np.exp(0.5 * logvar[0]) @ weights
    along = draws @ [np.cos(angle), np.sin(angle)]
    across = draws @ [-np.sin(angle), np.cos(angle)]
    assert (along.std(), across.std()) == (pytest.approx(long, rel=0.03), pytest.approx(short, rel=0.03))
    assert (x, y) == (pytest.approx(xy[0, 0]), pytest.approx(xy[0, 1]))
    with pytest.raises(ConfigError, match="affine"):
        plane_ellipses(mu, logvar, xy**2)


def test_one_example_leaves_the_data_and_the_other_stays():
    engine = open_bundle("mnist", SHIPPED_DIR, device="cpu")
    paths = example_paths(engine)
    mu = engine.gallery.mu
    worst = [engine.interpolation_film(mu[a], mu[b], 33).support.min() for a, b in paths]
    assert worst[0] < worst[1] / 10
    assert example_paths(engine) == paths


def test_the_recorded_run_has_every_epoch_with_its_posteriors():
    frames = RunFilm(RECORDED_DIR / "practicum").update()
    assert [frame.epoch for frame in frames] == list(range(11))
    assert {frame.mu.shape for frame in frames} == {frame.logvar.shape for frame in frames} == {(600, 20)}
    assert frames[0].originals is None and len(frames[10].reconstructions) == len(frames[10].samples) == 16
