"""One's own image as a visitor gives it: drawn with the mouse or the keys, chosen as a file, judged, explored from."""

import io
import os
from pathlib import Path

import pytest
from PIL import Image, ImageDraw

from tests.helpers import random_bundle, sprite_set

SHOTS = os.environ.get("SHOTS")  # a folder: keep what was seen


@pytest.fixture(scope="module")
def app(serve, tmp_path_factory) -> str:
    """The app with one model with random weights: it needs nothing that is shipped."""
    root = tmp_path_factory.mktemp("checkpoints")
    random_bundle(root, "mnist", sprite_set(200), latent_dim=6, gain=2.5, thumbs=True)
    return serve(EXPLORER_CHECKPOINTS=str(root))


@pytest.fixture
def frames() -> list[int]:
    """The sizes of the messages that the page has sent."""
    return []


@pytest.fixture
def card(visit, app, frames):
    """The page with the card open, and nothing on it yet."""
    page = visit("about:blank")
    page.on("websocket", lambda socket: socket.on("framesent", lambda frame: frames.append(len(frame))))
    page.goto(app)
    page.locator("[data-testid=stage][data-seq]").wait_for()
    page.locator("[data-testid=own-open]").click()
    page.locator("[data-testid=own-card]").wait_for()
    return page


def picture() -> bytes:
    """A black ring on white paper, off the middle."""
    image, buffer = Image.new("RGB", (90, 120), "white"), io.BytesIO()
    ImageDraw.Draw(image).ellipse((10, 60, 50, 110), outline="black", width=8)
    image.save(buffer, "PNG")
    return buffer.getvalue()


def give(page, name: str, data: bytes) -> None:
    page.locator("[data-testid=own-file]").set_input_files({"name": name, "mimeType": "image/png", "buffer": data})


def says(page, text: str) -> None:
    page.locator("[data-testid=own-verdict]").filter(has_text=text).wait_for()


def settled(page) -> None:
    """Until what is shown is the answer to what was done."""
    page.locator("[data-testid=own-card]:not(.stale)").wait_for()


def stroke(page, *points) -> None:
    box = page.locator("[data-testid=own-canvas]").bounding_box()
    at = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in points]
    page.mouse.move(*at[0])
    page.mouse.down()
    for point in at[1:]:
        page.mouse.move(*point, steps=5)
    page.mouse.up()


def ink(page, part: str) -> int:
    """How many pixels of a canvas are bright."""
    return page.locator(part).evaluate("""c => { const p = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;
        let n = 0; for (let i = 0; i < p.length; i += 4) n += p[i] > 127; return n; }""")


SEEN, CANVAS = "[data-part=seen]", "[data-testid=own-canvas]"


def test_a_drawing_is_judged_explored_from_undone_and_made_with_the_keys(card):
    assert ink(card, CANVAS) == 0
    stroke(card, (0.3, 0.2), (0.7, 0.2), (0.4, 0.8))
    says(card, "of the 200 test images.")
    first = ink(card, SEEN)
    assert ink(card, CANVAS) > 3000 and first > 10
    stroke(card, (0.2, 0.5), (0.8, 0.5))
    settled(card)
    assert ink(card, SEEN) != first
    before = card.locator("[data-testid=stage]").get_attribute("data-seq")
    card.locator("[data-testid=own-explore]").click()
    card.locator(f"[data-testid=stage]:not([data-seq='{before}'])").wait_for()
    if SHOTS:
        Path(SHOTS).mkdir(parents=True, exist_ok=True)
        card.screenshot(path=Path(SHOTS) / "own-image.png")
    card.locator(CANVAS).focus()
    card.keyboard.press("Control+z")
    settled(card)
    assert ink(card, SEEN) == first
    card.keyboard.press("Escape")
    assert card.locator("[data-testid=own-card]").is_hidden()
    assert card.locator("[data-testid=own-open]").evaluate("b => b === b.getRootNode().activeElement")
    card.locator("[data-testid=own-place] b").wait_for()  # the mark on the map

    card.keyboard.press("i")  # opens it again, the drawing area in focus
    card.locator("[data-do=clear]").last.click()
    settled(card)
    assert ink(card, CANVAS) == 0 and card.locator("[data-testid=own-place] b").is_hidden()
    card.locator(CANVAS).focus()
    for key in ("Space", *["ArrowRight"] * 4, *["Shift+ArrowDown"] * 2, "Space"):
        card.keyboard.press(key)
    says(card, "test images.")
    assert ink(card, CANVAS) > 1000


def test_a_file_is_judged_sent_once_and_a_bad_one_gets_a_sentence(card, frames):
    give(card, "ring.png", picture())
    says(card, "test images.")
    assert 10 < ink(card, SEEN) < 500  # inverted: bright ink on black
    card.locator("[data-do=invert]").select_option("off")
    settled(card)
    assert ink(card, SEEN) > 500
    give(card, "letter.png", b"Dear model, this is no picture." * 20)
    says(card, "The file is not a picture that can be read. Save it as PNG or JPEG and try again.")
    assert card.locator("[data-testid=own-explore]").is_disabled() and ink(card, SEEN) == 0
    give(card, "large.png", b"\0" * 5_000_001)
    says(card, "The file has 5.0 MB; 5 MB are the most.")
    give(card, "empty.png", b"")
    says(card, "The file is empty.")
    give(card, "ring.png", picture())
    says(card, "test images.")
    assert card.locator(".stException").count() == 0

    assert max(frames) > len(picture())
    frames.clear()
    before = card.locator("[data-testid=stage]").get_attribute("data-seq")
    card.keyboard.press("Escape")  # the card lies over the stage
    card.locator("button[data-do=prior]").click()
    card.locator(f"[data-testid=stage]:not([data-seq='{before}'])").wait_for()
    assert frames and max(frames) < 4000, "the picture has gone along with another request"
