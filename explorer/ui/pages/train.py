"""Train: one button, and the room watches noise become images. A run goes on without this page."""

import streamlit as st

from explorer.ui import resources, state
from explorer.ui.pages.explore import explore
from explorer.ui.panels import run_controls, run_view, train_form
from explorer.ui.resources import ExplorerError

EVERY_S = 0.5


def train() -> None:
    """The page at /train."""
    training = state.training()
    with st.container(key="train"):
        with st.container(key="train_form"):
            train_form.render(training)
        with st.container(key="train_live"):
            _live(training)


@st.fragment(run_every=EVERY_S)
def _live(training) -> None:
    """What is watched, twice a second. Streamlit lets no exception out of a fragment: a fault becomes a sentence."""
    try:
        watched, names = training.watched, [run.name for run in resources.run_list()]
        if watched not in names and training.watched == watched:  # else a press of Start came in between
            training.watch(names[0] if names else None)
        if training.watched is None:
            st.markdown("#### No run yet\nChoose a data set and press **Start**: the room watches noise become images.")
            if training.said:
                st.error(training.said)
            return
        run = resources.run(training.watched)
        views = [(model, *resources.watch(model)) for model in run.twins or (run,)]
        with st.container(key="run_head", horizontal=True, vertical_alignment="center"):
            opened = run_controls.head(run, [film for _, _, film in views], training)
            turn, key = training.turn, f"watched-{training.turn}"
            st.selectbox("run", names, names.index(run.name), key=key, label_visibility="collapsed", width=220,
                         on_change=lambda: turn == training.turn and training.watch(state.widget(key)))  # fmt: skip
        run_controls.render(run, training)
        run_view.render(run, views, training)
        if opened:
            state.choose_bundle(opened)
            st.switch_page(st.Page(explore, url_path="", default=True))
    except ExplorerError as error:
        st.error(str(error))
