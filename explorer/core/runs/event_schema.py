"""Validates the events of a run: type and range of every field that a page reads."""

from collections.abc import Callable, Mapping

MAX_COUNT = 2**53  # of epochs, batches, images, bytes
MAX_NUMBER = 1e12  # of nats, seconds, images per second
MAX_TIME_S = 1e11  # Unix time
MAX_SIDE_PX = 128
MAX_DIMS = 128
LOSSES = ("elbo", "recon_loss", "kl")


def is_count(value) -> bool:
    """A whole number from 0 to MAX_COUNT."""
    return type(value) is int and 0 <= value < MAX_COUNT


def is_number(value) -> bool:
    """A finite number of at most MAX_NUMBER."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= MAX_NUMBER


def is_time(value) -> bool:
    """Unix time in seconds."""
    return is_number(value) and 0 <= value <= MAX_TIME_S


def _is_text(value) -> bool:
    return isinstance(value, str)


def _is_losses(value) -> bool:
    """Nats per image; a loss that diverged is null."""
    return isinstance(value, dict) and all(value.get(name) is None or is_number(value[name]) for name in LOSSES)


def _is_list_of(is_valid: Callable[[object], bool]) -> Callable[[object], bool]:
    return lambda value: isinstance(value, list) and all(map(is_valid, value))


def _is_shape(value) -> bool:
    return _is_list_of(is_count)(value) and len(value) == 3 and value[0] in (1, 3) and all(1 <= v <= MAX_SIDE_PX for v in value)


FIELDS: Mapping[str, Callable[[object], bool]] = {
    "t": is_time,
    **dict.fromkeys(("epoch", "step", "n_steps", "n_train", "n_test", "active_units", "memory", "expected"), is_count),
    "steps_per_epoch": lambda value: is_count(value) and value > 0,
    "latent_dim": lambda value: is_count(value) and 1 <= value <= MAX_DIMS,
    **dict.fromkeys(("seconds", "used", "images_per_second", "lr", "beta", "lr_scale"), is_number),
    "share": lambda value: is_number(value) and 0 <= value <= 1,
    "train": lambda value: value is None or _is_losses(value),
    "test": lambda value: value is None or _is_losses(value),
    "kl_per_dim": lambda value: _is_list_of(is_number)(value) and len(value) <= MAX_DIMS,
    "labels": _is_list_of(lambda value: value == -1 or is_count(value)),
    "shape": _is_shape,
    "classes": _is_list_of(_is_text),
    **dict.fromkeys(("device", "bundle", "message", "hint", "what", "taken_name"), _is_text),
}


def is_valid_event(event: object) -> bool:
    """Whether it is a valid event: a dict with a kind, and no field of a wrong type or size."""
    if not isinstance(event, dict) or not _is_text(event.get("kind")):
        return False
    return all(FIELDS[name](value) for name, value in event.items() if name in FIELDS)


def is_drawn(event: dict, split: str) -> bool:
    """Whether a valid event has all fields that the curves of `split` ("train" or "test") need."""
    names = ("t", "epoch", "step", "seconds", split) + (("kl_per_dim",) if split == "test" else ())
    return all(event.get(name) is not None for name in names) and all(name in event[split] for name in LOSSES)
