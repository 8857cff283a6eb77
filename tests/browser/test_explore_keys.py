"""Explore without a mouse and without eyes: the keyboard reaches and does everything, and axe-core finds nothing serious."""

from pathlib import Path

import numpy as np
import pytest

from tests.benchmarks.clicks import darken

PANELS = (
    ".st-key-bar_box",
    ".st-key-stage_box",
    ".st-key-moves_box",
    ".st-key-lanes_box",
    ".st-key-own_box",
    ".le-overlay",
    ".le-map-tools",
)
FOCUS = """() => {
  let e = document.activeElement;
  while (e?.shadowRoot?.activeElement) e = e.shadowRoot.activeElement;
  return e.dataset.testid ?? e.dataset.do ?? e.getAttribute('aria-label') ?? e.className;
}"""


def until_focus(page, wanted, n: int = 80) -> str:
    """Press Tab until `wanted` has the focus."""
    seen = []
    for _ in range(n):
        page.page.keyboard.press("Tab")
        seen.append(page.page.evaluate(FOCUS))
        if wanted(seen[-1]):
            return seen[-1]
    raise AssertionError(f"Tab does not get there: {seen}")


def pressed(page, *keys: str) -> int:
    """Paints of the stage that came with the keys."""
    before = int(page.attribute("stage", "data-paints"))
    for key in keys:
        page.page.keyboard.press(key)
    return int(page.attribute("stage", "data-paints")) - before


def test_a_slider_by_keys(explore):
    page = explore(quiet=True)
    dim = int(until_focus(page, lambda name: name.startswith("z-")).split("-")[1])
    sent = page.frames_sent
    assert pressed(page, *["ArrowRight"] * 4, "PageUp", "ArrowLeft") == 6
    assert page.frames_sent == sent and "z" not in page.link()
    page.page.wait_for_timeout(250)
    page.idle()
    moved = page.z(16)
    assert moved[dim] > 0 and np.flatnonzero(moved).tolist() == [dim]
    for key, sign in (("Home", -1), ("End", 1)):
        assert pressed(page, key) == 1
        page.page.wait_for_timeout(250)
        page.idle()
        assert sign * page.z(16)[dim] >= 2.9
    page.page.keyboard.press("0")
    page.page.wait_for_timeout(50)
    page.idle()
    assert "z" not in page.link()


def test_reset_undo_and_redo(explore):
    page = explore()
    one, two = page.dims()[:2]
    page.drag(one, 0.2, end=0.8)
    page.drag(two, 0.2, end=0.2)
    both = page.z(16)
    page.page.evaluate("() => document.activeElement?.blur()")

    def after(key: str) -> np.ndarray:
        page.page.keyboard.press(key)
        page.page.wait_for_timeout(100)
        page.idle()
        return page.z(16)

    assert not after("Shift+Digit0").any()
    assert np.array_equal(after("Control+z"), both)
    assert np.flatnonzero(after("Control+z")).tolist() == [one]
    assert np.array_equal(after("Control+y"), both)
    assert not after("Control+y").any()


def test_presenter_and_the_list_of_keys(explore):
    page = explore()
    for key, presents in (("p", True), ("p", False), ("p", True), ("Escape", False)):
        page.page.keyboard.press(key)
        assert page.page.evaluate("() => document.documentElement.dataset.view === 'present'") == presents
    is_open = "() => __probe.find('.bar dialog').open"
    page.page.keyboard.press("?")
    assert page.page.evaluate(is_open)
    page.page.keyboard.press("Escape")
    assert not page.page.evaluate(is_open)


def test_tab_reaches_everything(explore, engine):
    page = explore("?a=3&b=4&image=3")
    wanted = {f"z-{dim}" for dim in page.dims()} | {"lane-scrub", "link", "keys", "present", "reset", "swap", "clear"}
    seen = set()
    for _ in range(150):
        page.page.keyboard.press("Tab")
        seen.add(page.page.evaluate(FOCUS))
        if wanted <= seen:
            return
    raise AssertionError(f"out of reach: {sorted(wanted - seen)}; reached: {sorted(seen)}")


@pytest.fixture(scope="module")
def axe() -> str:
    package = pytest.importorskip("axe_playwright_python", reason="NO AXE TEST: pip install -r tests/requirements.txt")
    return Path(package.__file__).with_name("axe.min.js").read_text("utf-8")


def serious(page) -> list[str]:
    """The serious and critical violations in our panels, open shadow roots included."""
    here = [panel for panel in PANELS if page.page.locator(panel).count()]
    found = page.page.evaluate(
        "panels => axe.run({ include: panels.map(panel => [panel]) }, { resultTypes: ['violations'] })", here
    )
    return [
        f"{violation['impact']} {violation['id']}: {node['target']} {node['failureSummary']}"
        for violation in found["violations"]
        if violation["impact"] in ("serious", "critical")
        for node in violation["nodes"]
    ]


@pytest.mark.parametrize("view", ["opening", "empty", "full", "dark", "own", "presenter"])
def test_axe_finds_nothing_serious(explore, axe, view):
    page = explore({"opening": "", "empty": "?ab=none"}.get(view, "?a=3&b=4&c=9&image=3"))
    if view == "own":
        page.page.click("[data-testid=moves-tab-own]")
        page.page.locator("[data-testid=own-canvas]").press("Space")  # the pen is down
        for _ in range(6):
            page.page.keyboard.press("Shift+ArrowDown")
        page.page.keyboard.press("Space")
        page.page.locator("[data-testid=own-verdict]").filter(has_text="test images").wait_for()
    if view == "dark":
        darken(page)
    if view == "presenter":
        page.page.keyboard.press("p")
        page.page.wait_for_timeout(500)
    page.page.evaluate(axe)
    told = serious(page)
    for tab in ("neighbours", "classes", "directions", "arithmetic", "pad") if view == "full" else ():
        page.page.click(f"[data-testid=moves-tab-{tab}]")
        page.page.wait_for_selector(f"[data-testid=moves][data-tab={tab}]")
        told += serious(page)
    if view in ("full", "dark"):
        page.page.evaluate("() => document.activeElement.blur()")
        page.page.keyboard.press("?")
        told += serious(page)
    assert not told, "\n".join(told)
