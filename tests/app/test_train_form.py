"""The form of the Train page: what was chosen outlives a visit to another page, and Start uses the values on the page."""

from types import SimpleNamespace
from urllib.parse import parse_qsl

import pytest
from streamlit.testing.v1 import AppTest

from explorer.core.errors import ConfigError
from explorer.core.runs import commands, twins
from explorer.core.runs.folder import RunSpec
from explorer.ui import resources
from explorer.ui.state.training import ONE_MODEL, TrainForm, form_of
from explorer.ui.train.run_view.facts import twin_title
from explorer.ui.train.settings import summary
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


def test_a_card_chooses_data_set_and_duration(started):
    page = opened(dataset="digits", budget="25")
    press(page, "choose-mnist")
    assert page.selectbox(key="f-dataset").value == "mnist" and page.number_input(key="f-seconds").value == 60
    press(page, "choose-digits")
    press(page, "run-start")
    assert started[0][0].train["dataset"] == "digits" and started[0][0].budget_s == 15


@pytest.mark.parametrize(
    "form",
    [
        TrainForm(dataset="digits", seconds=15),
        TrainForm(dataset="mnist", length="epochs", epochs=7, latent_dim=2, arch="conv", likelihood="gaussian", beta=4.0),
        TrainForm(dataset="upload:cats", seconds=9, seed=3, lr=0.001, batch_size=64, twins="beta", values=("0", "4")),
    ],
)
def test_a_reload_restores_the_form(started, form):
    page = opened(**dict(parse_qsl(form.link())))
    assert page.session_state["explorer_training"].is_editing
    kept = page.session_state["explorer_training"].form
    if form.dataset.startswith("upload:"):  # which is not on this machine
        kept = TrainForm(**(vars(kept) | {"dataset": form.dataset}))
    assert kept == form


@pytest.mark.parametrize(
    "setting, values", [(ONE_MODEL, ()), ("beta", ("0", "1", "16")), ("latent_dim", ("2", "8")), ("terms", ("both", "KL only"))]
)
def test_the_settings_of_a_run_are_those_it_was_started_with(setting, values):
    spec = RunSpec("mine", {"latent_dim": 5, "arch": "mlp"}, {"dataset": "digits", "beta": 2.0, "seed": 4}, budget_s=15.0)
    group = twins.twins(spec, setting, values) if values else {}
    form = form_of(SimpleNamespace(spec=RunSpec(**(vars(spec) | {"twins": tuple(group)}))))
    assert form == TrainForm(
        dataset="digits", latent_dim=5, arch="mlp", beta=2.0, seed=4, seconds=15, twins=setting, values=values
    )


def test_settings_in_one_line():
    assert summary(TrainForm(dataset="digits", seconds=15)) == "Digits 8x8, 16 dims, β 1, 15 s"
    three = TrainForm(dataset="upload:cats", length="epochs", epochs=3, twins="beta", values=("0", "1", "4"))
    assert summary(three) == "cats, 16 dims, 3 twins (β), 3 epochs"


def test_a_twin_whose_dial_was_turned_has_another_title():
    assert twin_title("beta-1", 1.0, 1.0) == "β = 1" and twin_title("beta-1", 1.0, 16.0) == "β = 16, was 1"
    assert twin_title("D-8", 1.0, 1.0) == "D = 8" and twin_title("D-8", 1.0, 4.0) == "D = 8, β = 4"
    assert twin_title("recon-only", 0.0, 0.0) == "recon only"
