"""Training on the page: it is started, watched by two, steered, killed and taken up again, and none of it is lost."""

import os
import re
import shutil
import signal
from contextlib import ExitStack

import numpy as np
import psutil
import pytest
from playwright.sync_api import expect

from explorer.core.runs import event_log
from tests.browser.driver import eventually
from tests.browser.server import serving

ELBO, EPOCH = "[data-testid=run-elbo]", "[data-testid=run-epoch]"
PICTURES = "document.images.length && [...document.images].every((image) => image.complete)"  # the server drops what is left
LONG = 60_000


@pytest.fixture(scope="module")
def trainer(models, tmp_path_factory):
    """An app with a folder of its own; whatever trains there is ended with it."""
    root = tmp_path_factory.mktemp("train") / "checkpoints"
    root.mkdir()
    shutil.copytree(models / "mnist", root / "mnist")
    with ExitStack() as after:
        after.callback(lambda: [process.kill() for process in trainers(root)])
        server = after.enter_context(serving(root.parent / "log", EXPLORER_CHECKPOINTS=str(root)))
        yield server.url, root


@pytest.fixture(autouse=True)
def nothing_left(trainer):
    """A test that fails leaves the next one the device."""
    yield
    for process in trainers(trainer[1]):
        process.kill()


def trainers(root) -> list[psutil.Process]:
    """The living processes that train in this folder."""
    found = []
    for process in psutil.process_iter(["cmdline", "status"]):
        try:
            ours = process.environ().get("EXPLORER_CHECKPOINTS") == str(root)
            is_trainer = "explorer.train" in (process.info["cmdline"] or [])
        except psutil.Error:
            continue
        if ours and is_trainer and process.info["status"] != psutil.STATUS_ZOMBIE:
            found.append(process)
    return found


def begin(page, name: str) -> None:
    """Start a run of this name."""
    open_settings(page)
    page.get_by_label("name", exact=True).fill(name)
    page.locator(".st-key-run-start button").click()
    shows_run(page, name)


def open_settings(page) -> None:
    page.locator(".st-key-train_form summary", has_text="Settings").click()


def shows_run(page, name: str) -> None:
    """Waits until this run is shown."""
    expect(page.locator(".run h2")).to_have_text([name], timeout=LONG)


def press(page, key: str) -> None:
    button = page.locator(f".st-key-{key} button")
    expect(button).to_be_enabled(timeout=LONG)
    button.click()


def status(page, *words: str):
    expect(page.locator(".run .pill")).to_have_text(re.compile("|".join(words)), timeout=LONG)


def number(page, selector: str) -> float:
    return float(page.locator(selector).inner_text())


def test_digits_from_one_click(trainer, visit):
    url, root = trainer
    page = visit(f"{url}/train?dataset=digits&budget=25")
    expect(page.get_by_label("seconds", exact=True)).to_have_value("25", timeout=LONG)
    page.locator(".st-key-run-start button").click()
    shows_run(page, "digits-16d")
    status(page, "mapping", "done")
    assert number(page, ELBO) > -35 and number(page, EPOCH) >= 5
    assert (root / "digits-16d" / "config.json").is_file()
    scrub = page.locator("[data-testid=run-scrub]")
    scrub.press("Home")
    expect(page.locator("[data-testid=run-shown]")).to_have_text("epoch 0, untrained")
    shown = "[data-c=samples]"
    before = page.locator(shown).screenshot()
    scrub.press("End")
    assert page.locator(shown).screenshot() != before
    status(page, "done")
    press(page, "run-map")
    press(page, "run-map-cancel")
    expect(page.locator(".st-key-run-map button")).to_be_visible(timeout=LONG)
    press(page, "run-map")
    plane = page.locator("[data-plane=umap]")
    expect(plane).to_have_attribute("aria-pressed", "true", timeout=180_000)  # it is shown as soon as it is there
    glides = page.locator("[data-c=map]")
    scrub.press("End")
    umap = glides.screenshot()
    page.locator("[data-plane=pca]").click()
    assert glides.screenshot() != umap
    press(page, "run-open")
    expect(page.locator(".st-key-bundle input")).to_have_value(re.compile("digits-16d"), timeout=LONG)


def test_a_run_is_watched_steered_stopped_and_resumed(trainer, visit):
    url, root = trainer
    page = visit(f"{url}/train?dataset=digits&budget=300")
    begin(page, "long")
    status(page, "training")
    other = visit(f"{url}/train")  # somebody else sees it learn
    expect(other.locator(".run h2")).to_have_text("long", timeout=LONG)
    expect(other.locator(ELBO)).to_have_text(re.compile(r"-\d+"), timeout=LONG)
    page.locator(".st-key-beta-long input").press("ArrowRight")
    events = root / "runs" / "long" / "events.jsonl"
    assert eventually(lambda: '"kind": "dial"' in events.read_text() and '"beta": 2.0' in events.read_text(), True)
    page.reload()
    expect(page.locator(".run h2")).to_have_text("long", timeout=LONG)
    assert "run=long" in page.url
    expect(page.locator("[data-testid=run-shown]")).to_have_text(re.compile("live"), timeout=LONG)
    press(page, "run-pause")
    status(page, "paused")
    status(other, "paused")
    press(other, "run-pause")
    status(page, "training")
    press(page, "run-stop")
    status(page, "stopped")
    reached = number(page, EPOCH)
    assert reached > 0 and eventually(lambda: trainers(root), [], 10) == []
    press(page, "run-resume")
    status(page, "training")
    page.wait_for_timeout(1500)
    press(page, "run-keep")
    status(page, "mapping", "done")
    assert number(page, EPOCH) >= reached and (root / "long").is_dir()


