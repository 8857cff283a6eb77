"""The packets of films and the map's chart without a browser: what visitors share, and what is sent over a network."""

import io
import json

import numpy as np
import plotly.graph_objects as go
import pytest
from PIL import Image
from streamlit.runtime.context import ContextProxy

from explorer import open_bundle
from explorer.core.paths import SHIPPED, SHIPPED_DIR
from explorer.ui import resources
from explorer.ui.explore.lanes import panel as lanes
from explorer.ui.explore.moves import panel as moves
from explorer.ui.explore.stage import panel as stage
from explorer.ui.state import session as state
from tests.app.test_moves_panel import unpacked
from tests.helpers import random_bundle, sprite_set

MAX_BYTES = 120_000  # of what a release sends over a network


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    root = tmp_path_factory.mktemp("checkpoints")
    return open_bundle(random_bundle(root, "films", sprite_set(), latent_dim=4, gain=2.5))


@pytest.fixture
def sent(monkeypatch) -> dict[str, bytes]:
    """The last packet of each component."""
    packets = {}
    for panel in (stage, moves, lanes):
        monkeypatch.setattr(panel, "mount", lambda packet, key, *_: packets.__setitem__(key, packet))
    return packets


@pytest.fixture
def decoded(engine, monkeypatch) -> list[int]:
    """The number of points in each call of the decoder."""
    calls, real = [], engine._frames
    monkeypatch.setattr(engine, "_frames", lambda z: calls.append(len(z)) or real(z))
    return calls


def visitor(engine, z=None) -> state.Session:
    z = np.zeros(engine.latent_dim, np.float32) if z is None else z
    return state.Session(engine.name, engine.content_hash, z, len(engine.gallery.mu))


def opened(engine, session, sent) -> dict:
    """The stage's packet; the panel of moves is drawn too."""
    stage.render(engine, session)
    moves.render(engine, session)
    return unpacked(sent[stage.KEY])


def exact(engine, z) -> np.ndarray:
    return np.rint(255 * engine.decode(z[None])[0]).astype(np.uint8)


def frames_of(packet: dict) -> np.ndarray:
    """Pixels (F, C, H, W) of the films, decoded where they are compressed."""
    channels, height, width = packet["shape"]
    if not packet["encodings"]:
        return packet["frames"].reshape(-1, channels, height, width)
    sheet = np.array(Image.open(io.BytesIO(packet["frames"].tobytes())))
    sheet = sheet.reshape(len(packet["dims"]), height, packet["n_frames"], width, channels)
    return sheet.transpose(0, 2, 4, 1, 3).reshape(-1, channels, height, width)


def comes_from(monkeypatch, address: str | None) -> None:
    monkeypatch.setattr(ContextProxy, "ip_address", property(lambda _: address))


def test_what_two_visitors_see_is_decoded_once(engine, sent, decoded):
    first = opened(engine, visitor(engine), sent)
    n = len(decoded)
    assert opened(engine, visitor(engine), sent)["frames"].tobytes() == first["frames"].tobytes()
    assert len(decoded) == n


def test_visitors_at_the_same_point_keep_their_own_history(engine, sent):
    opened(engine, visitor(engine), sent)
    other = visitor(engine)
    other.move_to(np.ones(engine.latent_dim))
    other.move_to(np.zeros(engine.latent_dim), approximate=True)
    other.acknowledge(stage.KEY, 7)
    packet = opened(engine, other, sent)
    assert (packet["ack"], packet["can_undo"], packet["approximate"]) == (7, True, True)
    packet = opened(engine, visitor(engine), sent)
    assert (packet["ack"], packet["can_undo"], packet["approximate"]) == (0, False, False)


@pytest.mark.parametrize(
    "change",
    [
        lambda session: session.move_to(np.ones(4)),
        lambda session: session.pick(3),
        lambda session: setattr(session, "plane", "pca"),
    ],
    ids=["z", "picked image", "plane"],
)
def test_a_visitor_who_sees_something_else_gets_films_of_their_own(engine, sent, decoded, change):
    before = opened(engine, visitor(engine), sent)
    other, n = visitor(engine), len(decoded)
    change(other)
    packet = opened(engine, other, sent)
    assert len(decoded) > n and (packet["rest"] == exact(engine, other.z)).all()
    assert any(not np.array_equal(packet[name], before[name]) for name in ("frames", "trio", "xy"))


def test_a_path_that_two_visitors_see_is_decoded_once(engine, sent, decoded):
    for ends, n_decoded in (((1, 2), True), ((1, 2), False), ((2, 1), True)):
        session, n = visitor(engine), len(decoded)
        session.a, session.b = ends
        lanes.render(engine, session)
        packet = unpacked(sent[lanes.KEY])
        assert (len(decoded) > n) == n_decoded and packet["pair"] == "{}-{}".format(*ends)
        assert (packet["frames"][0] == exact(engine, engine.gallery.mu[ends[0]])).all()


def test_the_chart_of_the_map_is_converted_once_and_unchanged(engine):
    figure = resources.figure(engine, "pca", "class")
    assert resources.figure(engine, "pca", "class").to_dict() is figure.to_dict()
    assert json.loads(figure.to_json()) == json.loads(go.Figure(figure).to_json())
    rows = [go.Figure(figure).data[i].customdata for i in range(len(figure.data))]
    assert sorted(np.concatenate(rows)) == list(range(len(engine.gallery.mu)))


@pytest.mark.parametrize("address", [None, "127.0.0.5", "::ffff:127.0.0.1"])
def test_a_visitor_on_this_computer_gets_raw_frames(engine, sent, monkeypatch, address):
    comes_from(monkeypatch, address)
    packet = opened(engine, visitor(engine), sent)
    assert packet["encodings"] == {} and packet["frames"].dtype == np.uint8
    assert len(packet["frames"]) == len(packet["dims"]) * packet["n_frames"]


@pytest.mark.parametrize("address", ["192.168.1.20", "2001:db8::1", "not an address"])
def test_a_visitor_elsewhere_gets_a_compressed_sheet_and_the_exact_image(engine, sent, monkeypatch, address):
    raw = opened(engine, visitor(engine), sent)
    comes_from(monkeypatch, address)
    packet = opened(engine, visitor(engine), sent)
    assert packet["encodings"] == {"frames": "image/jpeg"}
    assert (packet["rest"] == raw["rest"]).all() and (packet["rest"] == exact(engine, packet["z"])).all()


@pytest.mark.parametrize("name", SHIPPED)
def test_a_release_of_a_shipped_model_is_small_and_alike_over_a_network(name, sent, monkeypatch):
    engine = open_bundle(name, SHIPPED_DIR)
    chance = np.random.default_rng(0)
    for z in (np.zeros(engine.latent_dim), engine.gallery.mu[1], *chance.normal(0, 1.5, (3, engine.latent_dim))):
        session = visitor(engine, np.asarray(z, np.float32))
        session.pick(1)
        comes_from(monkeypatch, None)
        raw = opened(engine, visitor(engine, session.z), sent)
        comes_from(monkeypatch, "192.168.1.20")
        packet = opened(engine, session, sent)
        assert sum(map(len, sent.values())) <= MAX_BYTES
        assert np.abs(frames_of(packet).astype(int) - frames_of(raw)).mean() < 8
        assert (packet["rest"] == exact(engine, session.z)).all()
