"""The exhibit /autoencoders: its numbers are the core's, the interpolation follows the scrubber, and collapse is counted."""

import pytest

from explorer.core.runs import exhibit_plans, exhibit_runs
from explorer.core.theory.twin_models import open_twin
from tests.browser.test_explore_keys import axe  # noqa: F401
from tests.browser.test_pages_axe import serious

TWINS = ("autoencoder", "vae", "beta-vae")


@pytest.fixture
def page(exhibit_page):
    return exhibit_page


def check_numbers(page, plan) -> None:
    for twin in exhibit_runs.recorded(plan).twins:
        name, summary = twin.folder.name, open_twin(twin.folder).summary
        assert page.number(f"recon-{name}") == pytest.approx(summary.recon_loss, abs=1e-3)
        assert page.number(f"kl-{name}") == pytest.approx(summary.kl, abs=1e-3)
        assert page.number(f"active-{name}") == summary.active_units
        assert page.number(f"holes-{name}") == pytest.approx(100 * summary.holes.share, abs=0.2)
        assert page.number(f"point-dims-{name}") == summary.n_point_dims
        assert page.number(f"prior-dims-{name}") == summary.n_prior_dims


def test_its_numbers_are_those_of_the_core(page):
    page.open("autoencoders")
    check_numbers(page, exhibit_plans.autoencoders())


def test_both_kinds_of_collapse_are_counted(page):
    page.open("autoencoders")
    page.page.locator("[data-query]").first.click()
    page.wait_until(lambda: page.number("prior-dims-beta-vae") == 8)
    check_numbers(page, exhibit_plans.autoencoders(beta=4))
    assert page.number("point-dims-autoencoder") == 8 and page.number("prior-dims-vae") < 8


def test_the_scrubber_moves_all_three_and_the_link_keeps_it(page):
    page.open("autoencoders?open=0.2,1.2")
    images = [page.page.get_by_test_id(f"now-{name}") for name in TWINS]
    before = [image.screenshot() for image in images]
    page.page.get_by_test_id("between-scrub").press("Home")
    assert all(image.screenshot() != old for image, old in zip(images, before))
    page.wait_until(lambda: "t=0" in page.page.url)
    page.page.get_by_label("from").select_option("5")
    page.wait_until(lambda: "a=5" in page.page.url)
    page.settled()
    assert images[0].screenshot() != before[0]


def test_a_prediction_covers_its_number_until_it_is_made(page):
    page.open("autoencoders")
    holes = page.page.locator("[data-num=holes-autoencoder]")
    assert "le-covered" in holes.get_attribute("class")
    page.page.locator("[data-prediction='0'] [data-choice='0']").click()
    page.settled()
    assert "le-covered" not in holes.get_attribute("class")


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("path", ["autoencoders", "loss-terms"])
def test_axe_finds_nothing_serious(shipped_app, visit, axe, path, theme):  # noqa: F811
    page = visit(f"{shipped_app.url}/{path}", theme)
    page.locator("[data-testid^=num-]").first.wait_for()
    found = serious(page, axe)
    assert not found, "\n".join(found)
