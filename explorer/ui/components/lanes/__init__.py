"""The lanes: three films from A to B in lock-step, scrubbed or played, with what the theory says of each frame.

Down, one packet: header `stamp`, `order`, `ack`, `shape`, `n_frames` (0 until there are two anchors), `overshoot`,
`has_anchor`, `hint`, `plane`, `near_told`, ...; arrays `frames` (lerp, slerp, pixel: 3 * n pictures), `times`, `norm`,
`log_prior`, `support` (n,), `xy` (n, 2) of the lerp film, `ends` (A, B), `near` (the nearest real images) and `near_of` (n,).

Up, the state `request`: {seq, kind}: "swap", "clear", or "overshoot" {on}. Scrubbing and playing send nothing.
"""

from collections.abc import Callable

from explorer.ui.components.asset import register

_mount = register("lanes")


def lanes(packet: bytes, key: str, on_request: Callable[[], None]) -> None:
    """Mount the lanes. `on_request` runs before the fragment does; see st.session_state[key]["request"]."""
    _mount(key=key, data=packet, on_request_change=on_request)
