"""The state of one exhibit in one tab: its model, image and settings, the answers to its predictions, and its link."""

import math
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlencode

import streamlit as st

from explorer.ui.state.own_image import OWN, OwnImage
from explorer.ui.state.packets import Packet, next_packet

KEY = "explorer_exhibits"


@dataclass(frozen=True)
class Number:
    """A setting that is a number from `low` to `high`."""

    low: float
    high: float
    default: float | None = None  # None: the exhibit computes it
    whole: bool = False

    def read(self, text: str) -> float:
        value = _float(text)
        if not self.low <= value <= self.high or (self.whole and value != int(value)):  # false for NaN too
            raise ValueError(f"it must be a {'whole ' * self.whole}number from {self.low:g} to {self.high:g}")
        return int(value) if self.whole else value

    def write(self, value: float) -> str:
        return f"{value:.6g}"


@dataclass(frozen=True)
class Choice:
    """A setting that is one of `names`."""

    names: tuple[str, ...]
    default: str

    def read(self, text: str) -> str:
        if text not in self.names:
            raise ValueError(f"choose one of {', '.join(self.names)}")
        return text

    def write(self, value: str) -> str:
        return value


@dataclass(frozen=True)
class Numbers:
    """A setting that is as many numbers from `low` to `high` as its default has, in a text such as "0.5,0.3,0.2"."""

    low: float
    high: float
    default: tuple[float, ...]

    def read(self, text: str) -> tuple[float, ...]:
        values = tuple(map(_float, text.split(",")))
        if len(values) != len(self.default) or not all(self.low <= value <= self.high for value in values):
            raise ValueError(f"it must be {len(self.default)} numbers from {self.low:g} to {self.high:g}")
        return values

    def write(self, value: tuple[float, ...]) -> str:
        return ",".join(f"{part:.9g}" for part in value)  # probabilities still sum to 1 when they are read


Settings = Mapping[str, Number | Numbers | Choice]  # by name, which is also that of the query parameter


