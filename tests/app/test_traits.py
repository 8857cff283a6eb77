"""What Explore shows of factors and attributes: names beside sliders, colourings of the map, directions."""

from types import SimpleNamespace

import numpy as np
import pytest

from explorer import open_bundle
from explorer.core.paths import SHIPPED_DIR
from explorer.ui import resources
from explorer.ui.explore.moves import panel as moves
from explorer.ui.explore.stage import panel as stage
from explorer.ui.state import link
from explorer.ui.state import session as state
from tests.app.test_moves_panel import unpacked
from tests.helpers import random_bundle


@pytest.fixture(scope="module")
def mnist():
    return open_bundle(SHIPPED_DIR / "mnist")


@pytest.fixture
def sent(monkeypatch) -> dict[str, bytes]:
    """The last packet of each component."""
    packets = {}
    for panel in (stage, moves):
        monkeypatch.setattr(panel, "mount", lambda packet, key, *_: packets.__setitem__(key, packet))
    return packets


def visitor(engine) -> state.Session:
    z, n = np.zeros(engine.latent_dim, np.float32), len(engine.gallery.mu)
    return state.Session(engine.name, engine.content_hash, z, n, tab="directions")


def stage_packet(engine, sent) -> dict:
    stage.render(engine, visitor(engine))
    return unpacked(sent[stage.KEY])


def directions(engine, session, sent) -> dict:
    moves.render(engine, session)
    return unpacked(unpacked(sent[moves.KEY])["content"].tobytes())


def test_a_slider_names_what_it_follows(mnist, sent):
    packet = stage_packet(mnist, sent)
    follows = dict(zip(packet["dims"].tolist(), packet["follows"]))
    assert follows[4] == ["slant", pytest.approx(0.876, abs=0.01)] and follows[12][0] == "thickness"
    assert follows[10] is None
    sprites = stage_packet(open_bundle(SHIPPED_DIR / "sprites"), sent)
    assert [found and found[0] for found in sprites["follows"]] == ["x", "y", "scale", None]


def test_a_model_without_traits_names_nothing(tmp_path, sent):
    engine = open_bundle(random_bundle(tmp_path, "plain"))
    assert set(stage_packet(engine, sent)["follows"]) == {None} and link.colours_of(engine) == link.COLOURS
    assert not any(choice.startswith("attribute") for choice, _ in directions(engine, visitor(engine), sent)["choices"])


def test_a_colouring_shows_the_values_with_their_unit(mnist):
    assert link.colours_of(mnist)[4:6] == ("attribute slant", "attribute thickness")
    assert link.colour_name("attribute slant") == "slant" and link.colour_name("factor x") == "factor x"
    figure = resources.figure(mnist, "umap", "attribute slant")
    for trace in figure.data:
        np.testing.assert_array_equal(trace.marker.color, mnist.gallery.attributes[trace.customdata, 0])
    assert figure.data[0].marker.colorbar.title.text == "slant, degrees"


def test_each_attribute_is_a_direction_with_its_r2(mnist, sent):
    session = visitor(mnist)
    shown = directions(mnist, session, sent)
    assert ["attribute slant", "slant, R\u00b2 0.94"] in shown["choices"] and shown["choice"] == "classes"
    session.choose_direction("attribute slant")
    shown = directions(mnist, session, sent)
    steps = shown["z"] - shown["z"][shown["at"]]
    direction = mnist.traits["attribute slant"].direction
    np.testing.assert_allclose(steps - np.outer(steps @ direction, direction), 0, atol=1e-4)
    assert shown["choice"] == "attribute slant" and (np.diff(steps @ direction) > 0).all()


def test_a_constant_trait_is_no_direction(mnist, sent, monkeypatch):
    flat = SimpleNamespace(**vars(mnist.traits["attribute ink"]) | {"direction": np.zeros(16, np.float32)})
    monkeypatch.setitem(mnist.traits, "attribute ink", flat)
    session = visitor(mnist)
    session.z = np.ones(16, np.float32)  # another packet than that of other visitors
    assert "attribute ink" not in dict(directions(mnist, session, sent)["choices"])
