"""The gallery's small pictures, sent once and after everything else, for the map's hover. It shows nothing itself.

Down, one packet: header `model`, `columns`, `shape`, `names` (classes), `is_recon`; arrays `labels`, `recon_loss`, `kl`
(N,) and `pictures`, a compressed sheet. Up: nothing.
"""

from explorer.ui.components.asset import register

_mount = register("sprites")


def sprites(packet: bytes, key: str) -> None:
    """Hand the sheet to the map's companion."""
    _mount(key=key, data=packet)
