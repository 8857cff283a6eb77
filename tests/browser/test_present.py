"""Presenting: stage, map and the strip or lane that moves, large enough for the last row, and all by key."""

import pytest

WIDE = {"width": 1920, "height": 1080}
TEXTS = """() => {
  const small = [];
  const visit = (root) => {
    for (const e of root.querySelectorAll('*')) {
      if (e.shadowRoot) visit(e.shadowRoot);
      const own = [...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
      const value = e.matches('input[type=number], select');
      if (!own && !value) continue;
      const visible = e.checkVisibility({ opacityProperty: true, visibilityProperty: true });
      const box = e.getBoundingClientRect();
      if (!visible || !box.width || !box.height || e.closest('dialog, .legend, style, script')) continue;
      if (e.textContent === 'Skip to main content') continue; // shown only while it has the focus
      const size = parseFloat(getComputedStyle(e).fontSize);
      if (size < (e.matches('sub, sup') ? 0.7 * 28 : 27.9)) small.push(`${e.tagName} ${e.className} ${size} ${e.textContent}`);
    }
  };
  visit(document.body);
  return small;
}"""


@pytest.fixture
def page(explore):
    page = explore("?a=18&b=61")
    page.page.set_viewport_size(WIDE)
    page.page.wait_for_timeout(300)
    page.page.keyboard.press("p")
    page.page.wait_for_timeout(300)
    return page


def visible(page, selector: str) -> bool:
    return page.page.locator(selector).first.evaluate(
        "e => e.checkVisibility({ opacityProperty: true, visibilityProperty: true })"
    )


def test_the_stage_is_large_and_nothing_is_small(page):
    box = page.page.get_by_test_id("stage").bounding_box()
    assert box["height"] >= 700 and box["width"] >= 700
    assert page.page.evaluate(TEXTS) == []
    assert page.page.evaluate("() => document.querySelector('.stMain').scrollHeight") <= WIDE["height"]
    page.page.keyboard.press("2")
    page.page.keyboard.press("ArrowRight")
    page.idle()
    dim = page.dims()[1]
    assert page.z(16)[dim] > 0 and page.page.locator(".stage .caption span").inner_text().startswith(f"z{dim}")
    strips = [visible(page, f"[data-testid=z-{d}]") for d in page.dims()]
    assert strips.count(True) == 1 and strips[1]
    assert page.page.get_by_test_id(f"z-{dim}").bounding_box()["height"] >= 120 and page.page.evaluate(TEXTS) == []


def test_a_lane_takes_the_place_of_the_strip(page):
    page.page.keyboard.press(" ")
    page.page.wait_for_timeout(500)
    page.page.keyboard.press(" ")
    assert visible(page, "[data-testid=lane-lerp]") and not visible(page, "[data-testid=lane-slerp]")
    assert not any(visible(page, f"[data-testid=z-{d}]") for d in page.dims())
    assert page.page.locator(".stage .caption span").inner_text().startswith("lerp, t = ")
    assert page.page.evaluate(TEXTS) == []
    page.page.keyboard.press("1")
    assert visible(page, f"[data-testid=z-{page.dims()[0]}]") and not visible(page, "[data-testid=lane-lerp]")


def test_the_stage_alone_a_black_screen_and_back_by_keys(page):
    page.page.keyboard.press("f")
    page.page.wait_for_timeout(200)
    assert page.page.get_by_test_id("stage").bounding_box()["height"] >= 900 and not visible(page, ".st-key-map_box")
    page.page.keyboard.press(".")
    black = "() => getComputedStyle(document.body, '::after').backgroundColor"
    assert page.page.evaluate(black) == "rgb(0, 0, 0)"
    page.page.keyboard.press("Escape")
    assert page.page.evaluate(black) != "rgb(0, 0, 0)"
    page.page.keyboard.press("Escape")
    assert visible(page, ".st-key-map_box") and visible(page, ".st-key-nav")


def test_keys_work_after_a_click_on_a_button(explore):
    page = explore("?a=18&b=61")
    page.page.locator(".lanes [data-do=swap]").click()
    page.idle()
    assert page.anchors() == (61, 18)
    page.page.keyboard.press("x")
    page.page.wait_for_timeout(100)
    page.idle()
    assert page.anchors() == (18, 61)
    page.page.locator(".le-map-tools [data-do=whole]").click()
    page.page.keyboard.press("p")
    assert not visible(page, ".st-key-nav")
