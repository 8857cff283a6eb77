"""The state of one Explore tab: Session, its link and its requests. Panels change it through its methods only."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlencode

import numpy as np
import streamlit as st

from explorer.core.engine.latent_map import MAX_ABS_Z
from explorer.ui.state import arrival, link
from explorer.ui.state.own_image import OWN, OwnImage
from explorer.ui.state.packets import Packet, next_packet

N_UNDO = 100
N_SAVED = 30
OVERSHOOT = 0.5
PAGE = "explore"


@dataclass(eq=False)
class Session:
    """The state of one tab. `z` is the point that the stage shows; `a`, `b`, `c` and `picked` are gallery rows or OWN."""

    bundle: str
    content_hash: str
    z: np.ndarray  # (D,) float32, never modified in place
    n_images: int
    picked: int | None = None
    a: int | None = None
    b: int | None = None
    c: int | None = None  # the third image of A - B + C
    is_example: bool = False  # A and B are the example that the page opens with, not the visitor's choice
    plane: Any = None  # one of Engine.planes or a pair of dimensions; None: the engine's default
    colour: str = "class"
    first: int = 0  # the first dimension with a slider, counted in the order of KL
    overshoot: float = 0.0
    seed: int = 0  # of the next draw of the prior
    approximate: bool = False  # z was interpolated from a position on the map, not encoded
    past: list[np.ndarray] = field(default_factory=list)
    future: list[np.ndarray] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)  # messages to the visitor that have not been shown yet
    acks: dict[str, int] = field(default_factory=dict)  # sequence number of the last request handled, by component
    dataset: str = ""
    tab: str = "ab"  # the open tab of the tray
    draws_seed: int = 0  # of the draws in the tab "prior"
    direction: str = ""  # the chosen direction, by its name in the panel of moves
    classes: tuple[int, int] | None = None  # (from, to) of the direction between two class means
    pad: tuple[int, int] | None = None  # the (x, y) dimensions of the pad
    saved: dict[str, np.ndarray] = field(default_factory=dict)  # directions (D,) by name
    own: OwnImage = field(default_factory=OwnImage)
    _next_anchor: str = "a"  # the anchor that the next click sets, once both are set
    _opening: str | None = None  # the query of the page as it opened without a link
    _packets: dict[str, Packet] = field(default_factory=dict)

    def move_to(self, z: np.ndarray, approximate: bool = False) -> None:
        """Sets z; `undo` restores the old one. Ignores a point of another shape, with a NaN, or beyond MAX_ABS_Z."""
        z = np.array(z, np.float32)
        if z.shape != self.z.shape or not (np.abs(z) <= MAX_ABS_Z).all():  # false for NaN too
            return
        if not np.array_equal(z, self.z):
            self.past = [*self.past[-N_UNDO + 1 :], self.z]
            self.future = []
        self.z, self.approximate = z, approximate

    def undo(self) -> None:
        if self.past:
            self.future.append(self.z)
            self.z, self.approximate = self.past.pop(), False

    def redo(self) -> None:
        if self.future:
            self.past.append(self.z)
            self.z, self.approximate = self.future.pop(), False

    def pick(self, row: int) -> None:
        """Picks a gallery image or OWN."""
        if row == OWN or 0 <= row < self.n_images:
            self.picked = row

    def set_anchor(self, row: int) -> None:
        """Sets A, then B, then A again: a third click replaces A and keeps B. The first click replaces the example."""
        if not 0 <= row < self.n_images:
            return
        if self.is_example:
            self.clear()
        if self.a is None or (self.b is not None and self._next_anchor == "a"):
            self.a, self._next_anchor = row, "b"
        else:
            self.b, self._next_anchor = row, "a"

    def set_named(self, name: str, row: int) -> None:
        """Sets the anchor `name`: "a", "b" or "c"."""
        if 0 <= row < self.n_images and name in ("a", "b", "c"):
            self.is_example = False
            setattr(self, name, row)

    def show_example(self, a: int, b: int) -> None:
        """Sets an example path from A to B, which the visitor's first click replaces."""
        self.a, self.b, self.is_example = a, b, True

    def remember_opening(self, plane) -> None:
        """Makes the plain address the link of the present state, in the given plane."""
        self.set_plane(plane)
        self._opening = self._query()

    def save_direction(self, name: str, direction: np.ndarray) -> None:
        """Saves a direction (D,) under a name, replacing an older one of that name; at most N_SAVED are kept."""
        if name and direction.any() and (name in self.saved or len(self.saved) < N_SAVED):
            self.saved = self.saved | {name: direction}

    def remove_direction(self, name: str) -> None:
        self.saved = {other: direction for other, direction in self.saved.items() if other != name}

    def swap(self) -> None:
        self.a, self.b = self.b, self.a

    def clear(self) -> None:
        self.a = self.b = self.c = None
        self.is_example, self._next_anchor = False, "a"

    def go_to_row(self, row: int, mu: np.ndarray) -> None:
        """Picks a gallery image and moves z to its encoder mean `mu`."""
        if 0 <= row < self.n_images:
            self.pick(row)
            self.move_to(mu)

    def draw_prior(self, draw: Callable[[int], np.ndarray]) -> None:
        """Moves z to the next sample of the prior. `draw`: seed -> z."""
        self.move_to(draw(self.seed))
        self.seed += 1

    def show_dims(self, first: int) -> None:
        self.first = max(0, first)

    def set_plane(self, plane) -> None:
        self.plane = plane

    def set_colour(self, colour: str) -> None:
        self.colour = colour

    def set_overshoot(self, is_on: bool) -> None:
        self.overshoot = OVERSHOOT if is_on else 0.0

    def open_tab(self, tab: str) -> None:
        self.tab = tab

    def draw_again(self) -> None:
        """Chooses other draws of the prior for the tab "prior"."""
        self.draws_seed += 1

    def choose_direction(self, choice: str) -> None:
        self.direction = choice

    def choose_classes(self, start: int, end: int) -> None:
        self.classes = start, end

    def choose_pad(self, x_dim: int, y_dim: int) -> None:
        self.pad = x_dim, y_dim

    def change_own_image(self, **changes) -> None:
        """Replaces the data or settings of `own`. Without data it is no anchor any more."""
        self.own = self.own.changed(**changes)
        if self.own.data is None:
            self._drop_own_anchors()

    def place_own_image(self, prepared=None, evaluation=None, error: str = "") -> None:
        """Sets what the model makes of the own image, or why it cannot be evaluated."""
        self.own = replace(self.own, prepared=prepared, evaluation=evaluation, error=error)
        if evaluation is None:
            self._drop_own_anchors()

    def set_anchor_own(self, role: str) -> None:
        """Makes the own image A, B or C. Ignored until it is evaluated."""
        if self.own.mu is None:
            return
        self.is_example = False
        if role == "a":
            self.a, self._next_anchor = OWN, "b"
        elif role == "b":
            self.b, self._next_anchor = OWN, "a"
        elif role == "c":
            self.c = OWN

    def _drop_own_anchors(self) -> None:
        for name in ("a", "b", "c", "picked"):
            if getattr(self, name) == OWN:
                setattr(self, name, None)

    def notify(self, text: str) -> None:
        """Adds a message that the next run of the page shows once."""
        self.notices.append(text)

    def take_notices(self) -> list[str]:
        """Returns and removes the notices."""
        taken, self.notices = self.notices, []
        return taken

    def acknowledge(self, name: str, seq: int) -> None:
        self.acks[name] = seq

    def packet(self, name: str, key: tuple, make: Callable[[], tuple], fields: tuple[str, ...]) -> bytes:
        """The packet of a component: the same bytes until `key` changes or a request is acknowledged.

        `make` returns (header, arrays, encodings) and is called only when `key` changes. `fields` are added to the header:
        "stamp" (changes with the packet), "order" (increases with its content) and "ack" (the last request handled).
        """
        ack, key = self.acks.get(name, 0) if "ack" in fields else 0, (self.content_hash, *key)
        self._packets[name] = next_packet(self._packets.get(name), key, ack, self.content_hash, make, fields)
        return self._packets[name].data

    def link(self) -> str:
        """The query string of the link that restores the fields in LINK; "" for the page as it opened without one."""
        query = self._query()
        return "" if query == self._opening else query

    def _query(self) -> str:
        parts = {name: entry.write(getattr(self, entry.attribute)) for name, entry in link.LINK.items()}
        if self.a is None and self.b is None:
            parts["ab"] = "none"
        return urlencode({name: text for name, text in parts.items() if text is not None}, safe=",")


