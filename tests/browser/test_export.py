"""The Export menu in the browser: every button can be reached, and a film arrives."""

import av
import pytest

from tests.browser.driver import Visit

MENU = """() => {
  const body = document.querySelector('[data-testid=stPopoverBody]');
  const buttons = [...body.querySelectorAll('button')].filter((button) => button.checkVisibility());
  const hasText = (e) => [...e.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
  const { left, top, right, bottom } = body.getBoundingClientRect();
  return {
    inside: left >= 0 && top >= 0 && right <= innerWidth && bottom <= innerHeight,
    sideways: body.scrollWidth - body.clientWidth,
    smallest: Math.min(...[...body.querySelectorAll('*')].filter(hasText).map((e) => parseFloat(getComputedStyle(e).fontSize))),
    lowest: Math.min(...buttons.map((button) => button.getBoundingClientRect().height)),
    labels: buttons.map((button) => button.innerText.trim()).filter(Boolean),
  };
}"""
REACH = """(label) => {
  const button = [...document.querySelectorAll('[data-testid=stPopoverBody] button')].find((b) => b.innerText.trim() === label);
  button.scrollIntoView({ block: 'nearest' });
  const { left, top, right, bottom } = button.getBoundingClientRect();
  return button.contains(document.elementFromPoint((left + right) / 2, (top + bottom) / 2));
}"""


@pytest.fixture
def opened(explore):
    """opened(width, height) -> the page with the open menu, A and B chosen."""

    def go(width: int, height: int) -> Visit:
        visit = explore("?model=mnist&a=18&b=61")
        visit.page.set_viewport_size({"width": width, "height": height})
        visit.page.get_by_role("button", name="Export").first.click()
        visit.page.get_by_role("button", name="Embedding Projector").wait_for()
        visit.idle()
        return visit

    return go


@pytest.mark.parametrize("width, height", [(1280, 800), (1024, 768), (390, 844)])
def test_the_menu_fits_the_window_and_every_button_can_be_reached(opened, width, height):
    page = opened(width, height).page
    menu = page.evaluate(MENU)
    assert menu["inside"] and menu["sideways"] <= 0 and menu["smallest"] >= 13
    assert width >= 700 or menu["lowest"] >= 44
    assert len(menu["labels"]) == 13
    assert [label for label in menu["labels"] if not page.evaluate(REACH, label)] == []


def test_a_film_is_downloaded_while_the_button_shows_that_it_is_being_made(opened):
    page = opened(1280, 800).page
    with page.expect_download() as download:
        page.get_by_role("button", name="Film MP4").click(no_wait_after=True)
        page.locator("button[disabled]", has_text="Film MP4").wait_for()
    assert download.value.suggested_filename == "mnist-18-to-61.mp4"
    with av.open(download.value.path()) as file:
        assert (file.streams.video[0].width, file.streams.video[0].height) == (1920, 1080)
    page.get_by_role("button", name="Film MP4").and_(page.locator(":enabled")).wait_for()
