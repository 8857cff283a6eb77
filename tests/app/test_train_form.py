"""The form of the Train page: what was chosen outlives a visit to another page, and Start uses the values on the page."""

import pytest
from streamlit.testing.v1 import AppTest

from explorer.core.errors import ConfigError
from explorer.core.runs import commands
from explorer.ui import resources
from tests.app.test_library_page import checked, press, said

BETA = "beta"


def script() -> None:
    import streamlit as st

    from explorer.ui.state import messages
    from explorer.ui.state.training import training
    from explorer.ui.train import form

    if not st.session_state.get("elsewhere"):
        form.render(training())
        messages.show("run")


class Started:
    name = "started"


@pytest.fixture
def started(tmp_path, monkeypatch) -> list:
    """What was started: (spec, twins)."""
    monkeypatch.setenv("EXPLORER_CHECKPOINTS", str(tmp_path / "checkpoints"))
    monkeypatch.setenv("EXPLORER_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setattr(resources, "epoch_seconds", lambda *_: 1.0)
    made = []
    monkeypatch.setattr(commands, "start", lambda spec, twins: made.append((spec, twins)) or Started)
    return made


def opened(**query: str) -> AppTest:
    page = AppTest.from_function(script, default_timeout=60)
    page.query_params.update(query)
    return checked(page.run())


def leave_and_return(page: AppTest) -> None:
    page.session_state["elsewhere"] = True
    assert not checked(page.run()).selectbox
    page.session_state["elsewhere"] = False
    checked(page.run())


def test_the_form_is_as_it_was_left(started):
    page = opened(dataset="digits", budget="25")
    page.number_input(key="f-latent_dim").set_value(7)
    page.selectbox(key="f-length").set_value("epochs")
    page.selectbox(key="f-twins").set_value(BETA)
    page.text_input(key="f-name").set_value("mine")
    checked(page.run())
    page.number_input(key="f-epochs").set_value(3)
    page.multiselect(key="f-twins-beta").set_value(["0", "4"])
    checked(page.run())
    for _ in range(2):
        leave_and_return(page)
    assert page.selectbox(key="f-dataset").value == "digits"
    assert page.number_input(key="f-latent_dim").value == 7 and page.number_input(key="f-epochs").value == 3
    assert page.multiselect(key="f-twins-beta").value == ["0", "4"] and page.text_input(key="f-name").value == "mine"
    page.selectbox(key="f-length").set_value("seconds")
    assert checked(page.run()).number_input(key="f-seconds").value == 25


def test_start_takes_what_arrives_with_it(started):
    page = opened(dataset="digits")
    page.text_input(key="f-name").set_value("mine")
    page.number_input(key="f-beta").set_value(4.0)
    press(page, "run-start")
    ((spec, twins),) = started
    assert (spec.name, spec.train["dataset"], spec.train["beta"], spec.budget_s, twins) == ("mine", "digits", 4.0, 60.0, None)
    assert "arch" not in spec.model
    assert page.text_input(key="f-name").value == "", "the name is taken now"


def test_twins_start_with_their_values(started):
    page = opened(dataset="digits")
    page.selectbox(key="f-twins").set_value(BETA)
    checked(page.run())
    press(page, "run-start")
    ((spec, twins),) = started
    assert spec.name == "digits-twins" and list(twins) == ["beta-0", "beta-1", "beta-4"]


def test_the_second_click_of_a_double_click_starts_nothing(started):
    page = opened(dataset="digits")
    press(page, "run-start")
    press(page, "run-start")
    assert len(started) == 1


def test_a_refused_start_is_one_sentence_and_keeps_the_form(started, monkeypatch):
    def refuse(*_):
        raise ConfigError("The name is taken.", "Choose another.")

    page = opened(dataset="digits")
    monkeypatch.setattr(commands, "start", refuse)
    page.text_input(key="f-name").set_value("mine")
    press(page, "run-start")
    assert said(page.error) == "The name is taken. Choose another." and page.text_input(key="f-name").value == "mine"


def test_a_linked_data_set_that_is_not_here_is_a_warning(started):
    page = opened(dataset="nowhere")
    assert "There is no data set 'nowhere' on this machine" in said(page.warning)
    assert page.selectbox(key="f-dataset").value == "digits"
