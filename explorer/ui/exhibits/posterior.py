"""The exact posterior of the chosen image and the terms of the viewer's q, for the exhibits on models with D = 2."""

from dataclasses import asdict
from html import escape
from typing import TypedDict

import numpy as np
import streamlit as st

from explorer.core.errors import ExplorerError
from explorer.core.theory import gaussian
from explorer.core.theory.evidence import Evidence, evidence
from explorer.core.theory.gaussian import Gaussian
from explorer.core.theory.plane import check_integrable, plane_of
from explorer.ui import resources
from explorer.ui.exhibits.images.panel import image_of
from explorer.ui.state.exhibit import Number
from explorer.ui.widgets.clock.panel import clock

SETTINGS = {"m1": Number(-8, 8), "m2": Number(-8, 8), "s1": Number(0.002, 1), "s2": Number(0.002, 1)}
POLL_S = 0.3
TOLERANCE = 5e-4  # nats, of a term; a wide q takes 0.01 s instead of 0.3 s with the default


class Grid(TypedDict):
    """A regular grid of log p(x, z); `offset`: of its values in the array `fields`, row by row."""

    low: list[float]
    high: list[float]
    nx: int
    ny: int
    offset: int


class Posterior(TypedDict):
    """Header fields. A q is [mean x, mean y, sigma x, sigma y]; nats."""

    picture: str  # changes with the model and the image
    log_px: float | None  # None: it cannot be integrated, and the other fields are empty
    posterior: list[float]  # mean and standard deviations of p(z|x), as a q
    grids: list[Grid]  # from coarse to fine
    q: list[float]  # the viewer's, by default the encoder's
    terms: dict[str, float]  # of q: the fields of gaussian.Terms
    encoder: list[float]


class Fields(TypedDict):
    """Arrays."""

    fields: np.ndarray  # float32, the values of all grids


EMPTY: Posterior = {"picture": "", "log_px": None, "posterior": [], "grids": [], "q": [], "terms": {}, "encoder": []}


def misfit(engine) -> str | None:
    """Why log p(x) of a model cannot be integrated, or None."""
    if engine.latent_dim == 1:
        return "it has one latent dimension, and this exhibit draws a plane."
    try:
        check_integrable(engine)
    except ExplorerError as error:
        return str(error)
    return None


def is_ready(engine) -> bool:
    """Whether the plane of the model is decoded. If not, a thread decodes it, and this fragment runs again until it is."""
    # Not the plane itself: it has up to 120 MB, and plane_of keeps a few only.
    if resources.later(engine, "plane", (), lambda: plane_of(engine) is not None) is not None:
        return True
    st.html(f"<p class='le-look' role='status'>Decoding the latent plane of {escape(engine.name)}, once for all visitors</p>")
    clock("plane", POLL_S)
    return False


def evidence_of(engine, state) -> tuple[np.ndarray, Evidence]:
    """(the chosen image, its Evidence), computed once for all visitors."""
    x, _ = image_of(engine, state)
    return x, evidence_of_image(engine, x)


def evidence_of_image(engine, x: np.ndarray) -> Evidence:
    """The Evidence of an image (C, H, W), for a thread, which must not read the state: the visitor may change it meanwhile."""
    return resources.shared(engine, "evidence", (x.tobytes(),), lambda: evidence(engine, x))


def q_of(engine, state, x: np.ndarray) -> tuple[Gaussian, Gaussian]:
    """(the viewer's q, the encoder's)."""
    encoder = gaussian.encoder_gaussian(engine, x)
    chosen = [value if state[name] is None else state[name] for name, value in zip(SETTINGS, as_list(encoder))]
    return Gaussian(chosen[:2], chosen[2:]), encoder


def as_list(q: Gaussian) -> list[float]:
    return [*q.mean.tolist(), *q.sigma.tolist()]


def packet(engine, state) -> tuple[Posterior, Fields]:
    """The header fields and arrays for parts/posterior.js."""
    x, found = evidence_of(engine, state)
    q, encoder = q_of(engine, state, x)
    grids, values = [], []
    for field in found.fields:
        ny, nx = field.values.shape
        offset = sum(part.size for part in values)
        grids.append({"low": field.low.tolist(), "high": field.high.tolist(), "nx": nx, "ny": ny, "offset": offset})
        values.append(field.values.ravel())
    header: Posterior = {
        "picture": f"{engine.name} {engine.content_hash} {state.image} {state.own.version}",
        "log_px": found.log_px,
        "posterior": [*found.mean.tolist(), *found.sd.tolist()],
        "grids": grids,
        "q": as_list(q),
        "terms": asdict(gaussian.terms_of_many(engine, x, [q], found.log_px, TOLERANCE)[0]),
        "encoder": as_list(encoder),
    }
    return header, {"fields": np.concatenate(values)}
