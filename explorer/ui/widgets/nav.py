"""The name of the house and the way to its pages, at the head of each."""

import streamlit as st


def render(pages: list) -> None:
    """`pages` as st.navigation has them; the link of the page that is open is marked by Streamlit."""
    with st.container(key="nav", horizontal=True, vertical_alignment="center"):
        st.html("<h1>Latent Explorer</h1>", width="content")
        for page in pages if len(pages) > 1 else ():
            st.page_link(page, width="content")
