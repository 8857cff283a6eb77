"""What a minute of training on the page reaches, on an otherwise idle machine."""

import shutil
import time

import pytest

from explorer.core.data import catalog
from tests.browser.server import serving

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def has_mnist() -> bool:
    return next(info for info in catalog.list_datasets() if info.name == "mnist").present


@pytest.mark.parametrize(
    "name, budget, seconds, nats",
    [
        ("digits", 14, 20, 24.5),
        pytest.param(
            "mnist", 52, 60, 100.0, marks=pytest.mark.skipif(not has_mnist(), reason="NO MNIST: set EXPLORER_DATA_DIR")
        ),
    ],
)
def test_the_page_reads_so_many_nats_so_soon_after_the_click(models, visit, tmp_path, name, budget, seconds, nats):
    root = tmp_path / "checkpoints"
    shutil.copytree(models / "mnist", root / "mnist")
    with serving(tmp_path / "log", EXPLORER_CHECKPOINTS=str(root)) as server:
        page = visit(f"{server.url}/train?dataset={name}&budget={budget}")
        page.locator(".st-key-run-start button").wait_for()
        page.wait_for_timeout(3000)
        clicked = time.monotonic()
        page.locator(".st-key-run-start button").click()
        page.locator(".run[data-status=training]").wait_for()
        page.wait_for_timeout(1000 * (clicked + seconds - time.monotonic()))
        assert -float(page.locator("[data-testid=run-elbo]").inner_text()) <= nats
        page.locator(".run[data-status=done]").wait_for(timeout=180_000)
        assert (root / f"{name}-16d" / "model.safetensors").is_file()


def test_the_three_twins_of_an_exhibit_are_trained_20_s_after_the_click(exhibit_page):
    exhibit_page.open("loss-terms?beta=4")
    page = exhibit_page.page
    clicked = time.monotonic()
    page.get_by_text("Train the three").click()
    page.get_by_text("Trained here, 24 epochs.").wait_for()
    assert time.monotonic() - clicked <= 20
