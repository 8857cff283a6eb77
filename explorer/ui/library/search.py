"""The Library's search box, and what it finds: models, those of twins as one entry, and training runs."""

from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

from explorer.core.config import TrainConfig

SEARCHED_FROM = 6  # models and runs together


@dataclass(frozen=True)
class Entry:
    """An entry of the list of models: one model, or those that a run of twins has saved."""

    models: tuple  # BundleInfo
    group: str = ""  # the name of the run of twins; "" for one model


def box(n_items: int) -> str:
    """Draws the search box, unless there are only a few models and runs. Returns its text."""
    if n_items < SEARCHED_FROM:
        return ""
    text = st.text_input(
        "Search models and runs",
        key="library-search",
        placeholder="Search by name or data set",
        label_visibility="collapsed",
        width=320,
    )
    return text.strip()


def entries(infos: Sequence, runs: Sequence) -> list[Entry]:
    """The models in their order; two or more that were saved by one run of twins form one entry."""
    group_of = {twin.bundle: run.name for run in runs for twin in run.twins if twin.bundle}
    groups: dict[tuple[str, str], list] = {}
    for info in infos:
        group = group_of.get(info.name, "")
        groups.setdefault((group, "" if group else info.name), []).append(info)
    return [Entry(tuple(models), group if len(models) > 1 else "") for (group, _), models in groups.items()]


def found_entries(listed: Sequence[Entry], text: str) -> list[Entry]:
    """The entries that match `text`; a group matches as a whole."""
    return [entry for entry in listed if _matches(text, entry.group, *(part for info in entry.models for part in _parts(info)))]


def found_runs(runs: Sequence, text: str, titles: dict[str, str]) -> list:
    """The runs that match `text`. `titles`: of the data sets, by name."""
    found = []
    for run in runs:
        dataset = run.spec.train.get("dataset", TrainConfig.dataset) if run.spec else ""
        twins = [twin.name for twin in run.twins]
        if _matches(text, run.name, dataset, titles.get(dataset, ""), *twins):
            found.append(run)
    return found


def _parts(info) -> tuple[str, ...]:
    """What is searched of a model; of a damaged one, only its name is known."""
    return (info.name,) if info.error is not None else (info.name, info.origin.title, info.origin.dataset)


def _matches(text: str, *parts: str) -> bool:
    """Whether each word of `text` is in one of `parts`, ignoring case."""
    searched = " ".join(filter(None, parts)).casefold()
    return all(word in searched for word in text.casefold().split())
