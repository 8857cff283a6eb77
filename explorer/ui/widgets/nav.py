"""The pages of the app, and the links to them at the top of each page."""

from collections.abc import Callable, Mapping

import streamlit as st

TITLES = {"explore": "Explore", "train": "Train", "library": "Library"}  # by name; the first is the default page


def pages(functions: Mapping[str, Callable[[], None]]) -> list:
    """The pages for st.navigation; `functions` maps names to the functions that draw them."""
    return [_page(name, functions[name]) for name in TITLES]


def go_to(name: str) -> None:
    """Switches to another page."""
    st.switch_page(_page(name, lambda: None))  # Streamlit identifies a page by its path


def render(pages: list) -> None:
    """Draws the title and a link to each of `pages`; Streamlit highlights the open page's link."""
    with st.container(key="nav", horizontal=True, vertical_alignment="center"):
        st.html("<h1>Latent Explorer</h1>", width="content")
        for page in pages if len(pages) > 1 else ():
            st.page_link(page, width="content")


def _page(name: str, function: Callable[[], None]):
    is_default = name == next(iter(TITLES))
    return st.Page(function, title=TITLES[name], url_path="" if is_default else name, default=is_default)
