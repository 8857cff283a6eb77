"""The query parameters of the links to Explore and Train: how each is written, read and checked."""

import base64
import binascii
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import numpy as np

from explorer.core.config import ARCHS, LIKELIHOODS
from explorer.core.engine.latent_map import MAX_ABS_Z
from explorer.core.engine.traits import ATTRIBUTE
from explorer.core.runs.twins import MAX_TWINS, SETTINGS


@dataclass(frozen=True)
class Entry:
    """One query parameter."""

    attribute: str  # of the Session; in TRAIN_LINK, of the TrainForm, or "run"
    write: Callable[[Any], str | None]  # None: the value is the default and not in the link
    read: Callable[[str, Any], Any]  # (text, engine) -> value; raises ValueError with a reason for the user


def _write_z(z: np.ndarray) -> str | None:
    return base64.urlsafe_b64encode(z.astype("<f4").tobytes()).decode().rstrip("=") if z.any() else None


def _read_z(text: str, engine) -> np.ndarray:
    try:
        z = np.frombuffer(base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True), "<f4")
    except (binascii.Error, ValueError):
        raise ValueError("it is not a valid point") from None
    if z.shape != (engine.latent_dim,):
        raise ValueError(f"it has {len(z)} dimensions, but the model has {engine.latent_dim}")
    if not np.isfinite(z).all() or np.abs(z).max() > MAX_ABS_Z:
        raise ValueError(f"its values must be finite and at most {MAX_ABS_Z:,.0f}")
    return z.astype(np.float32)


def _read_row(text: str, engine) -> int:
    if not text.isascii() or not text.isdigit() or int(text) >= len(engine.gallery.mu):
        raise ValueError(f"images are numbered 0 to {len(engine.gallery.mu) - 1}")
    return int(text)


def _write_plane(plane) -> str | None:
    return ",".join(map(str, plane)) if isinstance(plane, tuple) else plane


def _read_plane(text: str, engine):
    if text in engine.planes:
        return text
    parts = text.split(",")
    if len(parts) == 2 and all(p.isascii() and p.isdigit() and int(p) < engine.latent_dim for p in parts):
        if parts[0] != parts[1] or engine.latent_dim == 1:
            return int(parts[0]), int(parts[1])
    raise ValueError("the model has no such plane")


def _read_colour(text: str, engine) -> str:
    if text not in colours_of(engine):
        raise ValueError(f"choose one of {', '.join(colours_of(engine))}")
    return text


def _read_first(text: str, engine) -> int:
    if not text.isascii() or not text.isdigit() or int(text) >= engine.latent_dim:
        raise ValueError(f"the model has {engine.latent_dim} dimensions")
    return int(text)


def _read_overshoot(text: str, engine) -> float:
    if text not in ("0.5", "0"):
        raise ValueError("it must be 0 or 0.5")
    return float(text)


def colours_of(engine) -> tuple[str, ...]:
    """The colourings of a model's map: COLOURS, and the keys of its traits, such as "factor x" and "attribute slant"."""
    return COLOURS + tuple(engine.traits)


def colour_name(colour: str) -> str:
    """The name of a colouring on the page."""
    return COLOUR_NAMES.get(colour, colour.removeprefix(f"{ATTRIBUTE} "))


def _row(attribute: str) -> Entry:
    return Entry(attribute, lambda row: None if row is None or row < 0 else str(row), _read_row)  # the own image is in no link


MOVE = "move"  # addresses dimensions by the attributes that they follow; read, never written
COLOURS = ("class", "KL", "recon loss", "|mu|")
COLOUR_NAMES = {"recon loss": "reconstruction error", "|mu|": "norm of mu"}  # on the page, where they differ
MAX_BUDGET_S, MAX_EPOCHS = 86_400, 100_000


def _count(attribute: str, low: int, high: int) -> Entry:
    """A whole number from `low` to `high`."""

    def read(text: str, engine=None) -> int:
        if not (text.isascii() and text.isdigit() and low <= int(text) <= high):
            raise ValueError(f"it must be a whole number from {low} to {high}")
        return int(text)

    return Entry(attribute, str, read)


def _number(attribute: str, low: float, high: float) -> Entry:
    def read(text: str, engine=None) -> float:
        value = float(text)  # raises ValueError
        if not low <= value <= high:  # false for NaN too
            raise ValueError(f"it must be a number from {low:g} to {high:g}")
        return value

    return Entry(attribute, lambda value: f"{value:g}", read)


def _choice(attribute: str, values: Iterable[str]) -> Entry:
    def read(text: str, engine=None) -> str:
        if text not in values:
            raise ValueError(f"choose one of {', '.join(values)}")
        return text

    return Entry(attribute, str, read)