def session(engine, example: Callable[[Any], tuple[int, int]], is_first: bool) -> Session:
    """The session of this tab for `engine`. A new tab reads its link, or without one shows `example`: engine -> rows A and B.

    `is_first`: whether the plain address opens this model. When another model is chosen, the new session shows its example if
    the visitor has not replaced the old one; otherwise it keeps A, B, C and the picked image if the data set is the same.
    """
    old, linked = st.session_state.get("explorer_session"), arrival.take(PAGE)
    if linked is None and old is not None:
        if (old.bundle, old.content_hash) == (engine.name, engine.content_hash):
            return old
        if old.bundle == engine.name and old.z.shape == (engine.latent_dim,) and engine.is_live:
            old.content_hash, old.own = engine.content_hash, old.own.not_evaluated()  # a further epoch of the same run
            return old
    new = Session(engine.name, engine.content_hash, np.zeros(engine.latent_dim, np.float32), len(engine.gallery.mu))
    new.dataset = engine.origin.dataset
    params = st.query_params if linked is None else linked
    is_opening = old is None or linked is not None
    if is_opening and link.is_link(params):
        link.read_into(new, params, engine)
    elif is_opening or old.is_example:
        new.show_example(*example(engine))
    elif old.dataset == new.dataset and old.n_images == new.n_images:
        new.picked, new.a, new.b, new.c, new._next_anchor = old.picked, old.a, old.b, old.c, old._next_anchor
        if new.picked not in (None, OWN):
            new.z = engine.gallery.mu[new.picked]
    if old is not None:
        new.tab, new.own = old.tab, old.own.not_evaluated()
        if linked is not None:  # the components go on
            new.acks, new._packets = old.acks, old._packets
        elif old.colour in link.colours_of(engine):
            new.colour = old.colour
    elif new.is_example and is_first:
        new.remember_opening(engine.planes[0])
    st.session_state["explorer_session"] = new
    return new


