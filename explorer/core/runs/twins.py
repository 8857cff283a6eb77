"""Twins: models of one seed and one order of the images that differ in one setting. Knows orders; trains nothing.

They see the same batches, and with the same latent dimension the same eps, so what differs between them is the setting's doing.
"""

from dataclasses import replace

from explorer.core.config import LIKELIHOODS, ModelConfig, TrainConfig
from explorer.core.errors import ConfigError, unknown
from explorer.core.runs.folder import Order

MOST = 3  # side by side on a screen
TERMS = {"both": {}, "reconstruction only": {"beta": 0.0}, "KL only": {"recon_weight": 0.0}}
SETTINGS = {  # what they may differ in: what it is called, and some values
    "beta": ("β", (0.0, 1.0, 4.0)),
    "latent_dim": ("latent dimensions", (2, 8, 32)),
    "likelihood": ("likelihood", LIKELIHOODS),
    "terms": ("terms of the loss", tuple(TERMS)),
}


def twins(order: Order, setting: str, values) -> dict[str, Order]:
    """An order a value, by the name of its folder; the bundles are called after the group and the value.

    values: as the setting has them, or as they were typed. Raises ConfigError for another setting than SETTINGS has, for what
    is no value of it, and for other than two or three different ones.
    """
    if setting not in SETTINGS:
        raise unknown("setting for twins", setting, SETTINGS)
    values = list(dict.fromkeys(_value(setting, value) for value in values))
    if not 2 <= len(values) <= MOST:
        raise ConfigError(f"Twins are two or three models, and {len(values)} values are given.", "Choose two or three.")
    made = {}
    for value in values:
        if setting == "terms":
            more, name = {"train": order.train | TERMS[value]}, value.replace("reconstruction", "recon").replace(" ", "-")
        elif setting == "beta":
            more, name = {"train": order.train | {"beta": value}}, f"beta-{value:g}".replace("+", "")
        else:
            name = f"D-{value}" if setting == "latent_dim" else str(value)
            more = {"model": order.model | {setting: value}}
        made[name] = one = replace(order, name=f"{order.name}-{name}", **more)
        TrainConfig(**one.train), ModelConfig((1, 128, 128), **one.model)  # raise what they refuse
    return made


def _value(setting: str, given):
    """As the setting has it, from a number or from what was typed."""
    kind = type(SETTINGS[setting][1][0])
    try:
        value = kind(given)
    except (ValueError, OverflowError):
        raise ConfigError(f"'{given}' is no value for {setting}.", "Give a number.") from None
    if setting == "terms" and value not in TERMS:
        raise unknown("choice of terms", value, TERMS)
    return value


def shown(name: str) -> str:
    """What a twin is called beside the others, from the name of its folder."""
    return name.replace("beta-", "β = ").replace("D-", "D = ").replace("-only", " only")
