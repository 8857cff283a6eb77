"""What Explore promises a hand: sliders that follow it, a map that answers rightly, lanes that can be scrubbed."""

import os
import re
import shutil
import signal
import time

import numpy as np
import pytest

from tests.benchmarks import links
from tests.benchmarks.clicks import clicks, darken, filter_classes
from tests.benchmarks.drags import error, random_drags
from tests.browser.driver import Visit, eventually
from tests.browser.server import PROJECT, serving


def chance(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_every_input_is_painted_and_nothing_is_sent(explore):
    page = explore(quiet=True)
    for dim, end in zip(page.dims(), (0.15, 0.7, 0.3)):
        drag = page.drag(dim, 0.5, end=end, sums=True)
        assert drag.n_painted == drag.n_inputs >= 3 and drag.sent_while_down == 0
        assert len(set(drag.sums)) == len(set(drag.values))  # each frame is a picture of its own
        assert drag.release_to_films is not None and drag.received_bytes < 1e6


def test_the_frame_under_the_hand_is_the_one_that_is_released(explore, engine):
    page = explore()
    for dim, share in zip(page.dims()[::5], (0.17, 0.66, 0.91)):
        x, y, low, high = page.handle(dim)
        page.page.mouse.move(x, y)
        page.page.mouse.down()
        page.page.mouse.move(low + share * (high - low), y, steps=4)
        held = page.stage(engine.image_shape)
        page.page.mouse.up()
        page.idle()
        assert page.z(16)[dim] != 0 and np.array_equal(held, page.stage(engine.image_shape)) and error(page, engine) <= 1


def test_the_stage_is_exact_after_random_drags(explore, engine):
    assert random_drags(explore(), engine, chance(), 12) <= 1


def test_a_second_drag_right_after_a_release(explore, engine):
    page = explore()
    for dim in page.dims()[:3]:
        page.drag(dim, 0.2, end=0.3, wait=False)
        again = page.drag(dim, 0.4, end=0.7, sums=True)
        assert again.n_painted == again.n_inputs >= 3 and len(set(again.sums)) == len(set(again.values))
        assert error(page, engine) <= 1


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="the server cannot be halted here")
def test_while_the_server_is_silent_nothing_false_is_shown(explore, app, engine):
    page = explore()
    one, two = page.dims()[:2]
    os.kill(app.pid, signal.SIGSTOP)
    try:
        page.drag(one, 0.2, end=0.8, wait=False)
        true = page.stage(engine.image_shape)
        other = page.drag(two, 0.3, end=0.2, sums=True, wait=False)
        assert other.n_painted == other.n_inputs >= 3  # not dead
        assert len(set(other.sums)) == 1 and np.array_equal(page.stage(engine.image_shape), true)  # not false
        assert page.page.evaluate("() => !__probe.find('.stage .wait').hidden")
    finally:
        os.kill(app.pid, signal.SIGCONT)
    page.idle()
    assert set(np.flatnonzero(page.z(16))) == {one, two} and error(page, engine) <= 1


def test_clicks_on_the_map_name_the_right_points(explore, engine):
    page, xy = explore(), engine.map_xy("umap")
    assert clicks(page, page.isolated(xy, chance())[:4]) == (4, 4)
    assert clicks(page, [point for point in page.isolated(xy, chance(1))[:1] for _ in range(2)]) == (2, 2)
    visible = filter_classes(page, engine)
    assert clicks(page, page.isolated(xy, chance(2), visible)[:3]) == (3, 3)
    assert clicks(page, page.spread(xy, chance(3), 3, visible)) == (3, 3)
    darken(page)
    assert clicks(page, page.isolated(xy, chance(4), visible)[:2]) == (2, 2)


