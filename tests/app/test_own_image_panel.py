"""The panel of one's own image without a browser: what it makes of requests, and what it sends."""

import base64
import io
import json

import numpy as np
import pytest
from PIL import Image

from explorer.core.data import sprites
from explorer.core.engine.engine import Engine, open_bundle
from explorer.core.engine.latent_map import LatentMap, done
from explorer.ui.explore.map import panel as map_panel
from explorer.ui.explore.own_image import panel as own_image
from explorer.ui.state import session as state
from explorer.ui.wire.packet import pack
from tests.helpers import random_bundle, sprite_set


@pytest.fixture(scope="module")
def engine(tmp_path_factory) -> Engine:
    root = tmp_path_factory.mktemp("checkpoints")
    random_bundle(root, "sprites", sprite_set(60), latent_dim=20, thumbs=True)
    return open_bundle("sprites", root, device="cpu")


@pytest.fixture
def session(engine) -> state.Session:
    return state.Session(engine.name, engine.content_hash, np.zeros(engine.latent_dim, np.float32), len(engine.gallery.mu))


@pytest.fixture
def ask(session, monkeypatch):
    """ask(kind=..., ...): one request of the component."""
    count = iter(range(1, 1000))

    def send(**request) -> None:
        monkeypatch.setattr(state, "request", lambda key: {"seq": next(count)} | request)
        own_image._handle_request(session)

    return send


def file(pixels: np.ndarray) -> str:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode()


def heart() -> np.ndarray:
    return sprites.draw_sprites(np.array([[2, 1.2, 20, 4, -3]], np.float32))[0, 0]


