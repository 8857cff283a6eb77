"""The map's companion: draws cursor, anchors, path, posterior and hover pictures over a Plotly chart that never changes.

It finds the chart by `.st-key-latent_map`, reads its axes and listens to it. Down, one packet: header `stamp`, `ack`,
`model`, `plane`, `a` and `b` ({row, xy} or null), `picked_xy` and `own_xy` (of the visitor's own image), `ellipse` ([x, y,
rx, ry] in map units or null); array `path` (F, 2). Where z is comes from the page's other components, by the window event
`latent:cursor`.

Up, the state `request`: {seq, kind, ...}. "anchor" {row}: a click on a point; "move" {row}: with Shift; "place" {xy}: a
click where no visible point is within 8 px.
"""

from collections.abc import Callable

from explorer.ui.components.asset import register

_mount = register("map_overlay", isolate_styles=False)


def map_overlay(packet: bytes, key: str, on_request: Callable[[], None]) -> None:
    """Mount the companion. `on_request` runs before the fragment does; see st.session_state[key]["request"]."""
    _mount(key=key, data=packet, on_request_change=on_request)