def test_shift_sets_c_and_empty_space_is_a_place_too(explore, engine):
    page = explore()
    row, x, y = page.isolated(engine.map_xy("umap"), chance())[0]
    page.page.keyboard.down("Shift")
    page.click(x, y)
    page.page.keyboard.up("Shift")
    assert np.array_equal(page.z(16), engine.gallery.mu[row]) and page.anchors() == (None, None) and "image" not in page.link()
    assert page.attribute("anchor-c", "data-index") == page.link()["c"] == str(row)
    mark = page.page.locator("[data-fact=approximate]")
    assert mark.is_hidden()
    left, bottom = page.axes()
    page.click(left["at"] + 12, bottom["at"] + 12)
    assert not np.array_equal(page.z(16), engine.gallery.mu[row])
    assert page.anchors() == (None, None) and error(page, engine) <= 1
    assert mark.is_visible(), "z was read off the map"
    assert page.press("[data-do=undo]")
    assert mark.is_hidden()


def test_the_picture_under_the_pointer(explore, engine):
    page = explore(quiet=True)
    for row, x, y in page.isolated(engine.map_xy("umap"), chance())[:5]:
        page.page.mouse.move(x, y)
        page.page.wait_for_function("row => __probe.hovered(row)", arg=str(row))
        assert str(row) in page.page.inner_text(".le-card")


def is_same_view(one: list[dict], two: list[dict]) -> bool:
    return all(np.isclose(a[end], b[end], rtol=1e-6) for a, b in zip(one, two) for end in ("from", "to"))


def test_zoom_survives(explore):
    page = explore()
    whole = page.axes()
    middle = [axis["at"] + axis["px"] / 2 for axis in whole]
    page.wheel(*middle, -4)
    near = page.axes()
    assert not is_same_view(near, whole)
    page.page.mouse.dblclick(*middle)
    page.idle()
    assert is_same_view(page.axes(), near)
    page.drag(page.dims()[0], 0.2, end=0.3)
    assert is_same_view(page.axes(), near)
    page.choose_colour("KL")
    page.page.wait_for_timeout(300)
    assert is_same_view(page.axes(), near)
    page.choose_plane("PCA")
    page.choose_plane("UMAP")
    page.page.wait_for_timeout(300)
    assert is_same_view(page.axes(), near)
    page.page.evaluate("() => document.activeElement.blur()")
    page.page.keyboard.press("h")
    page.page.wait_for_timeout(300)
    assert np.isclose(page.axes()[0]["to"] - page.axes()[0]["from"], whole[0]["to"] - whole[0]["from"], rtol=0.1)


def test_sliders_name_attributes_and_the_map_takes_their_colours(explore):
    page = explore()
    named = page.page.locator("label[for=z-4]")
    assert named.inner_text().split() == ["z4", "slant", ".88"]
    assert page.page.locator("label[for=z-10]").inner_text().split() == ["z10"]
    assert page.page.get_by_test_id("z-4").get_attribute("aria-label") == "Latent dimension 4, follows slant .88"
    page.drag(4, 0.2, end=0.9)
    caption = page.page.locator(".stage .caption span").inner_text()
    assert re.fullmatch(r"z4 \(slant\) = \d\.\d\d", caption)
    page.choose_colour("attribute thickness")
    assert page.link()["colour"] == "attribute thickness"
    assert "thickness, px" in page.page.locator(".st-key-latent_map").inner_text()


def test_the_direction_of_an_attribute(explore, engine):
    page = explore()
    page.page.click("[data-testid=moves-tab-directions]")
    choice = page.page.locator("[data-testid=moves] [data-choose=choice]")
    choice.locator("option", has_text="slant").wait_for(state="attached")
    choice.select_option(label="slant, R\u00b2 0.94")
    page.idle()
    page.page.get_by_test_id("moves-line").press("End")
    page.idle()
    z = page.z(16)
    along = z @ engine.traits["attribute slant"].direction
    assert along > 2.9 and np.linalg.norm(z) == pytest.approx(along, abs=0.01)
    assert error(page, engine) <= 1


