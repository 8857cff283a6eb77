"""A clock in the browser: the fragment it stands in runs again, every so often. It shows nothing.

Streamlit's own `run_every` goes on ticking between a click on the link of another page and the answer. Such a tick names the
page that is being left, is run after the new page, and leaves that blank. This clock stands still while anything runs.

Up, the state `at`, which nobody reads.
"""

from explorer.ui.components.asset import register

_mount = register("clock")


def clock(name: str, every_s: float) -> None:
    """Run this fragment again every `every_s` seconds. `name`: another one for each clock of a page."""
    _mount(key=f"clock-{name}", data={"every_ms": 1000 * every_s}, on_at_change=lambda: None)
