"""The packets of a tab's components: the same bytes until their content changes or a request is acknowledged."""

from collections.abc import Callable
from typing import NamedTuple

from explorer.ui.wire.packet import pack


class Packet(NamedTuple):
    """The newest packet of a component."""

    key: tuple  # what the content depends on
    order: int  # increases when the content changes
    ack: int  # sequence number of the last request handled
    content: tuple  # header, arrays, encodings
    data: bytes


def next_packet(
    kept: Packet | None, key: tuple, ack: int, content_hash: str, make: Callable[[], tuple], fields: tuple[str, ...]
) -> Packet:
    """The packet that follows `kept`, which is `kept` if neither key nor ack has changed. See `Session.packet`."""
    if kept is not None and (kept.key, kept.ack) == (key, ack):
        return kept
    if kept is not None and kept.key == key:
        order, content = kept.order, kept.content
    else:
        order, content = (kept.order if kept else 0) + 1, make()
    header, arrays, encodings = content
    added = {"stamp": f"{content_hash}-{order}-{ack}", "order": order, "ack": ack}
    return Packet(key, order, ack, content, pack(header | {field: added[field] for field in fields}, arrays, encodings))
