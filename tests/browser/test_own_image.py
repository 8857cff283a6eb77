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
    """The page, and nothing drawn on it yet."""
    page = visit("about:blank")
    page.on("websocket", lambda socket: socket.on("framesent", lambda frame: frames.append(len(frame))))
    page.goto(app)
    page.locator("[data-testid=stage][data-seq]").wait_for()
    page.locator("[data-testid=moves-tab-own]").click()
    page.locator("[data-testid=own-canvas]").wait_for()
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
    says(card, "the 200 test images")
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
    card.locator("[data-testid=own-place] b").wait_for()  # the mark on the map

    card.locator("[data-testid=own-file]").focus()
    card.locator("[data-testid=moves-tab-ab]").click()
    assert card.locator(CANVAS).is_hidden()
    card.keyboard.press("i")
    card.wait_for_function("c => c === c.getRootNode().activeElement", arg=card.locator(CANVAS).element_handle())
    card.locator("[data-do=clear]").last.click()
    settled(card)
    assert ink(card, CANVAS) == 0 and card.locator("[data-testid=own-place] b").is_hidden()
    card.locator(CANVAS).focus()
    for key in ("Space", *["ArrowRight"] * 4, *["Shift+ArrowDown"] * 2, "Space"):
        card.keyboard.press(key)
    says(card, "test images")
    assert ink(card, CANVAS) > 1000


def test_a_file_is_judged_sent_once_and_a_bad_one_gets_a_sentence(card, frames):
    give(card, "ring.png", picture())
    says(card, "test images")
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
    says(card, "test images")
    assert card.locator(".stException").count() == 0

    assert max(frames) > len(picture())
    frames.clear()
    before = card.locator("[data-testid=stage]").get_attribute("data-seq")
    card.locator("button[data-do=prior]").click()
    card.locator(f"[data-testid=stage]:not([data-seq='{before}'])").wait_for()
    assert frames and max(frames) < 4000, "the picture has gone along with another request"


def transparent(grey: int) -> bytes:
    """A ring of a grey level on nothing."""
    image, buffer = Image.new("RGBA", (90, 120), (grey, grey, grey, 0)), io.BytesIO()
    ImageDraw.Draw(image).ellipse((10, 60, 50, 110), outline=(grey, grey, grey, 255), width=8)
    image.save(buffer, "PNG")
    return buffer.getvalue()


PAD_AND_SEEN = """([pad, seen]) => {
  const grey = (canvas, n) => {
    const data = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
    const at = (i) => Math.floor(((i + 0.5) * canvas.width) / n);
    return Array.from({ length: n * n }, (_, i) => data[4 * (at(Math.floor(i / n)) * canvas.width + at(i % n))]);
  };
  return [grey(pad, seen.width), grey(seen, seen.width)];
}"""


@pytest.mark.parametrize("grey, background", [(0, "white"), (255, "black")])
def test_the_pad_shows_what_the_model_sees(card, grey, background):
    give(card, "ring.png", transparent(grey))
    says(card, "test images")
    settled(card)
    assert f"ransparency put on {background}" in card.locator("[data-testid=own-said]").inner_text()
    handles = [card.locator(part).element_handle() for part in (CANVAS, SEEN)]
    on_pad, seen = card.evaluate(PAD_AND_SEEN, handles)
    assert on_pad == seen and max(seen) == 255 and sorted(seen)[len(seen) // 2] == 0
    card.locator("[data-do=fit]").select_option("crop")
    card.locator("[data-testid=own-said]").filter(has_text="ropped to its middle").wait_for()
    settled(card)
    on_pad, cropped = card.evaluate(PAD_AND_SEEN, handles)
    assert on_pad == cropped != seen
    stroke(card, (0.3, 0.2), (0.7, 0.2))  # a drawing replaces the file
    settled(card)
    assert 500 < ink(card, CANVAS) < 8000


SMALL = """(card) => [...card.querySelectorAll('button, select, input, .file, p, figcaption, dd, dt, label, text')]
  .filter((e) => e.checkVisibility())
  .filter((e) => {
    const [box, isTarget] = [e.getBoundingClientRect(), e.matches('button, select, input:not([type=file]), .file')];
    return parseFloat(getComputedStyle(e).fontSize) < 13 && e.textContent || e.scrollWidth > e.clientWidth + 1 && e.clientWidth
      || innerWidth < 700 && isTarget && Math.min(box.width, box.height) < 44 || box.right > innerWidth;
  })
  .map((e) => e.outerHTML.slice(0, 90))"""


@pytest.mark.parametrize("size", [(1280, 800), (820, 1180), (390, 844)])
def test_every_part_can_be_read_and_touched(card, size):
    card.set_viewport_size({"width": size[0], "height": size[1]})
    if size[0] < 700:
        card.get_by_test_id("pane-draw").click()
    own = card.locator("[data-testid=own-card]")
    give(card, "ring.png", picture())
    says(card, "test images")
    settled(card)
    assert own.evaluate(SMALL) == []
    assert size[0] < 1100 or own.bounding_box()["height"] <= 240
