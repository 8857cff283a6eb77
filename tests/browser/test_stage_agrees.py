"""What the stage shows, its numbers, the map's cursor and the lanes agree at any moment, checked against the engine."""

import re

import numpy as np
import pytest

from explorer.core.engine.traits import followed
from explorer.ui.explore.lanes.panel import N_FRAMES
from explorer.ui.wire import film_encoding

A, B = 18, 61
NOW = """() => {
  const shown = __probe.pixels(__probe.byId('stage'));
  const text = (selector) => __probe.find(selector).textContent;
  return {
    pixels: Array.from(shown.data),
    caption: __probe.find('.stage .caption').hidden ? '' : text('.stage .caption span'),
    norm: text('[data-fact=norm]'),
    support: text('[data-fact=support]'),
    cursor: __probe.byId('map-overlay').dataset.cursor.split(',').map(Number),
    t: text('.lanes .t'),
    z: [...__probe.find('.stage .rows').querySelectorAll('input[type=range]')]
      .map((e) => [+e.dataset.testid.slice(2), +e.value]),
  };
}"""


@pytest.fixture
def page(explore):
    return explore(f"?a={A}&b={B}", quiet=True)


@pytest.fixture(scope="module")
def lanes(engine):
    mu = engine.gallery.mu
    return {kind: engine.interpolation_film(mu[A], mu[B], N_FRAMES, kind) for kind in ("lerp", "slerp", "pixel")}


def numbers(moment: dict) -> tuple[float, str]:
    return float(re.match(r"\|z\| ([\d.]+) ", moment["norm"])[1]), moment["support"]


def support_text(support: float) -> str:
    return "support < .01, far from the data" if support < 0.005 else f"support {support:.2f}"


def image(moment: dict) -> np.ndarray:
    return np.array(moment["pixels"], np.uint8).reshape(28, 28, 4)[:, :, 0]


def is_frame(moment: dict, film, i: int) -> None:
    """Checks image, numbers and cursor of a moment against frame `i` of a film."""
    norm, support = numbers(moment)
    assert np.array_equal(image(moment), film.frames[i, 0])
    assert norm == pytest.approx(film.norm[i], abs=0.0051) and support == support_text(film.support[i])
    assert moment["cursor"] == pytest.approx(film.xy[i].tolist(), abs=1e-4)


def name_of(dim: int, engine) -> str:
    found = followed(engine.traits, dim)
    return f"z{dim} ({found[0].name})" if found else f"z{dim}"


def check_lane(moment: dict, lanes: dict) -> str:
    kind, t = re.match(r"(\w+), t = (-?[\d.]+)", moment["caption"]).groups()
    assert moment["t"] == f"t = {t}"
    is_frame(moment, lanes[kind], int(np.abs(lanes[kind].values - float(t)).argmin()))
    return kind


def test_while_scrubbing_and_playing_lanes(page, lanes):
    rng, seen = np.random.default_rng(0), []
    for kind in rng.permutation(["lerp", "slerp", "pixel"] * 8):
        left, top, width, height = page.page.get_by_test_id(f"lane-{kind}").bounding_box().values()
        page.page.mouse.move(left + width / 2, top + height / 2)
        page.page.mouse.down()
        for share in rng.uniform(0.01, 0.99, 4):
            page.page.mouse.move(left + share * width, top + height / 2)
            moment = page.page.evaluate(NOW)
            assert check_lane(moment, lanes) == kind
            seen.append(moment["t"])
        page.page.mouse.up()
    assert len(set(seen)) > 40
    for kind in ("lerp", "slerp"):
        page.press(f"[data-kind={kind}]")
        page.page.evaluate("() => document.activeElement.blur()")
        page.page.keyboard.press(" ")
        moments = []
        for _ in range(16):
            page.page.wait_for_timeout(60)
            moments.append(page.page.evaluate(NOW))
        page.page.keyboard.press(" ")
        assert all(check_lane(moment, lanes) == kind for moment in moments) and len({m["t"] for m in moments}) > 5


def test_while_dragging_and_at_rest(page, engine):
    rng, n = np.random.default_rng(1), film_encoding.n_frames(16, engine.image_shape)
    for dim in page.dims()[:10]:
        z = page.z(16)
        (film,) = engine.traversal_films(z, [dim], n_frames=n)
        x, y, low, high = page.handle(dim)
        page.page.mouse.move(x, y)
        page.page.mouse.down()
        for share in rng.uniform(0.05, 0.95, 9):
            page.page.mouse.move(low + share * (high - low), y)
            held = page.page.evaluate(NOW)
            i = int(np.abs(film.values - dict(held["z"])[dim]).argmin())
            is_frame(held, film, i)
            assert held["caption"] == f"{name_of(dim, engine)} = {film.values[i]:.2f}"
        page.page.mouse.up()
        page.idle()
        z = page.z(16)
        resting = page.page.evaluate(NOW)
        is_frame(resting, engine.film(z), 0)  # the same numbers as while it was held
        assert (resting["norm"], resting["support"]) == (held["norm"], held["support"])


def test_a_frame_of_a_lane_can_be_kept_or_left(page, lanes):
    left, top, width, height = page.page.get_by_test_id("lane-slerp").bounding_box().values()

    def scrub() -> int:
        page.page.mouse.click(left + 0.6 * width, top + height / 2)
        moment = page.page.evaluate(NOW)
        return int(np.abs(lanes["slerp"].values - float(moment["t"].removeprefix("t = "))).argmin())

    scrub()
    sent = page.frames_sent
    page.page.keyboard.press("Escape")
    assert page.frames_sent == sent and not page.z(16).any() and page.page.evaluate(NOW)["norm"].startswith("|z| 0.00")
    i = scrub()
    page.page.keyboard.press("Enter")
    page.page.wait_for_timeout(50)
    page.idle()
    assert np.array_equal(page.z(16), lanes["slerp"].z[i])
    is_frame(page.page.evaluate(NOW), lanes["slerp"], i)
