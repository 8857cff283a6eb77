"""Rows of the Library: the text of a model's or a run's row, and number formats."""

from html import escape

COLUMNS = (9, 24, 8)  # widths of picture, text, buttons
MB = 1_000_000
TIPS = {  # what the numbers of a row mean, by label
    "latent D": "The number of latent dimensions: the length of z.",
    "network": "The architecture of encoder and decoder: convolutional, or a multilayer perceptron (MLP).",
    "likelihood": "The distribution p(x|z) that the decoder's output describes; it defines the reconstruction error.",
    "test ELBO, nats": "The lower bound on log p(x), averaged over the test images; higher is better (1 nat is 1.44 bits).",
    "active units": "The dimensions that say something about the image: their means vary from image to image.",
    "map trust": "Trustworthiness: how far neighbours on the map are also neighbours in the latent space; 1 if all are.",
    "\u03b2": "The weight of the KL in the loss of training; 1 makes the loss minus the ELBO.",
    "epochs": "Passes over the training images, of those that are planned.",
    "trained": "The time that training has taken, without loading, waiting and pauses.",
    "on disk": "The size of its files.",
}


def words(
    name: str, parts: tuple, numbers: dict[str, str], level: int = 2, mark: str = "", live: bool = False, bad: str = ""
) -> str:
    """The text of a row as HTML. `parts`: its origin; `mark`: a label beside the name, coloured if `live`; `bad`: an error."""
    cells = "".join(_cell(label, value) for label, value in numbers.items())
    bad = f"<p class='le-bad'>{escape(bad)}</p>" if bad else ""
    numbers = f"<dl>{cells}</dl>" if cells else ""
    return f"<div class='le-book' data-testid='library-row'>{_head(name, parts, level, mark, live)}{bad}{numbers}</div>"


def _cell(label: str, value: str) -> str:
    """A number with its label and, on hover, focus and touch, what it means."""
    tip = TIPS.get(label, TIPS["test ELBO, nats"])  # the ELBO of one of twins is labelled with its setting
    return f"<div tabindex='0' data-tip='{escape(tip)}'><dt>{escape(label)}</dt><dd>{escape(value)}</dd></div>"


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