def sent(engine, session) -> tuple[dict, dict[str, np.ndarray]]:
    """The packet of the panel: its header, and its arrays flat."""
    data = pack(*own_image._content(engine, session))
    length = int(np.frombuffer(data[:4], "<u4")[0])
    header, at, arrays = json.loads(data[4 : 4 + length]), 4 + length, {}
    for name, kind, shape in header["arrays"]:
        arrays[name] = np.frombuffer(data, kind, int(np.prod(shape)), at)
        at += -(-arrays[name].nbytes // 4) * 4
    return header, arrays


def test_without_a_picture_nothing_is_shown(engine, session):
    header, arrays = sent(engine, session)
    assert header["said"] == header["title"] == header["rank"] == "" and header["dims"] == [] == header["facts"]
    assert header["light"] and header["can_centre"] and header["invert"] == "auto" and not any(map(len, arrays.values()))


def test_a_picture_is_seen_judged_placed_and_explored_from(engine, session, ask):
    ask(kind="image", data=file(255 - heart()))
    header, arrays = sent(engine, session)
    assert header["inverted"] and header["said"] == "" and "60 test images." in header["rank"]
    assert header["title"].startswith("ELBO -") and [name for name, _ in header["facts"]] == ["support", "nearest"]
    assert 0 < len(header["dims"]) <= 16 and len(arrays["posterior"]) == 2 * len(header["dims"])
    assert len(arrays["seen"]) == len(arrays["recon"]) == 1024 and len(arrays["error"]) == 3 * 1024
    session.plane = "pca"
    placed = json.loads(pack(*map_panel._content(engine, session))[4:].split(b'"own_xy":')[1].split(b"]")[0] + b"]")
    np.testing.assert_allclose(placed, engine.place(session.own.mu, "pca")[0][0], rtol=1e-5)
    ask(kind="explore")
    np.testing.assert_array_equal(session.z, session.own.mu)
    session.undo()
    assert not session.z.any()
    ask(kind="clear")
    assert session.own.picture is None and sent(engine, session)[0]["dims"] == [] and session.own.mu is None


def test_the_switches_change_what_the_model_sees(engine, session, ask):
    ask(kind="image", data=file(255 - heart()))
    first = sent(engine, session)[1]["seen"]
    ask(kind="see", centre=False, invert="auto")
    header, arrays = sent(engine, session)
    np.testing.assert_array_equal(arrays["seen"].reshape(32, 32), heart())
    assert header["inverted"] and not header["centre"] and not np.array_equal(arrays["seen"], first)
    ask(kind="see", centre=False, invert="off")
    np.testing.assert_array_equal(sent(engine, session)[1]["seen"].reshape(32, 32), 255 - heart())


@pytest.mark.parametrize(
    "data, says",
    [
        ("", "The file is empty."),
        ("?", "did not arrive whole"),
        ("AAA", "did not arrive whole"),
        ("\u00e9", "did not arrive whole"),
        (base64.b64encode(b"a letter").decode(), "not a picture"),
        (file(np.zeros((1, 1), np.uint8)), "1 x 1 px"),
        (file(np.zeros((50, 50), np.uint8)), "blank"),
        ("A" * 8_000_000, "too large"),
    ],
)
def test_a_bad_picture_becomes_a_sentence(engine, session, ask, data, says):
    ask(kind="image", data=file(heart()))
    ask(kind="image", data=data)
    header, arrays = sent(engine, session)
    assert says in header["said"] and header["said"].endswith(".") and header["rank"] == ""
    assert not any(map(len, arrays.values()))
    assert session.own.mu is None


@pytest.mark.parametrize(
    "request_",
    [
        {},
        {"kind": "image"},
        {"kind": "image", "data": 5},
        {"kind": "image", "data": None},
        {"kind": "image", "data": ["a"]},
        {"kind": "see"},
        {"kind": "see", "centre": 1, "invert": "on"},
        {"kind": "see", "centre": True, "invert": "maybe"},
        {"kind": "see", "centre": True, "invert": None},
        {"kind": "explore"},
        {"kind": 7},
        {"kind": "drop tables"},
    ],
)
def test_a_request_that_makes_no_sense_changes_nothing(engine, session, ask, request_):
    before = vars(session.own).copy()
    ask(**request_)
    after = vars(session.own).copy()
    assert before.pop("version") <= after.pop("version") and before == after and not session.z.any()
    sent(engine, session)


@pytest.mark.parametrize(
    "request_",
    [
        None,
        {},
        {"kind": "clear"},
        {"seq": "1", "kind": "clear"},
        {"seq": None},
        {"seq": True},
        {"seq": 0, "kind": "clear"},
        {"seq": 1.5, "kind": "clear"},
    ],
)
def test_a_request_without_its_number_is_not_heard(session, monkeypatch, request_):
    monkeypatch.setattr(state, "request", lambda key: request_)
    own_image._handle_request(session)
    assert session.acks == {} and session.own.version == 0


def test_a_request_is_heard_once(session, monkeypatch):
    monkeypatch.setattr(state, "request", lambda key: {"seq": 3, "kind": "clear"})
    own_image._handle_request(session)
    own_image._handle_request(session)
    assert session.acks == {own_image.KEY: 3} and session.own.version == 1


def test_a_model_without_a_likelihood_says_so(engine, session, ask):
    own = Engine(
        encode=engine._encode,
        decode=engine._decode,
        latent_map=LatentMap("own", engine.latent_dim, done(engine.gallery), done(engine.umap)),
        origin=engine.origin,
        image_shape=engine.image_shape,
        content_hash="",
        device=engine.device,
        pictures=engine.pictures,
        metrics={},
    )
    ask(kind="image", data=file(heart()))
    header, _ = sent(own, session)
    assert header["rank"] == "Its ELBO is not known: this model has no likelihood here." and header["title"].startswith("KL ")


@pytest.mark.parametrize(
    "percentile, says",
    [
        (0.0, "Stranger than every one of the 10,000 test images."),
        (0.01, "Stranger than 99 % of the 10,000 test images."),
        (3.0, "Stranger than 97 %"),
        (50.0, "Stranger than 50 %"),
        (50.5, "Less strange than 50 %"),
        (99.99, "Less strange than 99 %"),
        (100.0, "Less strange than every one"),
    ],
)
def test_strangeness_is_never_rounded_up(engine, percentile, says):
    from dataclasses import replace

    verdict = replace(engine.evaluate(sprite_set(1).images), percentile=percentile)
    assert own_image._rank(verdict, 10_000).startswith(says)


def test_the_heat_is_dark_without_error_and_bright_from_half_the_range_on():
    error = np.array([[[0, 128, 255]], [[0, 3, 0]], [[0, 0, 7]]], np.uint8)
    heat = own_image.heat(error)
    assert heat.shape == (3, 1, 3) and heat.dtype == np.uint8
    assert tuple(heat[:, 0, 0]) == (0, 0, 4) and tuple(heat[:, 0, 1]) == tuple(heat[:, 0, 2]) == (252, 255, 164)
