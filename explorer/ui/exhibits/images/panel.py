"""The image chooser of an exhibit: one image of each class, a field for the number of any other, and a drawing."""

import base64
from typing import Literal, TypedDict

import numpy as np

from explorer.core.engine import user_image
from explorer.core.errors import ExplorerError
from explorer.ui import resources
from explorer.ui.state import session as requests_of
from explorer.ui.state.own_image import OWN
from explorer.ui.wire.component import register
from explorer.ui.wire.packet import Numbered

mount = register(__file__, "images", isolate_styles=False)

KEY = "images"
MAX_EXAMPLES = 10


class Header(TypedDict):
    shape: tuple[int, int, int]
    light: bool  # whether to draw light on dark
    rows: list[int]  # of the pictures `examples`
    names: list[str]
    image: int  # the chosen row, or -1 for the drawing
    n_images: int
    note: str  # or ""
    stamp: str  # this and the next are added by ExhibitState.packet
    ack: int


class Arrays(TypedDict):
    examples: np.ndarray  # (k, C, H, W)
    chosen: np.ndarray  # (C, H, W)


class Pick(Numbered):
    kind: Literal["pick"]
    row: int


class Image(Numbered):
    kind: Literal["image"]
    data: str  # a PNG in base64


class Clear(Numbered):
    kind: Literal["clear"]


Request = Pick | Image | Clear


def render(engine, state) -> None:
    """Draws the chooser. Evaluates a drawing first, so that `state.own` is that of this engine."""
    _evaluate(engine, state)
    key = resources.has_images(engine), state.image, state.own.version
    packet = state.packet(KEY, key, lambda: _content(engine, state), ("stamp", "ack"))
    mount(packet, KEY, lambda: _handle_requests(state))


def image_of(engine, state) -> tuple[np.ndarray, bool]:
    """(the chosen image uint8 (C, H, W), whether it is a reconstruction because the data set is not on this machine)."""
    if state.image == OWN and state.own.prepared is not None:
        return state.own.prepared.image[0], False
    images, is_recon = engine.images_or_recons([max(state.image, 0)])
    return images[0], is_recon


def _evaluate(engine, state) -> None:
    own = state.own
    if own.data is None or own.evaluation is not None or own.error:
        return
    try:
        settings = user_image.preparation_for(engine.origin.dataset, engine.ink_layout, own.fit, own.invert)
        prepared = user_image.prepare(own.data, engine.image_shape, settings)
        state.place_own_image(prepared, engine.evaluate(prepared.image))
    except ExplorerError as error:
        state.place_own_image(error=str(error))


def _handle_requests(state) -> None:
    for request in requests_of.requests(state, KEY):
        match request:
            case {"kind": "pick", "row": int(row)}:
                state.show_image(row)
            case {"kind": "image", "data": str(text)}:
                try:
                    state.change_own_image(data=base64.b64decode(text, validate=True)[: user_image.MAX_BYTES + 1])
                except ValueError:  # not base64
                    state.change_own_image(data=None, error="The drawing arrived incomplete. Draw it again.")
            case {"kind": "clear"}:
                state.change_own_image(data=None)


def _content(engine, state) -> tuple[dict, Arrays, dict]:
    rows, pictures = resources.shared(engine, KEY, (resources.has_images(engine),), lambda: _examples(engine))
    chosen, is_recon = image_of(engine, state)
    data = engine.origin.title or engine.origin.dataset
    header = {
        "shape": engine.image_shape,
        "light": engine.ink_layout.dark_background or engine.image_shape[0] == 3,
        "rows": rows,
        "names": [_name(engine, row) for row in rows],
        "image": state.image,
        "n_images": len(engine.gallery.mu),
        "note": state.own.error or (f"{data} is not on this computer: reconstructions stand in." if is_recon else ""),
    }
    return header, {"examples": pictures, "chosen": chosen}, {}


def _examples(engine) -> tuple[list[int], np.ndarray]:
    """(rows, pictures) of the first image of each class, or of the first images."""
    labels = engine.gallery.labels
    classes, first = np.unique(labels, return_index=True)
    rows = first[classes >= 0][:MAX_EXAMPLES].tolist() or list(range(min(MAX_EXAMPLES, len(labels))))
    return rows, engine.images_or_recons(rows)[0]


def _name(engine, row: int) -> str:
    label, names = int(engine.gallery.labels[row]), engine.origin.class_names
    return names[label] if 0 <= label < len(names) else str(row)
