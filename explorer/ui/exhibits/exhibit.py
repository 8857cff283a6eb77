"""What every exhibit consists of: its sentence, predictions and questions, the models that it fits, and its component."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any, Literal, TypedDict
from urllib.parse import parse_qsl

from explorer.ui import resources
from explorer.ui.state import session as requests_of
from explorer.ui.state.exhibit import ExhibitState, Settings
from explorer.ui.state.messages import toast
from explorer.ui.widgets.rows import plain
from explorer.ui.wire.component import register
from explorer.ui.wire.packet import Numbered

HERE = Path(__file__).parent
KEY = "exhibit"  # of the mounted component, on every exhibit


@dataclass(frozen=True)
class Prediction:
    """A question that the viewer answers before the numbers with the names in `covers` are shown."""

    text: str
    choices: tuple[str, ...]
    right: int
    why: str
    covers: tuple[str, ...] = ()


@dataclass(frozen=True)
class Question:
    """A viewer's question; `query` sets the page to the state that answers it, and `answer` says what to look at.

    `at`: the CSS selector of the part to look at, which is scrolled to and marked.
    """

    id: str
    text: str
    answer: str
    query: str = ""
    at: str = ""


@dataclass(frozen=True)
class Exhibit:
    """An exhibit. `misfit`: engine -> why the exhibit does not work on a model, as a sentence, or None."""

    path: str
    title: str
    look: str  # what to look at
    models: tuple[str, ...]  # shipped models that it fits, the best first; none if it trains models of its own
    settings: Settings
    predictions: tuple[Prediction, ...]
    questions: tuple[Question, ...]
    misfit: Callable[[Any], str | None] = lambda engine: None
    has_image: bool = True


class Set(Numbered):
    kind: Literal["set"]
    values: dict[str, Any]


class Answer(Numbered):
    kind: Literal["answer"]
    prediction: int
    choice: int


class Go(Numbered):
    kind: Literal["go"]
    query: str


class Cover(Numbered):
    kind: Literal["cover"]


Request = Set | Answer | Go | Cover


class Frame(TypedDict):
    """The header fields that every exhibit has."""

    answers: list[int | None]  # the choice committed to, per prediction
    link: str  # query that restores the exhibit
    stamp: str  # this and the next are added by ExhibitState.packet
    ack: int


def register_exhibit(panel: str, exhibit: Exhibit) -> Callable:
    """Registers the component in the folder of `panel`, with the exhibit's texts around its own markup. See `register`."""
    folder = Path(panel).parent
    frame = (HERE / "frame.html").read_text("utf-8")
    parts = {
        "path": exhibit.path,
        "look": escape(exhibit.look),
        "body": (folder / "component.html").read_text("utf-8"),
        "predictions": "".join(_prediction(i, one) for i, one in enumerate(exhibit.predictions)),
        "derivation": _derivation(folder / "derivation.html"),
        "questions": "".join(map(_question, exhibit.questions)),
    }
    for name, text in parts.items():
        frame = frame.replace(f"{{{name}}}", text)
    return register(panel, exhibit.path.replace("-", "_"), isolate_styles=False, html=frame)


def render(
    engine, state: ExhibitState, mount: Callable, key: tuple, make: Callable[[], tuple], handle: Callable = lambda request: None
) -> None:
    """Mounts an exhibit's component with the packet that `make` returns: (header, arrays).

    `key`: everything that the packet depends on besides the engine, the settings, the image and the answers.
    `handle(request)` is called for each request that is not one of Request.
    """
    has_images = engine is not None and resources.has_images(engine)  # a data set can be downloaded while the page is open
    shown = (*key, has_images, state.image, state.own.version, *map(_sorted_items, (state.values, state.answers)))

    def content() -> tuple:
        header, arrays = make()
        frame = {"answers": [state.answers.get(i) for i in range(state.n_predictions)], "link": state.link()}
        return frame | header, arrays, {}

    mount(state.packet(KEY, shown, content, ("stamp", "ack")), KEY, lambda: _handle_requests(state, handle))
    for notice in state.take_notices():
        toast(plain(notice))


def _sorted_items(values: dict) -> tuple:
    return tuple(sorted(values.items()))


def _handle_requests(state: ExhibitState, handle: Callable) -> None:
    for request in requests_of.requests(state, KEY):
        match request:
            case {"kind": "set", "values": Mapping() as values}:
                state.change(values)
            case {"kind": "answer", "prediction": int(prediction), "choice": int(choice)}:
                state.answer(prediction, choice)
            case {"kind": "go", "query": str(query)}:
                state.restore(dict(parse_qsl(query)))
            case {"kind": "cover"}:
                state.cover()
            case _:
                handle(request)


def _prediction(i: int, prediction: Prediction) -> str:
    buttons = "".join(
        f"<button data-choice='{choice}'>{escape(text)}</button>" for choice, text in enumerate(prediction.choices)
    )
    return (
        f"<section class='le-prediction' data-prediction='{i}' data-right='{prediction.right}' "
        f"data-covers='{' '.join(prediction.covers)}'><h3>Predict first</h3><p>{escape(prediction.text)}</p>"
        f"<div class='le-choices'>{buttons}</div><p class='le-why' role='status' hidden>{escape(prediction.why)}</p></section>"
    )


def _question(question: Question) -> str:
    return (
        f"<li><a href='?{escape(question.query)}' data-query='{escape(question.query)}' data-at='{escape(question.at)}'>"
        f"{escape(question.text)}</a> "
        f"<span>{escape(question.answer)}</span></li>"
    )


def _derivation(path: Path) -> str:
    if not path.exists():
        return ""
    return f"<details class='le-derivation'><summary>Derivation</summary>{path.read_text('utf-8')}</details>"
