"""The exhibit /derivation: every line of the derivation of the loss with the value of every term, and a discrete example."""

from dataclasses import asdict

import numpy as np

from explorer.core.errors import ConfigError
from explorer.core.theory import derivation, discrete, gaussian
from explorer.ui.exhibits import exhibit, posterior
from explorer.ui.exhibits.exhibit import Exhibit, Frame, Prediction, Question
from explorer.ui.exhibits.posterior import Fields, Posterior
from explorer.ui.state.exhibit import Choice, Numbers

TABLES = discrete.DEFAULT_TABLES
EXHIBIT = Exhibit(
    path="derivation",
    title="The derivation",
    look="Drag q: the terms move. Solved for log p(x), every line gives the same number, whatever q is.",
    models=("mnist-2d", "digits-2d"),
    settings=posterior.SETTINGS
    | {
        "pz": Numbers(0, 1, tuple(TABLES.p_z.tolist())),
        "px": Numbers(0, 1, tuple(TABLES.p_x_given_z[:, 1].tolist())),
        "qz": Numbers(0, 1, tuple(TABLES.q_z_given_x[1].tolist())),
        "x": Choice(("0", "1"), "1"),
    },
    predictions=(
        Prediction(
            "You move q away from the posterior. What happens to E[log p(x)], the expectation over q?",
            ("It falls", "It rises", "It stays"),
            2,
            "log p(x) does not contain z: averaging it over any q changes nothing. That is why it may leave the expectation.",
            ("e-log-px",),
        ),
    ),
    questions=(
        Question(
            "A4",
            "Where does log p(x) go? How can it change sides?",
            "Lines 4 to 6: the total of the line stays.",
            at="[data-line='6']",
        ),
        Question(
            "B13",
            "Does E[log p(x)] depend on q?",
            "Move q: of all terms it is the only one that stands still.",
            "image=0&s1=0.5",
        ),
        Question(
            "A6",
            "Why is the loss the negative of the objective?",
            "Line 8: training minimises, so the sign of every term of the ELBO turns. A higher ELBO is a smaller loss.",
            at="[data-line='8']",
        ),
        Question(
            "B5",
            "Does maximising the ELBO raise the reconstruction error?",
            "No: the reconstruction term is a log-likelihood. Widen q: the ELBO falls and the reconstruction loss rises.",
            "image=0&s1=0.5&s2=0.5",
        ),
        Question(
            "A7",
            "Which term is the reconstruction, which the regulariser?",
            "Line 6: first and second on the right.",
            at="[data-line='6']",
        ),
        Question(
            "A13",
            "Which network has theta, which phi?",
            "The colours: p with theta decodes, q with phi encodes. The prior has no weights.",
            at="[data-line='3']",
        ),
        Question(
            "B1",
            "Over which variable is this expectation?",
            "Over z drawn from q(z|x), in every line; x is fixed.",
            at="[data-line='1']",
        ),
        Question(
            "B2",
            "Is it a KL if one is over z given x and the other over z?",
            "Line 5: x is fixed, so q(z|x) and p(z) are two densities over the same z.",
            at="[data-line='5']",
        ),
        Question(
            "B7",
            "Is a KL never negative? Both directions?",
            "The tables: change q as you like, both KL stay at or above 0.",
            "x=1&qz=0.8,0.1,0.1",
            ".le-discrete",
        ),
        Question(
            "B10",
            "A simple numerical example, please.",
            "The tables: three z, two x, sums by hand.",
            at=".le-discrete",
        ),
    ),
    misfit=posterior.misfit,
)
mount = exhibit.register_exhibit(__file__, EXHIBIT)


class Header(Frame, Posterior):
    values: dict[str, float]  # of q: the fields of derivation.Values
    lines: list[list[list]]  # per line: [sign, name] of its terms when it is solved for log p(x)
    tables: dict[str, list[float]]  # the settings pz, px and qz
    observed: int  # x of the discrete example
    discrete: dict[str, float | list[float]]  # the fields of discrete.Example; empty if the tables are impossible
    error: str  # or ""


class Arrays(Fields):
    pass


def render(engine, state) -> None:
    if posterior.is_ready(engine):
        exhibit.render(engine, state, mount, (), lambda: _content(engine, state))


def _content(engine, state) -> tuple[dict, Arrays]:
    shown, fields = posterior.packet(engine, state)
    x, found = posterior.evidence_of(engine, state)
    q, _ = posterior.q_of(engine, state, x)
    (nodes,) = gaussian.quadrature(engine, x, [q])
    values = derivation.values_of(q, nodes, found.log_px)
    header = shown | {
        "values": asdict(values),
        "lines": [[[term.sign, term.name] for term in line.terms] for line in derivation.lines(values)],
        "tables": {name: list(state[name]) for name in ("pz", "px", "qz")},
        "observed": int(state["x"]),
    }
    return header | _discrete(state), fields


def _discrete(state) -> dict:
    """The example for the visitor's tables. p(x = 0 | z) is 1 - p(x = 1 | z), and q(z|x) is that of the observed x."""
    px = np.array(state["px"])
    try:
        tables = discrete.Tables(state["pz"], np.stack([1 - px, px], 1), np.stack([state["qz"]] * 2))
        example = discrete.example(tables, int(state["x"]))
    except ConfigError as error:
        return {"discrete": {}, "error": str(error)}
    values = {name: np.asarray(value).tolist() for name, value in asdict(example).items()}
    finite = {name: value for name, value in values.items() if np.isfinite(value).all()}
    return {"discrete": finite, "error": ""}
