"""Lectures: walked by keys alone, edited on the page, saved and loaded; every link of the shipped ones opens."""

import json
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from explorer.ui.lectures import shipped
from tests.browser.exhibits import PATIENCE_S
from tests.browser.test_explore_keys import axe  # noqa: F401
from tests.browser.test_pages_axe import serious

BLACK = "() => getComputedStyle(document.body, '::after').backgroundColor === 'rgb(0, 0, 0)'"
AT_REST = "() => document.querySelector('.stApp')?.dataset.testScriptState === 'notRunning'"


class Walker:
    """A tab in which a lecture is walked or edited."""

    def __init__(self, page, url: str):
        self.page, self.url = page, url

    def open(self, path: str) -> "Walker":
        self.page.goto(f"{self.url}/{path}")
        return self

    def press(self, key: str) -> None:
        self.page.keyboard.press(key)

    def wait_for(self, code: str, argument=None) -> None:
        self.page.wait_for_function(code, arg=argument, timeout=1000 * PATIENCE_S)

    def arrived(self, id: str, step: int) -> None:
        """Waits for a step of a lecture: its number in the bar, and its page with the address."""
        entry = shipped.lectures()[id].entries[step - 1]
        self.text("walk-progress", f"{step} / {len(shipped.lectures()[id].entries)}")
        self.wait_for("tag => decodeURIComponent(location.search).endsWith(tag)", f"lecture={id}:{step}")
        self.page.locator(f".st-key-{entry.page}").wait_for()
        self.page.locator("[data-testid^=num-], [data-testid=stage]").first.wait_for(state="attached")
        assert self.page.get_by_test_id("walk-note").inner_text().endswith(entry.note)
        for name, text in entry.parameters.items():
            if name != "move":
                assert self.query().get(name) == text, (id, step, name)
        assert self.page.locator("[data-testid=stToast], [data-testid=stAlert]").count() == 0

    def query(self) -> dict[str, str]:
        return {name: texts[0] for name, texts in parse_qs(urlsplit(self.page.url).query).items()}

    def text(self, test_id: str, text: str) -> None:
        self.page.get_by_test_id(test_id).filter(has_text=text).wait_for()

    def notes(self) -> list[str]:
        return self.page.get_by_test_id("lecture-entries").locator("input").evaluate_all("all => all.map((e) => e.value)")

    def load(self, file: Path, text: str, message: str) -> None:
        """Writes a text to a file, loads it and waits for the message."""
        file.write_text(text, "utf-8")
        self.page.locator("input[type=file]").set_input_files(file)
        self.text("lecture-message", message)


@pytest.fixture
def walker(shipped_app, visit):
    return Walker(visit("about:blank"), shipped_app.url)


@pytest.mark.parametrize("id", shipped.IDS)
def test_a_shipped_lecture_is_walked_to_its_end_and_back_by_keys(walker, id):
    n = len(shipped.lectures()[id].entries)
    walker.open(f"exhibits?lecture={id}").arrived(id, 1)
    for step in range(2, n + 1):
        walker.press("PageDown")
        walker.arrived(id, step)
    walker.press("PageDown")
    for step in range(n - 1, 0, -1):
        walker.press("PageUp")
        walker.arrived(id, step)


def test_arrows_walk_where_no_control_has_the_focus(walker):
    walker.open("exhibits?lecture=cs7015").arrived("cs7015", 1)
    walker.press("ArrowRight")
    walker.arrived("cs7015", 2)
    walker.press("ArrowLeft")
    walker.arrived("cs7015", 1)
    for _ in range(3):  # faster than the pages come
        walker.press("PageDown")
    walker.arrived("cs7015", 4)
    slider = walker.page.locator("[data-testid^=z-]").first
    slider.focus()
    before = slider.input_value()
    walker.press("ArrowRight")
    assert slider.input_value() != before
    assert walker.page.get_by_test_id("walk-progress").inner_text().startswith("4 /")
    walker.press("PageDown")
    walker.arrived("cs7015", 5)


def test_the_black_screen_works_on_every_page(walker):
    walker.open("exhibits?lecture=cs7015").arrived("cs7015", 1)
    for leave in (".", "Escape"):
        walker.press(".")
        assert walker.page.evaluate(BLACK)
        walker.press(leave)
        assert not walker.page.evaluate(BLACK)
    walker.page.get_by_role("link", name="Library").click()
    walker.page.locator(".st-key-library").wait_for()
    walker.press(".")
    assert walker.page.evaluate(BLACK)
    walker.press("PageDown")
    walker.arrived("cs7015", 2)
    assert not walker.page.evaluate(BLACK)


