"""The view of a run: the scrubber takes everything along, nothing moves when the status changes, and it fits the window."""

import re
import time
from contextlib import ExitStack

import pytest
from playwright.sync_api import expect

from explorer.core.runs import commands, status, twins
from explorer.core.runs.folder import RunSpec
from tests.browser.layout import PHONE_BELOW, SIZES, faults
from tests.browser.server import serving
from tests.browser.test_train import ELBO, EPOCH, LONG, number, open_settings, press, trainers
from tests.browser.test_train import status as shows_status

MAX_SHIFT = 0.02
SHIFTS = """() => {
  window.__shifts = [];
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.__shifts.push(entry.value);
  }).observe({ type: 'layout-shift' });
}"""
STEADY = ("h2", "footer", "[data-testid=run-scrub]", "[data-c=map]", "[data-c=loss]")
PICTURE = "canvas => canvas.toDataURL()"
AREA = """canvas => {  // the share of the plot's width that the areas reach
  const ratio = canvas.width / canvas.clientWidth, context = canvas.getContext('2d');
  const y = Math.round(canvas.height - ratio * 30);
  const { data } = context.getImageData(0, y, canvas.width, 1);
  let last = 0;
  for (let x = 0; x < canvas.width; x++) if (data[4 * x + 3] > 20 && data[4 * x + 3] < 90) last = x;
  return last / canvas.width;
}"""


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """(address, folder) of an app with two finished runs: `one`, and the twins `three`, of which one has learned nothing."""
    root = tmp_path_factory.mktemp("view") / "checkpoints"
    root.mkdir()
    with ExitStack() as after:
        patch = after.enter_context(pytest.MonkeyPatch.context())
        patch.setenv("EXPLORER_CHECKPOINTS", str(root))
        after.callback(lambda: [process.kill() for process in trainers(root)])
        train = {"dataset": "digits", "epochs": 6}
        one = RunSpec("one", {"latent_dim": 2, "arch": "mlp"}, train)  # a plane needs no UMAP, which takes a minute
        three = RunSpec("three", {"latent_dim": 2, "arch": "mlp"}, train)
        commands.start(one)
        commands.start(three, twins.twins(three, "beta", ("0", "1", "1000")))
        end = time.monotonic() + 180
        while any(run.is_live for run in status.list_runs()) and time.monotonic() < end:
            time.sleep(0.5)
        assert {run.status for run in status.list_runs()} == {"done"}
        yield after.enter_context(serving(root.parent / "log", EXPLORER_CHECKPOINTS=str(root))).url, root


