"""The Train page: the form, or the run that is watched. Runs continue when the page is closed."""

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

INTERVAL_S, AFTER_INPUT_S = 0.5, 0.1  # between refreshes of the view; in the second after a click or a key


def train() -> None:
    """The page at /train: the form, or the run that is watched with its settings in one line."""
    training = training_state.training()
    with st.container(key="train"):
        if training.is_editing or not resources.run_list():
            with st.container(key="train_form"), guarded(""):
                _back(training)
                train_form.render(training)
            with st.container(key="run_message"):
                messages.show(run_controls.AREA)
        else:
            with st.container(key="train_live"):
                _live(training)


def _back(training) -> None:
    """The heading, and a button that leads back to the run that was watched, or the newest."""
    with st.container(key="form_head", horizontal=True, vertical_alignment="center"):
        st.html("<h2>What should the model learn?</h2>", width="content")
        names = [run.name for run in resources.run_list()]
        if names:
            shown = training.watched if training.watched in names else names[0]
            st.button(f"Back to {shown}", key="run-back", on_click=training.watch, args=(shown,))


def _live(training) -> None:
    """The controls and the view of a run.

    Only the view is drawn at every tick: controls that are sent again cost the browser more than all pictures.
    """
    drawn = None
    with suppress(Exception):  # _view reads the run again and shows the error
        drawn, _, _ = _read_run(training)
    if drawn is not None:
        _controls(training, drawn)
    _view(training, drawn)


@st.fragment
def _controls(training, drawn) -> None:
    """The controls, drawn again when one is used or what they show has changed."""
    with guarded(training.watched or ""):
        controls, _, _ = _read_run(training)
        if controls != drawn or training.is_editing:
            st.rerun()
        if opened := run_controls.render(controls, training):
            state.choose_bundle(opened)
            nav.go_to("explore")


@st.fragment
def _view(training, drawn) -> None:
    """The curves and pictures of the run, drawn again every INTERVAL_S."""
    clock("view", INTERVAL_S, AFTER_INPUT_S)
    watched = training.watched
    with guarded(watched or "", "view", partial(run_controls.delete, watched, training) if watched else None):
        controls, run, views = _read_run(training)
        if controls != drawn:
            st.rerun()
        if run is not None:
            run_view.render(run, views, training)
            return
    if not resources.run_list():
        st.rerun()  # the last run was deleted: the form is shown


def _read_run(training) -> tuple:
    """(RunControls, run, views) of the run that is watched; (None, None, []) if there is none. Raises ExplorerError.

    If the watched run no longer exists, the newest one is watched instead.
    """
    watched, names = training.watched, [run.name for run in resources.run_list()]
    if watched not in names and training.watched == watched:  # unless Start was pressed in between
        training.watch(names[0] if names else None)
    if training.watched is None:
        return None, None, []
    run = resources.run(training.watched)
    views = [(model, *resources.watch(model)) for model in run.twins or (run,)]
    return run_controls.controls_of(names, run, views), run, views
