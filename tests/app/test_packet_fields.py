"""The protocol of every component: what its panel declares is what travels, what the script reads, and what it requests.

In the scripts a packet is always called `packet` (`data` where it is no packet), and its fields are read as `packet.name` or by
`const { name } = packet`, so that they can be collected here.
"""

import ast
import io
import re
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import get_args, get_type_hints

import numpy as np
import pytest
from PIL import Image

from explorer import open_bundle
from explorer.core.paths import SHIPPED_DIR
from explorer.core.runs.epoch_film import EpochFrame
from explorer.ui import resources
from explorer.ui.exhibits import exhibit
from explorer.ui.exhibits.lower_bound import panel as lower_bound
from explorer.ui.explore.moves.panel import LABELS
from explorer.ui.lectures import shipped
from explorer.ui.state import session as state
from explorer.ui.state.exhibit import ExhibitState
from explorer.ui.state.lectures import Lectures
from explorer.ui.state.training import Training
from explorer.ui.wire import component
from tests.app.test_moves_panel import unpacked
from tests.helpers import random_bundle, sprite_set

UI = Path(component.__file__).parents[1]
COMPONENTS = sorted(path.parent.relative_to(UI).as_posix().replace("/", ".") for path in UI.rglob("component.js"))
WITHOUT_PACKET = {
    "explore.bar",
    "train.address",
    "widgets.clock",
    "lectures.editor",
    "lectures.walk",
}  # their data is an object
WITHOUT_REQUEST = {"explore.bar", "train.address", "widgets.clock"}  # the clock's state is a time that nothing reads
NUMBERED = {
    "explore.stage",
    "explore.lanes",
    "explore.map",
    "explore.moves",
    "explore.own_image",
    "exhibits.images",
    "lectures.editor",
    "lectures.walk",
}  # wait for an ack
EXHIBITS = {name for name in COMPONENTS if name.startswith("exhibits.")}
WITH_FRAME = EXHIBITS - {"exhibits.images"}  # their requests are those of every exhibit
ADDED = {"arrays", "encodings", "n_bytes"}  # by `pack` and `unpack`


def panel_of(name: str):
    return import_module(f"explorer.ui.{name}.panel")


def beside(name: str, file: str) -> Path:
    return Path(panel_of(name).__file__).with_name(file)


def script_of(name: str) -> str:
    """The component's own modules in one text, without comments and imports."""
    paths = [path for path in component.modules(beside(name, "component.js")) if path.parent.name != "wire"]
    return re.sub(r"//.*", "", component.IMPORT.sub("", "\n".join(path.read_text("utf-8") for path in paths)))


def fields_read(script: str) -> set[str]:
    """The fields of packets that a script reads."""
    found = set(re.findall(r"\b(?:packet|data)\??\.(\w+)", script))
    for names in re.findall(r"\bconst \{([^}]*)\} = (?:s\.)?(?:packet|data);", script):
        found |= set(re.findall(r"\w+", names))
    pictures = set(re.findall(r"\bloadSheet\(packet, '(\w+)'", script))
    return (found | pictures | ({"shape"} if pictures else set())) - ADDED


def fields_declared(name: str) -> set[str]:
    """The fields of the packets of a component, as its panel declares them."""
    panel = panel_of(name)
    kinds = [getattr(panel, kind) for kind in ("Header", "Arrays", "Content", "ContentArrays") if hasattr(panel, kind)]
    return set().union(*map(get_type_hints, kinds))


def objects_in(script: str) -> list[tuple[str, set[str]]]:
    """(the expression of its kind, its other fields) of each request that a script makes."""
    found = []
    for body in re.findall(r"\{([^{}]*\bkind: [^{}]*)\}", script):
        fields = set(re.findall(r"(?:^|,)\s*(\w+)\s*(?=[:,]|$)", body))
        found.append((re.search(r"\bkind: ([^,]+)", body)[1], fields - {"kind"}))
    return found


def kinds_requested(name: str) -> dict[str, set[str]]:
    """kind -> fields of the requests that a script makes. A kind that is no literal is that of a button, `data-do`."""
    script = script_of(name)
    buttons = set(re.findall(r"<button[^>]* data-do=\"(\w+)\"", beside(name, "component.html").read_text("utf-8")))
    found = {}
    for expression, fields in objects_in(script):
        literals = set(re.findall(r"'(\w+)'", expression))
        done_here = set(re.findall(rf"\b{expression.strip()} === '(\w+)'", script)) if not literals else set()
        for kind in literals or buttons - done_here:
            found[kind] = found.get(kind, set()) | fields
    return found


