"""Thumbnails of the gallery for the map's hover card. The component itself is invisible.

A thread makes the thumbnails; the script requests them when the page is idle, and they are sent once.
"""

from typing import TypedDict

import numpy as np

from explorer.ui import resources
from explorer.ui.state import session as state
from explorer.ui.wire.component import register
from explorer.ui.wire.packet import pack

KEY = "sprites"
mount = register(__file__, "sprites")


class Model(TypedDict):
    """The header until the thumbnails are ready."""

    model: str
    is_recon: bool  # whether the thumbnails show reconstructions


class Header(Model, total=False):
    """The optional fields are sent with the thumbnails."""

    columns: int  # of the sheet
    shape: tuple[int, int, int]  # of a thumbnail
    names: tuple[str, ...]  # of the classes


class Arrays(TypedDict, total=False):
    """For the N images of the gallery; sent with the thumbnails."""

    labels: np.ndarray  # (N,)
    recon_loss: np.ndarray  # (N,), nats
    kl: np.ndarray  # (N,), nats
    pictures: bytes  # the sheet as JPEG


class Request(TypedDict):
    """For the thumbnails of a model, repeated until they arrive."""

    model: str
    seq: int


def render(engine, session) -> None:
    model, is_recon = f"{session.bundle}-{session.content_hash}", not resources.has_images(engine)
    request, header = state.request(KEY), Model(model=model, is_recon=is_recon)
    packet = resources.sprites(engine) if request is not None and request.get("model") == header["model"] else None
    mount(pack(header, {}) if packet is None else packet, KEY)
