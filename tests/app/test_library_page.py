"""The Library without a browser: what each row says, and what its verbs do to the folder."""

import os
import shutil
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from explorer.core import paths, transfer
from explorer.core.storage import atomic
from explorer.ui import resources
from explorer.ui.library.models import PAGE_ROWS as PAGE
from tests.helpers import random_bundle, sprite_set


def script() -> None:
    """The page alone."""
    from explorer.ui.library.page import library

    library()


@pytest.fixture
def root(tmp_path, monkeypatch) -> Path:
    """A checkpoints folder with `good` and `other`, in force."""
    monkeypatch.setenv("EXPLORER_CHECKPOINTS", str(tmp_path / "checkpoints"))
    monkeypatch.delenv("EXPLORER_MODEL", raising=False)
    for name in ("good", "other"):
        random_bundle(tmp_path / "checkpoints", name, sprite_set(), latent_dim=5)
    return tmp_path / "checkpoints"


def opened() -> AppTest:
    return checked(AppTest.from_function(script, default_timeout=60).run())


def checked(page: AppTest) -> AppTest:
    assert not page.exception
    return page


def said(elements) -> str:
    return " ".join(element.value for element in elements)


def shelf(page: AppTest) -> str:
    return " ".join(element.proto.body for element in page.get("html"))


def edit(page: AppTest, name: str, n: int = 2) -> AppTest:
    """With the row's Edit open."""
    page.session_state[f"edit-{n}-{name}"] = True
    return checked(page.run())


def press(page: AppTest, key: str) -> AppTest:
    return checked(page.button(key=key).click().run())


def names(root: Path) -> set[str]:
    return set(os.listdir(root))


def test_a_row_says_what_is_known_of_a_model(root):
    page = opened()
    words = shelf(page)
    for word in (
        "<h2>good</h2>",
        "<h2>other</h2>",
        "Sprites",
        "<dd>5</dd>",
        "<dd>conv</dd>",
        "<dd>bernoulli</dd>",
        "test ELBO, nats",
        "active units",
        "on disk",
        "2 models",
    ):
        assert word in words
    assert len(page.get("image")) == 2 and not page.error
    assert [button.key for button in page.button if button.key.startswith("open-")] == ["open-good", "open-other"]


def test_words_of_a_bundle_are_words_not_markup(root):
    config = root / "good" / "config.json"
    config.write_text(config.read_text().replace('"title": "Sprites"', '"title": "<script>alert(1)</script><img src=x>"'))
    words = shelf(opened())
    assert "&lt;script&gt;alert(1)" in words and "<script>" not in words and "<img" not in words


def test_an_empty_folder_says_how_to_fill_it(tmp_path, monkeypatch):
    monkeypatch.setenv("EXPLORER_CHECKPOINTS", str(tmp_path / "nothing"))
    page = opened()
    assert "Import a zip, or train one" in said(page.info) and "0 models" in shelf(page)


def test_a_bad_bundle_says_what_is_wrong_and_can_be_deleted(root):
    (root / "good" / "config.json").write_text("{")
    weights = root / "other" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    page = opened()
    assert "config.json is not valid JSON" in shelf(page) and "model.safetensors is damaged or cut short" in shelf(page)
    assert not page.get("image") and page.get("download_button")[0].disabled
    assert not [button for button in page.button if button.key.startswith("open-")]
    for n, name in ((2, "good"), (1, "other")):
        edit(page, name, n)
        assert page.button(key=f"delete-{name}").disabled and page.button(key=f"duplicate-{name}").disabled
        page.checkbox(key=f"sure-{name}").check()
        checked(page.run())
        press(page, f"delete-{name}")
    assert names(root) == set() and "There are no models" in said(page.info)


def test_rename(root):
    page = edit(opened(), "good")
    page.text_input(key="name-good").set_value(" better ")
    press(page, "rename-good")
    assert names(root) == {"better", "other"} and "<h2>better</h2>" in shelf(page) and not page.error


def test_a_name_that_is_taken_is_said(root):
    page = edit(opened(), "good")
    page.text_input(key="name-good").set_value("OTHER")
    press(page, "rename-good")
    assert "The name 'other' is taken. For example 'OTHER-2' is free." in said(page.error)
    press(page, "duplicate-good")
    assert "is taken" in said(page.error) and names(root) == {"good", "other"}
    page.run()
    assert "is taken" in said(page.error)
    page.session_state["edit-2-good"] = False
    assert not page.run().error


def test_duplicate_finds_a_name_or_takes_the_one_given(root):
    page = press(edit(opened(), "good"), "duplicate-good")
    assert names(root) == {"good", "other", "good-2"} and "<h2>good-2</h2>" in shelf(page)
    edit(page, "good", 3).text_input(key="name-good").set_value("mine")
    press(page, "duplicate-good")
    assert "mine" in names(root)


