"""The link tables: every field is written and read back, and each invalid value is ignored with one message."""

from dataclasses import fields
from types import SimpleNamespace
from urllib.parse import parse_qs

import numpy as np
import pytest

from explorer.ui.state import link
from explorer.ui.state import session as state
from explorer.ui.state.link import LINK, TRAIN_LINK, read_train
from explorer.ui.state.session import Session
from explorer.ui.state.training import TrainForm

D, N = 4, 30
Z = np.array([0.1, -2.5, 1e-7, 3.0], np.float32)
SET = {  # a value of each attribute that is not its default
    "bundle": "mnist",
    "content_hash": "0123456789abcdef",
    "z": Z,
    "a": 0,
    "b": N - 1,
    "c": 3,
    "picked": 7,
    "plane": (3, 1),
    "colour": "recon loss",
    "first": 2,
    "overshoot": 0.5,
}
BAD = {
    "z": ["!!!", "AAAA", "AAAAAA", "ünï", "AADAfwAAwH8AAMB_AADAfw", np.full(D, 2e6, "<f4"), np.ones(D + 1, "<f4")],
    "a": ["-1", str(N), "one", "1.5", "", "²", "1e1"],
    "b": ["-1", str(N)],
    "c": ["-1", str(N)],
    "image": ["-1", str(N)],
    "plane": ["moon", "1,1", "0,9", "0", "0,1,2", "-1,0", ""],
    "colour": ["loud", "", "CLASS", "<b>", "factor moon", "factor "],
    "dims": ["99", "-1", "x", str(D)],
    "beyond": ["7", "0.50", "nan", ""],
}
TRAIN_VALUES = {
    "run": "my-run",
    "dataset": "upload:cats",
    "budget": 25,
    "epochs": 7,
    "D": 128,
    "beta": 0.25,
    "arch": "conv",
    "likelihood": "gaussian",
    "seed": 0,
    "lr": 0.001,
    "batch": 64,
    "twins": "beta",
    "values": ("0", "16"),
}
BAD_TRAIN = {
    "epochs": ["0", "100001", "x"],
    "D": ["0", "129"],
    "beta": ["-1", "nan", "1e5"],
    "arch": ["auto", "rnn"],
    "lr": ["0"],
    "twins": ["dataset"],
    "values": ["0,1,2,3"],
}
BAD_CASES = [(name, text) for name, texts in BAD.items() for text in texts]


@pytest.fixture
def engine():
    """What the tables ask of an engine."""
    return SimpleNamespace(
        name="mnist",
        content_hash="0123456789abcdef",
        latent_dim=D,
        planes=("umap", "pca"),
        gallery=SimpleNamespace(mu=np.zeros((N, D), np.float32)),
        origin=SimpleNamespace(dataset="mnist"),
        traits=dict.fromkeys(("factor scale", "factor x", "attribute slant")),
        is_live=False,
    )


def text_of(value) -> str:
    return value if isinstance(value, str) else link._write_z(value)


def opened(monkeypatch, engine, query: dict, is_first: bool = True) -> Session:
    """The session of a new tab with this query."""
    monkeypatch.setattr(state, "st", SimpleNamespace(session_state={}, query_params=query))
    return state.session(engine, lambda engine: (7, 9), is_first)


def query_of(session: Session) -> dict:
    return {name: values[0] for name, values in parse_qs(session.link(), strict_parsing=True).items()}


def test_the_cases_cover_the_whole_table():
    assert {entry.attribute for entry in LINK.values()} == SET.keys()
    assert BAD.keys() == LINK.keys() - {"model", "hash"}  # any text is a valid name or hash
    assert SET.keys() <= {field.name for field in fields(Session)}
    assert {entry.attribute for entry in TRAIN_LINK.values()} - {"run"} <= {field.name for field in fields(TrainForm)}


@pytest.mark.parametrize("name", LINK)
def test_a_field_is_read_as_it_was_written(engine, name):
    entry = LINK[name]
    value = SET[entry.attribute]
    read = entry.read(entry.write(value), engine)
    np.testing.assert_array_equal(read, value)
    assert type(read) is type(value)


@pytest.mark.parametrize("plane", ["umap", "pca", (0, 3)])
@pytest.mark.parametrize("colour", (*link.COLOURS, "factor scale", "attribute slant"))
def test_a_link_restores_the_session(monkeypatch, engine, plane, colour):
    before = Session(n_images=N, **(SET | {"plane": plane, "colour": colour}))
    after = opened(monkeypatch, engine, query_of(before))
    for attribute in SET:
        np.testing.assert_array_equal(getattr(after, attribute), getattr(before, attribute), attribute)
    assert after.link() == before.link() and after.notices == []


