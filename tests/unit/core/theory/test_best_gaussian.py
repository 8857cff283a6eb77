"""The best Gaussian q of one image: no neighbour is better, and it is at least as good as the encoder's."""

import numpy as np
import pytest

from explorer.core.theory.best_gaussian import MIN_STEPS, N_STEPS, best_gaussian
from explorer.core.theory.evidence import evidence
from explorer.core.theory.gaussian import Gaussian, terms_of_many

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.mark.parametrize("row", [0, 3, 8])
def test_no_gaussian_nearby_is_better(mnist_2d, mnist_images, row):
    x = mnist_images[row]
    found = evidence(mnist_2d, x)
    best = best_gaussian(mnist_2d, x, found)
    mean, sigma = best.q.mean, best.q.sigma
    near = [Gaussian(mean + s * sigma * axis, sigma) for s in (-0.05, 0.05) for axis in np.eye(2)]
    near += [Gaussian(mean, sigma * np.exp(s * axis)) for s in (-0.05, 0.05) for axis in np.eye(2)]
    assert max(t.elbo for t in terms_of_many(mnist_2d, x, near, found.log_px)) < best.elbo
    assert best.elbo <= found.log_px + found.error


def test_the_gap_of_a_wrong_encoder_is_amortisation(mnist_2d, mnist_images):
    """Image 8: the encoder's q misses by 14.5 nats, the best Gaussian by 0.08."""
    found = evidence(mnist_2d, mnist_images[8])
    best = best_gaussian(mnist_2d, mnist_images[8], found)
    assert found.log_px - best.encoder_elbo == pytest.approx(14.54, abs=0.02)
    assert best.amortisation_gap == pytest.approx(14.46, abs=0.02)
    assert best.elbo - best.encoder_elbo == best.amortisation_gap


def test_the_film_starts_at_the_encoders_q_and_never_falls(mnist_2d, mnist_images):
    for x in mnist_images[:4]:
        found = evidence(mnist_2d, x)
        best = best_gaussian(mnist_2d, x, found)
        film = best.from_encoder
        n = len(film.elbo)
        assert MIN_STEPS < n <= N_STEPS + 1 and film.means.shape == film.sigmas.shape == (n, 2)
        np.testing.assert_array_equal(film.means[0], best.encoder_q.mean)
        assert film.elbo[0] == best.encoder_elbo and (np.diff(film.elbo) > -1e-3).all()
        assert best.elbo == best.best.elbo[-1] and best.amortisation_gap >= 0
        np.testing.assert_array_equal(best.best.means[-1], best.q.mean)
        path = [Gaussian(mean, sigma) for mean, sigma in zip(film.means, film.sigmas)]
        exact = [t.elbo for t in terms_of_many(mnist_2d, x, path, found.log_px)]
        np.testing.assert_allclose(film.elbo, exact, atol=1e-2)


def test_every_likelihood_and_dimension(small):
    x = np.random.default_rng(0).random(small.image_shape)
    found = evidence(small, x)
    best = best_gaussian(small, x, found)
    assert best.encoder_elbo - 1e-4 <= best.elbo <= found.log_px + 1e-3


def test_a_start_of_ones_own_is_used_and_can_win(mnist_2d, mnist_images):
    found = evidence(mnist_2d, mnist_images[0])
    best = best_gaussian(mnist_2d, mnist_images[0], found)
    again = best_gaussian(mnist_2d, mnist_images[0], found, n_steps=1, starts=(best.q,))
    assert again.elbo >= best.elbo - 1e-4


def test_it_reports_its_steps_and_can_be_stopped(mnist_2d, mnist_images):
    found, steps = evidence(mnist_2d, mnist_images[0]), []
    stopped = best_gaussian(mnist_2d, mnist_images[0], found, on_step=lambda step, n: (steps.append((step, n)), step < 3)[1])
    assert steps == [(1, N_STEPS), (2, N_STEPS), (3, N_STEPS)]
    assert len(stopped.from_encoder.elbo) == 4 and stopped.elbo >= stopped.encoder_elbo
