"""The ways to move z as a visitor uses them: pictures to click, a line and a pad to scrub."""

import base64
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest

from explorer import open_bundle
from tests.browser.server import serving
from tests.helpers import random_bundle, sprite_set

D = 10
SHAPE = (1, 32, 32)
COUNT = """kind => { const first = window.__n === undefined; window.__n = 0;
  if (first) window.addEventListener(kind, (e) => { if (kind === 'input' || e.buttons) window.__n++; }, true); }"""
RED = "c => Array.from(c.getContext('2d').getImageData(0, 0, c.width, c.height).data).filter((_, i) => i % 4 === 0)"


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    """A model with random weights: the tests need nothing that is shipped."""
    root = tmp_path_factory.mktemp("checkpoints")
    return random_bundle(root, "mnist", sprite_set(300), latent_dim=D, gain=2.5)


@pytest.fixture(scope="module")
def engine(bundle):
    return open_bundle(bundle)


@pytest.fixture(scope="module")
def url(bundle, tmp_path_factory):
    with serving(tmp_path_factory.mktemp("server") / "log", EXPLORER_CHECKPOINTS=str(bundle.parent)) as server:
        yield server.url


class Visitor:
    """One page; counts what it sends."""

    def __init__(self, page, url: str):
        self.page, self.sent, self.complaints = page, 0, []
        page.set_default_timeout(60_000)
        page.on("websocket", lambda socket: socket.on("framesent", self._count))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.goto(url)
        page.wait_for_selector("[data-testid=stage][data-seq]")
        page.wait_for_selector("[data-testid=moves][data-seq]")

    def _count(self, _) -> None:
        self.sent += 1

    def tab(self, name: str) -> None:
        self.page.click(f"[data-testid=moves-tab-{name}]")
        self.page.wait_for_selector(f"[data-testid=moves][data-tab={name}]")

    def items(self):
        return self.page.locator("[data-testid=moves-item]")

    def sliders(self) -> np.ndarray:
        """What the stage's sliders say, by dimension."""
        return np.array([self.page.locator(f"[data-testid=z-{d}]").evaluate("e => +e.value") for d in range(D)], np.float32)

    def link(self) -> dict[str, str]:
        return {name: values[0] for name, values in parse_qs(urlsplit(self.page.evaluate("() => location.href")).query).items()}

    def z(self) -> np.ndarray:
        """The session's z, from the link."""
        text = self.link().get("z")
        return np.zeros(D, np.float32) if text is None else np.frombuffer(base64.urlsafe_b64decode(text + "=="), "<f4")

    def attribute(self, name: str) -> int:
        return int(self.page.get_attribute("[data-testid=stage]", f"data-{name}"))

    def fresh(self, seq: int) -> None:
        """Until films newer than `seq` are in force and all else that came with them is in place."""
        self.page.wait_for_selector(f"[data-testid=stage]:not([data-seq='{seq}'])")
        self.page.wait_for_timeout(300)

    def image(self) -> np.ndarray:
        return np.array(self.page.locator("[data-testid=stage]").evaluate(RED)).reshape(SHAPE[1:])


@pytest.fixture
def visitor(chromium, url):
    opened = []

    def go(query: str = "") -> Visitor:
        context = chromium.new_context(viewport={"width": 1280, "height": 800})
        opened.append((context, Visitor(context.new_page(), url + query)))
        return opened[-1][1]

    yield go
    for context, visitor in opened:
        alerts = visitor.page.locator("[data-testid=stAlert], [data-testid=stException]").count()
        context.close()
        assert visitor.complaints == [] and alerts == 0


def is_decoded(visitor, engine, z) -> bool:
    return np.abs(visitor.image() - 255 * engine.decode(z)[0, 0]).max() <= 1