def test_defaults_are_not_in_the_link_and_come_back(monkeypatch, engine):
    before = Session("mnist", engine.content_hash, np.zeros(D, np.float32), N)
    assert query_of(before) == {"model": "mnist", "hash": engine.content_hash, "ab": "none"}
    after = opened(monkeypatch, engine, query_of(before))
    assert not after.z.any() and (after.a, after.b, after.picked, after.plane) == (None, None, None, None)


@pytest.mark.parametrize("name, value", BAD_CASES, ids=lambda value: value if isinstance(value, str) else "array")
def test_an_invalid_value_falls_back_to_the_default_with_one_message(monkeypatch, engine, name, value):
    good = query_of(Session(n_images=N, **SET))
    session = opened(monkeypatch, engine, good | {name: text_of(value)})
    assert len(session.notices) == 1 and session.notices[0].startswith(f"The link's '{name}' was ignored: ")
    default = Session("mnist", engine.content_hash, np.zeros(D, np.float32), N)
    for other, entry in LINK.items():
        expected = getattr(default, entry.attribute) if other == name else SET[entry.attribute]
        np.testing.assert_array_equal(getattr(session, entry.attribute), expected, other)


def test_a_link_to_a_changed_model_is_read_with_a_message(monkeypatch, engine):
    session = opened(monkeypatch, engine, query_of(Session(n_images=N, **SET)) | {"hash": "other"})
    assert session.picked == 7 and session.content_hash == engine.content_hash
    assert [notice for notice in session.notices if "has changed" in notice] == session.notices and session.notices


def test_a_link_to_another_model_changes_nothing(monkeypatch, engine):
    session = opened(monkeypatch, engine, query_of(Session(n_images=N, **SET)) | {"model": "other"})
    assert query_of(session) == {"model": "mnist", "hash": engine.content_hash, "ab": "none"}


def test_unknown_parameters_are_passed_over(monkeypatch, engine):
    session = opened(monkeypatch, engine, {"model": "mnist", "utm_source": "mail"})
    assert session.notices == []


@pytest.mark.parametrize("name, value", TRAIN_VALUES.items())
def test_a_field_of_the_train_link_is_read_as_it_was_written(name, value):
    entry = TRAIN_LINK[name]
    assert read_train({name: entry.write(value)})[entry.attribute] == value


def test_a_train_link_fills_in_the_form():
    found = read_train({"run": "mine", "dataset": "digits", "budget": "15", "other": "1"})
    assert found == {"run": "mine", "dataset": "digits", "seconds": 15, "length": "seconds"}
    found.pop("run")
    form = TrainForm(**found)
    assert (form.dataset, form.seconds, form.length) == ("digits", 15, "seconds")


def test_every_field_of_the_train_link_is_tested():
    assert TRAIN_VALUES.keys() == TRAIN_LINK.keys()


@pytest.mark.parametrize("name, text", [(name, text) for name, texts in BAD_TRAIN.items() for text in texts])
def test_an_invalid_setting_is_ignored(name, text):
    assert read_train({"dataset": "digits", name: text}) == {"dataset": "digits"}


@pytest.mark.parametrize("text", ["0", "-5", "86401", "1.5", "many", "", "²", "nan"])
def test_an_invalid_budget_leaves_the_form_as_it_is(text):
    assert read_train({"dataset": "digits", "budget": text}) == {"dataset": "digits"}


def test_the_page_without_a_link_opens_with_an_example_whose_link_is_the_plain_address(monkeypatch, engine):
    session = opened(monkeypatch, engine, {})
    assert (session.a, session.b, session.is_example, session.link()) == (7, 9, True, "")
    session.set_anchor(3)
    assert (session.a, session.b, session.is_example) == (3, None, False)
    assert query_of(session)["a"] == "3"
    session.clear()
    assert query_of(session)["ab"] == "none"
    after = opened(monkeypatch, engine, query_of(session))
    assert (after.a, after.b, after.is_example) == (None, None, False)


def test_the_example_of_another_model_than_the_first_has_a_link(monkeypatch, engine):
    session = opened(monkeypatch, engine, {}, is_first=False)
    assert session.is_example and query_of(session)["model"] == "mnist" and query_of(session)["a"] == "7"


@pytest.mark.parametrize("query", [{"model": "mnist"}, {"ab": "none"}, {"z": ""}, {"image": "2"}])
def test_a_page_with_a_link_has_no_example(monkeypatch, engine, query):
    session = opened(monkeypatch, engine, query)
    assert (session.a, session.b, session.is_example) == (None, None, False)


def test_a_link_to_train_does_not_stop_the_example(monkeypatch, engine):
    assert opened(monkeypatch, engine, {"dataset": "digits", "budget": "20"}).is_example
