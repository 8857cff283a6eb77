"""The derivation of the loss from KL(q(z|x) || p(z|x)), line by line, with the value of every term.

Every line is an equation with a left and a right side (Kingma & Welling 2013, section 2.2). Its `terms` are the same equation
solved for log p(x): their sum, `total`, is log p(x) in every line, whatever q is, while the terms move with q.
KL(q(z|x) || p(z|x)) and the other expectations are integrated with different nodes, and log p(x) without q, so that equality
is a result and not an identity of the program.
"""

from dataclasses import dataclass

import numpy as np

from explorer.core.engine.engine import Engine
from explorer.core.theory.gaussian import Gaussian, Nodes, quadrature
from explorer.core.theory.plane import log_prior


@dataclass(frozen=True)
class Term:
    """A signed term of an equation: `sign` +1 or -1, `name` one of the fields of Values, `value` in nats without the sign."""

    sign: int
    name: str
    value: float


@dataclass(frozen=True)
class Line:
    """One line: the equation left = right, and its `terms` when it is solved for log p(x), whose signed sum is `total`.

    residual = total - log p(x); 0 but for the error of the quadratures.
    """

    id: str
    left: tuple[Term, ...]
    right: tuple[Term, ...]
    terms: tuple[Term, ...]
    total: float
    residual: float


@dataclass(frozen=True)
class Values:
    """All that occurs in the derivation, in nats, for one image x and one q(z|x). E is the expectation over q(z|x).

    log_px           log p(x)
    e_log_px         E[log p(x)]
    kl_posterior     KL(q(z|x) || p(z|x))
    e_log_q          E[log q(z|x)]
    e_log_posterior  E[log p(z|x)]
    e_log_bayes      E[log (p(x|z) p(z) / p(x))]
    e_log_likelihood E[log p(x|z)]
    e_log_prior      E[log p(z)]
    kl_prior         KL(q(z|x) || p(z)), integrated
    kl_closed        the same in closed form (a sum, where z is discrete)
    elbo             E[log p(x|z)] + E[log p(z)] - E[log q(z|x)]
    loss             -elbo, which training minimises
    """

    log_px: float
    e_log_px: float
    kl_posterior: float
    e_log_q: float
    e_log_posterior: float
    e_log_bayes: float
    e_log_likelihood: float
    e_log_prior: float
    kl_prior: float
    kl_closed: float
    elbo: float
    loss: float


# (id, left side, right side, the equation solved for log p(x))
_LINES = (
    ("definition", "+kl_posterior", "+e_log_q -e_log_posterior", "+log_px +kl_posterior -e_log_q +e_log_posterior"),
    ("bayes", "+kl_posterior", "+e_log_q -e_log_bayes", "+log_px +kl_posterior -e_log_q +e_log_bayes"),
    (
        "split",
        "+kl_posterior",
        "+e_log_q -e_log_likelihood -e_log_prior +e_log_px",
        "+log_px +kl_posterior -e_log_q +e_log_likelihood +e_log_prior -e_log_px",
    ),
    (
        "constant",
        "+kl_posterior",
        "+e_log_q -e_log_likelihood -e_log_prior +log_px",
        "+kl_posterior -e_log_q +e_log_likelihood +e_log_prior",
    ),
    ("group", "+kl_posterior", "-e_log_likelihood +kl_prior +log_px", "+kl_posterior +e_log_likelihood -kl_prior"),
    ("rearrange", "+log_px", "+e_log_likelihood -kl_prior +kl_posterior", "+e_log_likelihood -kl_prior +kl_posterior"),
    ("bound", "+log_px", "+elbo +kl_posterior", "+elbo +kl_posterior"),
    ("loss", "+loss", "-e_log_likelihood +kl_closed", "-loss +kl_posterior"),
)


def lines(values: Values) -> tuple[Line, ...]:
    """The derivation for given values."""

    def side(text: str) -> tuple[Term, ...]:
        return tuple(Term(-1 if part[0] == "-" else 1, part[1:], getattr(values, part[1:])) for part in text.split())

    found = []
    for id_, left, right, solved in _LINES:
        terms = side(solved)
        total = sum(term.sign * term.value for term in terms)
        found.append(Line(id_, side(left), side(right), terms, total, total - values.log_px))
    return tuple(found)


def derivation(engine: Engine, x: np.ndarray, q: Gaussian, log_px: float) -> tuple[Line, ...]:
    """The derivation for one image x (C, H, W) and one q, given log p(x), for D = 1 and 2.

    Raises ConfigError as `evidence.evidence` does.
    """
    return lines(values_of(q, quadrature(engine, x, [q])[0], log_px))


def values_of(q: Gaussian, nodes: Nodes, log_px: float) -> Values:
    """KL(q || p(z|x)) from the black nodes of a quadrature, the other expectations from the white ones, the ELBO from both."""
    likelihood, prior, density = nodes.log_likelihood, log_prior(nodes.z), q.log_density(nodes.z)
    posterior = likelihood + prior - log_px

    def white(values: np.ndarray) -> float:
        return nodes.expectation(values, black=False)

    elbo = nodes.expectation(likelihood + prior - density)
    return Values(
        log_px=log_px,
        e_log_px=white(np.full(len(density), log_px)),
        kl_posterior=nodes.expectation(density - posterior, black=True),
        e_log_q=white(density),
        e_log_posterior=white(posterior),
        e_log_bayes=white(likelihood + prior - log_px),
        e_log_likelihood=white(likelihood),
        e_log_prior=white(prior),
        kl_prior=white(density - prior),
        kl_closed=q.kl_to_prior,
        elbo=elbo,
        loss=-elbo,
    )