def test_a_click_on_a_draw_of_the_prior_moves_z(visitor, engine):
    page = visitor()
    page.tab("prior")
    before, seq = page.sliders(), page.attribute("seq")
    assert page.items().count() == 32
    at_rest = page.image()
    page.items().nth(3).hover()  # the stage shows it without moving z
    assert (page.image() != at_rest).any() and np.array_equal(page.sliders(), before)
    paints = page.attribute("paints")
    page.items().nth(3).click()
    moved = page.sliders()
    assert (moved != before).all() and page.attribute("paints") == paints + 1  # before any answer
    page.fresh(seq)
    assert np.array_equal(page.z(), page.sliders()) and np.array_equal(page.z(), moved) and is_decoded(page, engine, moved)


def test_other_draws(visitor):
    page = visitor()
    page.tab("prior")
    label = page.items().first.get_attribute("aria-label")
    page.page.click("[data-testid=moves] [data-do=draw]")
    page.page.wait_for_selector(f"[data-testid=moves-item]:first-child:not([aria-label='{label}'])")
    assert not page.z().any()


def test_a_click_on_a_neighbour_picks_it(visitor, engine):
    page = visitor()
    page.tab("neighbours")
    rows = engine.neighbours(np.zeros(D, np.float32), 8)[0]
    assert [int(item.get_attribute("data-row")) for item in page.items().all()] == rows.tolist()
    seq = page.attribute("seq")
    page.items().nth(5).click()
    page.fresh(seq)
    assert page.link()["image"] == str(rows[5])
    assert np.array_equal(page.z(), engine.gallery.mu[rows[5]]) and np.array_equal(page.sliders(), page.z())
    assert page.items().first.get_attribute("data-row") == str(rows[5])  # it is its own nearest


def scrubbed(visitor, kind: str, element, xs, ys) -> np.ndarray:
    """Press, move and release; every event painted, nothing sent meanwhile. The z that the sliders showed at the end."""
    page, box = visitor.page, element.bounding_box()
    at = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in zip(xs, ys)]
    page.evaluate(COUNT, kind)
    page.mouse.move(*at[0])
    page.wait_for_timeout(300)
    paints, sent = visitor.attribute("paints"), visitor.sent
    page.mouse.down()
    for place in at:
        page.mouse.move(*place)
        page.wait_for_timeout(20)
    down = page.evaluate("() => window.__n"), visitor.attribute("paints") - paints, visitor.sent - sent
    shown = visitor.sliders()
    page.mouse.up()
    assert down[0] >= len(at) / 2 and down[0] <= down[1] <= down[0] + 1 and down[2] == 0, down
    return shown


def test_a_direction_is_scrubbed_without_a_message(visitor, engine):
    page = visitor()
    page.tab("directions")
    line, seq = page.page.locator("[data-testid=moves-line]"), page.attribute("seq")
    cursor = page.page.get_attribute("[data-testid=map-overlay]", "data-cursor")
    shown = scrubbed(page, "input", line, np.linspace(0.5, 0.9, 25), [0.5] * 25)
    assert page.page.get_attribute("[data-testid=map-overlay]", "data-cursor") != cursor
    page.fresh(seq)
    assert shown.any() and np.array_equal(page.z(), shown) and np.array_equal(page.sliders(), shown)
    assert is_decoded(page, engine, shown)
    means = [engine.gallery.mu[engine.gallery.labels == label].mean(0) for label in (0, 1)]
    along = (means[1] - means[0]) / np.linalg.norm(means[1] - means[0])
    assert shown @ along / np.linalg.norm(shown) == pytest.approx(1, abs=1e-5)

    seq = page.attribute("seq")  # the line just moved along goes on being true
    again = scrubbed(page, "input", line, np.linspace(0.9, 0.2, 25), [0.5] * 25)
    page.fresh(seq)
    assert again @ along < 0 and np.array_equal(page.z(), again) and is_decoded(page, engine, again)


