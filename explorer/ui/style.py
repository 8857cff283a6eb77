"""Adds the app's style sheets to the page: style.css for all pages, and those in the folder of each page."""

from pathlib import Path

import streamlit as st

HERE = Path(__file__).parent
CSS = "".join(path.read_text("utf-8") for path in (HERE / "style.css", *sorted(HERE.glob("*/*.css"))))


def apply() -> None:
    """Adds the style sheets. Called in every run, before anything else is drawn."""
    st.html(f"<style>{CSS}</style>")
