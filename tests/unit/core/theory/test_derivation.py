"""The lines of the derivation: every one is an equation, and comes to log p(x) whatever q is."""

import numpy as np
import pytest

from explorer.core.theory.derivation import derivation
from explorer.core.theory.evidence import evidence
from explorer.core.theory.gaussian import Gaussian, encoder_gaussian, terms
from tests.unit.core.theory.test_gaussian import independent_kl, random_gaussians

pytestmark = pytest.mark.usefixtures("one_thread")


def total(terms) -> float:
    return sum(term.sign * term.value for term in terms)


def value(lines, name: str) -> float:
    """The value of a term, which is the same wherever it occurs."""
    found = {term.value for line in lines for term in (*line.left, *line.right, *line.terms) if term.name == name}
    assert len(found) == 1, name
    return found.pop()


def test_every_line_of_every_q_comes_to_the_evidence(mnist_2d, mnist_images):
    for row in (0, 3, 8):
        found = evidence(mnist_2d, mnist_images[row])
        for q in [encoder_gaussian(mnist_2d, mnist_images[row]), *random_gaussians(6, found, seed=row)]:
            lines = derivation(mnist_2d, mnist_images[row], q, found.log_px)
            assert 7 <= len(lines) <= 9 and len({line.id for line in lines}) == len(lines)
            for line in lines:
                assert line.total == pytest.approx(found.log_px, abs=1e-4)
                assert line.residual == pytest.approx(line.total - found.log_px)
                assert total(line.left) == pytest.approx(total(line.right), abs=1e-4)
                assert total(line.terms) == line.total


def test_the_terms_move_and_the_expectation_of_the_evidence_does_not(mnist_2d, mnist_images):
    found = evidence(mnist_2d, mnist_images[0])
    a, b = (derivation(mnist_2d, mnist_images[0], q, found.log_px) for q in random_gaussians(2, found))
    assert value(a, "e_log_px") == pytest.approx(value(b, "e_log_px"), abs=1e-9)
    for name in ("kl_posterior", "e_log_q", "e_log_likelihood", "e_log_prior", "e_log_posterior", "elbo", "kl_prior"):
        assert abs(value(a, name) - value(b, name)) > 0.01, name


def test_the_values_are_those_of_the_bound(mnist_2d, mnist_images):
    x, q = mnist_images[3] / 255, Gaussian([1.3, -1.5], [0.07, 0.05])
    log_px = evidence(mnist_2d, x).log_px
    lines, t = derivation(mnist_2d, x, q, log_px), terms(mnist_2d, x, q, log_px)
    expected = {
        "log_px": log_px,
        "e_log_px": log_px,
        "kl_posterior": independent_kl(mnist_2d, x, q, log_px, 1.3),
        "e_log_q": t.log_q,
        "e_log_posterior": t.log_posterior,
        "e_log_bayes": t.log_posterior,
        "e_log_likelihood": t.log_likelihood,
        "e_log_prior": t.log_prior,
        "kl_prior": q.kl_to_prior,
        "kl_closed": q.kl_to_prior,
        "elbo": t.elbo,
        "loss": -t.elbo,
    }
    for name, number in expected.items():
        assert value(lines, name) == pytest.approx(number, abs=1e-4), name


def test_one_dimension_too(small):
    x = np.random.default_rng(0).random(small.image_shape)
    q, log_px = encoder_gaussian(small, x), evidence(small, x).log_px
    for line in derivation(small, x, q, log_px):
        assert line.total == pytest.approx(log_px, abs=1e-4)
