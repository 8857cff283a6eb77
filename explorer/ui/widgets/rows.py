"""A book of the shelf, a model or a run: what stands in its row, and how its numbers are written."""

from html import escape

COLUMNS = (9, 24, 8)  # picture, words, verbs
MB = 1_000_000


def words(
    name: str, parts: tuple, numbers: dict[str, str], level: int = 2, mark: str = "", live: bool = False, bad: str = ""
) -> str:
    """The middle of a row as HTML. `parts`: where it is from; `mark`: a word beside the name, in colour where `live`."""
    pill = f"<span class='le-pill{' le-live' * live}'>{escape(mark)}</span>" if mark else ""
    head = f"<div class='le-head'><h{level}>{escape(name)}</h{level}>{pill}</div>"
    source = " · ".join(escape(part) for part in parts if part)
    cells = "".join(f"<div><dt>{escape(label)}</dt><dd>{escape(value)}</dd></div>" for label, value in numbers.items())
    source = f"<p class='le-muted'>{source}</p>" if source else ""
    bad = f"<p class='le-bad'>{escape(bad)}</p>" if bad else ""
    return f"<div class='le-book' data-testid='library-row'>{head}{source}{bad}{f'<dl>{cells}</dl>' if cells else ''}</div>"


def number(value, form: str) -> str:
    """A dash for what is no number."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return form.format(value).replace("-", "\u2212") if is_number else "\u2013"


def mb(n_bytes: int) -> str:
    return f"{n_bytes / MB:.1f} MB"


def plain(name: str) -> str:
    """Without what Markdown would read."""
    return "".join(f"\\{char}" if char in "\\`*_{}[]()<>#+-.!|~:$" else char for char in name)
