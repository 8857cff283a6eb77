"""The page /exhibits: a card with a moving picture for each exhibit."""

from base64 import b64encode
from functools import cache
from html import escape
from pathlib import Path

import streamlit as st

from explorer.ui.exhibits import catalog
from explorer.ui.lectures.editor import panel as lectures
from explorer.ui.widgets import nav

INTRODUCTION = "The theory of variational autoencoders in pictures that move under your pointer. Every number is computed live."


def cover() -> None:
    """The page at /exhibits."""
    with st.container(key="exhibits"):
        st.html(f"<p class='le-look'>{escape(INTRODUCTION)}</p>")
        with st.container(key="exhibit_cards", horizontal=True):
            for number, panel in enumerate(catalog.panels(), 1):
                exhibit = panel.EXHIBIT
                with st.container(key=f"exhibit_card_{exhibit.path}"):
                    st.html(_picture(panel.__file__))
                    nav.link(exhibit.path, f"{number}. {exhibit.title}")
                    st.html(f"<p>{escape(exhibit.look)}</p>")
        with st.container(key="lectures"):
            lectures.render()
        st.html(_questions())


@cache
def _picture(panel: str) -> str:
    """The exhibit's thumbnail.svg as an HTML image; its animation stops where less motion is wanted."""
    data = b64encode(Path(panel).with_name("thumbnail.svg").read_bytes()).decode()
    return f"<img class='le-thumbnail' alt='' src='data:image/svg+xml;base64,{data}'>"


@cache
def _questions() -> str:
    """Every question with a link to the exhibit in the state that answers it, as HTML."""
    lines = [
        f"<li><a href='{exhibit.path}?{escape(question.query)}' target='_self'>{escape(question.text)}</a></li>"
        for exhibit in catalog.exhibits()
        for question in exhibit.questions
    ]
    return f"<section class='le-questions'><h2>What viewers asked</h2><ul>{''.join(lines)}</ul></section>"
