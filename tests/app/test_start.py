"""The front door without a browser: what it imports, and what it says when something is missing or bad."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from explorer.ui.state.session import Session
from tests.helpers import random_bundle, sprite_set

APP = Path(__file__).resolve().parents[2] / "app.py"


@pytest.fixture
def checkpoints(tmp_path, monkeypatch) -> Path:
    """An empty checkpoints folder, in force."""
    monkeypatch.setenv("EXPLORER_CHECKPOINTS", str(tmp_path / "checkpoints"))
    monkeypatch.delenv("EXPLORER_MODEL", raising=False)
    return tmp_path / "checkpoints"


def opened() -> AppTest:
    page = AppTest.from_file(APP, default_timeout=60).run()
    assert not page.exception
    return page


def said(elements) -> str:
    """Their text as it is read: without the backslashes that escape Markdown."""
    return re.sub(r"\\([!-/:-@[-`{-~])", r"\1", " ".join(element.value for element in elements))


def shown(page: AppTest) -> Session:
    """What the visitor's session holds."""
    return page.session_state["explorer_session"]


def test_starting_imports_nothing_heavy(checkpoints):
    random_bundle(checkpoints, "mnist", sprite_set())
    code = f"""
import sys
from streamlit.testing.v1 import AppTest
page = AppTest.from_file({str(APP)!r}, default_timeout=60).run()
assert not page.exception and not page.error and page.get("plotly_chart")
print(*sorted({{"umap", "numba", "sklearn", "torchvision"}} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=APP.parent, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == ""


def test_the_server_does_not_watch_source_files():
    plain = {name: value for name, value in os.environ.items() if not name.startswith("STREAMLIT_")}
    command = [sys.executable, "-m", "streamlit", "config", "show"]
    done = subprocess.run(command, cwd=APP.parent, env=plain, capture_output=True, text=True, timeout=60)
    assert 'fileWatcherType = "none"' in done.stdout.splitlines()  # a default is shown as a comment


def test_without_a_model_the_page_says_how_to_make_one(checkpoints):
    page = opened()
    assert "python -m explorer.train --dataset digits" in said(page.error)
    checkpoints.mkdir()
    assert "python -m explorer.train" in said(opened().error)


def test_a_bad_bundle_hides_no_good_one(checkpoints):
    random_bundle(checkpoints, "good", sprite_set())
    bad = random_bundle(checkpoints, "bad", sprite_set())
    (bad / "config.json").write_text("{")
    page = opened()
    assert said(page.toast) == "Model 'bad': config.json is not valid JSON. Restore it from a copy, or save it again."
    assert not page.error and len(page.get("plotly_chart")) == 1
    assert page.selectbox[0].options == ["good \u00b7 Sprites, D = 3"]


def test_a_bundle_that_turns_out_bad_when_opened(checkpoints):
    random_bundle(checkpoints, "good", sprite_set())
    bad = random_bundle(checkpoints, "mnist", sprite_set())  # the first in the list
    weights = (bad / "model.safetensors").read_bytes()
    (bad / "model.safetensors").write_bytes(weights[:-100])
    page = opened()
    assert "Model 'mnist': model.safetensors is damaged or cut short" in said(page.error) and not page.get("plotly_chart")
    page.selectbox[0].select("good").run()
    assert not page.error and len(page.get("plotly_chart")) == 1
    (bad / "model.safetensors").write_bytes(weights)
    page.selectbox[0].select("mnist").run()
    assert not page.error and len(page.get("plotly_chart")) == 1


@pytest.mark.parametrize("latent_dim, image_shape", [(1, (1, 16, 16)), (2, (3, 16, 16)), (12, (1, 28, 28)), (64, (3, 64, 64))])
def test_every_kind_of_model_opens(checkpoints, latent_dim, image_shape):
    random_bundle(checkpoints, "any", latent_dim=latent_dim, image_shape=image_shape)
    page = opened()
    assert not page.error and len(page.get("plotly_chart")) == 1 and shown(page).z.shape == (latent_dim,)


def test_a_model_trained_anew_under_the_same_name_is_the_one_that_shows(checkpoints):
    random_bundle(checkpoints, "again", sprite_set(), gain=2.5)
    page = opened()
    before = shown(page).content_hash
    random_bundle(checkpoints, "again", sprite_set(), gain=2.5, seed=1, replace=True)
    page.run()
    assert not page.exception and not page.error and shown(page).content_hash != before


def test_switching_models_keeps_the_anchors_of_one_data_set(checkpoints):
    random_bundle(checkpoints, "one", sprite_set())
    random_bundle(checkpoints, "two", sprite_set(), latent_dim=5, seed=1)
    random_bundle(checkpoints, "unlike")
    page = opened()
    shown(page).set_anchor(3)
    shown(page).set_anchor(5)
    page.selectbox[0].select("two").run()
    assert (shown(page).bundle, shown(page).a, shown(page).b) == ("two", 3, 5) and shown(page).z.shape == (5,)
    page.selectbox[0].select("unlike").run()
    assert (shown(page).a, shown(page).b) == (None, None) and not page.error


@pytest.mark.parametrize(
    "name, text, sentence",
    [
        ("z", "!!!", "it is not a valid point"),
        ("z", "AAAA", "it is not a valid point"),
        ("z", "AAAAAA", "it has 1 dimensions, but the model has 3"),
        ("z", "AADAfwAAwH8AAMB_", "its values must be finite and at most 1,000,000"),
        ("a", "60", "images are numbered 0 to 59"),
        ("b", "-1", "images are numbered 0 to 59"),
        ("image", "one", "images are numbered 0 to 59"),
        ("plane", "tsne", "the model has no such plane"),
        ("plane", "0,9", "the model has no such plane"),
        ("colour", "red", "choose one of"),
        ("dims", "99", "the model has 3 dimensions"),
        ("beyond", "7", "it must be 0 or 0.5"),
    ],
)
def test_what_is_wrong_in_a_link_is_said_and_the_rest_holds(checkpoints, name, text, sentence):
    random_bundle(checkpoints, "good", sprite_set())
    page = AppTest.from_file(APP, default_timeout=60)
    page.query_params |= {"model": "good", "image": "7", name: text}
    page.run()
    assert not page.exception and not page.error
    assert f"'{name}' was ignored: " in said(page.toast) and sentence in said(page.toast)
    assert shown(page).picked == (None if name == "image" else 7)


def test_a_link_to_a_changed_or_a_missing_model_says_so(checkpoints):
    random_bundle(checkpoints, "good", sprite_set())
    changed, gone = {"model": "good", "hash": "0" * 16}, {"model": "../gone"}
    for params, sentence in (
        (changed, "'good' has changed since this link was made"),
        (gone, "The link's model '../gone' is not on this machine"),
    ):
        page = AppTest.from_file(APP, default_timeout=60)
        page.query_params |= params
        page.run()
        assert not page.exception and sentence in said(page.toast)


@pytest.mark.parametrize("params", [{"model": "![x](https://a.org)"}, {"model": "good", "move": "![x](https://a.org):1"}])
def test_text_of_a_link_is_not_read_as_markdown(checkpoints, params):
    random_bundle(checkpoints, "good", sprite_set())
    page = AppTest.from_file(APP, default_timeout=60)
    page.query_params |= params
    page.run()
    assert not page.exception and len(page.toast) == 1
    assert r"\!\[x\]\(" in page.toast[0].value and "![x](" in said(page.toast)


def test_an_own_model_that_does_not_work_is_said_beside_the_others(checkpoints, monkeypatch):
    random_bundle(checkpoints, "good", sprite_set())
    monkeypatch.setenv("EXPLORER_MODEL", "no_such_lab:model")
    page = opened()
    assert "EXPLORER_MODEL=no_such_lab:model failed with ModuleNotFoundError" in said(page.toast)
    assert len(page.get("plotly_chart")) == 1


OWN = """
import time
import numpy as np
w = np.random.default_rng(0).standard_normal((64, 2)) / 8
def good():
    return (lambda x: (x.reshape(len(x), -1) @ w, np.zeros((len(x), 2))), lambda z: (z @ w.T).reshape(-1, 1, 8, 8),
            np.random.default_rng(1).integers(0, 256, (40, 1, 8, 8), np.uint8))
