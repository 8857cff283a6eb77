"""The page around the components: one grid, no scrolling at 1280 x 800, both themes, a size for the last row."""

from pathlib import Path

import streamlit as st

HERE = Path(__file__).parent
CSS = "".join(path.read_text("utf-8") for path in (HERE / "style.css", *sorted(HERE.glob("*/page.css"))))


def apply() -> None:
    """Once a run, before anything else is drawn."""
    st.html(f"<style>{CSS}</style>")
