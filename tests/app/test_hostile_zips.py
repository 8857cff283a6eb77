"""Zips that are accepted and yet hold absurd numbers: no page ends by one, its neighbours stay, and it can be deleted."""

import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from explorer.core.runs import library as run_library
from explorer.core.runs import status as run_status
from tests.app.hostile_zips import BUNDLES, ORDER, RUNS, imported, run_files
from tests.helpers import random_bundle, sprite_set


@pytest.fixture(autouse=True)
def checkpoints(tmp_path, monkeypatch) -> Path:
    """A machine with the model and the run `good`."""
    monkeypatch.setenv("EXPLORER_CHECKPOINTS", str(tmp_path / "checkpoints"))
    monkeypatch.delenv("EXPLORER_MODEL", raising=False)
    random_bundle(tmp_path / "checkpoints", "good", sprite_set(), latent_dim=5)
    assert (
        imported(
            "runs/good",
            run_files() | {"run.json": json.dumps({"format": 1, "order": asdict(replace(ORDER, name="good"))}).encode()},
        )
        == "good-2"
    )
    return tmp_path / "checkpoints"


def explore() -> None:
    from explorer.ui.explore.page import explore

    explore()


def train() -> None:
    from explorer.ui.train.page import train

    train()


def library() -> None:
    from explorer.ui.library.page import library

    library()


def opened(page, **query: str) -> AppTest:
    test = AppTest.from_function(page, default_timeout=60)
    for name, value in query.items():
        test.query_params[name] = value
    return checked(test.run())


def checked(test: AppTest) -> AppTest:
    assert not test.exception, test.exception[0].value
    return test


def text(test: AppTest) -> str:
    return " ".join(element.proto.body for element in test.get("html"))


def delete(test: AppTest, key: str) -> None:
    """By whatever the row offers for it."""
    prefix = "shelf-" * key.startswith("shelf-")
    name, kinds = key.removeprefix(prefix), [element.key for element in test.button]
    if f"broken-{key}" not in kinds:
        n = len(run_status.list_runs()) if prefix else len(shelf_names())
        test.session_state[f"{prefix}edit-{n}-{name}"] = True
        checked(test.run())
        test.checkbox(key=f"{prefix}sure-{name}").check()
        checked(test.run())
        key = f"{prefix}delete-{name}"
    else:
        key = f"broken-{key}"
    checked(test.button(key=key).click().run())


def shelf_names() -> list[str]:
    from explorer.core.bundles.store import list_bundles

    return [info.name for info in list_bundles()]


@pytest.mark.parametrize("case", RUNS)
def test_a_hostile_run_ends_no_page(checkpoints, case):
    files = run_files()
    RUNS[case](files)
    if (name := imported("runs/bad", files)) is None:
        return
    shown = text(opened(library))
    assert f"<h3>{name}</h3>" in shown and "<h3>good-2</h3>" in shown and "<h2>good</h2>" in shown
    watched = opened(train, run=name)
    assert watched.get("bidi_component") or watched.error
    opened(explore, model="good")
    delete(opened(library), f"shelf-{name}")
    assert not (checkpoints / "runs" / name).exists() and (checkpoints / "runs" / "good-2").exists()


@pytest.mark.parametrize("case", BUNDLES)
def test_a_hostile_model_ends_no_page(checkpoints, case):
    files = shelf_contents("good")
    BUNDLES[case](files)
    if (name := imported("bad", files)) is None:
        return
    shown = text(opened(library))
    assert f"<h2>{name}</h2>" in shown and "<h2>good</h2>" in shown
    opened(explore, model=name)
    opened(train)
    delete(opened(library), name)
    assert not (checkpoints / name).exists() and (checkpoints / "good").exists()


def shelf_contents(name: str) -> dict[str, bytes]:
    from explorer.core.bundles import library as core

    return dict(core.contents(name))


def test_the_forged_run_is_a_run(checkpoints):
    """Without a forger's edit the same files are watched, curves and all."""
    assert run_status.look("good-2").epoch == 3 and run_library.contents("good-2")
    page = opened(train, run="good-2")
    assert not page.error and page.button(key="run-resume") and not page.button(key="run-resume").disabled
