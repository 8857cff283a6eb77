"""Registers a Streamlit component: a panel's markup and style, and its script joined with the modules that it imports.

Streamlit loads a component's script from a blob URL, where a relative import cannot resolve. So the modules are joined into one
script, without their import and export keywords. Node loads the same files as modules.
"""

import re
from collections.abc import Callable
from graphlib import TopologicalSorter
from pathlib import Path

import streamlit as st

IMPORT = re.compile(r"^import \{([^}]*)\} from '(\.[^']+\.js)';\n", re.MULTILINE)
EXPORT = re.compile(r"^export (?=const |let |class |function |async function )", re.MULTILINE)
TIP = Path(__file__).with_name("tip.css").read_text("utf-8")  # in every component: a style sheet of the page does not reach it
KEYWORD = re.compile(r"^(?:import|export)\b(?! default).*", re.MULTILINE)


def imported(path: Path) -> list[Path]:
    """The modules that a script imports, in the order of its imports."""
    found = IMPORT.findall(path.read_text("utf-8"))
    if any(" as " in names for names, _ in found):
        raise ValueError(f"{path} imports something under another name, which is lost when modules are joined")
    return [(path.parent / name).resolve() for _, name in found]


def modules(script: Path) -> list[Path]:
    """A script and all modules that it needs in dependency order; the script itself is last."""
    graph, to_read = {}, [script.resolve()]
    while to_read:
        path = to_read.pop()
        if path not in graph:
            graph[path] = imported(path)
            to_read += graph[path]
    return list(TopologicalSorter(graph).static_order())


def joined(script: Path) -> str:
    """A script and its modules as one text that imports nothing and exports only the component's default.

    Streamlit sends the script with every run of a component, so indentation and comment lines are removed.
    """
    lines = []
    for path in modules(script):
        text = EXPORT.sub("", IMPORT.sub("", path.read_text("utf-8")))
        if unsupported := KEYWORD.search(text):
            raise ValueError(f"{path} has a line that cannot be joined with other modules: {unsupported[0]}")
        lines += map(str.strip, text.splitlines())
    return "\n".join(line for line in lines if line and not line.startswith("//")) + "\n"


def register(panel: str, name: str, isolate_styles: bool = True, state: str = "request", html: str | None = None) -> Callable:
    """Registers the component in the folder of the file `panel` and returns its mount(data, key, on_change).

    `state`: the name that the script sets with setStateValue or setTriggerValue; `on_change` is called when it does.
    `html`: the markup, by default that in component.html. Call once, at module level: Streamlit remounts a component that is
    registered again.
    """
    own_html, css = (Path(panel).with_name(f"component.{kind}").read_text("utf-8") for kind in ("html", "css"))
    html, css = own_html if html is None else html, TIP + css
    js = joined(Path(panel).with_name("component.js"))
    component = st.components.v2.component(f"latent_explorer_{name}", html=html, css=css, js=js, isolate_styles=isolate_styles)

    def mount(data, key: str, on_change: Callable[[], None] = lambda: None) -> None:
        component(key=key, data=data, **{f"on_{state}_change": on_change})

    return mount
