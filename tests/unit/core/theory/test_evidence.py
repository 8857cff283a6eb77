"""log p(x) against grids of other resolutions, and where the posterior has several modes or very narrow ones."""

import threading
import time

import numpy as np
import pytest
from scipy.special import logsumexp
from scipy.stats import multivariate_normal

from explorer.core.errors import ConfigError
from explorer.core.theory import plane as planes
from explorer.core.theory.evidence import evidence
from tests.unit.core.engine.test_evaluation import without_likelihood
from tests.unit.core.theory import brute_force

pytestmark = pytest.mark.usefixtures("one_thread")

KNOWN = {0: -91.0620, 1: -214.1896, 2: -41.0698, 3: -149.1292, 8: -219.6859}  # a grid of 1,001 x 1,001 points


@pytest.mark.parametrize("row", KNOWN)
def test_five_images_have_the_known_evidence(mnist_2d, mnist_images, row):
    found = evidence(mnist_2d, mnist_images[row])
    assert found.log_px == pytest.approx(KNOWN[row], abs=1e-3)
    assert found.error < 1e-3


@pytest.mark.parametrize("part", range(4))
def test_twice_the_resolution_gives_the_same_evidence_of_200_images(mnist_2d, mnist_images, part):
    n_several = 0
    for x in mnist_images[50 * part : 50 * part + 50]:
        found = evidence(mnist_2d, x)
        _, *regions = found.fields
        finer = [log_mass_at_twice_the_resolution(mnist_2d, x / 255, field) for field in regions]
        difference = abs(float(logsumexp(finer)) - found.log_px)
        assert difference < 1e-3 and difference < found.error + 2e-4
        n_several += len(found.modes) > 1
    assert n_several >= 3


def log_mass_at_twice_the_resolution(engine, x, field) -> float:
    """Of the points near those within 25 nats of the maximum."""
    shape = tuple(2 * n - 1 for n in field.values.shape)
    points, log_cell = brute_force.grid(field.low, field.high, shape[::-1])
    nearest = field.values[tuple(np.rint(axis.ravel() / 2).astype(int) for axis in np.indices(shape))]
    points = points[nearest > field.values.max() - 25]
    return float(logsumexp(planes.log_joint(engine.likelihood, points, x))) + log_cell


@pytest.mark.slow
def test_no_mode_is_missed_in_200_images(mnist_2d, mnist_images):
    """Against one grid of 1,101 x 1,101 points over the whole plane."""
    x = mnist_images[:200].reshape(200, -1) / 255
    points, log_cell = brute_force.grid([-5.5] * 2, [5.5] * 2, 1101)
    total = np.full(200, -np.inf)
    for z in np.array_split(points, 400):
        a, b = mnist_2d.likelihood.linear_form(z)
        joint = a.astype(float) @ x.T + (b + planes.log_prior(z))[:, None]
        total = np.logaddexp(total, logsumexp(joint, 0))
    found = np.array([evidence(mnist_2d, image).log_px for image in mnist_images[:200]])
    np.testing.assert_allclose(found, total + log_cell, atol=1e-3)


def test_every_likelihood_agrees_with_a_plain_grid(small):
    rng = np.random.default_rng(0)
    for x in rng.random((2, *small.image_shape)):
        found = evidence(small, x)
        d = small.latent_dim
        plain = brute_force.log_px(small, x, [-6] * d, [6] * d, 301 if d == 2 else 8_001)
        assert found.log_px == pytest.approx(plain, abs=1e-3)
        assert found.error < 1e-3


def test_the_modes_are_maxima_and_the_highest_comes_first(mnist_2d, mnist_images):
    found = evidence(mnist_2d, mnist_images[3])
    assert len(found.modes) >= 2 and (np.diff(found.mode_log_joint) <= 0).all()
    for mode, height in zip(found.modes, found.mode_log_joint):
        around = mode + 0.005 * np.array([[0, 0], [1, 0], [-1, 0], [0, 1], [0, -1]])
        values = brute_force.log_joint(mnist_2d, around, mnist_images[3] / 255)
        assert values.argmax() == 0 and values[0] == pytest.approx(height, abs=0.05)


def test_the_moments_are_those_of_the_posterior(mnist_2d, mnist_images):
    x = mnist_images[2] / 255
    found = evidence(mnist_2d, x)
    points, log_cell = brute_force.grid(found.mean - 8 * found.sd, found.mean + 8 * found.sd, 161)
    p = np.exp(brute_force.log_joint(mnist_2d, points, x) + log_cell - found.log_px)
    assert p.sum() == pytest.approx(1, abs=1e-3)
    np.testing.assert_allclose(p @ points, found.mean, atol=1e-4)
    np.testing.assert_allclose(np.sqrt(p @ (points - found.mean) ** 2), found.sd, rtol=1e-3)


