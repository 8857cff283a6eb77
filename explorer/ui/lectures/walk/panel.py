"""The bar of a running lecture: progress, note to self, the keys of a presenter's remote; and "Add this view" for the editor.

It is mounted outside the pages, so that each of its requests reruns the whole app, which then shows the page of the new step.
"""

from typing import Literal, TypedDict

import streamlit as st

from explorer.core.errors import ExplorerError
from explorer.ui.lectures import shipped
from explorer.ui.state import arrival, lecture
from explorer.ui.state import exhibit as exhibit_state
from explorer.ui.state import session as requests_of
from explorer.ui.state.lectures import Lectures, lectures
from explorer.ui.state.messages import toast
from explorer.ui.widgets import nav
from explorer.ui.wire.component import register
from explorer.ui.wire.packet import Numbered

mount = register(__file__, "walk")

KEY = "walk"
PARAMETER = "lecture"  # of the query: an id and a step, such as "elbo:2"; without the step it begins


class Header(TypedDict):
    step: int  # counted from 1; 0: no lecture runs
    n_steps: int
    title: str
    note: str
    minute: float | None
    parameter: str  # for the address line, or ""
    is_adding: bool
    message: str
    ack: int


class Step(Numbered):
    kind: Literal["step"]
    by: int


class End(Numbered):
    kind: Literal["end"]


class Add(Numbered):
    kind: Literal["add"]
    page: str
    query: str


class Done(Numbered):
    kind: Literal["done"]


Request = Step | End | Add | Done


def render(path: str) -> None:
    """Draws the bar if a lecture runs or is edited. `path`: of the open page. Goes to the page of the step if it is another."""
    state, is_new = lectures()
    if is_new:
        _resume(state)
    if state.running is not None and state.is_due:
        _go(state, path)
    if state.running is None and not state.is_adding and KEY not in state.acks:
        return
    with st.container(key="walk_box"):
        mount(_content(state), KEY, lambda: _handle_requests(state))


def _resume(state: Lectures) -> None:
    """Starts or continues the lecture in the address line."""
    query = exhibit_state.query()
    id, _, number = query.get(PARAMETER, "").partition(":")
    if id in shipped.IDS:
        is_step = number.isascii() and number.isdecimal() and len(number) < 4
        state.start(id, shipped.lectures()[id], int(number) - 1 if is_step and int(number) else 0)
        if len(query) > 1:
            state.arrive()  # a reload: the rest of the address line restores the page
    elif id:
        toast("This lecture is not on this machine: load its file on the page Exhibits.")


def _go(state: Lectures, path: str) -> None:
    """Shows the page of the step, with its address. The run that this begins is the one that arrives there."""
    entry, parameter = state.entry, _parameter(state)
    is_there = (path or shipped.EXPLORE) == entry.page and exhibit_state.query().get(PARAMETER) == parameter
    if not is_there:
        nav.go_to(entry.page, entry.parameters | {PARAMETER: parameter})
    arrival.send(entry.page, entry.parameters)
    state.arrive()


def _parameter(state: Lectures) -> str:
    return f"{state.id}:{state.step + 1}" if state.running is not None else ""


def _content(state: Lectures) -> Header:
    running = state.running
    return {
        "step": state.step + 1 if running else 0,
        "n_steps": len(running.entries) if running else 0,
        "title": running.title if running else "",
        "note": state.entry.note if running else "",
        "minute": state.entry.minute if running else None,
        "parameter": _parameter(state),
        "is_adding": state.is_adding,
        "message": state.message if state.is_adding else "",
        "ack": state.acks.get(KEY, 0),
    }


def _handle_requests(state: Lectures) -> None:
    for request in requests_of.requests(state, KEY):
        match request:
            case {"kind": "step", "by": int(by)}:
                state.step_by(by)
            case {"kind": "end"}:
                state.end()
            case {"kind": "add", "page": str(page), "query": str(query)}:
                try:
                    state.add(lecture.entry(page or shipped.EXPLORE, query, shipped.pages()))
                except ExplorerError as error:
                    state.say(str(error))
            case {"kind": "done"}:
                state.offer_adding(False)
