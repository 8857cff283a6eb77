"""What lies over the map: the hint of the opening hides no name, and the cursor is visible everywhere."""

import pytest

from tests.browser.layout import PHONE_BELOW, SIZES

# What the hint of the opening lies over: names of classes, and the badges of the example.
HIDDEN = """() => {
  const box = (e) => e.getBoundingClientRect();
  const [hint, map] = ['.le-hint', '.st-key-latent_map'].map((part) => box(document.querySelector(part)));
  const labels = [...document.querySelectorAll('.le-names b, .le-anchor b')].filter((e) =>
    e.checkVisibility({ visibilityProperty: true }),
  );
  const isOver = (a, b) => a.left < b.right && a.right > b.left && a.top < b.bottom && a.bottom > b.top;
  return {
    isInside: hint.left >= map.left && hint.right <= map.right && hint.top >= map.top && hint.bottom <= map.bottom,
    over: labels.filter((e) => isOver(box(e), hint)).map((e) => e.textContent),
    n: labels.length,
  };
}"""
FAR_OUT = (
    "?ab=none&z=" + "AADAQAAAwEAAAMBAAADAQAAAwEAAAMBAAADAQAAAwEAAAMBAAADAQAAAwEAAAMBAAADAQAAAwEAAAMBAAADAQA"
)  # 6 in all 16


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_the_hint_hides_no_name_and_no_badge(explore, size):
    page = explore("").page
    page.set_viewport_size({"width": size.width, "height": size.height})
    if size.width < PHONE_BELOW:
        page.get_by_test_id("pane-map").click()
    page.wait_for_timeout(800)
    assert page.locator(".le-hint").is_visible()
    assert (found := page.evaluate(HIDDEN))["over"] == [] and found["isInside"] and found["n"] > 5


def test_the_cursor_is_visible_far_from_all_images(explore):
    page = explore(FAR_OUT)
    assert page.page.locator("[data-fact=support]").inner_text().startswith("support <")
    assert page.page.locator(".le-cursor").evaluate("e => !e.hidden && +getComputedStyle(e).opacity") >= 0.7
