"""Rows of the Library: the text of a model's or a run's row, and number formats."""

from html import escape

COLUMNS = (9, 24, 8)  # widths of picture, text, buttons
MB = 1_000_000


def words(
    name: str, parts: tuple, numbers: dict[str, str], level: int = 2, mark: str = "", live: bool = False, bad: str = ""
) -> str:
    """The text of a row as HTML. `parts`: its origin; `mark`: a label beside the name, coloured if `live`; `bad`: an error."""
    cells = "".join(f"<div><dt>{escape(label)}</dt><dd>{escape(value)}</dd></div>" for label, value in numbers.items())
    bad = f"<p class='le-bad'>{escape(bad)}</p>" if bad else ""
    numbers = f"<dl>{cells}</dl>" if cells else ""
    return f"<div class='le-book' data-testid='library-row'>{_head(name, parts, level, mark, live)}{bad}{numbers}</div>"


def heading(name: str, parts: tuple, level: int, mark: str) -> str:
    """The heading of a group of rows as HTML, with the arguments of `words`."""
    return f"<div class='le-book'>{_head(name, parts, level, mark)}</div>"


def _head(name: str, parts: tuple, level: int, mark: str, live: bool = False) -> str:
    pill = f"<span class='le-pill{' le-live' * live}'>{escape(mark)}</span>" if mark else ""
    source = " · ".join(escape(part) for part in parts if part)
    source = f"<p class='le-muted'>{source}</p>" if source else ""
    return f"<div class='le-head'><h{level}>{escape(name)}</h{level}>{pill}</div>{source}"


def number(value, form: str) -> str:
    """Formats a number; a dash for anything else."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return form.format(value).replace("-", "\u2212") if is_number else "\u2013"


def mb(n_bytes: int) -> str:
    return f"{n_bytes / MB:.1f} MB"


def plain(name: str) -> str:
    """Escapes Markdown."""
    return "".join(f"\\{char}" if char in "\\`*_{}[]()<>#+-.!|~:$" else char for char in name)
