"""Registers a component: the markup, style and script beside a panel, after the script that all components share."""

from collections.abc import Callable
from pathlib import Path

import streamlit as st

SHARED = Path(__file__).with_name("film.js")


def register(panel: str, name: str, isolate_styles: bool = True, state: str = "request") -> Callable:
    """The function that mounts the component beside the file `panel`: mount(data, key, on_change).

    `state`: what the script sets with setStateValue or setTriggerValue; `on_change` is called when it does. Call at module
    level, once: Streamlit remounts a component that is registered again.
    """
    html, css, js = (Path(panel).with_name(f"component.{kind}").read_text("utf-8") for kind in ("html", "css", "js"))
    js = f"{SHARED.read_text('utf-8')}\n{js}"
    component = st.components.v2.component(f"latent_explorer_{name}", html=html, css=css, js=js, isolate_styles=isolate_styles)

    def mount(data, key: str, on_change: Callable[[], None] = lambda: None) -> None:
        component(key=key, data=data, **{f"on_{state}_change": on_change})

    return mount
