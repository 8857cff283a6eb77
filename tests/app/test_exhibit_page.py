"""The page of an exhibit without a browser: names from outside are shown as text."""

import threading
import time
import weakref
from types import SimpleNamespace

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from explorer.ui import resources
from explorer.ui.exhibits import posterior
from explorer.ui.exhibits.images import panel as images
from explorer.ui.exhibits.lower_bound import panel as lower_bound
from explorer.ui.state.exhibit import ExhibitState
from tests.helpers import random_bundle, sprite_set

NAME = "![x](https://example.org/x.png)"
SHOWN = r"\!\[x\]\(https\://example\.org/x\.png\)"


def choose_model():
    from types import SimpleNamespace

    from explorer.ui.exhibits import page

    page._choose_model(SimpleNamespace(path="prior", models=("mnist-2d",), has_image=False))


def offer_others():
    from types import SimpleNamespace

    from explorer.ui.exhibits import page

    page._offer_others(
        SimpleNamespace(path="prior", models=()),
        SimpleNamespace(name="![x](https://example.org/x.png)"),
        "it has one latent dimension.",
    )


@pytest.fixture(autouse=True)
def checkpoints(tmp_path, monkeypatch):
    monkeypatch.setenv("EXPLORER_CHECKPOINTS", str(tmp_path))
    random_bundle(tmp_path, "good", sprite_set())


def test_the_model_in_a_link_is_shown_as_text():
    page = AppTest.from_function(choose_model, default_timeout=60)
    page.query_params["model"] = NAME
    page.run()
    assert not page.exception and page.selectbox[0].value == "good"
    assert [toast.value for toast in page.toast] == [f"The model '{SHOWN}' is not on this machine."]


def test_the_name_of_a_model_that_does_not_fit_is_shown_as_text():
    page = AppTest.from_function(offer_others, default_timeout=60).run()
    assert not page.exception and page.info[0].value.startswith(SHOWN)


def test_images_that_are_downloaded_take_the_place_of_reconstructions(monkeypatch):
    packets, downloaded = [], []
    monkeypatch.setattr(images, "mount", lambda packet, *_: packets.append(packet))
    pictures = np.full((3, 1, 2, 2), 200, np.uint8)
    engine = SimpleNamespace(
        name="downloaded",
        content_hash="hash",
        image_shape=(1, 2, 2),
        gallery=SimpleNamespace(mu=np.zeros((3, 2)), labels=np.arange(3)),
        origin=SimpleNamespace(title="Digits", dataset="digits", class_names=("0", "1", "2")),
        ink_layout=SimpleNamespace(dark_background=True),
        pictures=lambda rows: pictures[rows] if downloaded else None,
        images_or_recons=lambda rows: (pictures[rows] if downloaded else 0 * pictures[rows], not downloaded),
    )
    state = ExhibitState("path", {}, 0)
    state.open_model(engine)
    images.render(engine, state)
    images.render(engine, state)
    downloaded.append(True)
    images.render(engine, state)
    assert [b"stand in" in packet for packet in packets] == [True, True, False]
    assert [packet.count(bytes([200])) >= 3 * 4 for packet in packets] == [False, False, True]


def test_the_page_keeps_no_decoded_plane_in_memory(monkeypatch):
    class Plane:
        """In place of 120 MB."""

    decoded = []

    def plane_of(engine):
        plane = Plane()
        decoded.append(weakref.ref(plane))
        return plane

    monkeypatch.setattr(posterior, "plane_of", plane_of)
    monkeypatch.setattr(posterior, "clock", lambda *_: None)
    engine = SimpleNamespace(name="two", content_hash="hash", gallery=SimpleNamespace(mu=np.zeros((3, 2))))
    deadline = time.monotonic() + 20
    while not posterior.is_ready(engine) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert posterior.is_ready(engine) and [plane() for plane in decoded] == [None]


def test_few_results_are_computed_at_once_however_many_are_asked_for():
    engine = SimpleNamespace(name="busy", content_hash="hash")
    running, may_end, lock, most = 0, threading.Event(), threading.Lock(), []

    def make():
        nonlocal running
        with lock:
            running += 1
            most.append(running)
        may_end.wait(20)
        with lock:
            running -= 1
        return True

    def n_ready() -> int:
        return sum(resources.later(engine, "busy", (i,), make) is not None for i in range(12))

    assert n_ready() == 0
    may_end.set()
    deadline = time.monotonic() + 20
    while n_ready() < 12 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert n_ready() == len(most) and max(most) <= 4


@pytest.mark.parametrize("latent_dim, sentence", [(1, "one latent dimension"), (16, "cannot be integrated over 16 dimensions")])
def test_the_lower_bound_says_why_there_are_only_estimates(latent_dim, sentence):
    header, _ = lower_bound._estimates_only(SimpleNamespace(latent_dim=latent_dim), None, None, {})
    assert sentence in header["status"] and "only estimates" in header["status"]
