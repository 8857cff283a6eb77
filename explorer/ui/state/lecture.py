"""A lecture: an ordered list of links to Explore and the exhibits, with notes to self. Reads and writes its JSON file."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlencode

from explorer.core.errors import DataError, unknown

FORMAT = 1
MAX_ENTRIES, MAX_TEXT, MAX_QUERY, MAX_MINUTE = 200, 500, 4_000, 600
MAX_BYTES = 2_000_000
HINT = "Nothing was changed."

Pages = Mapping[str, frozenset[str]]  # the names of the query parameters of each page that a lecture may show


@dataclass(frozen=True)
class Entry:
    """A page and the query of the link that restores its state."""

    page: str
    query: str = ""
    note: str = ""  # to self
    minute: float | None = None  # at which the lecturer wants to be here

    @property
    def parameters(self) -> dict[str, str]:
        return dict(parse_qsl(self.query, keep_blank_values=True))


@dataclass(frozen=True)
class Lecture:
    title: str = "My lecture"
    entries: tuple[Entry, ...] = field(default_factory=tuple)


def write(lecture: Lecture) -> str:
    """The lecture as the text of a JSON file."""
    return json.dumps({"lecture": FORMAT, **asdict(lecture)}, indent=1, ensure_ascii=False) + "\n"


def shows_markup(lecture: Lecture) -> bool:
    """Whether a text of the lecture looks like HTML, which is shown as it is written."""
    return any("<" in text for text in (lecture.title, *(entry.note for entry in lecture.entries)))


def read(data: str | bytes, pages: Pages) -> Lecture:
    """The lecture in a JSON file. Raises DataError if anything in it is not part of a lecture."""
    try:
        check(len(data) <= MAX_BYTES, f"it is larger than {MAX_BYTES // 1_000_000} MB")
        value = _parsed(data)
        check(isinstance(value, dict), "it is not a lecture")
        _check_names(value, {"lecture", "title", "entries"}, "the file")
        check(value.get("lecture") == FORMAT, f"'lecture' must be {FORMAT}, the version of the format")
        entries = value.get("entries")
        check(isinstance(entries, list), "'entries' must be a list")
        check(len(entries) <= MAX_ENTRIES, f"it has {len(entries):,} entries, at most {MAX_ENTRIES} are allowed")
        return Lecture(
            _text(value, "title", "the file", MAX_TEXT),
            tuple(_entry(entry, f"entry {number}", pages) for number, entry in enumerate(entries, 1)),
        )
    except ValueError as error:
        raise DataError(f"The file cannot be loaded: {error}.", HINT) from None


def entry(page: str, query: str, pages: Pages) -> Entry:
    """An entry for a page as it is shown; parameters that do not belong to its link are left out. Raises DataError."""
    if page not in pages:
        raise DataError("A lecture shows Explore and the exhibits only; this page was not added.")
    kept = {name: text for name, text in parse_qsl(query, keep_blank_values=True) if name in pages[page]}
    link = urlencode(kept, safe=",.:", errors="replace")
    if len(link) > MAX_QUERY:
        raise DataError("The link to this view is too long for a lecture.")
    return Entry(page, link)


def check(is_right: bool, reason: str) -> None:
    """Raises ValueError with the reason."""
    if not is_right:
        raise ValueError(reason)


def _parsed(data: str | bytes) -> Any:
    try:
        text = data.decode("utf-8-sig") if isinstance(data, bytes) else data.removeprefix("\ufeff")
        value = json.loads(text)
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode("utf-8")  # fails for NaN and half a surrogate pair
        return value
    except (ValueError, RecursionError):
        raise ValueError("it is not JSON") from None


def _entry(value: Any, where: str, pages: Pages) -> Entry:
    check(isinstance(value, dict), f"{where} is not an object")
    _check_names(value, {"page", "query", "note", "minute"}, where)
    page, query = _text(value, "page", where, 60), _text(value, "query", where, MAX_QUERY)
    if page not in pages:
        raise ValueError(f"{where}: {unknown('page', page, pages).message.rstrip('.')}")
    parameters = [name for name, _ in parse_qsl(query, keep_blank_values=True)]
    for name in parameters:
        check(name in pages[page], f"{where}: the page '{page}' has no parameter '{name[:60]}'")
    check(len(parameters) == len(set(parameters)), f"{where} has a parameter twice")
    minute = value.get("minute")
    is_number = isinstance(minute, int | float) and not isinstance(minute, bool)
    check(minute is None or (is_number and 0 <= minute <= MAX_MINUTE), f"{where}: 'minute' must be from 0 to {MAX_MINUTE}")
    return Entry(page, query, _text(value, "note", where, MAX_TEXT), minute)


def _check_names(value: dict, known: set[str], where: str) -> None:
    for name in value:
        check(name in known, f"{where} has an unknown field '{name[:60]}'")


def _text(value: dict, name: str, where: str, longest: int) -> str:
    text = value.get(name, "")
    check(isinstance(text, str), f"{where}: '{name}' must be text")
    check(len(text) <= longest, f"{where}: '{name}' has more than {longest:,} characters")
    return text
