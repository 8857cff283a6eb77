"""The state of a tab: panels change it through its methods and draw messages through one module; an acknowledgement costs no
work of the model."""

import ast
import json
from pathlib import Path

import numpy as np
import pytest

from explorer import open_bundle
from explorer.ui.explore.lanes import panel as lanes
from explorer.ui.explore.map import panel as map_panel
from explorer.ui.explore.moves import panel as moves
from explorer.ui.explore.own_image import panel as own_image
from explorer.ui.explore.stage import panel as stage
from explorer.ui.state import session as state
from tests.helpers import random_bundle, sprite_set

UI = Path(stage.__file__).parents[2]
PANELS = sorted(path for page in ("explore", "library", "train") for path in (UI / page).rglob("*.py"))
DRAWING = {"error", "exception", "success", "toast", "warning"}  # functions of Streamlit that only messages.py calls
CHANGING = {"append", "clear", "extend", "insert", "pop", "remove", "setdefault", "update"}


def changes_of_session(tree: ast.AST) -> list[str]:
    """Assignments to attributes of `session` or `training` or of what they hold, and calls that change their containers."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign | ast.AugAssign | ast.AnnAssign | ast.Delete):
            targets = node.targets if isinstance(node, ast.Assign | ast.Delete) else [node.target]
            parts = [part for target in targets for part in ast.walk(target)]
            stored = [
                p for p in parts if isinstance(p, ast.Attribute | ast.Subscript) and isinstance(p.ctx, ast.Store | ast.Del)
            ]
            found += [ast.unparse(part) for part in stored]
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in CHANGING:
            if isinstance(node.func.value, ast.Attribute):  # session.notices.clear(), but not session.clear()
                found.append(ast.unparse(node.func))
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "setattr":
            found.append(ast.unparse(node))
    return [text for text in found if text.startswith(("session.", "own.", "training.", "setattr("))]


@pytest.mark.parametrize("path", PANELS, ids=lambda path: str(path.relative_to(UI)))
def test_panels_assign_nothing_to_the_session(path):
    assert changes_of_session(ast.parse(path.read_text("utf-8"))) == []


@pytest.mark.parametrize(
    "code",
    [
        "session.z = 1",
        "session.seed += 1",
        "session.own.mu = None",
        "session.notices.clear()",
        "session.acks['a'] = 1",
        "form = training.form = {}",
        "training.form['name'] = ''",
        "setattr(training, 'form', form)",
    ],
)
def test_a_change_is_found(code):
    assert len(changes_of_session(ast.parse(code))) == 1


def drawn_messages(tree: ast.AST) -> list[str]:
    """Uses of Streamlit's functions that draw a message."""
    return [
        ast.unparse(node)
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "st" and node.attr in DRAWING
    ]


def test_only_the_module_of_messages_draws_them():
    drawing = {path.relative_to(UI).as_posix(): drawn_messages(ast.parse(path.read_text("utf-8"))) for path in UI.rglob("*.py")}
    assert [path for path, found in drawing.items() if found] == ["state/messages.py"]


class Counted:
    """An engine that counts the calls of its model."""

    def __init__(self, engine, monkeypatch):
        self.n = 0
        for name in ("_decode", "_encode"):
            monkeypatch.setattr(engine, name, self.counting(getattr(engine, name)))

    def counting(self, function):
        def call(x):
            self.n += 1
            return function(x)

        return call


def header_of(data: bytes) -> dict:
    length = int(np.frombuffer(data[:4], "<u4")[0])
    return json.loads(data[4 : 4 + length])


@pytest.mark.parametrize(
    "panel, request_",
    [
        (stage, {"kind": "undo"}),
        (stage, {"kind": "no such thing"}),
        (lanes, {"kind": "clear"}),
        (map_panel, {"kind": "move", "row": -1}),
        (moves, {"kind": "no such thing"}),
        (own_image, {"kind": "use", "role": "explore"}),
    ],
    ids=lambda value: getattr(value, "KEY", ""),
)
def test_an_acknowledgement_calls_no_model(tmp_path, monkeypatch, panel, request_):
    random_bundle(tmp_path, "sprites", sprite_set(60), latent_dim=20, thumbs=True)
    engine = open_bundle("sprites", tmp_path, device="cpu")
    session = state.Session(engine.name, engine.content_hash, np.zeros(engine.latent_dim, np.float32), len(engine.gallery.mu))
    session.set_plane(engine.planes[0])
    sent, asked = [], []
    monkeypatch.setattr(panel, "mount", lambda data, key, on_change: sent.append((bytes(data), on_change)))
    monkeypatch.setattr(state, "request", lambda key: asked[-1] if asked else None)
    render = getattr(panel, "render", None) or panel.overlay
    counted = Counted(engine, monkeypatch)
    monkeypatch.setattr("explorer.ui.resources.shared", lambda engine, part, shown, make: make())  # the cache of all visitors
    render(engine, session)
    render(engine, session)
    assert sent[0][0] == sent[1][0]
    before = counted.n
    asked.append({"seq": 1, "all": [{"seq": 1} | request_]} | request_)
    sent[-1][1]()  # the browser's request
    render(engine, session)
    assert header_of(sent[-1][0])["ack"] == 1 and header_of(sent[0][0])["ack"] == 0
    assert counted.n == before


@pytest.mark.parametrize("row", [-1, 60, 99_999])
def test_the_number_of_an_image_that_is_not_there_moves_nothing_and_is_named(tmp_path, monkeypatch, row):
    random_bundle(tmp_path, "sprites", sprite_set(60), latent_dim=4, thumbs=True)
    engine = open_bundle("sprites", tmp_path, device="cpu")
    session = state.Session(engine.name, engine.content_hash, np.ones(4, np.float32), 60)
    request_ = {"seq": 1, "kind": "go", "row": row}
    monkeypatch.setattr(state, "request", lambda key: {"seq": 1, "all": [request_]} | request_)
    stage._handle_requests(engine, session)
    assert (session.z == 1).all() and session.picked is None
    assert session.take_notices() == [f"There is no image {row:,}: images are numbered 0 to 59."]
