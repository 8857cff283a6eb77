"""The exhibits as a whole: their paths, what each must have, and the viewers' questions that they answer."""

import subprocess
import sys
from pathlib import Path
from urllib.parse import parse_qsl

import pytest

from explorer.core.paths import SHIPPED
from explorer.ui.exhibits import catalog
from explorer.ui.state.exhibit import ExhibitState

PROJECT = Path(__file__).resolve().parents[4]
PATHS = "loss-terms lower-bound derivation reparameterization prior likelihood autoencoders factors practicum".split()
PANELS, EXHIBITS = catalog.panels(), catalog.exhibits()
ASKED = (
    "A1 A2 A3 A4 A5 A6 A7 A8 A9 A10 A11 A12 A13 B1 B2 B3 B4 B5 B6 B7 B8 B9 B10 B11 B12 B13 C1 C2 C3 C4 C5 C7 "
    "D1 D2 D3 D5 D6 D7 D8 D9 E2 E3 E4 E5"
).split()


def test_the_exhibits_are_in_the_order_of_the_theory():
    assert [exhibit.path for exhibit in EXHIBITS] == list(catalog.TITLES) == PATHS
    assert [exhibit.title for exhibit in EXHIBITS] == list(catalog.TITLES.values())


def test_the_start_of_the_app_imports_no_exhibit():
    pages = "import explorer.ui.exhibits.cover, explorer.ui.lectures.walk.panel, sys"
    program = f"{pages}; print([name for name in sys.modules if name.startswith('explorer.core.theory.')])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=PROJECT)
    assert done.stdout.strip() == "[]", done.stderr


def test_every_question_of_the_lectures_viewers_is_answered_somewhere():
    answered = {part for exhibit in EXHIBITS for question in exhibit.questions for part in question.id.split(", ")}
    assert set(ASKED) <= answered


@pytest.mark.parametrize("panel", PANELS, ids=PATHS)
def test_an_exhibit_is_complete(panel):
    exhibit = panel.EXHIBIT
    assert exhibit.predictions and exhibit.look.endswith((".", "?")) and set(exhibit.models) <= set(SHIPPED)
    assert Path(panel.__file__).with_name("thumbnail.svg").is_file()
    for prediction in exhibit.predictions:
        assert 2 <= len(prediction.choices) <= 4 and 0 <= prediction.right < len(prediction.choices)


@pytest.mark.parametrize("panel", PANELS, ids=PATHS)
def test_the_links_of_questions_have_possible_settings(panel):
    exhibit = panel.EXHIBIT
    for question in exhibit.questions:
        state = ExhibitState(exhibit.path, exhibit.settings, len(exhibit.predictions), n_images=10_000)
        query = dict(parse_qsl(question.query))
        state.read(query)
        assert not state.take_notices() and query.keys() <= {*exhibit.settings, "image", "open"}, question.text
