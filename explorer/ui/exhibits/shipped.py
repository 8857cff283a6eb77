"""The models and runs that are shipped for exhibits and listed nowhere. They do not change while the app runs."""

from functools import lru_cache

from explorer import open_bundle
from explorer.core.paths import RECORDED_DIR
from explorer.core.runs.epoch_film import RunFilm
from explorer.core.runs.event_log import EventLog


@lru_cache(maxsize=8)
def model(exhibit: str, name: str):
    """The Engine of a model that was trained for an exhibit. Raises ExplorerError, which is not cached."""
    return open_bundle(RECORDED_DIR / exhibit / name)


@lru_cache(maxsize=8)
def run(name: str) -> tuple[list[dict], list]:
    """(events, the EpochFrame of each epoch) of a recorded run; empty if it is missing."""
    folder = RECORDED_DIR / name
    return EventLog(folder).read(), RunFilm(folder).update()