def test_a_killed_trainer_is_told_and_taken_up_again(trainer, visit):
    url, root = trainer
    page = visit(f"{url}/train?dataset=digits&budget=300")
    begin(page, "killed")
    expect(page.locator(EPOCH)).to_have_text(re.compile(r"\d\d"), timeout=LONG)
    page.wait_for_timeout(1500)  # the state is saved once a second
    (victim,) = trainers(root)
    os.kill(victim.pid, signal.SIGKILL)
    expect(page.locator(".run .word")).to_contain_text("ended unexpectedly after epoch", timeout=2_000)
    press(page, "run-resume")
    status(page, "training")
    press(page, "run-stop")
    status(page, "stopped")
    assert number(page, EPOCH) > 0
    press(page, "run-delete")
    expect(page.locator(".run h2")).not_to_have_text("killed", timeout=LONG)


def test_a_view_without_a_place_on_the_page_does_not_hold_the_page_up(trainer, visit):
    """While a busy page is put together anew, a packet may reach a view that has no size yet."""
    url, _ = trainer
    page = visit(f"{url}/train?dataset=digits&budget=300")
    begin(page, "hidden")
    expect(page.locator(EPOCH)).to_have_text(re.compile(r"[1-9]"), timeout=LONG)
    page.evaluate("document.querySelector('.st-key-train_live').style.display = 'none'")
    before = number(page, EPOCH)
    expect(page.locator(EPOCH)).not_to_have_text(f"{before:.0f}", timeout=LONG)  # it hears on
    page.evaluate("document.querySelector('.st-key-train_live').style.display = ''")
    drawn = "c => c.width > 100 && c.getContext('2d').getImageData(0, 0, c.width, c.height).data.some(Boolean)"
    assert eventually(lambda: page.locator(".heat canvas").evaluate(drawn), True)
    press(page, "run-stop")
    status(page, "stopped")


def test_two_runs_take_turns(trainer, visit):
    url, _ = trainer
    one, two = visit(f"{url}/train?dataset=digits&budget=300"), visit(f"{url}/train?dataset=digits&budget=5")
    begin(one, "first")
    status(one, "training")
    begin(two, "second")
    status(two, "queued")
    expect(two.locator(".run .word")).to_have_text(re.compile(r"Waiting for first, about \d+ (s|min)\."))
    press(one, "run-stop")
    status(one, "stopped")
    status(two, "training", "mapping", "done")


def test_an_order_that_cannot_be_is_one_sentence(trainer, visit):
    url, _ = trainer
    page = visit(f"{url}/train?dataset=digits&budget=5")
    open_settings(page)
    page.get_by_label("name", exact=True).fill("../up")
    page.get_by_label("name", exact=True).press("Tab")
    page.locator(".st-key-run-start button").click()
    expect(page.get_by_text("A model cannot be called '../up'")).to_be_visible(timeout=LONG)


CELL = """(canvas, [x, y]) => {  // how far the middle of a cell of the heat map is from the colour of the KL
  const ratio = canvas.width / canvas.clientWidth, context = canvas.getContext('2d');
  const left = 2.4 * 13, bottom = canvas.clientHeight - 1.5 * 13;
  const px = ratio * (left + x * (canvas.clientWidth - left)), py = ratio * y * bottom;
  const [r, g, b] = context.getImageData(px, py, 1, 1).data;
  context.fillStyle = getComputedStyle(canvas).getPropertyValue('--kl').trim();
  return [r, g, b].map((v, i) => v - parseInt(context.fillStyle.slice(1 + 2 * i, 3 + 2 * i), 16));
}"""


def largest_kl(page, group) -> list[int]:
    """How far from the colour of the KL the cell is that stands for the largest KL of all twins, red, green and blue."""
    kl = np.array(
        [
            [e["kl_per_dim"] for e in event_log.read_events(group / twin)[0] if e["kind"] == "epoch"]
            for twin in ("both", "recon-only", "KL-only")
        ]
    )
    view, epoch, dim = np.unravel_index(kl.argmax(), kl.shape)
    row = (-kl[view, -1]).argsort(kind="stable").tolist().index(dim)  # the rows are sorted by the last epoch
    heat = page.locator("canvas[data-c=heat]").nth(int(view))
    return heat.evaluate(CELL, [(epoch + 0.5) / kl.shape[1], (row + 0.4) / kl.shape[2]])


TITLES = ["both", "recon only", "KL only"]


