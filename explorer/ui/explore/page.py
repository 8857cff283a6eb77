"""Explore: sliders that follow the hand, a map that answers, a path between two clicks."""

from collections.abc import Callable
from functools import wraps

import streamlit as st

from explorer.core.errors import ExplorerError
from explorer.core.paths import checkpoints_dir
from explorer.ui import resources
from explorer.ui.explore import export
from explorer.ui.explore.bar import panel as bar
from explorer.ui.explore.lanes import panel as lanes
from explorer.ui.explore.map import panel as map
from explorer.ui.explore.moves import panel as moves
from explorer.ui.explore.own_image import panel as own_image
from explorer.ui.explore.sprites import panel as sprites
from explorer.ui.explore.stage import panel as stage
from explorer.ui.state import session as state
from explorer.ui.widgets.clock.panel import clock
from explorer.ui.widgets.guard import delete_model, guarded

EVERY_S = 1.0  # while something is awaited


def explore() -> None:
    """The page that opens."""
    engine = None
    with st.container(key="explore"):
        model_box = st.container(key="model_box", horizontal=True, vertical_alignment="center")
        with guarded(""), model_box:
            engine = bar.choose_model()
        if engine is not None:
            is_bundle = (checkpoints_dir() / engine.name).is_dir()  # not an own model or one in training
            with guarded("", "explore", delete_model(engine.name) if is_bundle else None):
                _model(engine, model_box)


def _model(engine, model_box) -> None:
    """The page on one model."""
    with model_box:
        if engine.has_gallery:  # raises where a researcher's own model fails on its images
            session = state.session(engine)
            _export(engine, session)
    if not engine.has_gallery:
        _wait(engine)
        return
    with st.container(key="map_box"):
        map.controls(engine, session)
        chart_box = st.container(key="chart_box")
        map.caption(engine, session)
    _live(engine, session)
    with chart_box:  # after the stage: the browser is a second or more with Plotly, and the image need not wait for it
        map.chart(engine, session)
    _sprites(engine, session)
    if engine.is_live:
        _follow(engine.name, resources.run_stamp(engine.name))


def _part(render: Callable) -> Callable:
    """A fragment. What goes wrong in it becomes a sentence in it."""

    @st.fragment
    @wraps(render)
    def safe(engine, session) -> None:
        with guarded(""):
            render(engine, session)

    return safe


@_part
def _live(engine, session) -> None:
    """All that a request changes. What has not changed sends the same bytes again, which the browser passes over."""
    with st.container(key="bar_box"):
        bar.render(engine, session)
    with st.container(key="lanes_box"):  # before the stage: two clicks wait for these, and a release sends them as they are
        lanes.render(engine, session)
    with st.container(key="stage_box"):
        stage.render(engine, session)
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
    """Until another epoch of a model in training has landed, or it is over."""
    clock("follow", EVERY_S)
    if resources.run_stamp(name) != stamp or name not in resources.live_runs():
        st.rerun(scope="app")


@st.fragment
def _wait(engine) -> None:
    """Until the images of a researcher's own model are encoded, or their encoding has failed."""
    clock("wait", EVERY_S)
    st.info(f"The images of {engine.name} are being encoded. The page opens as soon as they are.")
    try:
        ready = engine.has_gallery
    except ExplorerError:
        ready = True  # the whole page says what is wrong
    if ready:
        st.rerun(scope="app")