def test_the_fields_hold_the_joint_density_and_its_mass(mnist_2d, mnist_images):
    x = mnist_images[0] / 255
    found = evidence(mnist_2d, mnist_images[0])
    whole, *regions = found.fields
    assert whole.low.max() <= -5 and whole.high.min() >= 5
    for field in found.fields:
        ny, nx = field.values.shape
        assert field.values.dtype == np.float32
        corner = brute_force.log_joint(mnist_2d, np.array([field.low, [field.high[0], field.low[1]], field.high]), x)
        np.testing.assert_allclose(
            [field.values[0, 0], field.values[0, nx - 1], field.values[ny - 1, nx - 1]], corner, atol=5e-3
        )
    assert sum(field.values.nbytes for field in found.fields) < 1_000_000
    masses = [logsumexp(f.values) + np.log((f.high - f.low) / (np.array(f.values.shape[::-1]) - 1)).sum() for f in regions]
    assert logsumexp(masses) == pytest.approx(found.log_px, abs=1e-3)


def test_a_finer_field_is_as_the_decoder_says(mnist_2d, mnist_images):
    field = evidence(mnist_2d, mnist_images[0]).fields[0]
    finer = field.finer(2)
    assert finer.values.shape == tuple(2 * n - 1 for n in field.values.shape)
    np.testing.assert_allclose(finer.values[::2, ::2], field.values, atol=1e-3)
    points, _ = brute_force.grid(field.low, field.high, finer.values.shape[::-1])
    rows = np.random.default_rng(0).choice(len(points), 2000, replace=False)
    rows = rows[(np.abs(points[rows]) < 4.8).all(1)]
    difference = finer.values.ravel()[rows] - brute_force.log_joint(mnist_2d, points[rows], mnist_images[0] / 255)
    assert np.sqrt((difference**2).mean()) < 0.02


def test_an_image_as_bytes_is_the_image_in_floats(mnist_2d, mnist_images):
    assert evidence(mnist_2d, mnist_images[0]).log_px == evidence(mnist_2d, mnist_images[0] / 255).log_px


def test_images_of_all_kinds_have_a_finite_evidence(mnist_2d):
    kinds = np.zeros((1, 28, 28)), np.ones((1, 28, 28)), np.random.default_rng(0).random((1, 28, 28))
    for x in kinds:
        found = evidence(mnist_2d, x)
        assert np.isfinite(found.log_px) and found.error < 1e-2 and len(found.modes)


# Models whose evidence is known: log p(x, z) is a mixture of Gaussians, whatever x is

NARROW, VERY_NARROW, ROUND = (np.diag(sigma) ** 2 for sigma in ([0.01, 0.015], [0.003, 0.002], [0.3, 0.2]))
TILTED = np.array([[0.05, 0.0499], [0.0499, 0.05]])
MIXTURES = {
    "one, wide": [(1.0, [0, 0], ROUND)],
    "one, very narrow": [(1.0, [1.2345, -0.4567], VERY_NARROW)],
    "tilted": [(1.0, [0.3, 0.1], TILTED)],
    "two, one narrow": [(0.9, [-2, 1], ROUND), (0.1, [1.03, 1.03], NARROW)],
    "three": [(0.001, [2, 2.02], NARROW), (0.5, [2.3, 2.3], ROUND / 100), (0.499, [-3.01, 0.02], 4 * NARROW)],
    "one inside another": [(0.5, [0, 0], ROUND), (0.5, [0.03, 0.03], NARROW)],
}


class Mixture:
    """Stands for an Engine and its PixelLikelihood: p(x, z) = exp(LOG_PX) sum of weight N(z; mean, covariance)."""

    LOG_PX = -123.4
    name, latent_dim, image_shape, has_gallery, batch_size = "mixture", 2, (1, 1, 1), False, 4096

    def __init__(self, parts):
        self.parts, self.likelihood, self.content_hash = parts, self, str(parts)

    def linear_form(self, z):
        return np.zeros((len(z), 1), np.float32), self.log_prob(z, None)

    def log_prob(self, z, x):
        densities = [np.log(w) + multivariate_normal(mean, cov).logpdf(z) for w, mean, cov in self.parts]
        return self.LOG_PX + logsumexp(np.reshape(densities, (len(self.parts), -1)), 0) - planes.log_prior(z)

    def log_base(self, x):
        return 0.0


