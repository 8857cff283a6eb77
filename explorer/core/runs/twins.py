"""Twins: models with the same seed and the same batches that differ in one setting.

With the same latent dimension they have the same eps too, so all that differs between them is caused by the setting.
"""

from dataclasses import replace

from explorer.core.config import LIKELIHOODS, ModelConfig, TrainConfig
from explorer.core.errors import ConfigError, unknown
from explorer.core.runs.folder import RunSpec

MAX_TWINS = 3  # fit side by side on a screen
TERMS = {"both": {}, "reconstruction only": {"beta": 0.0}, "KL only": {"recon_weight": 0.0}}
SETTINGS = {  # that twins may differ in: title, and some values
    "beta": ("β", (0.0, 1.0, 4.0)),
    "latent_dim": ("latent dimensions", (2, 8, 32)),
    "likelihood": ("likelihood", LIKELIHOODS),
    "terms": ("terms of the loss", tuple(TERMS)),
}


def twins(spec: RunSpec, setting: str, values) -> dict[str, RunSpec]:
    """The settings of each twin, by the name of its folder; the bundles are named after the group and the value.

    values: numbers, or text as it was typed. Raises ConfigError for an unknown setting, an invalid value, and for fewer than
    two or more than three different values.
    """
    if setting not in SETTINGS:
        raise unknown("setting for twins", setting, SETTINGS)
    values = list(dict.fromkeys(_value(setting, value) for value in values))
    if not 2 <= len(values) <= MAX_TWINS:
        raise ConfigError(f"Twins need two or three values, not {len(values)}.", "Give two or three.")
    specs = {}
    for value in values:
        if setting == "terms":
            more, name = {"train": spec.train | TERMS[value]}, value.replace("reconstruction", "recon").replace(" ", "-")
        elif setting == "beta":
            more, name = {"train": spec.train | {"beta": value}}, f"beta-{value:g}".replace("+", "")
        else:
            name = f"D-{value}" if setting == "latent_dim" else str(value)
            more = {"model": spec.model | {setting: value}}
        specs[name] = twin = replace(spec, name=f"{spec.name}-{name}", **more)
        TrainConfig(**twin.train), ModelConfig((1, 128, 128), **twin.model)  # raise ConfigError for a bad value
    return specs


def _value(setting: str, given):
    """The value in the type of the setting."""
    kind = type(SETTINGS[setting][1][0])
    try:
        value = kind(given)
    except (ValueError, OverflowError):
        raise ConfigError(f"'{given}' is not a valid value for {setting}.", "Give a number.") from None
    if setting == "terms" and value not in TERMS:
        raise unknown("choice of terms", value, TERMS)
    return value


def shown(name: str) -> str:
    """The title of a twin, from the name of its folder."""
    return name.replace("beta-", "β = ").replace("D-", "D = ").replace("-only", " only")
