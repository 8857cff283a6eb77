"""The exhibit /reparameterization: draws with eps held, gradient estimators, steps in the variance, other maps of eps."""

from functools import partial

import numpy as np

from explorer.core.theory import gradient_estimators, reparameterization
from explorer.ui import resources
from explorer.ui.exhibits import exhibit
from explorer.ui.exhibits.exhibit import Frame
from explorer.ui.exhibits.images.panel import image_of
from explorer.ui.exhibits.reparameterization import estimates
from explorer.ui.exhibits.reparameterization.estimates import Curves, Estimates
from explorer.ui.exhibits.reparameterization.texts import EXHIBIT
from explorer.ui.widgets.clock.panel import clock

POLL_S = 0.3
N_DRAWS = 100
N_DESCENT_STEPS = 100
MAP_MU, MAP_SIGMA = 0.0, 0.6
MAP_EPS = np.linspace(-3, 3, 601)

mount = exhibit.register_exhibit(__file__, EXHIBIT)


class Header(Frame, Estimates):
    values: dict[str, float | str | None]  # the settings
    shape: tuple[int, int, int]
    dims: list[int]  # the two latent dimensions on the plane
    q: list[float]  # mean and sigma on the plane: the viewer's, by default the encoder's
    draw: dict[str, list[float]]  # of the chosen draw, on the plane: eps, z, dz_dmu, dz_dsigma
    losses: list[float | None]  # -log p(x|z) at z = mu, at the chosen draw, and the mean over the draws
    steps: list[dict]  # the fields of reparameterization.VarianceStep; None: no such number
    gradient: float  # of the loss by sigma, where the step starts
    survived: list[int]  # steps of a descent until it broke, per parametrization


class Arrays(Curves):
    eps: np.ndarray  # (N_DRAWS, 2), on the plane
    pictures: np.ndarray  # x, and the images decoded from mu and from the chosen draw
    map_z: np.ndarray  # this and the next: at MAP_EPS
    map_slope: np.ndarray
    map_density: np.ndarray  # of z


def render(engine, state) -> None:
    x, _ = image_of(engine, state)
    gradients = None
    if state["part"] == "estimators" and state["f"] == "elbo" and engine.likelihood is not None:
        make = partial(gradient_estimators.model_gradients, engine, x, estimates.N_MODEL_DRAWS)
        gradients = resources.later(engine, "gradients", (x.tobytes(),), make)
        if gradients is None:
            clock("exhibit", POLL_S)
    exhibit.render(engine, state, mount, (gradients is not None,), lambda: _content(engine, state, x, gradients))


def _content(engine, state, x: np.ndarray, gradients) -> tuple[dict, Arrays]:
    plane, plane_arrays = _plane(engine, state, x)
    estimated, curves = estimates.packet(engine, state, x, gradients)
    changed = reparameterization.change_of_variables(state["map"], MAP_EPS, MAP_MU, MAP_SIGMA)
    header = {"values": {name: state[name] for name in state.settings}, **plane, **estimated, **_steps(state)}
    maps = {"map_z": changed.z, "map_slope": changed.dz_deps, "map_density": changed.density_z}
    return header, plane_arrays | curves | maps


def _plane(engine, state, x: np.ndarray) -> tuple[dict, dict]:
    """The draws of q(z|x) on the plane of the two dimensions with the largest KL, and what is decoded there."""
    mu, logvar = (part[0].astype(float) for part in engine.encode(x[None]))
    sigma = np.exp(0.5 * logvar)
    kl = mu**2 + sigma**2 - logvar
    dims = sorted(np.argsort(-kl, kind="stable")[:2].tolist())
    for i, d in enumerate(dims):
        mu[d] = mu[d] if state[f"m{i + 1}"] is None else state[f"m{i + 1}"]
        sigma[d] = sigma[d] if state[f"s{i + 1}"] is None else state[f"s{i + 1}"]
    eps = reparameterization.draw_eps(N_DRAWS, engine.latent_dim, state["seed"])
    found, chosen = reparameterization.draws(mu, sigma, eps), state["draw"]
    points = np.stack([mu, found.z[chosen]])
    losses = [None] * 3
    if engine.likelihood is not None:
        values = -engine.likelihood.log_prob(np.concatenate([points, found.z]), x / 255)
        losses = [float(values[0]), float(values[1]), float(values[2:].mean())]
    parts = {"eps": eps, "z": found.z, "dz_dmu": found.dz_dmu, "dz_dsigma": found.dz_dsigma}
    header = {
        "shape": engine.image_shape,
        "dims": dims,
        "q": [*mu[dims].tolist(), *sigma[dims].tolist()],
        "draw": {name: part[chosen, dims].tolist() for name, part in parts.items()},
        "losses": losses,
    }
    decoded = np.rint(255 * engine.decode(points.astype(np.float32))).astype(np.uint8)
    return header, {"eps": eps[:, dims], "pictures": np.concatenate([x[None], decoded])}


def _steps(state) -> dict:
    """One gradient step in each parametrization of the variance, and how long a descent with the same settings lasts."""
    sigma, precision, rate = state["start"], state["precision"], state["rate"]
    gradient = reparameterization.variance_gradient(sigma, precision)
    steps = reparameterization.variance_steps(sigma, gradient, rate)
    descents = reparameterization.descend(sigma, precision, rate, N_DESCENT_STEPS)
    return {
        "steps": [
            {"value": step.value, "sigma": estimates.finite(step.sigma), "breaks_at": estimates.finite(step.breaks_at)}
            for step in steps
        ],
        "gradient": gradient,
        "survived": [N_DESCENT_STEPS if one.broken_at is None else one.broken_at - 1 for one in descents],
    }