def test_a_reload_goes_on_and_the_end_leaves_the_page(walker):
    walker.open("exhibits?lecture=elbo").arrived("elbo", 1)
    walker.press("PageDown")
    walker.arrived("elbo", 2)
    walker.page.reload()
    walker.arrived("elbo", 2)
    walker.page.get_by_role("button", name="End").click()
    walker.page.get_by_test_id("walk").wait_for(state="hidden")
    assert "lecture" not in walker.query() and walker.query()["image"] == "2"


def test_an_attribute_moves_the_dimension_that_follows_it(walker):
    walker.open("?model=mnist&image=0&move=slant:2")
    walker.page.get_by_test_id("z-4").wait_for()
    assert float(walker.page.get_by_test_id("z-4").input_value()) == pytest.approx(2, abs=0.1)
    walker.open("?model=mnist&image=0&move=charm:2")
    walker.page.get_by_text("The link's 'move' was ignored: the model's images have no attribute 'charm'.").wait_for()


def test_views_are_added_ordered_saved_and_loaded(walker, tmp_path):
    page = walker.open("exhibits").page
    page.get_by_test_id("lecture-adding").click()
    add = page.get_by_test_id("walk-add")
    add.click()
    page.get_by_text("A lecture shows Explore and the exhibits only").first.wait_for()
    page.get_by_role("link", name="The lower bound").click()
    page.get_by_test_id("num-elbo").wait_for()
    walker.wait_for("() => location.search.includes('image=')")
    add.click()
    page.get_by_text("Added as number 1.").wait_for()
    page.get_by_role("link", name="Explore").click()
    page.get_by_test_id("stage").wait_for()
    walker.wait_for(AT_REST)
    add.click()
    page.get_by_text("Added as number 2.").wait_for()
    page.get_by_role("link", name="Exhibits").click()
    page.get_by_role("button", name="Done").click()
    rows = page.get_by_test_id("lecture-entries").locator("li")
    assert rows.locator("a").all_inner_texts() == ["The lower bound", "Explore"]
    page.get_by_label("Note to self, view 1").fill("<b>bound</b>")
    page.get_by_label("Move view 1 down").click()
    rows.nth(0).get_by_text("Explore").wait_for()
    assert walker.notes() == ["", "<b>bound</b>"]
    with page.expect_download() as download:
        page.get_by_test_id("lecture-download").click()
    saved = download.value.path().read_text("utf-8")
    assert [entry["page"] for entry in json.loads(saved)["entries"]] == ["explore", "lower-bound"]
    page.get_by_label("Remove view 1").click()
    rows.nth(1).wait_for(state="detached")
    walker.load(tmp_path / "a.json", saved, "Loaded My lecture, 2 views. Notes are shown as text, markup included.")
    assert walker.notes() == ["", "<b>bound</b>"]
    page.get_by_label("Start at view 2").click()
    page.get_by_test_id("walk-note").get_by_text("<b>bound</b>").wait_for()
    walker.press("PageUp")
    walker.text("walk-progress", "1 / 2")
    page.get_by_test_id("stage").wait_for()


def test_a_bad_file_gets_one_sentence_and_loses_nothing(walker, tmp_path):
    page = walker.open("exhibits").page
    page.get_by_role("button", name="Edit a copy of (B)").click()
    rows = page.get_by_test_id("lecture-entries").locator("li")
    rows.nth(0).wait_for()
    notes = walker.notes()
    unknown = {"lecture": 1, "title": "", "entries": [{"page": "no-such-exhibit"}]}
    for text, reason in (
        ("<html>", "it is not JSON"),
        (json.dumps(unknown), "entry 1: There is no page 'no-such-exhibit'"),
        (json.dumps(unknown | {"entries": [{"page": "explore"}] * 10_000}), "it has 10,000 entries, at most 200 are allowed"),
        (" " * 50_000_000, "it is larger than 2 MB"),
    ):
        walker.load(tmp_path / "a.json", text, f"The file cannot be loaded: {reason}. Nothing was changed.")
        assert walker.notes() == notes


def test_axe_finds_nothing_serious_in_the_editor_and_the_bar(walker, axe):  # noqa: F811
    page = walker.open("exhibits").page
    page.get_by_role("button", name="Edit a copy of (B)").click()
    page.get_by_label("Start at view 1", exact=True).wait_for()
    page.get_by_test_id("lecture-adding").click()
    page.get_by_test_id("walk-add").wait_for()
    assert serious(page, axe) == []