def kinds_declared(name: str) -> dict[str, set[str]]:
    """kind -> required fields of the requests that a panel declares."""
    declared = panel_of(name).Request
    found = {}
    for request in get_args(declared) or (declared,):
        for kind in get_args(get_type_hints(request)["kind"]):
            found[kind] = set(request.__required_keys__) - {"kind", "seq"}
    return found


def kinds_handled(name: str) -> dict[str, set[str]]:
    """kind -> fields of the requests for which a panel has a case."""
    found = {}
    for node in ast.walk(ast.parse(beside(name, "panel.py").read_text("utf-8"))):
        if isinstance(node, ast.MatchMapping):
            keys = [key.value for key in node.keys]
            kind = node.patterns[keys.index("kind")].value.value
            found[kind] = {*keys} - {"kind"}
    return found


def optional_fields(request) -> set[str]:
    return set().union(*(kind.__optional_keys__ for kind in get_args(request) or (request,)))


def check_fields(panel, kinds: tuple[str, str], packet: dict) -> None:
    """A packet has all required fields of the two TypedDicts, and no field that they do not declare."""
    declared = [getattr(panel, kind) for kind in kinds if hasattr(panel, kind)]
    sent = packet.keys() - ADDED
    assert set().union(*(kind.__required_keys__ for kind in declared)) <= sent
    assert sent <= set().union(*map(get_type_hints, declared))
    arrays = {name for name, *_ in packet.get("arrays", ())}
    assert arrays <= get_type_hints(declared[-1]).keys() if len(declared) > 1 else not arrays


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    root = tmp_path_factory.mktemp("checkpoints")
    random_bundle(root, "sprites", sprite_set(60), latent_dim=20, thumbs=True)
    return open_bundle("sprites", root, device="cpu")


@pytest.fixture
def sent(engine, monkeypatch):
    """sent(name): what a component is mounted with, in all the states that its fields depend on."""

    def collect(name: str) -> list:
        panel, mounted = panel_of(name), []
        monkeypatch.setattr(panel, "mount", lambda data, key, on_change=None: mounted.append(data))
        RENDER.get(name, render_explore)(panel, engine, monkeypatch)
        return mounted

    return collect


def visitor(engine) -> state.Session:
    return state.Session(engine.name, engine.content_hash, np.zeros(engine.latent_dim, np.float32), len(engine.gallery.mu))


def render_explore(panel, engine, monkeypatch) -> None:
    """A panel of Explore without any selection, and with A, B, a picked image and an own image, in all its tabs."""
    monkeypatch.setattr(state, "request", lambda key: None)
    session = visitor(engine)
    session.plane = engine.planes[0]
    render = getattr(panel, "overlay", None) or panel.render
    render(engine, session)
    session.set_anchor(0)
    session.set_anchor(1)
    session.pick(0)
    picture = io.BytesIO()
    Image.fromarray(np.eye(28, dtype=np.uint8) * 200).save(picture, "PNG")
    session.change_own_image(data=picture.getvalue())
    for tab in LABELS:
        session.open_tab(tab)
        render(engine, session)


def render_sprites(panel, engine, monkeypatch) -> None:
    """Before the thumbnails are requested, and when they are ready."""
    session = visitor(engine)
    monkeypatch.setattr(state, "request", lambda key: None)
    panel.render(engine, session)
    request = {"model": f"{session.bundle}-{session.content_hash}", "seq": 1}
    monkeypatch.setattr(state, "request", lambda key: request)
    monkeypatch.setattr(resources, "sprites", resources._sprite_packet)
    panel.render(engine, session)


def render_run(panel, engine, monkeypatch) -> None:
    """A run without an epoch, and one with an epoch and its images."""
    run = SimpleNamespace(
        name="a", twins=(), sentence="", outcome="", status="training", is_live=True, n_epochs=2, step=5, n_steps=10
    )
    pictures = np.zeros((4, 1, 8, 8), np.uint8)
    frame = EpochFrame(0, "1", np.zeros((6, 2), np.float32), pictures, pictures, pictures, np.zeros((6, 2), np.float32))
    report = {"elbo": -3.0, "recon_loss": 2.0, "kl": 1.0}
    events = [
        {"kind": "training", "latent_dim": 2, "labels": [0] * 6},
        {"kind": "batch", "step": 1, "train": report},
        {"kind": "dial", "step": 2, "beta": 4.0, "lr_scale": 1.0},
        {"kind": "epoch", "step": 5, "epoch": 0, "test": report, "kl_per_dim": [1.0, 0.0]},
    ]
    for history, film in (([], []), (events, [frame])):
        panel.render(run, [(run, history, film)], Training())


def render_clock(panel, engine, monkeypatch) -> None:
    panel.clock("a", 1.0)


