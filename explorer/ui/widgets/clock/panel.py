"""A clock in the browser: the fragment it stands in runs again, every so often. It shows nothing.

Streamlit's own `run_every` goes on ticking between a click on the link of another page and the answer. Such a tick names the
page that is being left, is run after the new page, and leaves that blank. This clock stands still while anything runs.

Up, the state `at`, which nobody reads.
"""

from explorer.ui.wire.component import register

mount = register(__file__, "clock", state="at")


def clock(name: str, every_s: float, soon_s: float | None = None) -> None:
    """Run this fragment again every `every_s` seconds, and every `soon_s` in the second after a click or a key: what was asked
    for is then about to show. `name`: another one for each clock of a page."""
    times = {"every_ms": 1000 * every_s, "soon_ms": 1000 * (every_s if soon_s is None else soon_s)}
    mount(times, f"clock-{name}")