@dataclass(eq=False)
class ExhibitState:
    """The state of one exhibit in one tab. `image` is a gallery row or OWN."""

    path: str
    settings: Settings
    n_predictions: int
    model: str = ""
    content_hash: str = ""
    n_images: int = 0
    image: int = 0
    own: OwnImage = field(default_factory=OwnImage)
    values: dict[str, Any] = field(default_factory=dict)  # the settings that the visitor has changed
    answers: dict[int, int] = field(default_factory=dict)  # prediction -> the choice committed to
    acks: dict[str, int] = field(default_factory=dict)
    notices: list[str] = field(default_factory=list)
    _packets: dict[str, Packet] = field(default_factory=dict)

    def open_model(self, engine) -> None:
        """Shows another model, or a further epoch of the same run. Settings that depend on the image are dropped."""
        if (self.model, self.content_hash) == (engine.name, engine.content_hash):
            return
        if self.model:
            self._drop_computed()
            self.own = self.own.not_evaluated()
        self.model, self.content_hash, self.n_images = engine.name, engine.content_hash, len(engine.gallery.mu)
        if self.image >= self.n_images:
            self.image = 0

    def __getitem__(self, name: str) -> Any:
        """The value of a setting."""
        return self.values.get(name, self.settings[name].default)

    def change(self, values: Mapping[str, Any]) -> None:
        """Changes settings. Unknown names and impossible values are ignored; None restores the default."""
        for name, value in values.items():
            if name in self.settings:
                with suppress(ValueError):
                    kept = {other: old for other, old in self.values.items() if other != name}
                    self.values = kept if value is None else kept | {name: self.settings[name].read(str(value))}

    def show_image(self, row: int) -> None:
        """Shows a gallery image or OWN. Settings that the exhibit computes for an image are those of the new image."""
        if 0 <= row < self.n_images or (row == OWN and self.own.data is not None):
            self.image = int(row)
            self._drop_computed()

    def change_own_image(self, **changes) -> None:
        """Replaces the data of the own image and shows it; without data, shows image 0 again."""
        self.own = self.own.changed(**changes)
        self.image = 0 if self.own.data is None else OWN
        self._drop_computed()

    def _drop_computed(self) -> None:
        self.values = {name: value for name, value in self.values.items() if self.settings[name].default is not None}

    def place_own_image(self, prepared=None, evaluation=None, error: str = "") -> None:
        """Sets what the model makes of the own image, or why it cannot be evaluated."""
        self.own = replace(self.own, prepared=prepared, evaluation=evaluation, error=error)
        if evaluation is None and self.image == OWN:
            self.image = 0

    def answer(self, prediction: int, choice: int) -> None:
        """Commits to a choice, once."""
        if 0 <= prediction < self.n_predictions and 0 <= choice < 8:
            self.answers.setdefault(int(prediction), int(choice))  # True is an int, too

    def cover(self) -> None:
        """Covers all answers again."""
        self.answers = {}

    def acknowledge(self, name: str, seq: int) -> None:
        self.acks[name] = seq

    def take_notices(self) -> list[str]:
        """Returns and removes the messages to the visitor that have not been shown yet."""
        taken, self.notices = self.notices, []
        return taken

    def packet(self, name: str, key: tuple, make: Callable[[], tuple], fields: tuple[str, ...]) -> bytes:
        """The packet of a component, as in `Session.packet`."""
        ack, key = self.acks.get(name, 0) if "ack" in fields else 0, (self.content_hash, *key)
        self._packets[name] = next_packet(self._packets.get(name), key, ack, self.content_hash, make, fields)
        return self._packets[name].data

    def link(self) -> str:
        """The query string of the link that restores the exhibit; an own image is in no link."""
        parts = {"model": self.model, "image": str(max(self.image, 0))} if self.model else {}
        parts |= {name: self.settings[name].write(value) for name, value in self.values.items()}
        if self.answers:
            parts["open"] = ",".join(f"{prediction}.{choice}" for prediction, choice in sorted(self.answers.items()))
        return urlencode(parts, safe=",.")

    def follow(self, params: Mapping[str, str]) -> None:
        """Takes everything from the query of a lecture's link: what is not in it gets its default."""
        self.image, self.answers = 0, {}
        self.restore(params)

    def restore(self, params: Mapping[str, str]) -> None:
        """Takes image, settings and answers from the query of a link; settings that are not in it get their defaults."""
        self.values = {}
        self.read(params)

    def read(self, params: Mapping[str, str]) -> None:
        """Takes image, settings and answers from the query of a link. Notes what is impossible."""
        for name, text in params.items():
            try:
                if name == "image" and self.model:
                    self.image = int(Number(0, self.n_images - 1, whole=True).read(text))
                elif name == "open":
                    self.answers = _read_answers(text, self.n_predictions)
                elif name in self.settings:
                    self.values[name] = self.settings[name].read(text)
            except ValueError as error:
                self.notices.append(f"The link's '{name}' was ignored: {error}.")


def _float(text: str) -> float:
    """The number in a text; NaN for any other text."""
    try:
        return float(text)
    except ValueError:
        return math.nan


def _read_answers(text: str, n_predictions: int) -> dict[int, int]:
    found = {}
    for part in text.split(","):
        prediction, _, choice = part.partition(".")
        if not (prediction.isdecimal() and choice.isdecimal()) or int(prediction) >= n_predictions or len(choice) > 1:
            raise ValueError("it must be pairs such as 0.1, of a prediction and a choice")
        found[int(prediction)] = int(choice)
    return found


def exhibit(path: str, settings: Settings, n_predictions: int) -> tuple[ExhibitState, bool]:
    """(the tab's state of an exhibit, whether it has just been made). A new one takes model and image from the last exhibit."""
    states = st.session_state.setdefault(KEY, {})
    is_new = path not in states
    if is_new:
        new, last = ExhibitState(path, settings, n_predictions), _last_with_model(states)
        if last is not None:
            new.image, new.own = last.image, last.own.not_evaluated()  # the new exhibit may show another model
        states[path] = new
    states[path] = states.pop(path)  # the exhibit that was opened last is the last one
    return states[path], is_new


def _last_with_model(states: dict[str, ExhibitState]) -> ExhibitState | None:
    return next((state for state in reversed(states.values()) if state.model), None)


def wanted_model(path: str) -> str | None:
    """The model in the address line, or the one that the tab's exhibits have shown last."""
    states = st.session_state.get(KEY, {})
    if path in states:
        return states[path].model
    last = _last_with_model(states)
    return st.query_params.get("model") or (last.model if last is not None else None)


def query() -> dict[str, str]:
    """The query parameters of the address line."""
    return st.query_params.to_dict()
