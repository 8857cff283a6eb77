"""The shipped lectures, and the pages that a lecture may show."""

from functools import cache
from pathlib import Path

from explorer.ui.exhibits import catalog
from explorer.ui.state import lecture, link
from explorer.ui.state.lecture import Lecture

FOLDER = Path(__file__).with_name("shipped")
IDS = ("derivation-of-the-loss", "elbo", "reparameterization-trick", "practicum", "cs7015", "20-minutes")
EXPLORE = "explore"


@cache
def pages() -> lecture.Pages:
    """Explore and the exhibits by path, with the names of their query parameters."""
    exhibits = {shown.path: frozenset({"model", "image", "open", *shown.settings}) for shown in catalog.exhibits()}
    return {EXPLORE: frozenset({*link.LINK, "ab", "move"})} | exhibits


@cache
def titles() -> dict[str, str]:
    """The titles of the pages."""
    return {EXPLORE: "Explore"} | catalog.TITLES


@cache
def lectures() -> dict[str, Lecture]:
    """The shipped lectures by id."""
    return {id: lecture.read((FOLDER / f"{id}.json").read_bytes(), pages()) for id in IDS}
