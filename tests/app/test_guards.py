"""A row, a card or a view that cannot be drawn, whatever the reason: its neighbours stay, and it can be deleted."""

from pathlib import Path

import pytest

from explorer.core.bundles import store
from explorer.core.runs import folder as run_folder
from explorer.ui import resources
from explorer.ui.explore.bar import panel as bar
from explorer.ui.explore.map import panel as map
from explorer.ui.library import models as library
from explorer.ui.library import runs as library_runs
from explorer.ui.train import run_controls
from explorer.ui.train.run_view import panel as run_view
from tests.app.test_library_page import checked, press, said
from tests.app.test_run_shelf import make
from tests.helpers import random_bundle, sprite_set

SENTENCE = "It holds something that cannot be shown; the server's log says what."


def explore_page() -> None:
    from explorer.ui.explore.page import explore

    explore()


def train_page() -> None:
    from explorer.ui.train.page import train

    train()


def library_page() -> None:
    from explorer.ui.library.page import library

    library()


def opened(page, **query: str):
    from streamlit.testing.v1 import AppTest

    test = AppTest.from_function(page, default_timeout=60)
    for name, value in query.items():
        test.query_params[name] = value
    return checked(test.run())


@pytest.fixture(autouse=True)
def root(tmp_path, monkeypatch) -> Path:
    """A machine with the models and the runs `bad` and `good`."""
    monkeypatch.setenv("EXPLORER_CHECKPOINTS", str(tmp_path / "checkpoints"))
    monkeypatch.delenv("EXPLORER_MODEL", raising=False)
    for name in ("bad", "good"):
        random_bundle(tmp_path / "checkpoints", name, sprite_set(), latent_dim=5)
        make(name, {"kind": "stopped"})
    return tmp_path / "checkpoints"


def fails_on_bad(monkeypatch, module, function: str, name_of=lambda first, *rest: first.name) -> None:
    """The function fails where it is asked for what is called `bad`."""
    real = getattr(module, function)

    def failing(*args, **more):
        if name_of(*args).startswith("bad"):
            raise ZeroDivisionError("a secret path")
        return real(*args, **more)

    monkeypatch.setattr(module, function, failing)


def names(root: Path) -> set[str]:
    return {path.name for path in root.iterdir()} - {"runs"}


def html(page) -> str:
    return " ".join(element.proto.body for element in page.get("html"))


@pytest.mark.parametrize("function", ["_description", "_buttons"])
def test_a_model_s_row_in_the_library(root, monkeypatch, function):
    fails_on_bad(monkeypatch, library, function)
    page = opened(library_page)
    assert f"bad: {SENTENCE}" in said(page.error) and "secret" not in said(page.error) and "<h2>good</h2>" in html(page)
    press(page, "broken-bad")
    assert names(root) == {"good"}


def test_a_model_that_cannot_be_opened_for_an_unknown_reason(root, monkeypatch):
    monkeypatch.setattr(resources, "samples_png", lambda name, stamp: 1 / 0)
    page = opened(library_page)
    assert html(page).count("It holds something that cannot be shown") == 2


@pytest.mark.parametrize("function", ["_description", "_buttons"])
def test_a_run_s_row_in_the_library(root, monkeypatch, function):
    fails_on_bad(monkeypatch, library_runs, function)
    page = opened(library_page)
    assert f"bad: {SENTENCE}" in said(page.error) and "<h3>good</h3>" in html(page)
    press(page, "broken-shelf-bad")
    assert not (root / "runs" / "bad").exists() and (root / "runs" / "good").exists()


def test_a_run_that_cannot_be_read(root, monkeypatch):
    fails_on_bad(monkeypatch, run_folder, "read_run")
    page = opened(library_page)
    assert "It cannot be read" in html(page) and "<h3>good</h3>" in html(page)
    opened(explore_page)


def test_a_model_that_cannot_be_described(root, monkeypatch):
    fails_on_bad(monkeypatch, store, "_describe")
    page = opened(library_page)
    assert "cannot be read; see the log" in html(page) and "<h2>good</h2>" in html(page)
    opened(explore_page, model="good")


def test_a_card_of_the_models(root, monkeypatch):
    fails_on_bad(monkeypatch, bar, "_card", lambda name, *rest: name)
    page = opened(explore_page, model="good")
    page.session_state["models"] = True
    checked(page.run())
    assert f"bad: {SENTENCE}" in said(page.error) and page.button(key="open-good")
    press(page, "broken-card-bad")
    assert names(root) == {"good"}


@pytest.mark.parametrize("module, function", [(run_view, "_packet"), (run_view, "_axes"), (run_controls, "controls_of")])
def test_a_view_of_a_run(root, monkeypatch, module, function):
    fails_on_bad(
        monkeypatch,
        module,
        function,
        {
            "_packet": lambda run, *rest: run.name,
            "_axes": lambda views: views[0][0].name,
            "controls_of": lambda names, run, *rest: run.name,
        }[function],
    )
    page = opened(train_page, run="bad")
    assert f"bad: {SENTENCE}" in said(page.error)
    if function != "_packet":
        press(page, "broken-view")
    else:
        press(page, "run-delete")
    assert not (root / "runs" / "bad").exists()
    assert opened(train_page, run="good").get("bidi_component")


@pytest.mark.parametrize("function", ["controls", "chart", "overlay"])
def test_a_model_on_explore(root, monkeypatch, function):
    fails_on_bad(monkeypatch, map, function, lambda engine, session: engine.name)
    page = opened(explore_page, model="bad")
    assert SENTENCE in said(page.error) and page.selectbox(key="bundle").value == "bad"
    if function != "overlay":  # which is a fragment's
        press(page, "broken-explore")
        assert names(root) == {"good"}
        assert opened(explore_page).selectbox(key="bundle").value == "good"


def test_a_shipped_model_is_not_offered_for_deletion(root, monkeypatch):
    from explorer.core import paths

    (root / "bad").rename(root / "mnist")
    monkeypatch.setattr(paths, "SHIPPED_DIR", root)
    monkeypatch.setattr(map, "controls", lambda engine, session: 1 / 0)
    page = opened(explore_page, model="mnist")
    assert SENTENCE in said(page.error) and "broken-explore" not in [button.key for button in page.button]
