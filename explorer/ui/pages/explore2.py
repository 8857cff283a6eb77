"""Explore: sliders that follow the hand, a map that answers, a path between two clicks."""

import streamlit as st

from explorer.ui import resources, state, style
from explorer.ui.panels import bar, export, lanes, map, moves, own_image, sprites, stage
from explorer.ui.resources import ExplorerError


def explore() -> None:
    """The page that opens."""
    style.apply()
    try:
        with st.container(key="explore"):
            with st.container(key="model_box", horizontal=True, vertical_alignment="center"):
                engine = bar.choose_model()
                if engine is None:
                    return
                session = state.session(engine)
                _export(engine, session)
            with st.container(key="map_box"):
                map.controls(engine, session)
                with st.container(key="chart_box"):
                    map.chart(engine, session)
                map.trust(engine, session)
            _live(engine, session)
            _sprites(engine, session)
    except ExplorerError as error:
        st.error(str(error))


@st.fragment
def _live(engine, session) -> None:
    """All that a request changes. What has not changed sends the same bytes again, which the browser passes over."""
    with st.container(key="bar_box"):
        bar.render(engine, session)
    with st.container(key="stage_box"):
        stage.render(engine, session)
    with st.container(key="moves_box"):
        moves.render(engine, session)
    with st.container(key="lanes_box"):
        lanes.render(engine, session)
    with st.container(key="own_box"):
        own_image.render(engine, session)
    map.overlay(engine, session)


@st.fragment
def _export(engine, session) -> None:
    export.render(engine, session)


@st.fragment
def _sprites(engine, session) -> None:
    sprites.render(engine, session)
