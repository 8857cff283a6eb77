"""The panel of one's own image without a browser: what it makes of requests, and what it sends."""

import base64
import io
import json
from dataclasses import replace
from typing import get_args

import numpy as np
import pytest
from PIL import Image

from explorer.core.data import sprites
from explorer.core.engine.engine import Engine, open_bundle
from explorer.core.engine.evaluation import Verdict
from explorer.core.engine.latent_map import LatentMap, done
from explorer.ui.explore.map import panel as map_panel
from explorer.ui.explore.own_image import panel as own_image
from explorer.ui.state import session as state
from explorer.ui.state.own_image import OWN, posterior_of
from explorer.ui.wire.packet import pack
from tests.helpers import random_bundle, sprite_set

VERDICTS = {verdict.capitalize() for verdict in get_args(Verdict)}


@pytest.fixture(scope="module")
def engine(tmp_path_factory) -> Engine:
    root = tmp_path_factory.mktemp("checkpoints")
    random_bundle(root, "sprites", sprite_set(60), latent_dim=20, thumbs=True)
    return open_bundle("sprites", root, device="cpu")


@pytest.fixture
def session(engine) -> state.Session:
    return state.Session(engine.name, engine.content_hash, np.zeros(engine.latent_dim, np.float32), len(engine.gallery.mu))


@pytest.fixture
def ask(engine, session, monkeypatch):
    """ask(kind=..., ...): one request of the component."""
    count = iter(range(1, 1000))

    def send(**request) -> None:
        monkeypatch.setattr(state, "request", lambda key: {"seq": next(count)} | request)
        own_image._handle_request(engine, session)

    return send


def file(pixels: np.ndarray) -> str:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode()


def heart() -> np.ndarray:
    return sprites.draw_sprites(np.array([[2, 1.2, 20, 4, -3]], np.float32))[0, 0]


