"""Train and Library for those who see little or have no mouse: axe-core finds nothing serious, Tab reaches everything."""

import re
import shutil
from contextlib import ExitStack

import pytest
from playwright.sync_api import expect

from tests.browser.server import PROJECT, serving
from tests.browser.test_explore_keys import axe  # noqa: F401
from tests.browser.test_train import open_settings, status, trainers

LONG = 60_000
FOCUS = """() => {
  let e = document.activeElement;
  while (e?.shadowRoot?.activeElement) e = e.shadowRoot.activeElement;
  return [e.getAttribute('aria-label') ?? '', ...(e.innerText ?? '').split('\\n')].map((text) => text.trim());
}"""


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    """An app that has a model, and no run yet."""
    root = tmp_path_factory.mktemp("axe") / "checkpoints"
    shutil.copytree(PROJECT / "checkpoints" / "digits", root / "digits")
    with ExitStack() as after:
        after.callback(lambda: [process.kill() for process in trainers(root)])
        yield after.enter_context(serving(root.parent / "log", EXPLORER_CHECKPOINTS=str(root))).url


def serious(page, axe: str) -> list[str]:  # noqa: F811
    """The serious and critical violations on the whole page."""
    page.evaluate(axe)
    found = page.evaluate("() => axe.run(document, { resultTypes: ['violations'] })")["violations"]
    return [
        f"{v['impact']} {v['id']}: {node['html'][:200]} {node['failureSummary']}"
        for v in found
        if v["impact"] in ("serious", "critical")
        for node in v["nodes"]
    ]


def test_train(url, visit, axe):  # noqa: F811
    pages = {theme: visit(f"{url}/train?dataset=digits&budget=5", theme) for theme in ("light", "dark")}
    told = []
    for page in pages.values():
        expect(page.get_by_text(re.compile("about .* epochs in 5 s")).first).to_be_visible(timeout=LONG)
        told += serious(page, axe)
        open_settings(page)
        page.get_by_label("latent dimensions D").wait_for()
        told += serious(page, axe)
    pages["light"].locator(".st-key-run-start button").click()
    pages["light"].wait_for_url(re.compile("run="))
    pages["dark"].goto(pages["light"].url)
    for page in pages.values():
        status(page, "mapping", "done")
        expect(page.locator("[data-testid=run-shown]")).to_have_text(re.compile("epoch"), timeout=LONG)
        told += serious(page, axe)
    assert not told, "\n".join(told)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_library(url, visit, axe, theme):  # noqa: F811
    page = visit(f"{url}/library", theme)
    page.locator(".le-section").wait_for()
    page.wait_for_timeout(500)
    told = serious(page, axe)
    for row, button, words in (
        ("book_run_0", "Edit", "Name"),
        ("book_0", "Edit", "Name"),
        ("library_bar", "Import a zip", "A zip made by Export"),
    ):
        page.locator(f".st-key-{row}").get_by_role("button", name=button).click()
        page.locator("[data-testid=stPopoverBody]").get_by_text(words).first.wait_for()
        page.wait_for_timeout(500)  # until it has opened whole: while it grows it can be scrolled, and is empty
        told += serious(page, axe)
        page.keyboard.press("Escape")
        expect(page.locator("[data-testid=stPopoverBody]")).to_have_count(0)
    assert not told, "\n".join(told)


FORM = {
    "Digits in 15 s",
    "MNIST in 60 s",
    "Upload",
    "Add your images",
    "Start",
    "Settings",
    "latent dimensions D",
    "architecture",
    "likelihood",
    "seconds",
}
TRAIN = {
    "Change",
    "Film",
    "Open in Explore",
    "Play the epochs",
    "Epoch shown",
}
LIBRARY = {"Import a zip", "Export all", "Open", "Export", "Edit", "Open in Train"}


@pytest.mark.parametrize("path, wanted", [("train", TRAIN), ("train?dataset=digits", FORM), ("library", LIBRARY)])
def test_tab_reaches_everything(url, visit, path, wanted):
    page = visit(f"{url}/{path}")
    page.locator(".run h2, .le-section, .st-key-run-start").first.wait_for()
    page.wait_for_timeout(1500)
    if wanted is FORM:
        open_settings(page)
    seen = set()
    for _ in range(60):
        page.keyboard.press("Tab")
        seen |= set(page.evaluate(FOCUS))
        if wanted <= seen:
            return
    raise AssertionError(f"out of reach: {sorted(wanted - seen)}; reached: {sorted(seen)}")
