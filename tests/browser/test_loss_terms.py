"""The exhibit /loss-terms: its numbers are the core's at every epoch; predictions, switches, keys, links and a training."""

import pytest

from explorer.core.runs import event_log, exhibit_plans, exhibit_runs
from explorer.core.runs.epoch_film import RunFilm
from explorer.core.theory.loss_terms import kl_halves, overlapping_bubbles

TWINS = tuple(exhibit_plans.LOSS_TERMS)
OPEN = "open=0.1,1.0"


@pytest.fixture
def page(exhibit_page):
    return exhibit_page


def expected(plan, epoch: int, n: int = 100) -> dict[str, float]:
    numbers = {}
    for twin in exhibit_runs.recorded(plan).twins:
        frame = next(frame for frame in RunFilm(twin.folder).update() if frame.epoch == epoch)
        events = event_log.read_events(twin.folder)[0]
        test = next(event["test"] for event in events if event["kind"] == "epoch" and event["epoch"] == epoch)
        split = kl_halves(frame.mu, frame.logvar)
        numbers |= {
            f"recon-{twin.folder.name}": test["recon_loss"],
            f"kl-{twin.folder.name}": split.kl_per_dim.sum(1).mean(),
            f"radius-{twin.folder.name}": split.variance.sum(1).mean(),
            f"home-{twin.folder.name}": split.mean.sum(1).mean(),
            f"overlap-{twin.folder.name}": overlapping_bubbles(frame.mu[:n], frame.logvar[:n]).n_pairs,
        }
    return numbers


def shown(page, numbers) -> dict[str, float]:
    return {name: page.number(name) for name in numbers}


def title(page, twin: str):
    return page.page.locator(f"[data-cover=title-{twin}]")


def test_its_numbers_are_those_of_the_core(page):
    page.open("loss-terms")
    wanted = expected(exhibit_plans.loss_terms(), 24)
    assert shown(page, wanted) == pytest.approx(wanted, abs=1e-6)
    assert page.number("radius-both") + page.number("home-both") == pytest.approx(page.number("kl-both"), abs=1e-9)


def test_the_scrubber_moves_everything_and_the_link_keeps_the_epoch(page):
    page.open("loss-terms")
    bubbles = page.page.locator("[data-twin=recon-only] .le-bubbles")
    before = bubbles.screenshot()
    page.page.get_by_test_id("epoch-scrub").press("Home")
    wanted = expected(exhibit_plans.loss_terms(), 0)
    assert shown(page, wanted) == pytest.approx(wanted, abs=1e-6)  # at once
    assert bubbles.screenshot() != before
    page.wait_until(lambda: "epoch=0" in page.page.url)
    page.page.reload()
    page.wait_for_number("kl-both")
    assert shown(page, wanted) == pytest.approx(wanted, abs=1e-6)


def test_the_pictures_are_named_once_both_predictions_are_made(page):
    page.open("loss-terms")
    assert "le-covered" in title(page, "both").get_attribute("class")
    for prediction, choice in ((0, 2), (1, 0)):
        page.page.locator(f"[data-prediction='{prediction}'] [data-choice='{choice}']").click()
        page.settled()
    for twin in TWINS:
        assert "le-covered" not in (title(page, twin).get_attribute("class") or "")
    wrong = page.page.locator("[data-prediction='0'] [data-choice='2']")
    assert "wrong" in wrong.get_attribute("class") and page.page.locator("[data-prediction='0'] .le-why").is_visible()


def test_a_switch_shows_the_models_without_that_half_of_the_kl(page):
    page.open(f"loss-terms?{OPEN}")
    page.page.get_by_label("keep the radius").uncheck()
    wanted = expected(exhibit_plans.loss_terms(keep_radius=False), 24)
    page.wait_until(lambda: abs(page.number("radius-both") - wanted["radius-both"]) < 1e-6)
    assert shown(page, wanted) == pytest.approx(wanted, abs=1e-6)


def test_the_number_of_bubbles_is_that_of_the_overlaps(page):
    page.open("loss-terms?bubbles=30")
    wanted = expected(exhibit_plans.loss_terms(), 24, 30)
    assert page.number("overlap-kl-only") == wanted["overlap-kl-only"] == 30 * 29 / 2
    assert page.number("overlap-both") == wanted["overlap-both"]


def test_every_question_leads_to_a_state_with_numbers_or_a_button_to_train_it(page):
    page.open("loss-terms")
    for i in range(page.page.locator("[data-query]").count()):
        page.page.locator("[data-query]").nth(i).click()
        page.settled()
        assert page.number("kl-both") == page.number("kl-both") or page.page.get_by_text("Train the three").is_visible()
    assert page.page.locator(".stException, [data-testid=stAlert]").count() == 0


def test_an_impossible_link_is_reported_and_the_rest_of_it_holds(page):
    page.open("loss-terms?beta=-3&bubbles=30")
    page.page.get_by_text("The link's 'beta' was ignored").first.wait_for()
    assert page.number("overlap-kl-only") == 435


def test_three_twins_are_trained_from_a_click(page):
    page.open(f"loss-terms?beta=2&{OPEN}")
    assert page.number("kl-both") != page.number("kl-both")  # nothing yet
    page.page.get_by_text("Train the three").click()
    page.page.get_by_text("Trained here, 24 epochs.").wait_for(timeout=120_000)
    assert page.number("kl-both") >= 0 and page.number("overlap-kl-only") == 4950
    page.page.goto(f"{page.url}/library")
    page.page.get_by_test_id("library-row").first.wait_for()
    assert page.page.get_by_text("loss-terms").count() == 0


def test_a_training_that_is_stopped_leaves_the_page_as_it_was(page):
    page.open(f"loss-terms?beta=0.25&{OPEN}")
    page.page.locator("[data-do=train]").click()
    page.page.locator("[data-do=stop]").click()
    page.page.get_by_text("Not trained with these settings yet.").wait_for(timeout=60_000)
    assert page.page.locator("[data-do=train]").is_visible()
    page.page.get_by_label("beta").select_option("1")
    page.wait_for_number("kl-both")
