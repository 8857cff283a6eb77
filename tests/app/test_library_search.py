"""What the Library finds: models and runs by a search, and the models of twins as one entry."""

import shutil
from pathlib import Path

import pytest

from explorer.core.runs import folder as run_folder
from explorer.core.runs import twins
from explorer.core.runs.event_log import EventWriter
from explorer.core.runs.folder import RunSpec
from tests.app.test_library_page import checked, opened, said, search, shelf, shown
from tests.helpers import random_bundle, sprite_set

ENDED = {"pid": 2**22, "pid_started": 1.0}


@pytest.fixture
def root(tmp_path, monkeypatch) -> Path:
    """A checkpoints folder with the models `animals` and `birds`, the run `numbers`, and twins with their two models."""
    monkeypatch.setenv("EXPLORER_CHECKPOINTS", str(tmp_path))
    monkeypatch.delenv("EXPLORER_MODEL", raising=False)
    for name in ("animals", "birds", "pair-beta-0", "pair-beta-4"):
        random_bundle(tmp_path, name, sprite_set(), latent_dim=4)
    end(run_folder.create(RunSpec("numbers", {"latent_dim": 5}, {"dataset": "digits"})))
    spec = RunSpec("pair", {"latent_dim": 4}, {"dataset": "sprites"})
    folder = run_folder.create(spec, twins.twins(spec, "beta", (0, 4)))
    end(folder)
    for beta in (0, 4):
        end(folder / f"beta-{beta}", f"pair-beta-{beta}")
    return tmp_path


def end(folder: Path, bundle: str = "") -> None:
    """Makes a run one that has ended, with this bundle."""
    run_folder.write_run(folder, run_folder.read_run(folder)[0], **ENDED)
    events = EventWriter(folder)
    events.write("training", step=0, epoch=0, n_steps=4, steps_per_epoch=4)
    events.write("done", bundle=bundle) if bundle else events.write("stopped")
    events.close()


def runs_shown(page) -> list[str]:
    """The runs whose rows are on the page."""
    return [button.key.removeprefix("shelf-open-") for button in page.button if button.key.startswith("shelf-open-")]


def test_the_models_of_twins_are_one_group(root):
    page = opened()
    (heading,) = [element.proto.body for element in page.get("html") if "2 twins" in element.proto.body]
    assert "<h2>pair</h2>" in heading and "Sprites" in heading
    words = shelf(page)
    assert "<h3>pair-beta-0</h3>" in words and "<h3>pair-beta-4</h3>" in words
    assert words.count("<p class='le-muted'>Sprites") == 4  # of two models, the group, and the run of twins
    assert shown(page) == ["animals", "birds", "pair-beta-0", "pair-beta-4"]


def test_one_model_that_is_left_of_twins_is_a_row_like_others(root):
    (root / "pair-beta-0").rename(root / "renamed")
    assert "<h2>pair-beta-4</h2>" in shelf(opened()) and "twins</span>" not in shelf(opened())


def test_models_and_runs_are_searched_from_six_on(root):
    assert [box.label for box in opened().text_input] == ["Search models and runs"]
    for name in ("animals", "birds"):
        shutil.rmtree(root / name)
    assert not opened().text_input


@pytest.mark.parametrize(
    "text, models, runs",
    [
        ("DIGITS", [], ["numbers"]),
        ("bird", ["birds"], []),
        ("beta-4", ["pair-beta-0", "pair-beta-4"], ["pair"]),
        ("sprites", ["animals", "birds", "pair-beta-0", "pair-beta-4"], ["pair"]),
    ],
)
def test_a_search_finds_models_twins_and_runs(root, text, models, runs):
    page = search(opened(), text)
    assert (shown(page), runs_shown(page)) == (models, runs)
    assert (f"No model matches '{text}'" in said(page.info)) == (not models)
    assert (f"No run matches '{text}'" in said(page.info)) == (not runs)
    assert len(shown(checked(search(page, "")))) == 4