def test_keys_on_a_direction_are_one_move(visitor):
    page = visitor()
    page.tab("directions")
    seq = page.attribute("seq")
    line = page.page.locator("[data-testid=moves-line]")
    for _ in range(5):
        line.press("ArrowRight")
    shown = page.sliders()
    page.fresh(seq)
    assert np.array_equal(page.z(), shown)
    page.page.click("[data-do=undo]")
    page.page.wait_for_function("() => !new URLSearchParams(location.search).get('z')")


def test_the_pad_is_scrubbed_without_a_message(visitor, engine):
    page = visitor("?image=1")
    page.tab("pad")
    pad, seq = page.page.locator("[data-testid=moves-pad]"), page.attribute("seq")
    shown = scrubbed(page, "pointermove", pad, np.linspace(0.5, 0.95, 20), np.linspace(0.5, 0.05, 20))
    first, second = np.argsort(-engine.kl_per_dim, kind="stable")[:2]
    span = np.abs(engine.spans[[first, second]]).max()
    assert shown[[first, second]] == pytest.approx(span) and np.count_nonzero(shown) == 2
    page.fresh(seq)
    assert np.array_equal(page.z(), shown) and is_decoded(page, engine, shown)
    seq = page.attribute("seq")
    for key in ("ArrowLeft", "ArrowDown", "ArrowDown"):
        pad.press(key)
    page.fresh(seq)
    assert page.z()[[first, second]] == pytest.approx([span * 0.8, span * 0.6])
    pad.press("Escape")
    assert not pad.is_visible()


def test_the_sum_and_a_saved_direction(visitor, engine):
    page, mu = visitor("?a=5&b=9"), engine.gallery.mu
    page.tab("arithmetic")
    assert page.items().count() == 3 and "missing: C" in page.page.inner_text("[data-testid=moves] .note")
    page = visitor("?a=5&b=9&c=2")
    page.tab("arithmetic")
    seq = page.attribute("seq")
    page.items().last.click()
    page.fresh(seq)
    assert page.z() == pytest.approx(mu[5] - mu[9] + mu[2], abs=1e-5)

    page.tab("directions")
    page.page.click("[data-testid=moves] [data-do=name] >> nth=0")
    page.page.keyboard.type("rounder")
    page.page.keyboard.press("Enter")
    choice = page.page.locator("[data-choose=choice]")
    page.page.wait_for_function("([e]) => e.value === 'saved-rounder'", arg=[choice.element_handle()])
    page.page.click("[data-testid=moves] [data-do=remove]")
    page.page.wait_for_function("([e]) => e.value === 'classes'", arg=[choice.element_handle()])
    assert "rounder" not in choice.inner_text()


def test_the_keyboard_reaches_the_tabs_and_the_pictures(visitor):
    page = visitor()
    page.tab("prior")
    page.page.locator("[data-testid=moves-tab-prior]").focus()
    for key in ("ArrowRight", "ArrowRight", "Enter"):
        page.page.keyboard.press(key)
    page.page.wait_for_selector("[data-testid=moves][data-tab=classes]")
    seq = page.attribute("seq")
    page.page.keyboard.press("Tab")
    page.page.keyboard.press("End")
    assert page.items().last.evaluate("e => e.matches(':focus')")
    page.page.keyboard.press("Enter")
    page.fresh(seq)
    assert page.z().any() and page.items().last.evaluate("e => e.matches(':focus')")
    tabs = page.page.locator("[data-testid=moves] [role=tab]")
    assert [t.get_attribute("tabindex") for t in tabs.all()].count("0") == 1


def test_a_slider_goes_on_working_after_a_scrub(visitor, engine):
    page = visitor()
    page.tab("directions")
    seq = page.attribute("seq")
    scrubbed(page, "input", page.page.locator("[data-testid=moves-line]"), np.linspace(0.5, 0.7, 10), [0.5] * 10)
    page.fresh(seq)
    seq, dim = page.attribute("seq"), int(np.argmax(engine.kl_per_dim))
    page.page.locator(f"[data-testid=z-{dim}]").press("Home")
    page.fresh(seq)
    assert np.array_equal(page.z(), page.sliders()) and is_decoded(page, engine, page.z())
