"""The gallery's small pictures, sent once and after everything else, for the map's hover. It shows nothing itself.

Down, one packet: header `model`, and, once they are made, `columns`, `shape`, `names` (classes), `is_recon`; arrays `labels`,
`recon_loss`, `kl` (N,) and `pictures`, a compressed sheet. Up, the state `request`: {model, seq}, sent once the page has
settled.
"""

from explorer.ui.components.asset import register
from explorer.ui.components.packet import pack

_mount = register("sprites")


def sprites(model: str, packet: bytes | None, key: str) -> None:
    """Hand the sheet to the map's companion."""
    _mount(key=key, data=pack({"model": model}, {}) if packet is None else packet, on_request_change=lambda: None)
