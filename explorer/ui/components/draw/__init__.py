"""Your own image: a canvas to draw on, a file to choose, and what the model makes of it. A button opens it as a card.

Down, one packet (packet.py): header `stamp` (changes with the content), `ack` (the last request heard), `shape`,
`light` (ink is drawn bright on black), `centre` and `invert` (how the picture was seen), `can_centre`, `inverted`, `said` (what
was wrong with the picture, or ""), `title` (the numbers in a line), `rank` (how strange it is), `facts` ([name, value] each),
`dims`; arrays, empty without a picture: `seen` and `recon` (C, H, W), `error` (3, H, W), a heat map, and `posterior` (k, 2), mu
and sigma of the dimensions `dims`.

Up, the trigger `request`: {seq, kind, ...}. "image" {data: a picture file in base64}; "see" {centre, invert}, invert one of
"auto", "on", "off"; "clear"; "explore": z moves to the picture's mu. One at a time: the next waits until the last was heard.
A trigger and not a state, because Streamlit sends the states of all components along with every request of any.
"""

from collections.abc import Callable

from explorer.ui.components.asset import register

_mount = register("draw")


def draw(packet: bytes, key: str, on_request: Callable[[], None]) -> None:
    """Mount the button and its card. `on_request` runs before the fragment does, and alone sees the request."""
    _mount(key=key, data=packet, on_request_change=on_request)