def slow():
    encode, decode, images = good()
    def wait(x):
        time.sleep(0.05)
        return encode(x)
    return wait, decode, images
def fails_later():
    encode, decode, images = good()
    return lambda x: encode(x if len(x) == 2 else x * np.nan), decode, images
"""


@pytest.fixture
def lab(checkpoints, tmp_path, monkeypatch):
    """A module of a researcher's, with a bundle of the same name as its function beside it."""
    (tmp_path / "lab.py").write_text(OWN)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "lab", raising=False)
    random_bundle(checkpoints, "good", sprite_set())


def test_an_own_model_opens_first(lab, monkeypatch):
    monkeypatch.setenv("EXPLORER_MODEL", "lab:good")
    page = opened()
    while not page.get("plotly_chart"):
        page.run()
    assert page.selectbox[0].value == "lab:good" and shown(page).z.shape == (2,) and not page.error
    page.selectbox[0].select("good").run()
    assert shown(page).z.shape == (3,) and not page.error


def test_an_own_model_says_that_it_is_being_encoded(lab, monkeypatch):
    monkeypatch.setenv("EXPLORER_MODEL", "lab:slow")
    monkeypatch.setattr("explorer.core.engine.custom_model.BATCH_SIZE", 1)
    page = opened()
    assert "being encoded" in said(page.info) and not page.get("plotly_chart")
    while not page.get("plotly_chart"):
        page.run()
    assert not page.info and not page.error


def test_an_own_model_that_fails_on_a_later_image_is_said(lab, monkeypatch):
    monkeypatch.setenv("EXPLORER_MODEL", "lab:fails_later")
    page = opened()
    while not page.error:
        page.run()
    assert "encode of EXPLORER_MODEL=lab:fails_later returned NaN or infinite values" in said(page.error)
