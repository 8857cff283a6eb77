"""The ways to move z without a browser: what is asked, what the session becomes, what is sent."""

import json

import numpy as np
import pytest

from explorer import open_bundle
from explorer.core.data.image_set import ImageSet
from explorer.ui.explore.moves import contents
from explorer.ui.explore.moves import panel as moves
from explorer.ui.state import session as state
from tests.helpers import noise_set, random_bundle

TABS = ["ab", "prior", "neighbours", "classes", "directions", "arithmetic", "pad", "own"]


def unpacked(data: bytes) -> dict:
    """A packet as packet.js reads it."""
    length = int(np.frombuffer(data[:4], "<u4")[0])
    packet, at = json.loads(data[4 : 4 + length]), 4 + length
    for name, kind, shape in packet["arrays"]:
        array = np.frombuffer(data, f"<{kind}", int(np.prod(shape)), at).reshape(shape)
        packet[name], at = array, at + -(-array.nbytes // 4) * 4
    return packet


class Panel:
    """A panel with its session, asked as the browser would ask."""

    def __init__(self, engine, monkeypatch):
        self.engine, self.asked, self.seq = engine, None, 0
        z, n = np.zeros(engine.latent_dim, np.float32), len(engine.gallery.mu)
        self.session = state.Session(engine.name, engine.content_hash, z, n, tab="prior")
        monkeypatch.setattr(moves, "mount", lambda packet, key, on_request: setattr(self, "sent", packet))
        monkeypatch.setattr(state, "request", lambda key: self.asked)

    def shown(self) -> dict:
        moves.render(self.engine, self.session)
        return self.content()

    def pad(self) -> dict:
        """The pad that is always open."""
        moves.render_pad(self.engine, self.session)
        return self.content()

    def content(self) -> dict:
        outer = unpacked(self.sent)
        return unpacked(outer["content"].tobytes()) | {name: outer[name] for name in ("ack", "here")}

    def tell(self, **request) -> None:
        self.seq += 1
        self.asked = {"all": [{"seq": self.seq} | request]}
        moves._handle_requests(self.engine, self.session, moves.KEY)

    def ask(self, kind, **more) -> dict:
        self.tell(kind=kind, **more)
        return self.shown()


def engine_of(root, labelled: bool = True, image_shape=(1, 16, 16), latent_dim: int = 3):
    images = noise_set(image_shape=image_shape)
    if not labelled:
        images = ImageSet("noise", "test", images.images, np.full(len(images), -1), (), title="Noise")
    return open_bundle(random_bundle(root, "noise", images, latent_dim=latent_dim, gain=2.2))


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    return engine_of(tmp_path_factory.mktemp("checkpoints"))


@pytest.fixture
def panel(engine, monkeypatch):
    """The panel of a model of three dimensions, with the pad as a tab, as with many dimensions."""
    monkeypatch.setattr(moves, "MAX_PAD_DIMS", 1)
    return Panel(engine, monkeypatch)


def test_every_tab_shows_what_decodes_to_its_pictures(panel, engine):
    panel.session.a, panel.session.b, panel.session.c = 3, 7, 11
    mu, means = engine.gallery.mu, [engine.gallery.mu[engine.gallery.labels == k].mean(0) for k in range(3)]
    expected = {
        "prior": (32, None),
        "classes": (3, means),
        "directions": (contents.N_LINE, None),
        "arithmetic": (4, [mu[3], mu[7], mu[11], mu[3] - mu[7] + mu[11]]),
        "pad": (contents.N_SIDE**2, None),
    }
    assert [tab for tab, _ in panel.shown()["tabs"]] == TABS
    for tab in ("ab", "own"):  # other components
        assert panel.ask("tab", tab=tab)["tab"] == tab and len(panel.shown()["frames"]) == 0
    for tab, (n, points) in expected.items():
        shown = panel.ask("tab", tab=tab)
        assert shown["tab"] == tab and len(shown["frames"]) == len(shown["z"]) == len(shown["xy"]) == len(shown["support"]) == n
        assert np.abs(shown["frames"] - 255 * engine.decode(shown["z"])).max() <= 1
        if points is not None:
            np.testing.assert_allclose(shown["z"], points, atol=1e-5)
    assert panel.ask("tab", tab="classes")["items"][0] == ["circle", "mean of class circle"]


def test_the_same_seed_gives_the_same_draws(panel, engine, monkeypatch):
    first, again = panel.shown(), panel.ask("draw")
    assert not np.array_equal(first["z"], again["z"]) and np.abs(first["z"]).max() < 6
    assert np.array_equal(Panel(engine, monkeypatch).shown()["z"], first["z"])


def test_nothing_changed_means_the_same_bytes(panel):
    for tab in TABS:
        panel.ask("tab", tab=tab)
        kept = panel.sent
        panel.shown()
        assert panel.sent is not kept and panel.sent == kept
    stamp = panel.ask("tab", tab="prior")["stamp"]
    assert panel.ask("move", z=[1, 2, 3])["stamp"] == stamp  # draws do not depend on z
    stamp = panel.ask("tab", tab="pad")["stamp"]
    i, j = panel.shown()["axes"]
    z = panel.session.z.copy()
    z[[i, j]] = 0.5, -1
    moved = panel.ask("move", z=z.tolist())
    assert moved["stamp"] == stamp and moved["here"] == [0.5, -1]  # nor the pad on where z is on it


def test_a_click_moves_z_and_can_be_undone(panel):
    z = panel.shown()["z"][5]
    shown = panel.ask("move", z=z.tolist())
    assert np.array_equal(panel.session.z, z) and shown["ack"] == 1
    panel.session.undo()
    assert not panel.session.z.any()


def test_neighbours_are_picked(panel, engine):
    shown = panel.ask("tab", tab="neighbours")
    rows, distances = engine.neighbours(np.zeros(3, np.float32), 8)
    assert shown["rows"].tolist() == rows.tolist() and shown["note"].startswith("reconstructions")
    label = ("circle", "square", "heart")[engine.gallery.labels[rows[2]]]
    assert shown["items"][2] == [f"{label} \u00b7 {distances[2]:.2f}", f"{label}, image {rows[2]}: {distances[2]:.2f} from z"]
    panel.ask("pick", row=int(rows[2]))
    assert panel.session.picked == rows[2] and np.array_equal(panel.session.z, engine.gallery.mu[rows[2]])


def test_a_request_is_accepted_once(panel):
    panel.ask("draw")
    moves._handle_requests(panel.engine, panel.session, moves.KEY)
    panel.asked = {"all": [{"kind": "draw", "seq": 1}]}
    moves._handle_requests(panel.engine, panel.session, moves.KEY)
    assert panel.session.draws_seed == 1
    panel.asked = {"all": [{"kind": "draw", "seq": n} for n in (1, 2, 3)] + [None, {"kind": "draw"}]}  # one of them got lost
    moves._handle_requests(panel.engine, panel.session, moves.KEY)
    assert panel.session.draws_seed == 3
    panel.seq = 3
    panel.ask("tab", tab="pad", z=[1, 0, 0])  # what was scrubbed goes along with the next request
    assert panel.session.tab == "pad" and panel.session.z.tolist() == [1, 0, 0]


NOT_Z = [
    None,
    "z",
    1,
    [],
    [1],
    [1, 2, 3, 4],
    [1, 2, None],
    ["a", "b", "c"],
    [1, 2, float("nan")],
    [1, 2, float("inf")],
    [1, 2, 1e300],
    [1, 2, 10**400],
    [[1], [2], [3]],
    {"0": 1},
    [True, False, True],
]
BAD = (
    [{"z": z} for z in NOT_Z]
    + [{"kind": "pick", "row": row} for row in (60, -1, None, 1.0, "1", [1], float("nan"))]
    + [{"kind": "tab", "tab": tab} for tab in ("film", "", None, 3, ["pad"])]
    + [{"kind": "direction", "choice": choice} for choice in ("principal-3", "saved-x", "", None, 1)]
    + [{"kind": "classes", "pair": pair} for pair in ([0, 3], [-1, 0], [0], [0, "1"], None, "01", [0.0, 1.0])]
    + [{"kind": "save", "name": name} for name in ("x", "", None, 1)]
    + [{"kind": "remove", "choice": choice} for choice in ("classes", "saved-", None)]
    + [{"kind": "pad", "axes": axes} for axes in ([0, 0], [0, 3], [-1, 0], [0], None, ["0", "1"])]
    + [{}, {"kind": None}, {"kind": "format"}, {"kind": ["draw"]}]
)


def test_bad_requests_change_nothing(panel):
    panel.shown()
    kept = {name: value for name, value in vars(panel.session).items() if name not in ("acks", "_packets")}
    for bad in BAD:
        panel.tell(**{"kind": "move"} | bad)
        now = vars(panel.session)
        assert all(now[name] is value or now[name] == value for name, value in kept.items()), bad
    panel.shown()
    panel.session.acks.clear()
    for seq in (None, "9", 9e9, float("nan"), True, [1], 0, -1):
        panel.tell(kind="draw", seq=seq)
        assert panel.session.draws_seed == 0, seq
    for panel.asked in (None, {}, {"kind": "draw"}):
        moves._handle_requests(panel.engine, panel.session, moves.KEY)
    assert panel.session.draws_seed == 0


def test_a_direction_runs_through_z(panel, engine):
    panel.ask("move", z=[0.3, -0.4, 0.7])
    shown = panel.ask("tab", tab="directions")
    assert [choice for choice, _ in shown["choices"]] == ["classes", "principal-0", "principal-1", "principal-2"]
    for choice in ("classes", "principal-0", "principal-2"):
        shown = panel.ask("direction", choice=choice)
        z, values, at = shown["z"], shown["values"], shown["at"]
        assert np.array_equal(z[at], panel.session.z) and values[0] <= -3 and values[-1] >= 3 and (np.diff(values) > 0).all()
        assert np.linalg.svd(z - z[at])[1][1] < 1e-5  # a straight line
        np.testing.assert_allclose(np.linalg.norm(z - z[at], axis=1), np.abs(values - values[at]), atol=1e-5)  # of unit speed
    shown = panel.ask("direction", choice="classes")
    shown = panel.ask("classes", pair=[2, 0])
    assert shown["pair"] == [2, 0] and [name for _, name in shown["marks"]] == ["heart", "circle"]
    same = panel.ask("classes", pair=[1, 1])  # leads nowhere, and says so by standing still
    assert (same["z"] == panel.session.z).all()


def test_a_direction_far_out_is_still_one(panel):
    panel.ask("tab", tab="directions", z=[1e6, -1e6, 1e6])
    shown = panel.ask("direction", choice="principal-0")
    assert np.isfinite(shown["z"]).all() and shown["z"][shown["at"]].tolist() == [1e6, -1e6, 1e6]
    assert panel.ask("tab", tab="pad")["span"] == 1e6


def test_directions_are_saved_by_name(panel, engine):
    mu, session = engine.gallery.mu, panel.session
    panel.ask("tab", tab="directions")
    session.a = session.b = 3
    assert not panel.ask("save", name="nowhere")["can_save"] and not session.saved
    session.b = 7
    shown = panel.ask("save", name="  to   the <b>left</b> " + "x" * 40)
    name = ("to the <b>left</b> " + "x" * 40)[:24]
    assert shown["can_save"] and shown["choice"] == f"saved-{name}" and shown["choices"][-1] == [f"saved-{name}", name]
    np.testing.assert_allclose(session.saved[name], (mu[7] - mu[3]) / np.linalg.norm(mu[7] - mu[3]), atol=1e-6)
    assert [name for _, name in shown["marks"]] == ["A", "B"]
    before = shown["stamp"]
    session.b = 8
    assert panel.ask("save", name=name)["stamp"] != before and len(session.saved) == 1  # the newest of a name
    for k in range(40):
        panel.tell(kind="save", name=str(k))
    assert len(session.saved) == state.N_SAVED
    shown = panel.ask("direction", choice=f"saved-{name}")
    shown = panel.ask("remove", choice=shown["choice"])
    assert name not in session.saved and shown["choice"] == "classes"


def test_the_sum_says_what_is_missing(panel):
    shown = panel.ask("tab", tab="arithmetic")
    assert shown["items"] == [None] * 3 and shown["note"].startswith("missing: A, B, C.") and len(shown["frames"]) == 0
    panel.session.b = 7
    shown = panel.shown()
    assert (
        shown["items"][1][1] == "B: image 7 (square)"
        and shown["note"].startswith("missing: A, C.")
        and len(shown["frames"]) == 1
    )


def test_the_pad_is_a_plane_through_z(panel, engine):
    panel.ask("move", z=[0.3, 5.5, 0.7])
    panel.ask("tab", tab="pad")
    shown = panel.ask("pad", axes=[1, 2])
    grid = shown["z"].reshape(contents.N_SIDE, contents.N_SIDE, 3)
    assert shown["axes"] == [1, 2] and shown["here"] == pytest.approx([5.5, 0.7]) and shown["span"] == 5.5
    assert (grid[..., 0] == np.float32(0.3)).all() and (np.diff(grid[0, :, 1]) > 0).all() and (np.diff(grid[:, 0, 2]) < 0).all()


def test_a_pad_that_is_always_open_has_no_tabs_and_its_own_requests(engine, monkeypatch):
    panel = Panel(engine, monkeypatch)
    shown = panel.pad()
    assert moves.has_pad(engine) and shown["tabs"] == [] and len(shown["frames"]) == contents.N_SIDE**2
    panel.asked = {"all": [{"seq": 1, "kind": "move", "z": [1, 2, 3]}]}
    moves._handle_requests(engine, panel.session, moves.PAD_KEY)
    assert panel.session.z.tolist() == [1, 2, 3] and panel.pad()["ack"] == 1 and panel.shown()["ack"] == 0


@pytest.mark.parametrize(
    "latent_dim, image_shape, labelled", [(1, (1, 8, 8), True), (2, (3, 64, 64), False), (64, (1, 64, 64), False)]
)
def test_every_kind_of_model(tmp_path, monkeypatch, latent_dim, image_shape, labelled):
    engine = engine_of(tmp_path, labelled, image_shape, latent_dim)
    panel = Panel(engine, monkeypatch)
    tabs = [tab for tab, _ in panel.shown()["tabs"]]
    assert tabs == [tab for tab in TABS if (labelled or tab != "classes") and (latent_dim > 4 or tab != "pad")]
    assert moves.has_pad(engine) == (latent_dim == 2)
    panel.session.a, panel.session.b, panel.session.c = 0, 1, 2
    for tab in tabs:
        shown = panel.ask("tab", tab=tab)
        assert shown["tab"] == tab and len(panel.sent) < 400_000  # of noise
        if tab == "directions":
            assert ("classes" in dict(shown["choices"])) == labelled
    panel.session.tab = "classes"  # as a session that comes from another model
    assert panel.shown()["tab"] == ("classes" if labelled else "ab")
