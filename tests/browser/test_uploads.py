"""What visitors bring that is no good, and data that is not there: a sentence each, and nobody else notices."""

import io
import re
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from tests.browser.server import serving
from tests.browser.test_train import open_settings, status
from tests.helpers import random_bundle, sprite_set

LONG = 60_000
NO_NETWORK = {name: "http://127.0.0.1:9" for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY")}
DAMAGED = "The file is not a zip, or it is damaged or cut short. Make the zip again"
OUT = "leads out of its folder. Do not import it."
BOMB = "unpacks to 1,0\\d\\d times its size. This is typical of a zip bomb"


def zipped(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as out:
        for name, content in members.items():
            out.writestr(name, content)
    return buffer.getvalue()


def pictures(folder: str = "", n: int = 12) -> dict[str, bytes]:
    chance, found = np.random.default_rng(0), {}
    for i in range(n):
        buffer = io.BytesIO()
        Image.fromarray(chance.integers(0, 255, (8, 8), np.uint8)).save(buffer, "PNG")
        found[f"{folder}{i}.png"] = buffer.getvalue()
    return found


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """(address, folder) of an app with a model, without data and without a network."""
    root = tmp_path_factory.mktemp("uploads")
    random_bundle(root / "checkpoints", "sprites", sprite_set(), latent_dim=4, gain=2.5)
    settings = {"EXPLORER_CHECKPOINTS": str(root / "checkpoints"), "EXPLORER_DATA_DIR": str(root / "data")}
    with serving(root / "log", **settings, **NO_NETWORK) as server:
        yield server.url, root


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> dict[str, Path]:
    """By the name of the fault."""
    zeros = bytes(45_000_000)
    faults = {
        "bomb": zipped({f"{i}.png": zeros for i in range(8)}),
        "up": zipped(pictures("../../")),
        "absolute": zipped(pictures("/etc/")),
        "texts": zipped({"a.png": b"hello", "b.png": b"world"}),
        "empty": zipped({}),
        "bytes": bytes(range(256)) * 40,
    }
    folder, found = tmp_path_factory.mktemp("faults"), {}
    for name, data in faults.items():
        found[name] = folder / f"{name}.zip"
        found[name].write_bytes(data)
    found["huge"] = folder / "huge.zip"
    with open(found["huge"], "wb") as file:
        file.truncate(5_000_000_000)  # of holes
    return found


def bring(page, box: str, path: Path, button: str) -> None:
    page.locator(f".st-key-{box} input[type=file]").set_input_files(path)
    expect(page.locator(f".st-key-{box}").get_by_text(path.name)).to_be_visible(timeout=LONG)
    page.locator(f".st-key-{button} button").click()


def told(page, words: str) -> None:
    """One sentence in one box."""
    box = page.locator(":is([data-testid=stPopoverBody], .st-key-upload_message) [data-testid=stAlert]")
    expect(box).to_have_text(re.compile(words), timeout=LONG)


OF_BOTH = {
    "bomb": BOMB,
    "up": f"'../../0.png', which {OUT}",
    "absolute": f"'/etc/0.png', which {OUT}",
    "bytes": DAMAGED,
    "huge": "No zip was uploaded. Choose one of at most 500 MB",
}
OF_IMAGES = {"texts": "no image that can be read; 'a.png' is not an image, despite its name", "empty": "holds no image"}
OF_MODELS = {"texts": "'a.png', which is no part of a model", "empty": "The zip holds no model"}


def test_where_there_is_no_data_a_set_that_needs_no_download_is_chosen(place, visit):
    page = visit(f"{place[0]}/train")
    expect(page.locator(".st-key-f-dataset input")).to_have_value("Digits 8x8", timeout=LONG)


def test_bad_zips_of_images(place, files, visit):
    url, root = place
    other = visit(f"{url}/?model=sprites")
    other.locator("[data-testid=stage][data-seq]").wait_for()
    page = visit(f"{url}/train?dataset=digits&budget=77")
    open_settings(page)
    page.get_by_label("latent dimensions D").fill("7")
    page.get_by_label("latent dimensions D").press("Tab")  # as a click on Upload does, which opens the system's dialog
    expect(page.locator(".le-settings")).to_have_text("Digits 8x8, 7 dims, β 1, 77 s", timeout=LONG)
    for name, words in (OF_BOTH | OF_IMAGES).items():
        bring(page, "f-zip", files[name], "f-add")
        told(page, words)
    assert not list((root / "data").rglob("*.png")) and not list(root.glob("*.png"))
    told(page, words)
    page.get_by_label("latent dimensions D").fill("9")
    page.keyboard.press("Enter")
    expect(page.get_by_placeholder("digits-9d")).to_be_attached(timeout=LONG)  # the whole page has run again
    told(page, words)
    expect(page.get_by_label("latent dimensions D")).to_have_value("9")
    expect(page.get_by_label("seconds", exact=True)).to_have_value("77")
    stage = other.locator("[data-testid=stage]")
    before = stage.get_attribute("data-seq")
    other.locator("[data-testid^=z-]").first.press("End")
    expect(stage).not_to_have_attribute("data-seq", before, timeout=LONG)
    assert other.locator("[data-testid=stAlert]").count() == 0


def test_bad_zips_of_models(place, files, visit):
    url, root = place
    page = visit(f"{url}/library")
    page.locator(".le-book").first.wait_for()
    page.get_by_role("button", name="Import a zip").click()
    for name, words in (OF_BOTH | OF_MODELS).items():
        bring(page, "import_file", files[name], "import_send")
        told(page, words)
    assert [path.name for path in (root / "checkpoints").iterdir() if path.name != "runs"] == ["sprites"]


def test_a_set_that_is_gone(place, visit, tmp_path):
    url, root = place
    (tmp_path / "pets.zip").write_bytes(zipped(pictures("cats/") | pictures("dogs/")))
    page, pets = visit(f"{url}/train?dataset=digits&budget=20"), root / "data" / "uploads" / "pets"
    open_settings(page)
    page.get_by_text("Pad to a square").click()
    bring(page, "f-zip", tmp_path / "pets.zip", "f-add")
    box = page.locator(".st-key-f-dataset input")
    expect(box).to_have_value("pets", timeout=LONG)
    assert (pets / ".fit").read_text() == "pad"
    pets.rename(tmp_path / "pets")  # while the form is open
    page.get_by_label("latent dimensions D").fill("3")
    page.get_by_label("latent dimensions D").press("Tab")
    warning = re.compile("There is no data set '.*pets' on this machine. Choose another.")
    expect(page.get_by_text(warning)).to_be_visible(timeout=LONG)
    expect(box).to_have_value("Digits 8x8")
    expect(page.get_by_label("latent dimensions D")).to_have_value("3")
    shutil.move(tmp_path / "pets", pets)

    page = visit(f"{url}/train?dataset=folder:{pets}&budget=20")
    expect(page.locator(".st-key-f-dataset input")).to_have_value("pets", timeout=LONG)
    page.locator(".st-key-run-start button").click()
    expect(page.locator(".run h2")).to_have_text("pets-16d", timeout=LONG)
    shutil.rmtree(pets)  # between the order and the images
    status(page, "failed")
    expect(page.locator(".run .word")).to_have_text(re.compile("There is no folder .*pets. Check the path"))


def test_a_download_without_a_network_ends_in_a_sentence(place, visit):
    url, root = place
    page = visit(f"{url}/train?dataset=kmnist&budget=20")
    expect(page.locator(".st-key-f-dataset input")).to_have_value(re.compile(r"KMNIST \(download, 21 MB\)"), timeout=LONG)
    page.locator(".st-key-run-start button").click()
    expect(page.locator(".run h2")).to_have_text("kmnist-16d", timeout=LONG)
    status(page, "failed")
    expect(page.locator(".run .word")).to_have_text(
        re.compile(
            r"KMNIST is not on this machine and could not be fetched \(.*\)\. Put train-images-idx3-ubyte, .* into .*KMNIST/raw"
        )
    )
    shelf = visit(f"{url}/library")
    expect(shelf.get_by_text("KMNIST is not on this machine")).to_be_visible(timeout=LONG)