def arriving_query() -> dict[str, str] | None:
    """The link with which a lecture has just opened Explore, once."""
    return arrival.opening(PAGE)


def linked_bundle() -> str | None:
    """The model in the address line, or None."""
    return st.query_params.get("model")


def choose_bundle(name: str) -> None:
    """Selects a model in Explore's selector at the next run."""
    st.session_state["bundle"] = name


def follow(old: str, new: str) -> None:
    """Keeps a renamed model selected."""
    if (session := current()) is not None and session.bundle == old:
        session.bundle = new


def request(key: str) -> dict | None:
    """The state `request` of the component mounted under `key`, unchecked."""
    sent = (st.session_state.get(key) or {}).get("request")
    return sent if isinstance(sent, dict) else None


def requests(session: Session, key: str) -> list[dict]:
    """The component's requests that were not handled before, in order. Marks them as handled."""
    last, pending = session.acks.get(key, 0), (request(key) or {}).get("all")
    pending = pending if isinstance(pending, list) else []
    fresh = [r for r in pending if isinstance(r, dict) and type(r.get("seq")) is int and r["seq"] > last]
    if fresh:
        session.acknowledge(key, max(r["seq"] for r in fresh))
    return fresh


def current() -> Session | None:
    return st.session_state.get("explorer_session")
