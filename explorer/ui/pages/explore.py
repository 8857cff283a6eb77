"""Explore: sliders move z, the map shows the encoder means, two chosen images give a path between them."""

from contextlib import suppress
from functools import wraps

import numpy as np
import streamlit as st

from explorer import figures
from explorer.ui import resources
from explorer.ui.resources import ExplorerError

N_SLIDERS = 8
N_FRAMES = 16


def explore() -> None:
    """The page that opens."""
    st.title("Latent Explorer")
    try:
        engine = _choose()
        if engine is None:
            return
        ready = engine.has_gallery  # raises where a researcher's own model fails on its images
        left, right = st.columns([2, 3])
        with left:
            _stage(engine)
        with right:
            _map(engine) if ready else _wait(engine)
    except ExplorerError as error:
        st.error(str(error))


def _choose():
    """The engine of the chosen bundle; a bad bundle gets its sentence and hides none of the others."""
    try:
        own = resources.own_model()
    except ExplorerError as error:
        st.error(str(error))
        own = None
    infos = resources.bundles()
    good = {info.name: info for info in infos if info.error is None}
    for info in infos:
        if info.error:
            st.warning(info.error)
    names = ([own.name] if own else []) + list(good)
    if not names:
        st.error("There is no model on this machine. Train one: python -m explorer.train --dataset digits --name digits")
        return None
    name = st.selectbox("Model", names, format_func=lambda n: _title(good[n]) if n in good else n, key="bundle")
    return resources.engine(name, good[name].stamp) if name in good else own


def _title(info) -> str:
    elbo = info.metrics.get("test_elbo")
    return f"{info.name}: {info.origin.title or info.origin.dataset}, D = {info.config.latent_dim}" + (
        "" if elbo is None else f", test ELBO {elbo:.1f} nats")


def _panel(render):
    """A fragment that says in a sentence what went wrong in it: Streamlit lets no exception of a fragment out."""

    @st.fragment
    @wraps(render)
    def drawn(engine) -> None:
        try:
            render(engine)
        except ExplorerError as error:
            st.error(str(error))

    return drawn


@_panel
def _stage(engine) -> None:
    picture = st.empty()
    z = np.zeros(engine.latent_dim, np.float32)
    kl = engine.kl_per_dim if engine.has_gallery else z
    for dim in np.argsort(-kl)[:N_SLIDERS]:
        reach = float(np.ceil(np.abs(engine.spans[dim]).max()))  # even, so that the steps hit 0
        z[dim] = st.slider(f"z{dim}, KL {kl[dim]:.2f} nats", -reach, reach, 0.0, 0.05, key=f"{engine.content_hash}-z-{dim}")
    film = engine.film(z[None])
    picture.image(_strip(film, 280), output_format="PNG", caption=f"decoded, support {film.support[0]:.2f}")


@st.fragment(run_every=1)
def _wait(engine) -> None:
    """Until the images of a researcher's own model are encoded."""
    with suppress(ExplorerError):  # the page itself will show it
        if not engine.has_gallery:
            st.info("The images are being encoded; the map comes with them.")
            return
    st.rerun()


@_panel
def _map(engine) -> None:
    n = len(engine.gallery.mu)
    columns = st.columns(2)
    a, b = (column.number_input(f"Image {name}", 0, n - 1, min(i, n - 1), key=f"{engine.content_hash}-{name}")
            for i, (column, name) in enumerate(zip(columns, "AB")))  # fmt: skip
    film = engine.interpolation_film(engine.gallery.mu[a], engine.gallery.mu[b], N_FRAMES)
    st.image(_strip(film, 56), output_format="PNG", caption="from A to B in latent space")
    figure = figures.map_figure(engine.map_xy(), engine.gallery.labels, engine.origin.class_names)
    figures.add_path(figure, film.xy)
    st.plotly_chart(figure, key="latent_map", theme=None, config={"scrollZoom": True, "displayModeBar": False})
    trust = engine.metrics.get("trustworthiness")
    if trust is not None:
        st.caption(f"Trustworthiness of the map {trust:.3f} (k = {engine.metrics['trustworthiness_k']})")


def _strip(film, height_px: int) -> bytes:
    return figures.png(figures.strip(figures.enlarge(film.frames, height_px)))
