"""A client that is no browser and sends what the page never offered."""

import numpy as np
import pytest
from PIL import Image

from tests.async_run import run_async
from tests.browser.server import serving
from tests.raw_client import RawClient, texts, widget_id


@pytest.fixture
def private(tmp_path):
    """A folder of the server that nobody uploaded."""
    folder = tmp_path / "private"
    folder.mkdir()
    for i in range(12):
        Image.fromarray(np.random.default_rng(i).integers(0, 256, (16, 16), np.uint8)).save(folder / f"{i}.png")
    return folder


def test_a_forged_choice_of_data_set_starts_no_run(tmp_path, private):
    checkpoints, uploads = tmp_path / "checkpoints", tmp_path / "data" / "uploads"
    uploads.mkdir(parents=True)
    (uploads / "link").symlink_to(private)
    environment = {"EXPLORER_CHECKPOINTS": str(checkpoints), "EXPLORER_DATA_DIR": str(tmp_path / "data")}

    async def attack(url: str, name: str) -> str:
        async with RawClient(f"{url}/train") as client:
            page = await client.run()
            client.set(widget_id(page, "f-dataset"), string_value=name)
            client.set(widget_id(page, "run-start"), trigger_value=True)
            return texts(await client.run())

    with serving(tmp_path / "log", **environment) as server:
        names = [f"folder:{folder}" for folder in (private, uploads / "link", f"{uploads}/../../private")]
        for name in [*names, "upload:link", f"upload:{private}"]:
            said = run_async(attack(server.url, name))
            runs = list((checkpoints / "runs").glob("*/run.json"))
            assert not runs, runs[0].read_text()
            assert "on no other folder" in said
