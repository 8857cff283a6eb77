"""The gallery's small pictures for the map's hover: made in a thread, sent once, after everything else. Shows nothing itself.

Down, one packet: header `model`, and, once they are made, `columns`, `shape`, `names` (classes), `is_recon`; arrays `labels`,
`recon_loss`, `kl` (N,) and `pictures`, a compressed sheet. Up, the state `request`: {model, seq}, sent once the page has
settled.
"""

from explorer.ui import resources
from explorer.ui.state import session as state
from explorer.ui.wire.component import register
from explorer.ui.wire.packet import pack

KEY = "sprites"
mount = register(__file__, "sprites")


def render(engine, session) -> None:
    asked, model = state.request(KEY), f"{session.bundle}-{session.content_hash}"
    packet = resources.sprites(engine) if asked is not None and asked.get("model") == model else None
    mount(pack({"model": model}, {}) if packet is None else packet, KEY)
