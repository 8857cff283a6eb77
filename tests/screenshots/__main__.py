"""python -m tests.screenshots: the pictures of the README, taken of the shipped models with no data set on the machine."""

import io
import shutil
import tempfile
from contextlib import ExitStack
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

from explorer.core.paths import SHIPPED
from tests.browser.server import FLAGS, serving

HERE = Path(__file__).parent
VIEW = "?model=mnist&a=184&b=17&image=17"
MOVING_BYTES = 3_000_000


def main() -> None:
    with tempfile.TemporaryDirectory() as nothing, ExitStack() as running:
        url = running.enter_context(serving(Path(nothing) / "log", EXPLORER_DATA_DIR=nothing)).url
        playwright = running.enter_context(sync_playwright())
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=list(FLAGS))
        for theme in ("light", "dark"):
            page = opened(browser, url, theme)
            page.screenshot(path=HERE / f"explore-{theme}.png")
            page.close()
        page = opened(browser, url, "light")
        page.set_viewport_size({"width": 1920, "height": 1080})
        present(page)
        page.screenshot(path=HERE / "present.png")
        page.close()
        page = opened(browser, url, "light")
        film(page, "drag.gif", drag)
        film(page, "interpolation.gif", play)
        page.close()
        page = browser.new_page(viewport={"width": 1280, "height": 800}, color_scheme="light")
        page.goto(f"{url}/lower-bound?model=digits-2d&image=1&open=0.2&m1=0.3&m2=0.2&s1=0.2&s2=0.15")
        page.wait_for_selector('[data-testid="num-iwae-1000"]', state="attached", timeout=60_000)
        page.wait_for_timeout(3000)  # the other estimates
        page.screenshot(path=HERE / "lower-bound.png")
        page.close()
        root = Path(nothing) / "checkpoints"
        for name in SHIPPED:
            shutil.copytree(HERE.parents[1] / "checkpoints" / name, root / name)
        settings = {"EXPLORER_DATA_DIR": nothing, "EXPLORER_CHECKPOINTS": str(root)}
        url = running.enter_context(serving(Path(nothing) / "log2", **settings)).url
        for theme, page_name in (("light", "train"), ("dark", "train"), ("light", "library")):
            page = browser.new_page(viewport={"width": 1280, "height": 800}, color_scheme=theme)
            is_form = (page_name, theme) == ("train", "light")  # a link to a data set opens the form, no link the newest run
            page.goto(f"{url}/{page_name}" + ("?dataset=digits&budget=20" if is_form else ""))
            page.wait_for_timeout(4000)
            if is_form:
                page.locator(".st-key-run-start button").click()
                page.wait_for_selector(".run[data-status=training]", timeout=60_000)
                film(page, "train.gif", learn)
            page.screenshot(path=HERE / f"{page_name}-{theme}.png")
            page.close()
        page = browser.new_page(viewport={"width": 1280, "height": 800}, color_scheme="light")
        page.goto(f"{url}/train?dataset=digits&budget=40")
        side_by_side(page)
        page.screenshot(path=HERE / "twins-light.png")
        page.close()
        browser.close()


def opened(browser, url: str, theme: str) -> Page:
    page = browser.new_page(viewport={"width": 1280, "height": 800}, color_scheme=theme)
    page.goto(f"{url}/{VIEW}")
    page.wait_for_selector('[data-testid="lane-lerp"][data-frames="64"]', state="attached", timeout=60_000)
    page.wait_for_timeout(2500)  # the chart's own drawing
    return page


def drag(page: Page):
    """A hand on the first slider, to and fro; yields after each step."""
    box = page.locator('[data-testid^="z-"]').first.bounding_box()
    y, left, width = box["y"] + box["height"] / 2, box["x"], box["width"]
    stops = [0.5 + 0.44 * s for s in (0, -0.25, -0.5, -0.75, -1, -0.75, -0.5, -0.25, 0, 0.25, 0.5, 0.75, 1, 0.75, 0.5, 0.25, 0)]
    value = float(page.locator('[data-testid^="z-"]').first.input_value())
    page.mouse.move(left + width * (0.5 + value / 6), y)
    page.mouse.down()
    for a, b in zip(stops, stops[1:]):
        for t in (0.5, 1.0):
            page.mouse.move(left + width * (a + (b - a) * t), y)
            yield
    page.mouse.up()


def present(page: Page) -> None:
    """A lane half way from A to B, as a lecturer shows it."""
    page.keyboard.press("p")
    page.locator('[data-testid="lane-scrub"]').focus()
    for _ in range(4):
        page.keyboard.press("PageUp")
    page.wait_for_timeout(1500)


def play(page: Page):
    """The scrubber from A to B and back."""
    scrub = page.locator('[data-testid="lane-scrub"]')
    scrub.focus()
    page.keyboard.press("Home")
    for key, n in (("ArrowRight", 63), ("ArrowLeft", 63)):
        for i in range(n):
            page.keyboard.press(key)
            if i % 2 == 0:
                yield


def side_by_side(page: Page) -> None:
    """Three models of a plane that differ in the terms of their loss, trained and then looked at in their middle."""
    page.locator(".st-key-train_form summary", has_text="Settings").click()
    page.locator(".st-key-f-latent_dim input").fill("2")
    page.locator(".st-key-f-latent_dim input").press("Tab")
    page.wait_for_timeout(1500)
    page.locator(".st-key-f-twins input").click()
    page.get_by_role("option", name="terms of the loss").click()
    page.wait_for_timeout(3000)
    page.locator(".st-key-run-start button").click()
    page.locator(".run .head").nth(2).wait_for(timeout=60_000)
    page.locator(".run[data-status=done]").wait_for(timeout=180_000)
    page.wait_for_timeout(2000)


def learn(page: Page):
    """Until the run is over."""
    while page.locator(".run[data-status=training]").count():
        page.wait_for_timeout(350)
        yield


def film(page: Page, name: str, steps) -> None:
    frames = []
    for _ in steps(page):
        page.wait_for_timeout(30)
        shot = Image.open(io.BytesIO(page.screenshot())).convert("RGB").resize((800, 500), Image.LANCZOS)
        frames.append(shot.quantize(96, dither=Image.Dither.NONE))
    for step in (1, 2, 3):
        buffer = io.BytesIO()
        kept = frames[::step]
        kept[0].save(buffer, "GIF", save_all=True, append_images=kept[1:], duration=70 * step, loop=0, optimize=True)
        if buffer.tell() < MOVING_BYTES:
            break
    (HERE / name).write_bytes(buffer.getvalue())


if __name__ == "__main__":
    main()
