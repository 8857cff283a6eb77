"""The list of lectures on the page of the exhibits, and the editor of the visitor's own."""

from typing import Literal, TypedDict

from explorer.core.errors import ExplorerError
from explorer.ui.lectures import shipped
from explorer.ui.state import lecture
from explorer.ui.state import session as requests_of
from explorer.ui.state.lecture import Lecture
from explorer.ui.state.lectures import OWN, Lectures, lectures
from explorer.ui.wire.component import register
from explorer.ui.wire.packet import Numbered

mount = register(__file__, "lectures")

KEY = "lecture-editor"


class Header(TypedDict):
    shipped: list[list]  # of each shipped lecture: [id, title, number of views]
    title: str  # of the visitor's own lecture
    entries: list[list[str]]  # of it: [title of the page, address, note]
    file: str  # it as the text of a JSON file
    max_bytes: int  # of a file to load
    max_text: int  # characters of the title and of a note
    message: str
    can_undo: bool
    is_adding: bool  # whether "Add this view" is on all pages
    ack: int


class Start(Numbered):
    kind: Literal["start"]
    id: str
    step: int


class Copy(Numbered):
    kind: Literal["copy"]
    id: str


class Load(Numbered):
    kind: Literal["load"]
    text: str


class TooLarge(Numbered):
    kind: Literal["large"]


class Title(Numbered):
    kind: Literal["title"]
    text: str


class Note(Numbered):
    kind: Literal["note"]
    row: int
    text: str


class Move(Numbered):
    kind: Literal["move"]
    row: int
    by: int


class Remove(Numbered):
    kind: Literal["remove"]
    row: int


class Undo(Numbered):
    kind: Literal["undo"]


class Adding(Numbered):
    kind: Literal["adding"]


Request = Start | Copy | Load | TooLarge | Title | Note | Move | Remove | Undo | Adding


def render() -> None:
    state, _ = lectures()
    mount(_content(state), KEY, lambda: _handle_requests(state))


def _content(state: Lectures) -> Header:
    return {
        "shipped": [[id, shown.title, len(shown.entries)] for id, shown in shipped.lectures().items()],
        "title": state.own.title,
        "entries": [[shipped.titles()[e.page], _address(e), e.note] for e in state.own.entries],
        "file": lecture.write(state.own),
        "max_bytes": lecture.MAX_BYTES,
        "max_text": lecture.MAX_TEXT,
        "message": state.message,
        "can_undo": bool(state.past),
        "is_adding": state.is_adding,
        "ack": state.acks.get(KEY, 0),
    }


def _address(entry: lecture.Entry) -> str:
    """Relative to the page of the exhibits."""
    page = "./" if entry.page == shipped.EXPLORE else entry.page
    return f"{page}?{entry.query}" if entry.query else page


def _handle_requests(state: Lectures) -> None:
    for request in requests_of.requests(state, KEY):
        match request:
            case {"kind": "start", "id": str(id), "step": int(step)}:
                state.start(id, _lecture(state, id), step)
            case {"kind": "copy", "id": str(id)}:
                copied = _lecture(state, id)
                state.edit(copied, f"This is now a copy of {copied.title}. Undo brings back what was here.")
            case {"kind": "load", "text": str(text)}:
                _load(state, text)
            case {"kind": "large"}:
                _load(state, " " * (lecture.MAX_BYTES + 1))
            case {"kind": "title", "text": str(text)}:
                state.rename(text)
            case {"kind": "note", "row": int(row), "text": str(text)}:
                state.annotate(row, text)
            case {"kind": "move", "row": int(row), "by": int(by)}:
                state.move(row, by)
            case {"kind": "remove", "row": int(row)}:
                state.remove(row)
            case {"kind": "undo"}:
                state.undo()
            case {"kind": "adding"}:
                state.offer_adding(not state.is_adding)


def _lecture(state: Lectures, id: str) -> Lecture:
    return state.own if id == OWN else shipped.lectures().get(id, Lecture())


def _load(state: Lectures, text: str) -> None:
    """Replaces the own lecture by that in a file, or says in a sentence why it cannot be."""
    try:
        loaded = lecture.read(text, shipped.pages())
    except ExplorerError as error:
        state.say(str(error))
        return
    markup = " Notes are shown as text, markup included." if lecture.shows_markup(loaded) else ""
    state.edit(loaded, f"Loaded {loaded.title}, {len(loaded.entries)} views.{markup}")