def test_a_full_disk_is_said(root, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(atomic, "write_file", full)
    page = press(edit(opened(), "good"), "duplicate-good")
    assert "The disk is full while saving 'good-2'" in said(page.error) and names(root) == {"good", "other"}


@pytest.fixture
def many(root) -> Path:
    """The folder with 43 models more: copy-00 to copy-42."""
    for i in range(43):
        shutil.copytree(root / "good", root / f"copy-{i:02}")
    return root


def shown(page: AppTest) -> list[str]:
    """The models whose rows are on the page."""
    return [button.key.removeprefix("open-") for button in page.button if button.key.startswith("open-")]


COPIES = [f"copy-{i:02}" for i in range(43)]


def test_many_models_come_in_pages(many):
    page = opened()
    assert "45 models" in shelf(page) and shown(page) == COPIES[:PAGE]
    page.session_state["library-page-"] = 2
    assert shown(checked(page.run())) == COPIES[PAGE:][:PAGE]
    page.session_state["library-page-"] = 6
    assert shown(checked(page.run())) == [*COPIES[40:], "good", "other"]


def search(page: AppTest, text: str) -> AppTest:
    page.text_input(key="library-search").set_value(text)
    return checked(page.run())


def test_a_search_shows_the_models_that_match(many):
    page = opened()
    assert shown(search(page, "COPY-1")) == COPIES[10:20][:PAGE]
    assert shown(search(page, "othe sprit")) == ["other"]  # of its name and its data set
    assert shown(search(page, "<b>nothing</b>")) == [] and "No model matches" in said(page.info)
    assert shown(search(page, "")) == COPIES[:PAGE]


def test_a_search_begins_on_its_first_page(many):
    page = opened()
    page.session_state["library-page-"] = 2
    checked(page.run())
    assert shown(search(page, "copy")) == COPIES[:PAGE]


def test_few_models_need_no_search_box(root):
    assert not [box for box in opened().text_input if box.key == "library-search"]


def test_only_the_models_on_the_page_are_opened(many, monkeypatch):
    asked, samples_png = [], resources.samples_png
    monkeypatch.setattr(resources, "samples_png", lambda name, stamp: asked.append(name) or samples_png(name, stamp))
    opened()
    assert asked == COPIES[:PAGE]


def test_export_all_leaves_out_a_damaged_model_of_another_page(many, monkeypatch):
    weights = many / "other" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    exported = []
    monkeypatch.setattr(transfer, "export_zip", lambda names, runs: exported.append(names) or b"")
    monkeypatch.setattr("streamlit.download_button", lambda label, data, *_, **__: data() if label == "Export all" else None)
    opened()
    assert exported == [[*COPIES, "good"]]


def test_a_shipped_model_stays(root, monkeypatch):
    (root / "good").rename(root / "mnist")
    monkeypatch.setattr(paths, "SHIPPED_DIR", root)
    page = edit(opened(), "mnist")
    assert page.button(key="rename-mnist").disabled and len(page.checkbox) == 1
    assert "cannot be renamed or deleted" in said(page.caption)
    press(page, "duplicate-mnist")
    assert names(root) == {"mnist", "other", "mnist-2"}


def test_import(root):
    data = transfer.export_zip(["good", "other"])
    page = opened()
    page.file_uploader[0].set_value(("models.zip", data, "application/zip"))
    press(page, "import_send")
    assert "Imported: good-2, other-2." in said(page.success) and "4 models" in shelf(page)
    page.run()
    assert len(names(root)) == 4  # once
    page.file_uploader[0].set_value(("models.zip", data, "application/zip"))
    page.checkbox(key="import_replace").check()
    press(page, "import_send")
    assert "Imported: good, other." in said(page.success) and len(names(root)) == 4


@pytest.mark.parametrize(
    "data, sentence",
    [
        (None, "No zip was uploaded. Choose one of at most 500 MB"),
        (b"hello", "The file is not a zip"),
    ],
)
def test_an_import_that_cannot_be(root, data, sentence):
    page = opened()
    if data is not None:
        page.file_uploader[0].set_value(("models.zip", data, "application/zip"))
    press(page, "import_send")
    assert sentence in said(page.error) and names(root) == {"good", "other"}
    page.run()
    assert sentence in said(page.error)  # a page runs again at any time: when a run ends, for one


def test_the_session_of_the_tab_follows_a_renamed_model(root):
    page = AppTest.from_file(Path(__file__).resolve().parents[2] / "app.py", default_timeout=60).run()
    session = checked(page).session_state["explorer_session"]
    assert session.bundle == "good"

    def follow() -> None:
        from explorer.ui.state import session as state

        state.follow("good", "better")
        state.follow("unknown", "lost")

    other = AppTest.from_function(follow)
    other.session_state["explorer_session"] = session
    checked(other.run())
    assert session.bundle == "better"
