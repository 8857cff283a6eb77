"""What the Train page says and offers when a time budget is used."""

import pytest
from streamlit.testing.v1 import AppTest

from explorer.core.runs import commands
from explorer.core.runs import folder as run_folder
from explorer.core.runs import status as run_status
from explorer.core.runs.event_log import EventWriter
from explorer.core.runs.folder import RunSpec
from tests.app.test_library_page import checked, press


def script() -> None:
    import streamlit as st

    from explorer.core.runs import status
    from explorer.ui.state.training import training
    from explorer.ui.train import run_controls
    from explorer.ui.train.run_view import facts

    run = status.look("mine")
    run_controls.render(run_controls.controls_of(["mine"], run, [(run, [], [])]), training())
    st.markdown(facts.status_text(run))


@pytest.fixture
def ended(tmp_path, monkeypatch):
    """`ended(step, expected, last)`: the page of a run that has used 20 s."""
    monkeypatch.setenv("EXPLORER_CHECKPOINTS", str(tmp_path / "checkpoints"))

    def make(step: int, expected: int, last: str = "done", budget_s: float = 20.0) -> AppTest:
        folder = run_folder.create(RunSpec("mine", {"latent_dim": 2}, {"dataset": "digits"}, budget_s=budget_s))
        events = EventWriter(folder)
        events.write("training", step=0, epoch=0, n_steps=step, steps_per_epoch=62)
        events.write("epoch", step=step, epoch=1, n_steps=step)
        if budget_s:
            events.write("budget", n_steps=step, seconds=budget_s, used=20.4, expected=expected)
        events.write(last, **({"bundle": "mine"} if last == "done" else {}))
        events.close()
        return checked(AppTest.from_function(script, default_timeout=60).run())

    return make


def test_a_run_on_a_busy_machine_says_what_it_has_reached_and_offers_more(ended, monkeypatch):
    asked = []
    monkeypatch.setattr(commands, "extend", lambda *args: asked.append(args))
    page = ended(37, 4000)
    sentence = "Trained 20 s, 37 batches (0.6 epochs): the machine was busy. Train for 20 s more?"
    assert [markdown.value for markdown in page.markdown] == [sentence]
    assert page.button(key="run-more").label == "Train for 20 s more"
    press(page, "run-more")
    assert asked == [("mine", 20)]


def test_a_run_on_an_idle_machine_offers_more_without_a_word(ended):
    page = ended(3900, 4000)
    assert not any("busy" in markdown.value for markdown in page.markdown)
    assert page.button(key="run-more").label == "Train for 20 s more"


@pytest.mark.parametrize("last, budget_s", [("stopped", 20.0), ("done", 0.0)])
def test_no_seconds_are_offered_to_a_run_that_can_be_resumed_or_has_epochs(ended, last, budget_s):
    page = ended(37, 4000, last, budget_s)
    assert "run-more" not in [button.key for button in page.button]
    assert not run_status.look("mine").more_s
