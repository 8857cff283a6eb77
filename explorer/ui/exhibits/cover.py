"""The page /exhibits: a card for each exhibit."""

from html import escape

import streamlit as st

from explorer.ui.exhibits import catalog
from explorer.ui.widgets import nav


def cover() -> None:
    """The page at /exhibits."""
    with st.container(key="exhibits"):
        for number, exhibit in enumerate(catalog.EXHIBITS, 1):
            with st.container(key=f"exhibit_card_{exhibit.path}"):
                nav.link(exhibit.path, f"{number}. {exhibit.title}")
                st.html(f"<p>{escape(exhibit.look)}</p>")
