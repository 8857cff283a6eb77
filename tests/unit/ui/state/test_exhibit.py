"""The state of an exhibit: what its settings accept, what a link restores, and what is dropped with an image."""

from types import SimpleNamespace
from urllib.parse import parse_qsl

import numpy as np
import pytest

from explorer.ui.state import exhibit as exhibit_state
from explorer.ui.state.exhibit import Choice, ExhibitState, Number, Numbers
from explorer.ui.state.own_image import OWN

SETTINGS = {
    "m1": Number(-8, 8),
    "k": Number(1, 100, 10, whole=True),
    "pz": Numbers(0, 1, (0.5, 0.5)),
    "x": Choice(("0", "1"), "1"),
}


def engine(name: str = "a", n: int = 50) -> SimpleNamespace:
    return SimpleNamespace(name=name, content_hash=f"hash of {name}", gallery=SimpleNamespace(mu=np.zeros((n, 2))))


@pytest.fixture
def shown() -> ExhibitState:
    made = ExhibitState("path", SETTINGS, 2)
    made.open_model(engine())
    return made


def test_settings_have_their_defaults_until_they_are_changed(shown):
    assert [shown[name] for name in SETTINGS] == [None, 10, (0.5, 0.5), "1"]
    shown.change({"m1": -2.5, "k": 3, "pz": "0.25,0.75", "x": "0"})
    assert [shown[name] for name in SETTINGS] == [-2.5, 3, (0.25, 0.75), "0"]
    shown.change({"k": None})
    assert shown["k"] == 10


@pytest.mark.parametrize(
    "values",
    [
        {"m1": 9},
        {"m1": "nan"},
        {"m1": "a"},
        {"m1": [1]},
        {"k": 1.5},
        {"k": 1e9},
        {"pz": "1"},
        {"pz": "0.5,inf"},
        {"pz": "0.5,0.5,0"},
        {"x": "2"},
        {"other": 1},
    ],
)
def test_impossible_settings_are_ignored(shown, values):
    shown.change(values)
    assert shown.values == {}


def test_a_link_restores_the_exhibit(shown):
    shown.show_image(7)
    shown.change({"m1": 1.25, "pz": "0.125,0.875", "x": "0"})
    shown.answer(1, 2)
    other = ExhibitState("path", SETTINGS, 2)
    other.open_model(engine())
    other.read(dict(parse_qsl(shown.link())))
    assert (other.image, other.values, other.answers) == (7, shown.values, {1: 2})
    assert not other.take_notices()


def test_a_link_keeps_probabilities_that_sum_to_one(shown):
    shown.change({"pz": "0.33333333,0.66666667"})
    assert sum(map(float, dict(parse_qsl(shown.link()))["pz"].split(","))) == pytest.approx(1, abs=1e-9)


def test_a_request_with_true_for_a_number_leaves_a_link_that_can_be_followed(shown):
    shown.show_image(True)
    shown.answer(True, True)
    assert shown.link() == "model=a&image=1&open=1.1"


def test_impossible_parts_of_a_link_are_noted_and_the_rest_is_kept(shown):
    shown.read({"image": "50", "m1": "1e9", "x": "0", "open": "7.1", "unknown": "<b>"})
    assert (shown.image, shown["m1"], shown["x"], shown.answers) == (0, None, "0", {})
    assert len(shown.take_notices()) == 3 and not shown.take_notices()


@pytest.mark.parametrize(
    "name, range_", [("m1", "number from -8 to 8"), ("k", "whole number from 1 to 100"), ("image", "0 to 49")]
)
def test_a_word_where_a_link_needs_a_number_is_answered_with_the_range(shown, name, range_):
    shown.read({name: "<b>"})
    (notice,) = shown.take_notices()
    assert range_ in notice and "<b>" not in notice


def test_an_answer_is_final_until_all_are_covered(shown):
    shown.answer(0, 1)
    shown.answer(0, 2)
    shown.answer(5, 0)
    assert shown.answers == {0: 1}
    shown.cover()
    assert shown.answers == {}


def test_another_image_drops_what_was_computed_for_the_old_one(shown):
    shown.change({"m1": 1, "k": 3})
    shown.show_image(4)
    assert (shown["m1"], shown["k"], shown.image) == (None, 3, 4)
    shown.show_image(50)
    shown.show_image(OWN)  # there is no drawing
    assert shown.image == 4


def test_another_model_keeps_the_image_if_it_has_it(shown):
    shown.show_image(40)
    shown.open_model(engine("b", 41))
    assert shown.image == 40
    shown.open_model(engine("c", 10))
    assert shown.image == 0


def test_the_link_of_an_exhibit_that_trains_its_models_names_neither_model_nor_image():
    shown = ExhibitState("path", SETTINGS, 2)
    shown.read({"image": "3", "model": "a", "k": "20"})
    assert shown.link() == "k=20" and shown.take_notices() == []


def test_an_exhibit_without_a_model_passes_on_that_of_the_one_before(monkeypatch):
    tab = {}
    monkeypatch.setattr(exhibit_state.st, "session_state", tab)
    monkeypatch.setattr(exhibit_state.st, "query_params", {})
    first, _ = exhibit_state.exhibit("first", SETTINGS, 0)
    first.open_model(engine("a"))
    first.show_image(7)
    exhibit_state.exhibit("without", SETTINGS, 0)
    assert exhibit_state.wanted_model("third") == "a"
    assert exhibit_state.exhibit("third", SETTINGS, 0)[0].image == 7


def test_a_drawing_is_evaluated_again_in_an_exhibit_that_opens_with_another_model(monkeypatch):
    monkeypatch.setattr(exhibit_state.st, "session_state", {})
    first, _ = exhibit_state.exhibit("first", SETTINGS, 0)
    first.open_model(engine("a"))
    first.change_own_image(data=b"drawing")
    first.place_own_image(prepared="28 x 28 pixels", evaluation="by model a")
    second, _ = exhibit_state.exhibit("second", SETTINGS, 0)
    second.open_model(engine("b"))
    assert second.image == OWN and second.own.data == b"drawing"
    assert second.own.prepared is None and second.own.evaluation is None


def test_a_new_exhibit_shows_the_model_of_the_one_that_was_opened_last(monkeypatch):
    monkeypatch.setattr(exhibit_state.st, "session_state", {})
    monkeypatch.setattr(exhibit_state.st, "query_params", {})
    for path, model in (("first", "a"), ("second", "b"), ("first", "c")):
        exhibit_state.exhibit(path, SETTINGS, 0)[0].open_model(engine(model))
    assert exhibit_state.wanted_model("third") == "c"
