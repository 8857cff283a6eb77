"""The pages of the app, and the links to them at the top of each page."""

from collections.abc import Callable, Mapping

import streamlit as st

# by name; the first is the default page
TITLES = {"explore": "Explore", "train": "Train", "exhibits": "Exhibits", "library": "Library"}


def pages(functions: Mapping[str, Callable[[], None]]) -> list:
    """The pages for st.navigation; `functions` maps names to the functions that draw them."""
    return [_page(name, functions[name]) for name in TITLES]


def sub_page(path: str, title: str, function: Callable[[], None]):
    """A page for st.navigation that has no link at the top."""
    return st.Page(function, title=title, url_path=path)


def go_to(path: str, parameters: Mapping[str, str] | None = None) -> None:
    """Switches to another page, with these query parameters."""
    st.switch_page(_any_page(path, path), query_params=parameters)


def link(path: str, label: str) -> None:
    """Draws a link to a page."""
    st.page_link(_any_page(path, label), label=label, width="content")


def render(pages: list) -> None:
    """Draws the title and a link to each of `pages`; Streamlit highlights the open page's link."""
    with st.container(key="nav", horizontal=True, vertical_alignment="center"):
        st.html("<h1>Latent Explorer</h1>", width="content")
        for page in pages if len(pages) > 1 else ():
            st.page_link(page, width="content")


def _any_page(path: str, title: str):
    """A page by its path, by which Streamlit identifies it."""
    return _page(path, lambda: None) if path in TITLES else sub_page(path, title, lambda: None)


def _page(name: str, function: Callable[[], None]):
    is_default = name == next(iter(TITLES))
    return st.Page(function, title=TITLES[name], url_path="" if is_default else name, default=is_default)
