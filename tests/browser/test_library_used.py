"""The Library as a visitor uses it: a model is copied, renamed, taken along, deleted, brought back and opened."""

import io
import os
import shutil
import zipfile
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.browser.driver import eventually
from tests.helpers import random_bundle, sprite_set

FILES = {"config.json", "metrics.json", "model.safetensors", "gallery.safetensors"}


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    """A checkpoints folder with two models with random weights."""
    root = tmp_path_factory.mktemp("checkpoints")
    random_bundle(root, "mnist", sprite_set(), latent_dim=6, gain=2.5)
    random_bundle(root, "other", sprite_set(), latent_dim=4, gain=2.5, seed=1)
    return root


@pytest.fixture
def page(serve, visit, root):
    """The Library, reached from Explore."""
    page = visit(serve(EXPLORER_CHECKPOINTS=str(root)))
    page.locator("[data-testid=stage][data-seq]").wait_for()
    page.locator(".st-key-nav a", has_text="Library").click()
    page.locator(".le-book").nth(1).wait_for()
    return page


def rows(page) -> list[str]:
    return page.locator(".le-book h2").all_inner_texts()


def shows(page, *names: str) -> None:
    assert eventually(lambda: rows(page), list(names), 15) == list(names)


def row(page, name: str):
    heading = page.locator(".le-book h2").get_by_text(name, exact=True)
    return page.locator("[class*=st-key-book_]").filter(has=heading)


def edit(page, name: str) -> None:
    row(page, name).get_by_role("button", name="Edit").click()
    page.get_by_label("Name", exact=True).wait_for()


def folder(root: Path) -> set[str]:
    return {name for name in os.listdir(root) if not name.startswith(".")}


def test_a_model_goes_round(page, root, tmp_path):
    assert urlsplit(page.url).path == "/library"
    shows(page, "mnist", "other")

    edit(page, "other")
    page.get_by_role("button", name="Duplicate").click()
    shows(page, "mnist", "other", "other-2")
    edit(page, "other-2")
    page.get_by_label("Name", exact=True).fill("mine")
    page.get_by_role("button", name="Rename").click()
    shows(page, "mnist", "mine", "other")
    assert folder(root) == {"mnist", "mine", "other"}

    with page.expect_download() as download:
        row(page, "mine").get_by_role("button", name="Export").click()
    saved = tmp_path / download.value.suggested_filename
    download.value.save_as(saved)
    with zipfile.ZipFile(io.BytesIO(saved.read_bytes())) as whole:
        assert saved.name == "mine.zip" and whole.testzip() is None
        assert set(whole.namelist()) == {f"mine/{file}" for file in FILES}

    edit(page, "mine")
    delete = page.get_by_role("button", name="Delete", exact=True)
    assert delete.is_disabled()
    page.get_by_text("Delete mine permanently").click()
    delete.click()
    shows(page, "mnist", "other")
    assert folder(root) == {"mnist", "other"}

    page.get_by_role("button", name="Import a zip").click()
    for name, data, answer in (
        ("mine.zip", saved.read_bytes(), "Imported: mine."),
        ("notes.zip", b"hello", "The file is not a zip, or it is damaged or cut short."),
    ):
        page.locator(".st-key-import_file input[type=file]").set_input_files(
            {"name": name, "mimeType": "application/zip", "buffer": data}
        )
        page.get_by_text(name).first.wait_for()
        page.get_by_role("button", name="Import", exact=True).click()
        page.get_by_text(answer).wait_for()
    page.keyboard.press("Escape")
    shows(page, "mnist", "mine", "other")

    row(page, "mine").get_by_role("button", name="Open").click()
    page.locator("[data-testid=stage][data-seq]").wait_for()
    assert eventually(lambda: parse_qs(urlsplit(page.url).query).get("model"), ["mine"], 15) == ["mine"]
    assert urlsplit(page.url).path == "/" and page.locator("[data-testid^=z-]").count() == 4
    assert "mine" in page.locator(".st-key-model_box input").input_value()


def test_many_models_are_found_by_page_and_by_search(serve, visit, tmp_path):
    random_bundle(tmp_path, "copy-00", sprite_set(), latent_dim=4, gain=2.5)
    for i in range(1, 24):
        shutil.copytree(tmp_path / "copy-00", tmp_path / f"copy-{i:02}")
    page = visit(f"{serve(EXPLORER_CHECKPOINTS=str(tmp_path))}/library")
    page.get_by_test_id("library-row").first.wait_for()
    shows(page, *(f"copy-{i:02}" for i in range(8)))
    page.locator("[class*=st-key-library-page]").get_by_role("button", name="3", exact=False).first.click()
    shows(page, *(f"copy-{i:02}" for i in range(16, 24)))
    box = page.get_by_label("Search models")
    box.fill("copy-2")
    box.press("Enter")
    shows(page, *(f"copy-{i:02}" for i in range(20, 24)))
    assert page.locator("[class*=st-key-library-page]").count() == 0
    row(page, "copy-21").get_by_role("button", name="Open").click()
    page.locator("[data-testid=stage][data-seq]").wait_for()
    assert eventually(lambda: parse_qs(urlsplit(page.url).query).get("model"), ["copy-21"], 15) == ["copy-21"]
