"""The hover pictures: made in a thread when the browser, settled, asks for them; sent once."""

from explorer.ui import resources, state
from explorer.ui.components.sprites import sprites as mount

KEY = "sprites"


def render(engine, session) -> None:
    asked = state.request(KEY)
    wanted = asked is not None and asked.get("model") == f"{session.bundle}-{session.content_hash}"
    packet = resources.sprites(engine) if wanted else None
    mount(f"{session.bundle}-{session.content_hash}", packet, KEY)
