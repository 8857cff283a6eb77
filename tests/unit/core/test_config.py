"""Settings are validated when they are created, with an error message that names the setting."""

import json
from dataclasses import FrozenInstanceError

import pytest

from explorer.core.config import ARCHS, LIKELIHOODS, ModelConfig, TrainConfig, default_widths, from_dict, to_dict
from explorer.core.errors import ConfigError


def test_a_config_cannot_be_changed_after_it_was_checked():
    with pytest.raises(FrozenInstanceError):
        ModelConfig().latent_dim = 0
    with pytest.raises(FrozenInstanceError):
        TrainConfig().lr = float("nan")


@pytest.mark.parametrize(
    "config",
    [
        ModelConfig(),
        ModelConfig((3, 33, 20), 128, "mlp", "gaussian-learned", (64,), 1),
        TrainConfig(),
        TrainConfig("folder:/a b", 1, 0, 10, 0, 1, 7, "bf16", "cuda:1", 5),
    ],
)
def test_a_config_survives_json(config):
    assert from_dict(type(config), json.loads(json.dumps(to_dict(config)))) == config


@pytest.mark.parametrize("arch", ARCHS)
@pytest.mark.parametrize("side", range(8, 129))
def test_every_size_has_default_widths(arch, side):
    config = ModelConfig((1, side, 128), arch=arch)
    assert config.widths == default_widths(arch, config.image_shape)
    if arch == "conv":
        assert 4 <= side >> len(config.widths) <= 8  # the shorter side after all halvings


def test_pixels_are_counted_over_channels():
    assert ModelConfig((3, 33, 20)).n_pixels == 1980


@pytest.mark.parametrize(
    "settings, words",
    [
        ({"image_shape": (28, 28)}, "image_shape must be (channels, height, width), not (28, 28)"),
        ({"image_shape": (1, 28.0, 28)}, "image_shape must be"),
        ({"image_shape": (2, 28, 28)}, "1 or 3 channels, not 2"),
        ({"image_shape": (1, 7, 28)}, "8 to 128 px on each side, not 7 x 28"),
        ({"image_shape": (1, 28, 129)}, "8 to 128 px on each side, not 28 x 129"),
        ({"latent_dim": 0}, "latent_dim must be a whole number from 1 to 128, not 0"),
        ({"latent_dim": 129}, "latent_dim"),
        ({"latent_dim": 2.0}, "latent_dim"),
        ({"latent_dim": True}, "latent_dim"),
        ({"arch": "conf"}, "Did you mean 'conv'?"),
        ({"likelihood": "bernouli"}, "Did you mean 'bernoulli'?"),
        ({"likelihood": "xyz"}, f"Known: {', '.join(LIKELIHOODS)}."),
        ({"widths": (16, 0)}, "each of widths must be a whole number from 1 to 4096, not 0"),
        ({"widths": (8,) * 5}, "5 widths are too many for 28 x 28 px"),
        ({"widths": (8,) * 7, "arch": "mlp"}, "7 widths are too many"),
        ({"hidden": 0}, "hidden"),
    ],
)
def test_an_impossible_model_is_refused_by_name(settings, words):
    with pytest.raises(ConfigError) as caught:
        ModelConfig(**settings)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    "settings, words",
    [
        ({"epochs": 0}, "epochs must be a whole number from 1 to 100000, not 0"),
        ({"epochs": -1}, "epochs"),
        ({"epochs": "ten"}, "epochs"),
        ({"batch_size": 0}, "batch_size"),
        ({"seed": -1}, "seed"),
        ({"seed": 2**31}, "seed"),
        ({"limit": -5}, "limit"),
        ({"beta": -0.1}, "beta must be a number from 0 to 10000, not -0.1"),
        ({"beta": float("inf")}, "not inf"),
        ({"beta": 10**400}, "beta must be a number"),
        ({"lr": float("nan")}, "lr must be a number above 0, at most 10, not nan"),
        ({"lr": 0}, "above 0"),
        ({"lr": 11}, "at most 10"),
        ({"lr": True}, "lr"),
        ({"lr": "fast"}, "lr"),
        ({"warmup": 1.5}, "warmup must be a number from 0 to 1"),
        ({"precision": "bf61"}, "Did you mean 'bf16'?"),
        ({"dataset": 3}, "dataset must be text, not 3"),
        ({"device": None}, "device must be text, not None"),
    ],
)
def test_an_impossible_run_is_refused_by_name(settings, words):
    with pytest.raises(ConfigError) as caught:
        TrainConfig(**settings)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    "change, words",
    [
        (lambda v: [v], "ModelConfig must be a table of settings, not list"),
        (lambda v: v | {"latentdim": 2}, "There is no setting of ModelConfig 'latentdim'. Did you mean 'latent_dim'?"),
        (lambda v: {"arch": "mlp"}, "ModelConfig lacks hidden, image_shape, latent_dim, likelihood, widths"),
        (lambda v: v | {"widths": 5}, "ModelConfig has a setting of the wrong kind"),
        (lambda v: v | {"image_shape": None}, "ModelConfig has a setting of the wrong kind"),
        (lambda v: v | {"arch": ["conv"]}, "There is no architecture"),
    ],
)
def test_a_forged_table_is_refused_in_one_sentence(change, words):
    with pytest.raises(ConfigError) as caught:
        from_dict(ModelConfig, change(to_dict(ModelConfig())))
    assert words in str(caught.value)
