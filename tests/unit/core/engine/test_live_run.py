"""The model of a run that is not over, as Explore looks at it."""

import numpy as np
import pytest

from explorer import train
from explorer.core.engine.live_run import open_run
from explorer.core.errors import BundleError
from explorer.core.runs import folder as run_folder
from explorer.core.runs.folder import RunSpec

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(autouse=True)
def checkpoints(tmp_path, monkeypatch):
    monkeypatch.setenv("EXPLORER_CHECKPOINTS", str(tmp_path))


def test_a_run_can_be_looked_at_as_it_stands():
    command = "--dataset digits --limit 96 --latent-dim 2 --device cpu --precision fp32 --no-map --epochs 2 --name mine"
    assert train.main(command.split()) == 0
    engine = open_run("mine", device="cpu")
    assert engine.is_live and engine.name == "run:mine" and engine.metrics["epoch"] == 2
    assert engine.has_gallery and engine.planes and engine.image_shape == (1, 8, 8)
    rows = np.array([0, 1])
    pictures = engine.pictures(rows)
    assert np.allclose(engine.encode(pictures)[0], engine.gallery.mu[rows], atol=1e-5)
    assert len(engine.traversal_films(engine.gallery.mu[0], [0, 1], n_frames=9)) == 2


def test_before_its_first_epoch_it_says_so():
    folder = run_folder.create(RunSpec("young", {}, {"dataset": "digits"}))
    with pytest.raises(BundleError, match="has no epoch yet"):
        open_run("young")
    (folder / "state.json").write_text("{")
    (folder / "state.safetensors").write_bytes(b"")
    with pytest.raises(BundleError):
        open_run("young")
    with pytest.raises(BundleError, match="There is no run"):
        open_run("nobody")