def _read_values(text: str, engine=None) -> tuple[str, ...]:
    values = tuple(dict.fromkeys(filter(None, text.split(","))))
    if len(values) > MAX_TWINS:
        raise ValueError(f"give at most {MAX_TWINS} values")
    return values


LINK = {
    "model": Entry("bundle", str, lambda text, engine: text),
    "hash": Entry("content_hash", str, lambda text, engine: text),
    "z": Entry("z", _write_z, _read_z),
    "a": _row("a"),
    "b": _row("b"),
    "c": _row("c"),
    "image": _row("picked"),
    "plane": Entry("plane", _write_plane, _read_plane),
    "colour": Entry("colour", lambda c: None if c == COLOURS[0] else c, _read_colour),
    "dims": Entry("first", lambda f: str(f) if f else None, _read_first),
    "beyond": Entry("overshoot", lambda o: str(o) if o else None, _read_overshoot),
}

TRAIN_LINK = {
    "run": Entry("run", str, lambda text, _: text),
    "dataset": Entry("dataset", str, lambda text, _: text),
    "budget": _count("seconds", 1, MAX_BUDGET_S),
    "epochs": _count("epochs", 1, MAX_EPOCHS),
    "D": _count("latent_dim", 1, 128),
    "beta": _number("beta", 0, 1e4),
    "arch": _choice("arch", ARCHS),
    "likelihood": _choice("likelihood", LIKELIHOODS),
    "seed": _count("seed", 0, 2**31 - 1),
    "lr": _number("lr", 1e-6, 10),
    "batch": _count("batch_size", 1, 65_536),
    "twins": _choice("twins", SETTINGS),
    "values": Entry("values", ",".join, _read_values),
}


def is_link(params) -> bool:
    """Whether the query holds a parameter of a link."""
    return "ab" in params or MOVE in params or any(name in params for name in LINK)


def read_into(new, params, engine) -> None:
    """Sets the fields of a new Session from the parameters of its link, and notes those that are invalid."""
    if params.get("model") not in (None, engine.name):
        return  # a link to another model, about which the page has already shown a warning
    if params.get("hash") not in (None, engine.content_hash) and not engine.is_live:
        new.notify(f"The model '{engine.name}' has changed since this link was made; the picture may differ.")
    for name, entry in LINK.items():
        text = params.get(name)
        if text is None or name in ("model", "hash"):
            continue
        try:
            setattr(new, entry.attribute, entry.read(text, engine))
        except ValueError as error:
            new.notify(f"The link's '{name}' was ignored: {error}.")
    if MOVE in params:
        try:
            new.z = _moved(params[MOVE], new.picked, engine)
        except ValueError as error:
            new.notify(f"The link's '{MOVE}' was ignored: {error}.")
    if new.a is not None and new.b is None:
        new._next_anchor = "b"


def _moved(text: str, row: int | None, engine) -> np.ndarray:
    """The mean of the image `row` (without one: 0), moved as `text` says: "mean" for not at all, or pairs such as
    "slant:2,ink:-1.5", of an attribute or factor and the value of the dimension that follows it most."""
    z = np.zeros(engine.latent_dim, np.float32) if row is None else engine.gallery.mu[row].copy()
    traits = {trait.name: trait for trait in engine.traits.values()}
    for part in text.split(",") if text != "mean" else ():
        name, _, value = part.partition(":")
        if name not in traits:
            raise ValueError(f"the model's images have no attribute '{name[:60]}'")
        if not abs(float(value)) <= MAX_ABS_Z:  # raises ValueError, too; false for NaN
            raise ValueError(f"its values must be finite and at most {MAX_ABS_Z:,.0f}")
        z[np.abs(traits[name].rank_correlation).argmax()] = float(value)
    return z


def read_train(params) -> dict:
    """The valid parameters of a link to Train, by attribute: `run`, and fields of TrainForm. Invalid ones are ignored."""
    found = {}
    for name, entry in TRAIN_LINK.items():
        with suppress(ValueError):
            if params.get(name):
                found[entry.attribute] = entry.read(params[name], None)
    length = "seconds" if "seconds" in found else "epochs" if "epochs" in found else None
    return found | ({"length": length} if length else {})


def write_train(values: dict) -> str:
    """The query string of a link to Train. `values`: by attribute, as `read_train` returns them."""
    parts = {name: entry.write(values[entry.attribute]) for name, entry in TRAIN_LINK.items() if entry.attribute in values}
    return urlencode(parts, safe=",:")
