"""A timer in the browser that reruns the fragment it is placed in. It shows nothing.

It replaces Streamlit's `run_every`, which keeps ticking between a click on a link to another page and the server's answer: such
a tick reruns the old page's fragment after the new page and leaves the new page blank. This timer pauses while the script runs.

The script sets the state `at` to a time in ms to trigger the rerun; the value is not used.
"""

from typing import TypedDict

from explorer.ui.wire.component import register


class Header(TypedDict):
    """Intervals between reruns, in ms."""

    every_ms: float
    soon_ms: float  # in the second after a click or a key press


mount = register(__file__, "clock", state="at")


def clock(name: str, every_s: float, soon_s: float | None = None) -> None:
    """Reruns this fragment every `every_s` seconds, and every `soon_s` in the second after a click or a key press.

    `name`: unique among the clocks of a page. `soon_s` defaults to `every_s`.
    """
    data: Header = {"every_ms": 1000 * every_s, "soon_ms": 1000 * (every_s if soon_s is None else soon_s)}
    mount(data, f"clock-{name}")
