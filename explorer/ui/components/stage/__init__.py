"""The stage: the decoded image beside one film-strip slider per latent dimension.

Down, one packet (packet.py): header `stamp` (changes with the content), `order` (of films, rising), `ack` (last request
heard), `model`, `shape`, `n_frames`, `kl`, `posterior`, `picked`, `told`, `dead`, `pages`, ...; arrays `rest` (the exact
image at z), `z` (D,), `dims` (k,), `values` (k, n), `xy` (k, n, 2), `support` (k, n), `frames` (k * n pictures), `trio`.

Up, the state `request`: {seq, kind, ...}. kind "move" carries z; "go" carries row; "undo", "redo", "prior", "picked",
"back" and "more" carry nothing. While a slider moves nothing is sent; a release, or 150 ms without a key, sends one "move".

A film is shown only where it is true: where z differs from the film's own centre in the film's dimension alone.
"""

from collections.abc import Callable

from explorer.ui.components.asset import register

_mount = register("stage")


def stage(packet: bytes, key: str, on_request: Callable[[], None]) -> None:
    """Mount the stage. `on_request` runs before the fragment does; the request is st.session_state[key]["request"]."""
    _mount(key=key, data=packet, on_request_change=on_request)
