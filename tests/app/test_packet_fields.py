"""What a panel sends is what its script reads."""

import json
import re
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

from explorer import open_bundle
from explorer.ui.state import session as state
from explorer.ui.wire import component
from tests.helpers import random_bundle, sprite_set

RENDERED = {
    "stage": "render",
    "lanes": "render",
    "map": "overlay",
    "moves": "render",
    "own_image": "render",
    "sprites": "render",
}  # of ui/explore
READERS = ["explore.stage", "explore.lanes", "explore.map", "explore.moves", "explore.own_image", "train.run_view"]
ADDED = {"arrays", "encodings", "n_bytes"}  # by `pack` and `unpack`
TABS = ("prior", "neighbours", "classes", "directions", "arithmetic", "pad")


def source(panel, shared: bool) -> str:
    """The modules of a panel's component, with or without those that all components share, without comments."""
    paths = component.modules(Path(panel.__file__).with_name("component.js"))
    texts = [path.read_text("utf-8") for path in paths if shared or path.parent.name != "wire"]
    return re.sub(r"//.*", "", component.IMPORT.sub("", "\n".join(texts)))


def fields(data: bytes) -> set[str]:
    """The names of a packet's header and arrays, and of the packet in it."""
    length = int(np.frombuffer(data[:4], "<u4")[0])
    header, at = json.loads(data[4 : 4 + length]), 4 + length
    found = {*header}
    for name, kind, shape in header["arrays"]:
        n_bytes = int(np.prod(shape)) * np.dtype(kind).itemsize
        found |= {name} | (fields(data[at : at + n_bytes]) if name == "content" else set())
        at += -(-n_bytes // 4) * 4
    return found - ADDED


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    root = tmp_path_factory.mktemp("checkpoints")
    random_bundle(root, "sprites", sprite_set(60), latent_dim=20, thumbs=True)
    return open_bundle("sprites", root, device="cpu")


@pytest.fixture
def sent(engine, monkeypatch):
    """sent(name): the fields of the packets of a panel of Explore, with two anchors and a picked image, in all its tabs."""
    session = state.Session(engine.name, engine.content_hash, np.zeros(engine.latent_dim, np.float32), len(engine.gallery.mu))
    session.set_anchor(0)
    session.set_anchor(1)
    session.pick(0)
    session.plane = engine.planes[0]

    def collect(name: str) -> set[str]:
        panel, packets = import_module(f"explorer.ui.explore.{name}.panel"), []
        monkeypatch.setattr(panel, "mount", lambda data, key, on_change=None: packets.append(bytes(data)))
        monkeypatch.setattr(state, "request", lambda key: None)
        for tab in TABS if name == "moves" else (session.tab,):
            session.tab = tab
            getattr(panel, RENDERED[name])(engine, session)
        return set().union(*map(fields, packets))

    return collect


@pytest.mark.parametrize("name", RENDERED)
def test_a_script_reads_every_field_that_its_panel_sends(name, sent):
    words = set(re.findall(r"\w+", source(import_module(f"explorer.ui.explore.{name}.panel"), shared=True)))
    names = sent(name)
    assert len(names) > 1 or name == "sprites"
    assert names - words == set()


@pytest.mark.parametrize("name", READERS)
def test_a_panel_names_every_field_that_its_script_reads(name):
    panel = import_module(f"explorer.ui.{name}.panel")
    text = source(panel, shared=False)
    read = set(re.findall(r"\bpacket\??\.(\w+)", text))
    for names in re.findall(r"const \{([^}]*)\} = (?:s\.)?packet;", text):
        read |= set(re.findall(r"\w+", names))
    assert len(read) > 5
    _, _, code = Path(panel.__file__).read_text("utf-8").removeprefix('"""').partition('"""')
    assert read - ADDED - {*re.findall(r"\w+", code)} == set()
