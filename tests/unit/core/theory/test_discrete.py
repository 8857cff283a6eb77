"""The example with z in {1, 2, 3} and x in {0, 1}, by hand."""

import math

import numpy as np
import pytest

from explorer.core.errors import ConfigError
from explorer.core.theory.discrete import DEFAULT_TABLES, Tables, derivation, example

HALVES = Tables([0.5, 0.25, 0.25], [[0.5, 0.5], [1, 0], [0, 1]], [[0.5, 0.5, 0], [0.5, 0, 0.5]])


def test_by_hand():
    """p(x=0) = 1/4 + 1/4 = 1/2; the posterior is (1/2, 1/2, 0), equal to q: no gap, and the bound is log 1/2."""
    e = example(HALVES, 0)
    np.testing.assert_allclose(e.joint, [0.25, 0.25, 0])
    np.testing.assert_allclose(e.posterior, [0.5, 0.5, 0])
    assert e.p_x == 0.5 and e.kl == e.reverse_kl == 0 and e.elbo == e.log_px == math.log(0.5)
    assert e.kl_prior == pytest.approx(0.5 * math.log(0.5 / 0.5) + 0.5 * math.log(0.5 / 0.25))


def test_by_hand_with_a_gap():
    """x = 1: the joint is (1/4, 0, 1/4), the posterior (1/2, 0, 1/2); q = (3/4, 0, 1/4)."""
    tables = Tables(HALVES.p_z, HALVES.p_x_given_z, [[0.5, 0.5, 0], [0.75, 0, 0.25]])
    e = example(tables, 1)
    kl = 0.75 * math.log(1.5) + 0.25 * math.log(0.5)
    assert e.kl == pytest.approx(kl) and e.elbo == pytest.approx(math.log(0.5) - kl)
    assert e.reverse_kl == pytest.approx(0.5 * math.log(0.5 / 0.75) + 0.5 * math.log(0.5 / 0.25))
    values = {term.name: term.value for line in derivation(tables, 1) for term in (*line.left, *line.right)}
    assert values["e_log_likelihood"] == pytest.approx(0.75 * math.log(0.5) + 0.25 * math.log(1))
    assert values["e_log_prior"] == pytest.approx(0.75 * math.log(0.5) + 0.25 * math.log(0.25))
    assert values["e_log_q"] == pytest.approx(0.75 * math.log(0.75) + 0.25 * math.log(0.25))
    assert values["loss"] == pytest.approx(-e.elbo)


@pytest.mark.parametrize("x", [0, 1])
def test_every_line_comes_to_the_evidence_and_no_kl_is_negative(x):
    rng = np.random.default_rng(x)
    for _ in range(50):
        tables = Tables(rng.dirichlet(np.ones(3)), rng.dirichlet(np.ones(2), 3), rng.dirichlet(np.ones(3), 2))
        e = example(tables, x)
        assert e.kl >= 0 and e.reverse_kl >= 0 and e.kl_prior >= 0 and e.elbo <= e.log_px
        for line in derivation(tables, x):
            assert line.total == pytest.approx(e.log_px, abs=1e-12)
            left, right = (sum(term.sign * term.value for term in side) for side in (line.left, line.right))
            assert left == pytest.approx(right, abs=1e-12)


def test_the_two_directions_of_the_kl_differ():
    e = example(DEFAULT_TABLES, 1)
    assert e.kl > 0 and e.reverse_kl > 0 and e.kl != pytest.approx(e.reverse_kl, rel=1e-3)


@pytest.mark.parametrize(
    "table, values, says",
    [
        ("p_z", [0.5, 0.5, 0.1], r"p\(z\) sums to 1.1; it must sum to 1"),
        ("p_z", [1.5, -0.5, 0], "negative or not a number"),
        ("p_z", [np.nan, 0.5, 0.5], "negative or not a number"),
        ("p_z", [0.5, 0.5], "must have the shape"),
        ("p_x_given_z", [[0.5, 0.5], [1, 0], [0.2, 0.2]], r"p\(x\|z\) sums to 1 and 0.4; it must sum to 1"),
        ("q_z_given_x", [[1, 0, 0], [0, 0, 0]], r"q\(z\|x\) sums to 1 and 0; it must sum to 1"),
        ("q_z_given_x", [["a", 0, 0], [0, 0, 0]], "must contain numbers"),
    ],
)
def test_wrong_tables_are_refused_in_one_sentence(table, values, says):
    with pytest.raises(ConfigError, match=says):
        Tables(**{**vars(DEFAULT_TABLES), table: values})


def test_where_there_is_no_number_there_is_a_sentence():
    with pytest.raises(ConfigError, match="x must be 0 or 1"):
        example(DEFAULT_TABLES, 2)
    never = Tables([1, 0, 0], [[1, 0], [0, 1], [0, 1]], [[1, 0, 0], [1, 0, 0]])
    with pytest.raises(ConfigError, match="p\\(x = 1\\) is 0"):
        example(never, 1)
    impossible = Tables(HALVES.p_z, HALVES.p_x_given_z, [[0.5, 0.2, 0.3], [0.5, 0, 0.5]])
    assert example(impossible, 0).kl == math.inf
    with pytest.raises(ConfigError, match="the KL is infinite"):
        derivation(impossible, 0)
