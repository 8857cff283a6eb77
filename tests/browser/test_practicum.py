"""The exhibit /practicum: keys alone walk through it, its numbers are those of the recorded run and of the core."""

import json

import numpy as np
import pytest

from explorer import open_bundle
from explorer.core.paths import RECORDED_DIR, SHIPPED_DIR
from explorer.core.runs.epoch_film import RunFilm
from explorer.core.theory.practicum import example_paths, same_class_share

N_STEPS = 7


@pytest.fixture
def page(exhibit_page):
    return exhibit_page


@pytest.fixture(scope="module")
def events():
    lines = (RECORDED_DIR / "practicum" / "events.jsonl").read_text("utf-8").splitlines()
    return [json.loads(line) for line in lines]


def place(page) -> str:
    return page.page.locator("[data-text=place]").inner_text()


def test_keys_alone_walk_from_the_first_step_to_the_last_and_back(page):
    page.open("practicum?model=digits")
    for step in range(2, N_STEPS + 1):
        page.page.keyboard.press("PageDown" if step % 2 else "ArrowRight")
        assert place(page) == f"{step} of {N_STEPS}"
    page.page.keyboard.press("PageDown")
    assert place(page) == f"{N_STEPS} of {N_STEPS}"
    page.page.keyboard.press("PageUp")
    page.page.keyboard.press("ArrowLeft")
    assert place(page) == f"{N_STEPS - 2} of {N_STEPS}"
    page.wait_until(lambda: "step=4" in page.page.url)
    page.page.reload()
    page.settled()
    assert place(page) == f"{N_STEPS - 2} of {N_STEPS}"


def test_arrows_on_the_slider_change_the_epoch_and_not_the_step(page, events):
    page.open("practicum?model=digits&step=2&epoch=3")
    page.page.get_by_test_id("epoch").focus()
    picture = "() => document.querySelector('[data-part=reconstructions]').toDataURL()"
    page.wait_until(lambda: len(page.page.evaluate(picture)) > 1000)
    before = page.page.evaluate(picture)
    losses = [event["test"] for event in events if event["kind"] == "epoch"]
    for epoch in (4, 5, 6):
        page.page.keyboard.press("ArrowRight")
        assert place(page) == f"3 of {N_STEPS}"
        assert page.number("recon-loss") == losses[epoch]["recon_loss"] and page.number("kl") == losses[epoch]["kl"]
        assert page.page.evaluate(picture) != before
    page.settled()
    assert "epoch=6" in page.page.url


def test_groups_before_training_are_those_of_the_recorded_means(page, events):
    page.open("practicum?model=digits&step=5")
    frames, labels = RunFilm(RECORDED_DIR / "practicum").update(), np.array(events[0]["labels"])
    for epoch in (0, 5, 10):
        assert page.number(f"same-digit-{epoch}") == pytest.approx(same_class_share(frames[epoch].mu, labels), abs=1e-6)
    assert "le-covered" in page.page.get_by_test_id("num-same-digit-0").get_attribute("class")
    page.page.get_by_role("button", name="In 6 of 10").click()
    page.wait_until(lambda: "le-covered" not in page.page.get_by_test_id("num-same-digit-0").get_attribute("class"))


def test_support_tells_the_path_that_leaves_the_data_from_the_one_that_stays(page):
    engine = open_bundle("digits", SHIPPED_DIR, device="cpu")
    lowest = []
    for a, b in example_paths(engine):
        page.open(f"practicum?model=digits&step=4&a={a}&b={b}")
        film = engine.interpolation_film(engine.gallery.mu[a], engine.gallery.mu[b], 33)
        assert page.number("support-lowest") == pytest.approx(film.support.min(), rel=1e-4)
        lowest.append(page.number("support-lowest"))
    assert lowest[0] < lowest[1]
    page.page.get_by_role("button", name="One that leaves").click()
    page.wait_until(lambda: page.number("support-lowest") == lowest[0])


def test_a_click_on_the_map_chooses_a_then_b(page):
    page.open("practicum?model=digits&step=4")
    for end, x, y in (("a", 300, 100), ("b", 500, 250)):
        page.page.get_by_test_id("map").click(position={"x": x, "y": y})
        page.wait_until(lambda end=end: f"&{end}=" in page.page.url)


def test_the_loss_at_the_mean_is_shown_beside_the_elbo(page):
    page.open("practicum?model=digits&step=1")
    assert page.wait_for_number("loss-at-mean") < page.wait_for_number("negative-elbo")
    assert page.page.get_by_text("not an ELBO").is_visible()


def test_samples_are_sorted_by_support_and_new_ones_are_drawn(page):
    page.open("practicum?model=digits&step=3")
    best, worst = page.number("support-best"), page.number("support-worst")
    assert best >= worst
    page.page.get_by_role("button", name="Sixteen others").click()
    page.wait_until(lambda: (page.number("support-best"), page.number("support-worst")) != (best, worst))