@pytest.fixture
def running(place):
    """running(name) -> a run that trains until the test ends."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EXPLORER_CHECKPOINTS", str(place[1]))

        def start(name: str, epochs: int = 100_000) -> str:
            train = {"dataset": "digits", "epochs": epochs}
            return commands.start(RunSpec(name, {"latent_dim": 2, "arch": "mlp"}, train)).name

        yield start
        for process in trainers(place[1]):
            process.kill()


def opened(page, run: str):
    expect(page.locator(".run h2")).to_have_text(run, timeout=LONG)
    expect(page.get_by_test_id("run-shown")).to_have_text(re.compile("epoch"), timeout=LONG)
    return page


def test_the_scrubber_takes_everything_along(place, visit):
    page = opened(visit(f"{place[0]}/train?run=one"), "one")
    expect(page.locator(EPOCH)).to_have_text("6", timeout=LONG)
    parts = ("samples", "recon", "loss", "heat", "map")

    def seen() -> dict:
        return {part: page.locator(f"[data-c={part}]").evaluate(PICTURE) for part in parts}

    before, elbo = seen(), number(page, ELBO)
    scrub = page.get_by_test_id("run-scrub")
    scrub.press("Home")
    scrub.press("ArrowRight")
    expect(page.get_by_test_id("run-shown")).to_have_text("epoch 1")
    expect(page.locator(EPOCH)).to_have_text("1")
    assert number(page, ELBO) < elbo - 1
    total, recon, kl = (float(text) for text in re.findall(r"\d+\.\d+", page.locator(".head .number").inner_text())[:3])
    assert total == pytest.approx(recon + kl, abs=0.011) and total == pytest.approx(-number(page, ELBO), abs=0.011)
    after = seen()
    assert [part for part in parts if before[part] == after[part]] == []
    scrub.press("End")
    assert seen() == before and number(page, ELBO) == elbo


def test_nothing_moves_from_start_to_done(place, running, visit):
    url, root = place
    page = visit(f"{url}/train?dataset=digits")
    open_settings(page)
    page.get_by_label("name", exact=True).fill("steady")
    page.get_by_label("name", exact=True).press("Tab")
    expect(page.get_by_text("epochs in").first).to_be_visible(timeout=LONG)
    page.evaluate(SHIFTS)
    page.locator(".st-key-run-start button").click()
    opened(page, "steady")
    places = []

    def stands() -> None:
        page.wait_for_timeout(700)  # the controls follow the view
        boxes = [page.locator(f".run {selector}").bounding_box() for selector in STEADY]
        places.append([(round(box["x"]), round(box["y"]), round(box["height"])) for box in boxes])

    stands()
    shows_status(page, "training")
    stands()
    press(page, "run-pause")
    shows_status(page, "paused")
    stands()
    press(page, "run-pause")
    shows_status(page, "training")
    press(page, "run-keep")
    shows_status(page, "mapping", "done")
    stands()
    expect(page.locator(".run .pill")).to_have_text("done", timeout=3 * LONG)  # the UMAP takes a minute
    stands()
    press(page, "run-map")
    expect(page.locator(".st-key-run-map-cancel button")).to_be_visible(timeout=LONG)
    stands()
    press(page, "run-map-cancel")
    assert all(seen == places[0] for seen in places), places
    assert sum(page.evaluate("() => __shifts")) <= MAX_SHIFT
    box = page.locator(".run footer").bounding_box()
    assert box["y"] + box["height"] <= 800


def test_the_loss_of_a_run_that_was_stopped_early_fills_the_plot(place, running, visit):
    page = opened(visit(f"{place[0]}/train?run={running('early')}"), "early")
    expect(page.locator(EPOCH)).to_have_text(re.compile(r"^\d\d$|^\d\d\d$"), timeout=LONG)
    press(page, "run-keep")
    shows_status(page, "done")
    page.wait_for_timeout(700)
    assert number(page, EPOCH) < 5_000 and page.locator("[data-c=loss]").evaluate(AREA) > 0.7


def test_twins_are_one_table_and_a_collapsed_one_says_so(place, visit):
    page = opened(visit(f"{place[0]}/train?run=three"), "three")
    expect(page.locator(".head .title")).to_have_text(["β = 0", "β = 1", "β = 1000"], timeout=LONG)
    for selector in ("[data-testid=run-scrub]", "[data-do=play]", ".label.samples", ".label.heat"):
        assert page.locator(selector).count() == 1
    assert page.locator("[data-c=samples]").count() == page.locator(ELBO).count() == 3
    expect(page.locator("[data-c=map]").nth(2)).to_have_attribute("aria-label", "Nothing was learned: no active units.")
    expect(page.locator("[data-c=map]").nth(0)).to_have_attribute("aria-label", "Map of the encoder means")


def test_the_settings_survive_a_reload(place, visit):
    page = visit(f"{place[0]}/train?dataset=digits&budget=15")
    open_settings(page)
    page.get_by_label("latent dimensions D").fill("7")
    page.get_by_label("latent dimensions D").press("Tab")
    expect(page.locator(".le-settings")).to_have_text("Digits 8x8, 7 dims, β 1, 15 s", timeout=LONG)
    page.wait_for_url(re.compile("D=7"))
    page.reload()
    expect(page.locator(".le-settings")).to_have_text("Digits 8x8, 7 dims, β 1, 15 s", timeout=LONG)
    page.locator(".st-key-run-back button").click()
    expect(page.locator(".run h2")).to_be_visible(timeout=LONG)
    page.goto(f"{place[0]}/train?run=three")
    opened(page, "three")
    expect(page.locator(".le-settings")).to_have_text("Digits 8x8, 2 dims, 3 twins (β), 6 epochs")
    page.locator(".st-key-run-change button").click()
    expect(page.get_by_label("latent dimensions D")).to_have_value("2", timeout=LONG)
    expect(page.locator(".le-settings")).to_have_text("Digits 8x8, 2 dims, 3 twins (β), 6 epochs")


@pytest.mark.parametrize("state", ["running", "one", "three"])
def test_a_run_fits_every_window(place, running, chromium, state):
    url, root = place
    name = running("fits") if state == "running" else state
    found = {}
    for size in SIZES:
        window = {"width": size.width, "height": size.height}
        context = chromium.new_context(viewport=window, device_scale_factor=size.ratio, has_touch=size.width < PHONE_BELOW)
        page = context.new_page()
        page.goto(f"{url}/train?run={name}")
        opened(page, name)
        page.wait_for_timeout(500)
        if wrong := faults(page, size):
            found[str(size)] = wrong
        context.close()
    assert not found
