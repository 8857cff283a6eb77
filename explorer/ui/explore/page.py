"""The page Explore: model selector, map, sliders, interpolation and the other ways to move through the latent space."""

from collections.abc import Callable
from functools import wraps

import streamlit as st

from explorer.core.data import downloads
from explorer.core.errors import ExplorerError
from explorer.core.paths import checkpoints_dir
from explorer.ui import resources
from explorer.ui.explore import example, export
from explorer.ui.explore.bar import panel as bar
from explorer.ui.explore.lanes import panel as lanes
from explorer.ui.explore.map import panel as map
from explorer.ui.explore.moves import panel as moves
from explorer.ui.explore.own_image import panel as own_image
from explorer.ui.explore.sprites import panel as sprites
from explorer.ui.explore.stage import panel as stage
from explorer.ui.state import session as state
from explorer.ui.widgets.clock.panel import clock
from explorer.ui.widgets.download import download_line
from explorer.ui.widgets.guard import delete_model, guarded

POLL_S = 1.0
RECONS_ONLY = "Reconstructions only: {} is not on this computer."


def explore() -> None:
    """Draws the page."""
    engine = None
    with st.container(key="explore"):
        model_box = st.container(key="model_box", horizontal=True, vertical_alignment="center")
        with guarded(""), model_box:
            engine, is_first = bar.choose_model()
        if engine is not None:
            is_bundle = (checkpoints_dir() / engine.name).is_dir()  # not a user's own model or a model in training
            with guarded("", "explore", delete_model(engine.name) if is_bundle else None):
                _model(engine, model_box, is_first)


def _model(engine, model_box, is_first: bool) -> None:
    """Draws everything below the model selector."""
    with model_box:
        if engine.has_gallery:  # raises if a user's own model fails on its images
            session = state.session(engine, example.pair, is_first)
            _export(engine, session)
    if not engine.has_gallery:
        _wait(engine)
        return
    with st.container(key="map_box"):
        map.controls(engine, session)
        chart_box = st.container(key="chart_box")
        map.caption(engine, session)
    _live(engine, session)
    with chart_box:  # after the stage, whose image must not wait the second or more that Plotly takes in the browser
        map.chart(engine, session)
    if downloads.missing(engine.origin.dataset) and not resources.has_images(engine):
        with st.container(key="download_box"):
            download_line(engine.origin.dataset, RECONS_ONLY, "download")
    _sprites(engine, session)
    if engine.is_live:
        _follow(engine.name, resources.run_stamp(engine.name))


def _part(render: Callable) -> Callable:
    """Makes `render` a fragment in which an exception becomes a message."""

    @st.fragment
    @wraps(render)
    def guarded_fragment(engine, session) -> None:
        with guarded(""):
            render(engine, session)

    return guarded_fragment


@_part
def _live(engine, session) -> None:
    """Draws everything that a request can change. Unchanged parts send the same bytes again, which their scripts ignore."""
    own_image.encode(engine, session)  # it may be an anchor
    with st.container(key="bar_box"):
        bar.render(engine, session)
    with st.container(key="lanes_box"):  # before the stage: two clicks wait for the lanes, and a release does not change them
        lanes.render(engine, session)
    with st.container(key="stage_box"):
        stage.render(engine, session)
    if moves.has_pad(engine):
        with st.container(key="pad_box"):
            moves.render_pad(engine, session)
    with st.container(key="moves_box"):
        moves.render(engine, session)
    with st.container(key="own_box"):
        own_image.render(engine, session)
    map.overlay(engine, session)


@_part
def _export(engine, session) -> None:
    export.render(engine, session)


@_part
def _sprites(engine, session) -> None:
    sprites.render(engine, session)


@st.fragment
def _follow(name: str, stamp: int) -> None:
    """Reruns the page when a model in training completes an epoch, or its run ends."""
    clock("follow", POLL_S)
    if resources.run_stamp(name) != stamp or name not in resources.live_runs():
        st.rerun(scope="app")


@st.fragment
def _wait(engine) -> None:
    """Waits until the images of a user's own model are encoded, or encoding has failed."""
    clock("wait", POLL_S)
    st.info(f"The images of {engine.name} are being encoded. The page opens as soon as they are.")
    try:
        ready = engine.has_gallery
    except ExplorerError:
        ready = True  # the rerun shows the error
    if ready:
        st.rerun(scope="app")