def test_lanes(explore, engine):
    page = explore(quiet=True)
    lanes = [f"lane-{kind}" for kind in ("lerp", "slerp", "pixel")]
    assert [page.attribute(lane, "data-frames") for lane in lanes] == ["0"] * 3
    seen = []
    for _, x, y in page.isolated(engine.map_xy("umap"), chance())[:3]:
        page.click(x, y)
        seen.append([page.attribute(lane, "data-seq") for lane in lanes])
    assert [page.attribute(lane, "data-frames") for lane in lanes] == ["64"] * 3
    assert all(len(set(changes)) == 3 for changes in zip(*seen))
    cursors, sent = [], page.frames_sent
    left, top, width, height, _ = page.page.evaluate("() => __probe.slider('lane-scrub')")
    page.page.mouse.move(left + 8, top + height / 2)
    page.page.mouse.down()
    for share in (0.2, 0.5, 0.8):
        page.page.mouse.move(left + share * width, top + height / 2, steps=2)
        cursors.append(page.attribute("map-overlay", "data-cursor"))
    page.page.mouse.up()
    page.page.wait_for_timeout(300)
    assert len(set(cursors)) == 3 and page.frames_sent == sent


def test_a_change_of_theme_keeps_everything(explore, engine):
    page = explore()
    links.wander(page, engine, chance(5), 5)
    before = links.seen(page, engine)
    darken(page)
    assert eventually(lambda: links.seen(page, engine), before) == before


def test_two_visitors_do_not_disturb_each_other(explore, engine):
    (row,) = links.together(explore(), explore(), engine, 1.5)
    assert row[1] == "yes", row


def test_a_drag_before_the_page_has_settled_sends_nothing(explore):
    page = explore()
    end = time.monotonic() + 4  # the hover pictures are asked for in these seconds
    while time.monotonic() < end:
        assert page.drag(page.dims()[0], 0.4, end=0.6).sent_while_down == 0


def test_a_request_that_is_lost_is_sent_again(explore, engine):
    page, xy = explore(quiet=True), engine.map_xy("umap")
    row, x, y = page.isolated(xy, chance())[0]
    page.page.mouse.move(x, y)
    page.page.evaluate("() => { __probe.lost = 1; }")
    page.page.mouse.click(x, y)
    assert eventually(lambda: page.anchors()[0], row, 6) == row


def test_a_badge_can_be_dragged_and_keys_set_the_point_under_the_pointer(explore, engine):
    page, xy = explore("?a=3&b=4"), engine.map_xy("umap")
    (row, x, y), (other, u, v) = page.isolated(xy, chance())[:2]
    badge = page.page.locator("[data-testid=anchor-b] b").bounding_box()
    axes = page.axes()
    page.page.mouse.move(badge["x"] + badge["width"] / 2, badge["y"] + badge["height"] / 2)
    page.page.mouse.down()
    page.page.mouse.move(x, y, steps=4)
    page.page.mouse.up()
    assert eventually(page.anchors, (3, row)) == (3, row)
    page.idle()
    assert is_same_view(page.axes(), axes) and np.array_equal(page.z(16), engine.gallery.mu[row])
    page.page.mouse.move(u, v)
    page.page.keyboard.press("a")
    assert eventually(page.anchors, (other, row)) == (other, row)
    page.page.keyboard.press("c")
    assert eventually(lambda: page.attribute("anchor-c", "data-index"), str(other)) == str(other)


def test_the_decoded_plane_stays_under_the_points(visit, tmp_path):
    shutil.copytree(PROJECT / "checkpoints" / "mnist-2d", tmp_path / "checkpoints" / "mnist-2d")
    drawing = "() => document.querySelector('.js-plotly-plot > canvas.le-pictures').toDataURL()"
    ink = """() => { const c = document.querySelector('.js-plotly-plot > canvas.le-pictures');
        return c.getContext('2d').getImageData(0, 0, c.width, c.height).data.some((v) => v > 0); }"""
    with serving(tmp_path / "log", EXPLORER_CHECKPOINTS=str(tmp_path / "checkpoints")) as server:
        page = Visit(visit("about:blank")).open(f"{server.url}/?ab=none")
        page.settled()
        assert eventually(lambda: page.page.evaluate(ink), True)
        (left, bottom), (x, y) = page.axes(), (600, 300)
        page.page.mouse.move(left["at"] + 40, bottom["at"] + 40)
        page.page.mouse.move(x, y)  # the pointer leaves the map
        before = page.page.evaluate(drawing)
        page.wheel(left["at"] + 100, bottom["at"] + 100, -1)
        assert page.page.evaluate(ink) and page.page.evaluate(drawing) != before
