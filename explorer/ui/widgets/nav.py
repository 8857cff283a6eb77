"""The pages of the app and the links to them at the head of each page."""

from collections.abc import Callable, Mapping

import streamlit as st

TITLES = {"explore": "Explore", "train": "Train", "library": "Library"}  # by name; the first is the default page


def pages(functions: Mapping[str, Callable[[], None]]) -> list:
    """The pages for st.navigation; `functions` draw them, by name."""
    return [_page(name, functions[name]) for name in TITLES]


def go_to(name: str) -> None:
    """Leaves the running page for another."""
    st.switch_page(_page(name, lambda: None))  # a page is known by its path


def render(pages: list) -> None:
    """The title and a link to each of `pages`; Streamlit marks the link of the page that is open."""
    with st.container(key="nav", horizontal=True, vertical_alignment="center"):
        st.html("<h1>Latent Explorer</h1>", width="content")
        for page in pages if len(pages) > 1 else ():
            st.page_link(page, width="content")


def _page(name: str, function: Callable[[], None]):
    is_default = name == next(iter(TITLES))
    return st.Page(function, title=TITLES[name], url_path="" if is_default else name, default=is_default)
