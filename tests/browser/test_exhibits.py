"""All exhibits and their cover: whole at every window size, readable by assistive technology, linked to each other."""

import pytest

from explorer.ui.exhibits.catalog import TITLES, panel
from tests.browser.exhibits import ExhibitPage
from tests.browser.layout import PHONE_BELOW, SIZES, faults
from tests.browser.test_explore_keys import axe  # noqa: F401
from tests.browser.test_pages_axe import serious

PATHS = list(TITLES)


@pytest.fixture
def window(chromium, shipped_app):
    """window(size, path, **context) -> ExhibitPage in a window of that size."""
    opened = []

    def go(size, path: str, **more) -> ExhibitPage:
        context = chromium.new_context(
            viewport={"width": size.width, "height": size.height},
            device_scale_factor=size.ratio,
            has_touch=size.width < PHONE_BELOW,
            **more,
        )
        opened.append(context)
        page = ExhibitPage(context.new_page(), shipped_app.url)
        if path == "exhibits":
            page.page.goto(f"{shipped_app.url}/exhibits")
            page.page.locator(".le-thumbnail").nth(len(PATHS) - 1).wait_for()
            page.page.wait_for_timeout(500)
        else:
            page.open(path)
        return page

    yield go
    for context in opened:
        context.close()


@pytest.mark.parametrize("path", ["exhibits", *PATHS])
def test_a_page_fits_every_window(window, path):
    found, page = {}, window(SIZES[0], path).page
    for size in SIZES:
        if size.width < PHONE_BELOW:
            page = window(size, path).page
        page.set_viewport_size({"width": size.width, "height": size.height})
        page.evaluate("() => document.querySelectorAll('details').forEach((details) => { details.open = true; })")
        page.wait_for_timeout(300)
        if wrong := faults(page, size):
            found[str(size)] = wrong
    assert not found


@pytest.mark.parametrize("path", ["exhibits", *PATHS])
def test_a_page_has_no_serious_finding_of_axe(window, path, axe):  # noqa: F811
    told = []
    for theme in ("light", "dark"):
        page = window(SIZES[0], path, color_scheme=theme).page
        told += serious(page, axe)
        for prediction in page.locator("[data-prediction]").all():
            if prediction.is_visible():  # some exhibits show those of one part at a time
                prediction.locator("button").first.click()
        page.wait_for_timeout(500)
        told += serious(page, axe)
    assert not told, "\n".join(told)


def test_the_cover_leads_to_every_exhibit_and_each_to_its_neighbours(window):
    page = window(SIZES[0], "exhibits").page
    for path in PATHS:
        page.locator(f".st-key-exhibit_card_{path} a").click()
        page.locator(f".le-exhibit[data-exhibit={path}], .st-key-{path} [data-testid=stAlert]").first.wait_for()
        page.get_by_role("link", name="All exhibits").click()
        page.locator(".le-thumbnail").first.wait_for()


@pytest.mark.parametrize("path", PATHS)
def test_every_question_sets_the_page_to_a_state_that_its_link_restores(window, path):
    page = window(SIZES[0], path)
    exhibit = panel(path).EXHIBIT
    links = page.page.locator(".le-asked a")
    assert links.count() == len(exhibit.questions) > 0
    for i, question in enumerate(exhibit.questions):
        links.nth(i).click()
        for part in filter(None, question.query.split("&")):
            page.wait_until(lambda part=part: part in page.page.url)
        page.settled()
        assert not page.page.locator("[data-testid=stAlert]").count(), question.id
