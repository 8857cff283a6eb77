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


def _live(training) -> None:
    """What is watched. A control that is sent again costs the browser more than all pictures, so the view alone is."""
    drawn = opened = None
    try:
        names, run, views = _watched(training)
        if run is None:
            st.markdown("#### No run yet\nChoose a data set and press **Start**: the room watches noise become images.")
            if training.said:
                st.error(training.said)
        else:
            drawn = run_controls.look(names, run, views)
            opened = run_controls.render(drawn, training)
    except ExplorerError:
        pass  # the view says it
    _view(training, drawn)
    if opened:
        state.choose_bundle(opened)
        st.switch_page(st.Page(explore, url_path="", default=True))


@st.fragment(run_every=EVERY_S)
def _view(training, drawn) -> None:
    """Twice a second. Streamlit lets no exception out of a fragment: a fault becomes a sentence."""
    try:
        names, run, views = _watched(training)
        if drawn != (run and run_controls.look(names, run, views)):
            st.rerun()
        if run is not None:
            run_view.render(run, views, training)
    except ExplorerError as error:
        st.error(str(error))


def _watched(training) -> tuple:
    """(names of all runs, the run that is watched, its views): no run where there is none. Raises ExplorerError."""
    watched, names = training.watched, [run.name for run in resources.run_list()]
    if watched not in names and training.watched == watched:  # else a press of Start came in between
        training.watch(names[0] if names else None)
    if training.watched is None:
        return names, None, []
    run = resources.run(training.watched)
    return names, run, [(model, *resources.watch(model)) for model in run.twins or (run,)]
