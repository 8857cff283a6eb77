"""Every number explains itself in one sentence: on hover, on focus and at a touch, within the window."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from explorer.core.runs import folder as run_folder
from explorer.core.runs import snapshots
from explorer.core.runs.event_log import EventWriter
from explorer.core.runs.folder import RunSpec
from tests.browser.server import PROJECT, serving

LOSSES = {"elbo": -30.0, "recon_loss": 20.0, "kl": 10.0}
LANES = "?a=18&b=61&image=61"
NUMBERS = {  # by page: the elements that show numbers
    LANES: (
        "[data-fact=norm]",
        "[data-fact=support]",
        ".stage .description",
        ".stage .head span:nth-child(n + 3)",
        ".lanes figcaption",
        ".lanes .t",
        ".near span",
    ),
    "train?run=mine": (
        "[data-testid=run-epoch]",
        ".head .total",
        ".head .recon-loss",
        ".head .kl",
        "[data-f=dead]",
        ".label.loss [data-tip]",
        ".label.heat [data-tip]",
    ),
    "library": (".le-book dd",),
}
WINDOWS = {"laptop": (1280, 800), "phone": (390, 844)}
# The sentence that an element shows, and whether its box lies in the window. The box is that of ::after, which has no
# rectangle of its own: a copy of the sentence in its place has one.
SHOWN = """(element) => {
  const tip = element.closest('[data-tip]');
  if (!tip) return ['no sentence', false];
  const style = getComputedStyle(tip, '::after');
  const text = style.content.replace(/^"|"$/g, '');
  const copy = document.createElement('div');
  copy.textContent = tip.dataset.tip;
  const place = ['position', 'left', 'right', 'top', 'bottom', 'width', 'height'];
  const names = [...place, 'boxSizing', 'padding', 'fontSize', 'lineHeight'];
  for (const name of names) copy.style[name] = style[name];
  tip.append(copy);
  const box = copy.getBoundingClientRect();
  copy.remove();
  const fits = box.left >= 0 && box.right <= innerWidth && document.documentElement.scrollWidth <= innerWidth;
  return [text, fits];
}"""


def make_run(name: str) -> Path:
    """A finished run of two epochs, with one active unit and one dead dimension."""
    folder = run_folder.create(RunSpec(name, {"latent_dim": 2}, {"dataset": "digits", "epochs": 2}))
    run_folder.write_run(folder, run_folder.read_run(folder)[0], pid=2**22, pid_started=1.0)
    events = EventWriter(folder)
    start = {"latent_dim": 2, "labels": [0] * 4, "classes": ["0"], "n_train": 100, "n_steps": 8, "steps_per_epoch": 4}
    events.write("training", step=0, epoch=0, **start)
    for epoch in range(3):
        events.write("batch", step=4 * epoch + 1, epoch=epoch, seconds=1.0, train=LOSSES)
        events.write("epoch", step=4 * epoch, epoch=epoch, seconds=1.0, test=LOSSES, kl_per_dim=[10.0, 0.0])
        pictures = np.full((8, 1, 8, 8), 90 * epoch, np.uint8)
        arrays = {"means": np.zeros((4, 2), np.float32), "samples": pictures, "reconstructions": pictures}
        snapshots.write_epoch(folder, epoch, arrays)
    events.write("stopped")
    events.close()
    return folder


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    root = tmp_path_factory.mktemp("tips") / "checkpoints"
    shutil.copytree(PROJECT / "checkpoints" / "mnist", root / "mnist")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EXPLORER_CHECKPOINTS", str(root))
        make_run("mine")
    with serving(root.parent / "log", EXPLORER_CHECKPOINTS=str(root)) as server:
        yield server.url


@pytest.fixture
def window(chromium, url):
    """window(size, path) -> the page, once its first number is there."""
    opened = []

    def go(size: str, path: str):
        width, height = WINDOWS[size]
        context = chromium.new_context(viewport={"width": width, "height": height}, has_touch=size == "phone")
        opened.append(context)
        page = context.new_page()
        page.goto(f"{url}/{path}")
        page.locator(NUMBERS[path][0]).first.wait_for()
        page.wait_for_function("() => document.querySelector('.stApp')?.dataset.testScriptState === 'notRunning'")
        page.wait_for_timeout(1000)
        return page

    yield go
    for context in opened:
        context.close()


def visible(page, path: str) -> list:
    found = [element for selector in NUMBERS[path] for element in page.locator(selector).all() if element.is_visible()]
    assert found
    return found


@pytest.mark.parametrize("path", NUMBERS)
def test_every_number_has_its_sentence(window, path):
    page = window("laptop", path)
    for selector in NUMBERS[path]:
        assert page.locator(selector).count(), selector
    for element in visible(page, path):
        element.evaluate("(e) => e.closest('[data-tip]')?.focus()")
        sentence, fits = element.evaluate(SHOWN)
        assert len(sentence.split()) > 3 and fits, (sentence, element)
        element.evaluate("(e) => e.closest('[data-tip]').blur()")
        element.hover(force=True)
        assert element.evaluate(SHOWN)[0] == sentence


@pytest.mark.parametrize("path", NUMBERS)
def test_a_touch_shows_the_sentence_within_the_window(window, path):
    page = window("phone", path)
    for element in visible(page, path):
        element.scroll_into_view_if_needed()
        element.tap(force=True)
        sentence, fits = element.evaluate(SHOWN)
        assert len(sentence.split()) > 3 and fits, (sentence, element)