def sent(engine, session) -> tuple[dict, dict[str, np.ndarray]]:
    """The packet of the panel: its header, and its arrays flat."""
    own_image.encode(engine, session)
    data = pack(*own_image._content(engine, session))
    length = int(np.frombuffer(data[:4], "<u4")[0])
    header, at, arrays = json.loads(data[4 : 4 + length]), 4 + length, {}
    for name, kind, shape in header["arrays"]:
        arrays[name] = np.frombuffer(data, kind, int(np.prod(shape)), at)
        at += -(-arrays[name].nbytes // 4) * 4
    return header, arrays


def test_without_a_picture_nothing_is_shown(engine, session):
    header, arrays = sent(engine, session)
    assert header["error"] == header["said"] == header["title"] == header["verdict"] == header["rank"] == ""
    assert header["dims"] == [] == header["facts"] and header["light"] and header["fits"] == ["crop", "pad", "centre"]
    assert header["fit"] == "centre" and header["invert"] == "auto" and header["auto"] == "where needed"
    assert not any(map(len, arrays.values()))


def test_a_picture_is_seen_judged_placed_and_explored_from(engine, session, ask):
    ask(kind="image", data=file(255 - heart()))
    header, arrays = sent(engine, session)
    assert header["said"].startswith("Inverted, ink scaled to ") and header["error"] == ""
    assert "60 test images" in header["rank"] and header["verdict"] in VERDICTS
    assert header["title"].startswith("-ELBO ") and [name for name, _ in header["facts"]] == ["support", "nearest"]
    assert 0 < len(header["dims"]) <= 16 and len(arrays["posterior"]) == 2 * len(header["dims"])
    assert len(arrays["seen"]) == len(arrays["recon"]) == 1024 and len(arrays["error_map"]) == 3 * 1024
    np.testing.assert_array_equal(arrays["seen"], session.own.prepared.image.ravel())
    session.plane = "pca"
    placed = json.loads(pack(*map_panel._content(engine, session))[4:].split(b'"own_xy":')[1].split(b"]")[0] + b"]")
    np.testing.assert_allclose(placed, engine.place(session.own.mu, "pca")[0][0], rtol=1e-5)
    ask(kind="use", role="explore")
    np.testing.assert_array_equal(session.z, session.own.mu)
    session.undo()
    assert not session.z.any()
    ask(kind="clear")
    assert session.own.data is None and sent(engine, session)[0]["dims"] == [] and session.own.mu is None


def test_the_switches_change_what_the_model_sees(engine, session, ask):
    ask(kind="image", data=file(255 - heart()))
    first = sent(engine, session)[1]["seen"]
    ask(kind="see", fit="pad", invert="auto")
    header, arrays = sent(engine, session)
    np.testing.assert_array_equal(arrays["seen"].reshape(32, 32), heart())
    assert header["said"] == "Inverted, used at its size of 32 x 32 px." and header["fit"] == "pad"
    assert not np.array_equal(arrays["seen"], first)
    ask(kind="see", fit="pad", invert="off")
    np.testing.assert_array_equal(sent(engine, session)[1]["seen"].reshape(32, 32), 255 - heart())


@pytest.mark.parametrize(
    "data, says",
    [
        ("", "The file is empty."),
        ("?", "arrived incomplete"),
        ("AAA", "arrived incomplete"),
        ("\u00e9", "arrived incomplete"),
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
    assert says in header["error"] and header["error"].endswith(".") and header["rank"] == header["said"] == ""
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
        {"kind": "see", "fit": 1, "invert": "on"},
        {"kind": "see", "fit": "stretch", "invert": "on"},
        {"kind": "see", "fit": "crop", "invert": "maybe"},
        {"kind": "see", "fit": "crop", "invert": None},
        {"kind": "use"},
        {"kind": "use", "role": None},
        {"kind": "use", "role": "d"},
        {"kind": "use", "role": "explore"},
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
def test_a_request_without_its_number_is_not_heard(engine, session, monkeypatch, request_):
    monkeypatch.setattr(state, "request", lambda key: request_)
    own_image._handle_request(engine, session)
    assert session.acks == {} and session.own.version == 0


def test_a_request_is_heard_once(engine, session, monkeypatch):
    monkeypatch.setattr(state, "request", lambda key: {"seq": 3, "kind": "clear"})
    own_image._handle_request(engine, session)
    own_image._handle_request(engine, session)
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
    assert header["title"].startswith("KL ") and (
        (header["verdict"], header["rank"]) == ("", "Its -ELBO is not known: this model has no likelihood here.")
        or header["verdict"] in ("Far from the data", "Unusually simple")
    )


@pytest.mark.parametrize(
    "percentile, isolation, says",
    [
        (0.0, 50, "Its -ELBO is higher than that of every one of the 10,000 test images."),
        (0.01, 50, "Its -ELBO is higher than that of 99 % of the 10,000 test images."),
        (3.0, 50, "Its -ELBO is higher than that of 97 %"),
        (50.0, 50, "Its -ELBO is higher than that of 50 %"),
        (50.5, 50, "Its -ELBO is lower than that of 50 %"),
        (99.99, 50, "Its -ELBO is lower than that of 99 %"),
        (100.0, 50, "Its -ELBO is lower than that of every one"),
        (50.0, 99.9, "Its mean lies farther from those of the 10,000 test images than 99 % of theirs do."),
        (50.0, 100, "Its mean lies farther from those of the 10,000 test images than every one of theirs do"),
        (None, 50, "Its -ELBO is not known: this model has no likelihood here."),
    ],
)
def test_the_reason_of_the_verdict_is_never_rounded_up(engine, percentile, isolation, says):
    evaluation = replace(engine.evaluate(sprite_set(1).images), percentile=percentile, isolation=isolation, sharpness=50)
    assert own_image._rank(evaluation, 10_000).startswith(says)


def test_a_blurred_picture_is_called_so_whatever_its_elbo(engine):
    evaluation = replace(engine.evaluate(sprite_set(1).images), percentile=75.0, isolation=50, sharpness=0.0)
    assert evaluation.verdict == "unusually simple"
    assert own_image._rank(evaluation, 60).startswith("It is blurred or plain: its edges are softer than")


def rgba(grey: int) -> bytes:
    """A square of a grey level on transparency."""
    pixels = np.full((40, 60, 4), grey, np.uint8)
    pixels[..., 3] = 0
    pixels[8:28, 12:30, 3] = 255
    return file(pixels)


@pytest.mark.parametrize("grey, background", [(0, "white"), (255, "black")])
def test_pad_message_and_model_agree_on_a_transparent_picture(engine, session, ask, grey, background):
    ask(kind="image", data=rgba(grey))
    header, arrays = sent(engine, session)
    assert header["error"] == "" and header["said"].startswith(f"Transparency put on {background}, ")
    image = session.own.prepared.image
    assert image.max() == 255 and np.median(image) == 0  # bright ink on black, as in the data set
    np.testing.assert_array_equal(arrays["seen"].reshape(32, 32), image[0, 0])  # also what the pad shows


def test_a_model_of_uploaded_images_prepares_a_picture_as_its_training_images(tmp_path, session, ask):
    random_bundle(tmp_path, "pets", replace(sprite_set(60), name="folder:/pets"), latent_dim=20, thumbs=True)
    pets = open_bundle("pets", tmp_path, device="cpu")
    ask(kind="image", data=file(255 - heart()))
    header, arrays = sent(pets, session)
    assert (header["fit"], header["invert"], header["auto"]) == ("crop", "auto", "as in training: no")
    assert header["said"].startswith("Used at its size of 32 x 32 px. Its background is bright, that of the data set is dark")
    np.testing.assert_array_equal(arrays["seen"].reshape(32, 32), 255 - heart())


def test_more_bytes_than_allowed_are_not_kept(engine, session, ask):
    ask(kind="image", data="A" * 8_000_000)
    assert len(session.own.data) == 5_000_001 and "too large" in sent(engine, session)[0]["error"]


# As an anchor


def test_the_own_image_becomes_a_b_c_and_picked(engine, session, ask):
    ask(kind="use", role="a")
    assert session.a is None  # there is no image yet
    ask(kind="image", data=file(heart()))
    ask(kind="use", role="a")  # encodes it
    assert session.a == OWN and session.b is None and session.picked is None
    session.set_anchor(7)
    assert (session.a, session.b) == (OWN, 7)
    ask(kind="use", role="b")
    ask(kind="use", role="c")
    assert (session.a, session.b, session.c, session.picked) == (OWN, OWN, OWN, None)
    ask(kind="use", role="explore")
    assert session.picked == OWN and np.array_equal(session.z, session.own.mu)
    mu, logvar = posterior_of(engine, session, session.a)
    np.testing.assert_array_equal(mu, session.own.mu)
    assert logvar.shape == mu.shape
    np.testing.assert_array_equal(posterior_of(engine, session, 7)[0], engine.gallery.mu[7])
    assert posterior_of(engine, session, None) is None
    assert "a=" not in session.link() and "image=" not in session.link()


@pytest.mark.parametrize("end", [{"kind": "clear"}, {"kind": "image", "data": ""}, {"kind": "image", "data": "?"}])
def test_an_own_image_that_is_gone_is_no_anchor(engine, session, ask, end):
    ask(kind="image", data=file(heart()))
    for role in ("a", "c", "explore"):
        ask(kind="use", role=role)
    session.set_anchor(3)
    ask(**end)
    own_image.encode(engine, session)
    assert (session.a, session.b, session.c, session.picked) == (None, 3, None, None)


def test_another_drawing_stays_the_anchor(engine, session, ask):
    ask(kind="image", data=file(heart()))
    ask(kind="use", role="a")
    before = posterior_of(engine, session, OWN)[0]
    ask(kind="image", data=file(heart().T.copy()))
    assert session.a == OWN and posterior_of(engine, session, OWN) is None  # until it is encoded
    own_image.encode(engine, session)
    assert (posterior_of(engine, session, OWN)[0] != before).any()


def test_another_model_of_the_data_set_evaluates_it_again_and_keeps_the_anchors(engine, session, ask, tmp_path, monkeypatch):
    session.dataset = engine.origin.dataset
    ask(kind="image", data=file(heart()))
    for role in ("a", "c", "explore"):
        ask(kind="use", role=role)
    random_bundle(tmp_path, "other", sprite_set(60), latent_dim=3, thumbs=True)
    other = open_bundle("other", tmp_path, device="cpu")
    monkeypatch.setattr(state.st, "session_state", {"explorer_session": session})
    new = state.session(other, lambda engine: (0, 1), True)
    assert (new.a, new.c, new.picked) == (OWN, OWN, OWN) and new.own.mu is None and not new.z.any()
    own_image.encode(other, new)
    assert new.own.mu.shape == (3,) and new.a == OWN


def test_an_unknown_role_is_ignored(session, ask):
    ask(kind="image", data=file(heart()))
    ask(kind="use", role="d")
    assert session.a is session.b is session.c is session.picked is None


def test_the_classes_of_the_nearest_images_are_counted(engine):
    evaluation = engine.evaluate(sprite_set(1).images)
    nearest = dict(own_image._facts(engine, evaluation))["nearest"].split(", ")
    counts = [int(part.partition(" \N{MULTIPLICATION SIGN}")[2] or 1) for part in nearest]
    names = [part.partition(" ")[0] for part in nearest]
    assert sum(counts) == 5 and sorted(counts)[::-1] == counts and len({*names}) == len(names)


def test_the_heat_is_dark_without_error_and_bright_from_half_the_range_on():
    error = np.array([[[0, 128, 255]], [[0, 3, 0]], [[0, 0, 7]]], np.uint8)
    heat = own_image.heat(error)
    assert heat.shape == (3, 1, 3) and heat.dtype == np.uint8
    assert tuple(heat[:, 0, 0]) == (0, 0, 4) and tuple(heat[:, 0, 1]) == tuple(heat[:, 0, 2]) == (252, 255, 164)
