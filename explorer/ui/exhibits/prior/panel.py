"""The exhibit /prior: the ring map, the sheet of decoded images, and the holes between aggregate posterior and prior."""

import math
from typing import TypedDict

import numpy as np

from explorer.core.latent import navigation
from explorer.core.theory import prior
from explorer.ui import resources
from explorer.ui.exhibits import exhibit
from explorer.ui.exhibits.exhibit import Frame
from explorer.ui.exhibits.prior import measured
from explorer.ui.exhibits.prior.measured import Measured
from explorer.ui.exhibits.prior.texts import EXHIBIT, SPAN
from explorer.ui.widgets.clock.panel import clock

POLL_S = 0.3
N_CLOUD = 2_000

mount = exhibit.register_exhibit(__file__, EXHIBIT)


class Header(Frame):
    values: dict[str, float | str]  # the settings
    shape: tuple[int, int, int]
    ring: list[float]  # mean and standard deviation of |f(z)|
    span: float  # of the plane
    status: str
    # The rest is empty or None until it is computed.
    dims: list[int]  # of the plane
    n_side: int  # of the array `sheet`
    hole_share: float | None
    hole_error: float | None  # its standard error
    unsupported: float | None  # share of the images
    kl_parts: list[float]  # KL, mutual information, KL(aggregate || prior)
    log_n: float | None  # limit of the mutual information
    holes: list[list[float]]  # per hole: x, y, support, share of the prior's mass
    spot_support: float | None  # at the chosen point or hole


class Arrays(TypedDict):
    cloud: np.ndarray  # (N_CLOUD, 2), draws from the prior
    log_ratio: np.ndarray  # (n, n) in nats, aggregate posterior over prior, from the lower left
    support: np.ndarray  # (n_side^2,), from the upper left
    sheet: np.ndarray  # a JPEG of the decoded plane, from the upper left
    spot: np.ndarray  # the picture at the chosen point or hole
    hole_pictures: np.ndarray


def render(engine, state) -> None:
    found = resources.later(engine, "prior", (), lambda: measured.measure(engine))
    if found is None:
        clock("exhibit", POLL_S)
    exhibit.render(engine, state, mount, (found is not None,), lambda: _content(engine, state, found))


def _content(engine, state, found: Measured | None) -> tuple[dict, Arrays]:
    cloud = navigation.prior_draws(N_CLOUD, 2, seed=0)
    norms = np.linalg.norm(prior.ring_map(cloud, state["shrink"], state["radius"]), axis=1)
    header = {
        "values": {name: state[name] for name in state.settings},
        "shape": engine.image_shape,
        "ring": [float(norms.mean()), float(norms.std())],
        "span": SPAN,
    }
    more, arrays = _waiting(engine) if found is None else _shown(engine, state, found)
    return header | more, {"cloud": cloud, **arrays}


def _waiting(engine) -> tuple[dict, dict]:
    empty = np.zeros(0, np.float32)
    header = {
        "status": "Decoding the plane and looking for holes",
        "dims": [0, 1],
        "n_side": 0,
        **dict.fromkeys(("hole_share", "hole_error", "unsupported", "log_n", "spot_support")),
        "kl_parts": [],
        "holes": [],
    }
    return header, dict.fromkeys(("log_ratio", "support", "sheet", "spot", "hole_pictures"), empty)


def _shown(engine, state, found: Measured) -> tuple[dict, dict]:
    holes, parts = found.holes, found.parts
    hole = state["hole"] if state["hole"] <= len(holes.centres) else 0
    z = np.zeros((1, engine.latent_dim), np.float32)
    z[0, list(found.dims)] = state["z1"], state["z2"]
    if hole:
        z = holes.centres[hole - 1 : hole]
    header = {
        "status": ""
        if engine.latent_dim == 2
        else f"The plane shows 2 of {engine.latent_dim} dimensions, the others are 0. Holes lie in all of them.",
        "dims": list(found.dims),
        "n_side": measured.N_SIDE,
        "hole_share": holes.share,
        "hole_error": holes.standard_error,
        "unsupported": found.unsupported_images,
        "kl_parts": [parts.kl, parts.mutual_information, parts.aggregate_kl],
        "log_n": math.log(found.n_images),
        "holes": np.column_stack([holes.centres[:, list(found.dims)], holes.support, holes.masses]).tolist(),
        "spot_support": float(engine.place(z)[1][0]),
    }
    arrays = {
        "log_ratio": np.clip(found.density.log_ratio, -20, 20),
        "support": found.support,
        "sheet": found.sheet,
        "spot": measured.picture(engine, z),
        "hole_pictures": found.hole_pictures,
    }
    return header, arrays
