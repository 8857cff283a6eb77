"""A component's three files, read once when it is registered; its script follows the shared film.js."""

from pathlib import Path

import streamlit as st

FOLDER = Path(__file__).parent


def register(name: str, isolate_styles: bool = True):
    """The mounting command of the component in the folder `name`. Call at module level, once."""
    html, css, js = ((FOLDER / name / f"component.{kind}").read_text("utf-8") for kind in ("html", "css", "js"))
    shared = (FOLDER / "film.js").read_text("utf-8")
    return st.components.v2.component(f"latent_explorer_{name}", html=html, css=css, js=f"{shared}\n{js}",
                                      isolate_styles=isolate_styles)  # fmt: skip