def render_address(panel, engine, monkeypatch) -> None:
    panel.render("dataset=digits")


def render_exhibit(panel, engine, monkeypatch) -> None:
    """An exhibit before its results are ready and after, with an answer; the image chooser with a drawing."""
    monkeypatch.setattr(state, "request", lambda key: None)
    plane = open_bundle("mnist-2d", SHIPPED_DIR, device="cpu")
    shows = getattr(panel, "EXHIBIT", lower_bound.EXHIBIT)
    shown = ExhibitState(shows.path, shows.settings, len(shows.predictions))
    shown.open_model(plane)
    for later in (lambda *_: None, lambda engine, part, shown, make: make()):
        monkeypatch.setattr(resources, "later", later)
        panel.render(plane, shown)
        shown.answer(0, 0)


def render_editor(panel, engine, monkeypatch) -> None:
    panel.render()


def render_walk(panel, engine, monkeypatch) -> None:
    shown = Lectures()
    shown.start("elbo", shipped.lectures()["elbo"])
    shown.arrive()
    monkeypatch.setattr(panel, "lectures", lambda: (shown, False))
    panel.render("lower-bound")


RENDER = {name: render_exhibit for name in EXHIBITS} | {
    "explore.sprites": render_sprites,
    "train.address": render_address,
    "train.run_view": render_run,
    "widgets.clock": render_clock,
    "lectures.editor": render_editor,
    "lectures.walk": render_walk,
}


@pytest.mark.parametrize("name", COMPONENTS)
def test_a_script_reads_the_fields_that_its_panel_declares(name):
    assert fields_read(script_of(name)) == fields_declared(name)


@pytest.mark.parametrize("name", COMPONENTS)
def test_a_panel_sends_the_fields_that_it_declares(name, sent):
    panel, found = panel_of(name), set()
    for data in sent(name):
        packet = data if name in WITHOUT_PACKET else unpacked(data)
        check_fields(panel, ("Header", "Arrays"), packet)
        found |= packet.keys()
        if "content" in packet:
            content = unpacked(packet["content"].tobytes())
            check_fields(panel, ("Content", "ContentArrays"), content)
            found |= content.keys()
    assert found - ADDED == fields_declared(name)


@pytest.mark.parametrize("name", sorted(NUMBERED))
def test_requests_are_declared_sent_and_handled_alike(name):
    declared = kinds_declared(name)
    assert kinds_requested(name) == declared
    handled = kinds_handled(name) | ({"move": set()} if name == "explore.moves" else {})  # it moves to the `z` of any request
    assert handled == declared


@pytest.mark.parametrize("name", sorted(NUMBERED))
def test_optional_fields_of_requests_are_declared_as_such(name):
    added = set(re.findall(r"\.\.\.\(\w+ && \{ (\w+) \}\)", script_of(name)))
    assert added == optional_fields(panel_of(name).Request)


def test_requests_of_every_exhibit_are_declared_and_sent_alike():
    script = Path(exhibit.__file__).with_name("parts") / "exhibit.js"
    sent = {expression.strip("' "): fields for expression, fields in objects_in(script.read_text("utf-8"))}
    declared = {get_args(get_type_hints(kind)["kind"])[0]: kind for kind in get_args(exhibit.Request)}
    assert sent == {name: set(kind.__required_keys__) - {"kind", "seq"} for name, kind in declared.items()}


@pytest.mark.parametrize("name", sorted({*COMPONENTS} - NUMBERED - WITHOUT_REQUEST - WITH_FRAME))
def test_a_request_without_a_kind_has_the_declared_fields(name):
    (body,) = re.findall(r"\bconst request = \{([^{}]*)\};", script_of(name))
    assert set(re.findall(r"(?:^|,)\s*(\w+)\s*(?=[:,]|$)", body)) == get_type_hints(panel_of(name).Request).keys()


@pytest.mark.parametrize("name", sorted(WITHOUT_REQUEST))
def test_a_component_without_requests_makes_none(name):
    assert not hasattr(panel_of(name), "Request")
    assert not re.search(r"\bask\(", script_of(name)) and objects_in(script_of(name)) == []


def test_fields_that_a_script_reads_are_found():
    script = "const { a,\n b } = s.packet; packet.c[0]; s.packet?.d; const { x } = other; loadSheet(packet, 'e', 1, then);"
    assert fields_read(script) == {"a", "b", "c", "d", "e", "shape"}


def test_requests_of_a_script_are_found():
    script = "ask({ kind: isOn ? 'p' : 'q', row: +row, xy: [at.x, at.y] }); ask({ kind: what });"
    assert objects_in(script) == [("isOn ? 'p' : 'q'", {"row", "xy"}), ("what ", set())]