@pytest.mark.parametrize("name", MIXTURES)
def test_mixtures_of_gaussians_have_their_known_evidence_and_modes(monkeypatch, name):
    monkeypatch.setattr(planes, "_planes", planes.OrderedDict())
    parts = MIXTURES[name]
    found = evidence(Mixture(parts), np.zeros((1, 1, 1)))
    assert found.log_px == pytest.approx(Mixture.LOG_PX, abs=1e-3)
    assert abs(found.log_px - Mixture.LOG_PX) <= found.error + 1e-6 and found.error < 0.3
    mean = sum(weight * np.array(mean) for weight, mean, _ in parts)
    np.testing.assert_allclose(found.mean, mean, atol=1e-3)
    for _, centre, _ in parts[-1:] if name == "one inside another" else parts:
        assert np.linalg.norm(found.modes - centre, axis=1).min() < 0.02


# What is refused


@pytest.mark.parametrize(
    "bad", [np.zeros((28, 28)), np.zeros((1, 8, 8)), np.full((1, 28, 28), np.nan), np.full((1, 28, 28), 2.0)]
)
def test_what_is_no_image_is_refused(mnist_2d, bad):
    with pytest.raises(ConfigError):
        evidence(mnist_2d, bad)


def test_a_model_with_more_dimensions_is_refused_in_one_sentence(small_engines):
    with pytest.raises(ConfigError, match="with 1 or 2 latent dimensions; 'd3' has 3"):
        evidence(small_engines["d3"], np.zeros((1, 8, 8)))


def test_a_model_without_a_likelihood_is_refused(mnist_2d):
    with pytest.raises(ConfigError, match="is unknown"):
        evidence(without_likelihood(mnist_2d), np.zeros((1, 28, 28)))


# The decoded plane


def test_visitors_who_arrive_together_share_one_plane(small_engines, monkeypatch):
    built, original = [], planes.DecodedPlane
    monkeypatch.setattr(planes, "_planes", planes.OrderedDict())
    monkeypatch.setattr(planes, "DecodedPlane", lambda *args: (built.append(args), time.sleep(0.05), original(*args))[2])
    found = []
    threads = [threading.Thread(target=lambda: found.append(planes.plane_of(small_engines["gaussian-2d"]))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(built) == 1 and len(set(map(id, found))) == 1


def test_a_plane_that_is_there_does_not_wait_for_another_one(small_engines, monkeypatch):
    monkeypatch.setattr(planes, "_planes", planes.OrderedDict())
    there = planes.plane_of(small_engines["gaussian-2d"])
    begun, go_on = threading.Event(), threading.Event()

    def decode(*_):
        begun.set()
        assert go_on.wait(20)

    monkeypatch.setattr(planes, "DecodedPlane", decode)
    other = threading.Thread(target=planes.plane_of, args=(small_engines["bernoulli-2d"],))
    other.start()
    assert begun.wait(20)
    found = []
    asks = threading.Thread(target=lambda: found.append(planes.plane_of(small_engines["gaussian-2d"])), daemon=True)
    asks.start()
    asks.join(5)
    go_on.set()
    other.join()
    assert found == [there]


def test_few_planes_are_kept(small_engines, monkeypatch):
    monkeypatch.setattr(planes, "_planes", planes.OrderedDict())
    names = ("gaussian-1d", "bernoulli-1d", "gaussian-learned-1d", "continuous-bernoulli-1d")
    first, *_ = [planes.plane_of(small_engines[name]) for name in names]
    assert len(planes._planes) == planes.MAX_PLANES
    assert planes.plane_of(small_engines[names[-1]]) is planes._planes[names[-1], small_engines[names[-1]].content_hash]
    assert planes.plane_of(small_engines[names[0]]) is not first


def test_the_plane_of_large_images_is_compressed(small_engines, monkeypatch):
    engine, x = small_engines["bernoulli-2d"], np.random.default_rng(0).random((1, 8, 8))
    exact = planes.DecodedPlane(engine.likelihood, 5.0)
    monkeypatch.setattr(planes, "MAX_PIXELS", 63)
    monkeypatch.setattr(planes, "RANK", 40)
    small = planes.DecodedPlane(engine.likelihood, 5.0)
    assert exact.is_exact and not small.is_exact and small.n_bytes < exact.n_bytes
    np.testing.assert_allclose(small.log_joint(x), exact.log_joint(x), atol=0.2)
    monkeypatch.setattr(planes, "_planes", planes.OrderedDict())
    assert evidence(engine, x).log_px == pytest.approx(brute_force.log_px(engine, x, [-6, -6], [6, 6], 301), abs=1e-3)