def test_twins_stand_side_by_side(trainer, visit):
    url, root = trainer
    page = visit(f"{url}/train?dataset=digits")
    open_settings(page)
    expect(page.get_by_text("epochs in").first).to_be_visible(timeout=LONG)  # the page does not run again on its own
    page.locator(".st-key-f-length input").click()
    page.get_by_role("option", name="epochs").click()
    page.get_by_label("epochs", exact=True).fill("12")
    page.get_by_label("epochs", exact=True).press("Tab")
    page.locator(".st-key-f-twins input").click()
    page.get_by_role("option", name="terms of the loss").click()
    expect(page.get_by_text("KL only", exact=True)).to_be_visible(timeout=LONG)
    page.locator(".st-key-run-start button").click()
    expect(page.locator(".head .title")).to_have_text(TITLES, timeout=LONG)
    expect(page.locator(".run .pill")).to_have_text(re.compile("mapping|done"), timeout=180_000)
    expect(page.locator(EPOCH)).to_have_text("12", timeout=LONG)
    both, _, kl_only = map(float, page.locator(ELBO).all_inner_texts())
    assert both > kl_only + 5, "with the KL alone nothing is learned"
    at_end = page.locator(ELBO).all_inner_texts()
    page.locator("[data-testid=run-scrub]").press("Home")
    shown = page.locator("[data-testid=run-shown]")
    expect(shown).to_have_text("epoch 0, untrained")
    assert all(a != b for a, b in zip(page.locator(ELBO).all_inner_texts(), at_end)), "every column is of the epoch shown"
    expect(page.locator(".run .pill")).to_have_text("done", timeout=LONG)
    expect(shown).to_have_text("epoch 0, untrained")  # and the view is the same one still
    assert largest_kl(page, root / "runs" / "digits-twins") == [0, 0, 0], "the cell of the largest KL has its colour"
    for wait in range(0, 1000, 100):  # at any moment between two looks at the run: no page is left blank
        page.wait_for_timeout(wait)
        page.locator(".st-key-nav a", has_text="Library").click()
        expect(page.get_by_role("heading", name="Training runs")).to_be_visible(timeout=LONG)
        page.wait_for_function(PICTURES)
        page.locator(".st-key-nav a", has_text="Train").click()
        expect(page.locator(".head .title")).to_have_text(TITLES, timeout=LONG)
    expect(shown).to_have_text("epoch 12", timeout=LONG)  # pictures and all, in a view that is new
    page.reload()
    expect(page.locator(".head .title")).to_have_text(TITLES, timeout=LONG)
    expect(shown).to_have_text("epoch 12", timeout=LONG)
    expect(page.locator(".le-settings")).to_have_text("Digits 8x8, 16 dims, 3 twins (terms of the loss), 12 epochs")
    assert {"digits-twins-both", "digits-twins-recon-only", "digits-twins-KL-only"} <= {path.name for path in root.iterdir()}
    page.get_by_role("button", name="Open in Explore").click()
    page.get_by_role("button", name="KL only", exact=True).click()
    expect(page.locator(".st-key-bundle input")).to_have_value(re.compile("digits-twins-KL-only"), timeout=LONG)


LATE = """() => {  // right after the click on the Library's link, the last tick of this page's clock is sent once more
  const { prototype } = WebSocket, { send } = prototype;
  let last = null, late = null;
  prototype.send = function (data) {
    send.call(this, data);
    if (late) { send.call(this, late); late = null; } else last = data;
  };
  const link = [...document.querySelectorAll('.st-key-nav a')].find((a) => a.textContent.includes('Library'));
  link.addEventListener('click', () => { late = last; }, { capture: true, once: true });
  window.__has = () => last !== null;
}"""


def test_a_page_that_a_late_request_has_emptied_comes_back(trainer, visit):
    url, _ = trainer
    page = visit(f"{url}/train?dataset=digits&budget=5")
    begin(page, "heard")  # its clock ticks
    page.evaluate(LATE)
    page.wait_for_function("__has()", timeout=LONG)
    page.locator(".st-key-nav a", has_text="Library").click()
    expect(page.locator(".st-key-train")).to_have_count(0, timeout=LONG)
    expect(page.locator(".st-key-library .le-book").first).to_be_visible(timeout=LONG)
    page.wait_for_function(PICTURES)
    page.locator(".st-key-nav a", has_text="Explore").click()
    expect(page.locator("[data-testid=stage][data-seq]")).to_be_visible(timeout=LONG)


def test_every_press_is_taken_while_the_form_still_moves(trainer, visit):
    url, _ = trainer
    page = visit(f"{url}/train?dataset=digits&budget=5")
    for turn in range(10):
        open_settings(page)
        page.get_by_label("name", exact=True).fill(f"../{turn}")
        page.locator(".st-key-run-start button").click(force=True, delay=100)  # at once, as long as a finger is down
        expect(page.get_by_text(f"A model cannot be called '../{turn}'")).to_be_visible(timeout=10_000)
        open_settings(page)
        page.wait_for_timeout(1000)  # a second press within a second is the same press
