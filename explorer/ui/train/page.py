"""The Train page: the form beside the run that is watched. A run continues when the page is closed."""

from contextlib import suppress
from functools import partial

import streamlit as st

from explorer.ui import resources
from explorer.ui.state import messages
from explorer.ui.state import session as state
from explorer.ui.state import training as training_state
from explorer.ui.train import form as train_form
from explorer.ui.train import run_controls
from explorer.ui.train.run_view import panel as run_view
from explorer.ui.widgets import nav
from explorer.ui.widgets.clock.panel import clock
from explorer.ui.widgets.guard import guarded

INTERVAL_S, AFTER_INPUT_S = 0.5, 0.1  # between looks at the run; the next one after the visitor has used the page


def train() -> None:
    """The page at /train."""
    training = training_state.training()
    with st.container(key="train"):
        with st.container(key="train_form"), guarded(""):
            train_form.render(training)
        with st.container(key="train_live"):
            _live(training)


def _live(training) -> None:
    """The controls and the view of a run. Only the view is drawn at every tick: a control that is sent again costs the browser
    more than all pictures."""
    drawn = None
    with suppress(Exception):  # _view looks again and shows the error
        drawn, _, _ = _look(training)
    if drawn is not None:
        _controls(training, drawn)
    _view(training, drawn)


@st.fragment
def _controls(training, drawn) -> None:
    """Drawn again when a control is used, and when something has changed that a control shows."""
    with guarded(training.watched or ""):
        controls, _, _ = _look(training)
        if controls != drawn:
            st.rerun()
        if opened := run_controls.render(controls, training):
            state.choose_bundle(opened)
            nav.go_to("explore")


@st.fragment
def _view(training, drawn) -> None:
    """The run's curves and pictures, drawn again every INTERVAL_S."""
    clock("view", INTERVAL_S, AFTER_INPUT_S)
    watched = training.watched
    with guarded(watched or "", "view", partial(run_controls.delete, watched, training) if watched else None):
        controls, run, views = _look(training)
        if controls != drawn:
            st.rerun()
        if run is not None:
            run_view.render(run, views, training)
            return
        st.markdown("#### No run yet\nChoose a data set and press **Start**: the room watches noise become images.")
        messages.show(run_controls.AREA)


def _look(training) -> tuple:
    """(RunControls, run, views) of the run that is watched; (None, None, []) where there is none. Raises ExplorerError."""
    watched, names = training.watched, [run.name for run in resources.run_list()]
    if watched not in names and training.watched == watched:  # else a press of Start came in between
        training.watch(names[0] if names else None)
    if training.watched is None:
        return None, None, []
    run = resources.run(training.watched)
    views = [(model, *resources.watch(model)) for model in run.twins or (run,)]
    return run_controls.look(names, run, views), run, views
